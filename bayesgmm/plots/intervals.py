"""`plot_intervals`: how sure EM and the posterior are of every parameter, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.bootstrap import Bootstrap
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.fits import check_maximum, check_pair, words
from bayesgmm.plots.panels import GivenPanels, Panels, add_legend, entitle, row_of_panels
from bayesgmm.plots.style import BLACK, BLUE, ORANGE, VERMILLION, literally, with_doubts
from bayesgmm.results.alignment import assignments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARAMETERS = ("weight", "mean", "sd", "correlation")

_STEP = 0.18  # between the intervals of one parameter, where parameters are 1 apart
_FARTHEST = 8.0  # units that are shown at most
_ENTRY = 0.2  # inches of an entry of a legend
# From the top down. Markers differ as well as colours, and the posterior is filled.
_LOOKS: dict[str, dict[str, Any]] = {
    "EM, information": {"color": ORANGE, "marker": "o", "markerfacecolor": "white"},
    "EM, sandwich": {"color": VERMILLION, "marker": "^", "markerfacecolor": "white"},
    "EM, bootstrap": {"color": BLACK, "marker": "s", "markerfacecolor": "white"},
    "posterior": {"color": BLUE, "marker": "D"},
}


def plot_intervals(
    em: EMFit,
    bayes: BayesFit | None = None,
    boot: Bootstrap | None = None,
    *,
    parameters: str | Sequence[str] = PARAMETERS,
    ax: GivenPanels | None = None,
) -> Panels:
    """Draw 95 % intervals of every parameter: EM's beside the posterior's.

    A panel for each component, a line for each parameter. Parameters have units of their own,
    and the components of a feature may be many standard errors apart: so what is drawn is how
    far estimates and intervals lie from EM's estimate, in its standard errors. Both numbers are
    written beside the line. Intervals are those by the information and by the sandwich (see
    `EMFit.uncertainty`), by the bootstrap and by the posterior, as far as they are given.

    Parameters
    ----------
    em : EMFit
        Maximum likelihood fit, or posterior mode. If it has no standard errors the title says
        why, and the posterior's standard deviations are the unit.
    bayes : BayesFit, optional
        Bayesian fit of the same mixture, in whose order the components are then drawn.
    boot : Bootstrap, optional
        What ``em.bootstrap()`` returned.
    parameters : str or sequence of str
        Which of ``"weight"``, ``"mean"``, ``"sd"`` and ``"correlation"``.
    ax : array or sequence of matplotlib.axes.Axes, length K, optional
        Where to draw, one for each component; by default in a new figure.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (K,)
        Very wide intervals run out of the picture.

    Raises
    ------
    InputError
        If there is no such parameter, the arguments are not of one mixture, there are no
        intervals, or `ax` is not one axes for each component.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> em = bg.fit_em(bg.load_dataset("faithful"), 2, random_seed=1)
    >>> panels = bg.plot_intervals(em)  # by the information and the sandwich
    >>> len(panels)
    2

    With a bootstrap and a posterior as well, and the means alone:

    >>> boot = em.bootstrap(50, random_seed=1, progressbar=False)
    >>> bayes = bg.fit_bayes(
    ...     em.data, 2, start=em, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> panels = bg.plot_intervals(em, bayes, boot, parameters="mean")
    """
    _check(em, bayes, boot)
    tables, unit = _tables(em, bayes, boot)
    kept = unit.index.get_level_values("parameter").isin(_chosen(parameters)) & (unit > 0)
    if not kept.any():
        why = em.uncertainty().problem or "this mixture has no such parameters"
        raise InputError(f"there is nothing to draw: {why}")
    centre, unit = tables["EM, information"]["estimate"][kept], unit[kept]
    n_lines = int(kept.sum()) // em.n_components
    height = 0.8 + 0.13 * (len(tables) + 1) * n_lines
    panels = row_of_panels(em.n_components, ax, width=4.6, height=height, columns=3)
    drawn = {
        name: table[kept].sub(centre, axis=0).div(unit, axis=0) for name, table in tables.items()
    }
    for k, panel in enumerate(panels):
        for place, (name, table) in enumerate(drawn.items()):
            _draw(panel, _of(table, k), (place - (len(drawn) - 1) / 2) * _STEP, name)
        _name_lines(panel, pd.concat([_of(centre, k), _of(unit, k)], axis=1))
        panel.set_title(f"component {k}", fontsize="medium")
    _scale(panels, drawn, "posterior sds" if em.uncertainty().problem else "standard errors")
    entitle(panels, _title(em, bayes), ours=ax is None)
    if ax is not None:
        _make_room(panels, len(drawn))
    add_legend(panels, ours=ax is None, columns=4)
    return panels


def _tables(
    em: EMFit, bayes: BayesFit | None, boot: Bootstrap | None
) -> tuple[dict[str, pd.DataFrame], pd.Series[float]]:
    """Estimate, low and high of every method, with the components in one order; and the units."""
    by_information, sandwich = em.summary(), em.uncertainty("sandwich")
    found = {"EM, information": by_information[[em.estimates.name, "ci_low", "ci_high"]]}
    if not sandwich.problem:
        found["EM, sandwich"] = pd.concat([sandwich.estimates, sandwich.intervals()], axis=1)
    if boot is not None:
        found["EM, bootstrap"] = boot.summary()[["mle", "ci_low", "ci_high"]]
    unit = by_information[["se"]]
    if bayes is not None:
        p = em.params
        order = assignments(p.weights, p.means, p.cholesky, bayes.params)
        found = {name: _reordered(table, order) for name, table in found.items()}
        unit = _reordered(unit, order)
        posterior = bayes.summary()
        found["posterior"] = posterior[["mean", "interval_low", "interval_high"]]
        if em.uncertainty().problem:
            unit = posterior[["sd"]]
    columns = ["estimate", "low", "high"]
    tables = {name: table.set_axis(columns, axis=1) for name, table in found.items()}
    return tables, unit.iloc[:, 0]


def _reordered(table: pd.DataFrame, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    by_component = table.to_numpy().reshape(len(order), -1, table.shape[1])
    return pd.DataFrame(by_component[order].reshape(table.shape), table.index, table.columns)


def _draw(ax: Axes, table: pd.DataFrame, offset: float, name: str) -> None:
    y = np.arange(len(table)) + offset
    look = _LOOKS[name]
    ax.hlines(y, table["low"], table["high"], color=look["color"], linewidth=1.6, zorder=1.5)
    ax.plot(table["estimate"], y, linestyle="none", markersize=4.5, label=name, **look)


def _of(table: Any, k: int) -> Any:
    return table.loc[[k]].droplevel("component")


def _name_lines(ax: Axes, table: pd.DataFrame) -> None:
    """Write what each line is, with EM's estimate and the unit."""
    lines = [
        f"{f'{parameter} {feature}'.strip()}\n{value:.3g} ({size:.2g})"
        for (parameter, feature), (value, size) in zip(table.index, table.to_numpy(), strict=True)
    ]
    ax.set_yticks(range(len(lines)), lines, fontsize="small")
    literally(*ax.get_yticklabels())
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)


def _scale(panels: Panels, drawn: dict[str, pd.DataFrame], unit: str) -> None:
    """Give all panels one scale, which shows all intervals but the widest."""
    ends = np.concatenate([table.to_numpy().ravel() for table in drawn.values()])
    reach = 1.05 * min(float(np.nanmax(np.abs(ends))), _FARTHEST)
    for ax in panels:
        ax.set_xlim(-reach, reach)
        ax.set_xlabel(f"{unit}\nfrom EM's estimate", fontsize="small")


def _make_room(panels: Panels, n_entries: int) -> None:
    """Leave room for a legend above the first line, in all panels alike."""
    for ax in panels:
        bottom, top = ax.get_ylim()
        height = ax.get_window_extent().height / ax.figure.dpi
        share = min(0.5, _ENTRY * (n_entries + 0.5) / height)
        ax.set_ylim(bottom, top - (bottom - top) * share / (1 - share))


def _title(em: EMFit, bayes: BayesFit | None) -> str:
    title, problem = with_doubts(f"95 % intervals, {words(em)}", bayes), em.uncertainty().problem
    return f"{title}\nno intervals of EM: {problem}" if problem else title


def _chosen(parameters: str | Sequence[str]) -> tuple[str, ...]:
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    unknown = [name for name in names if name not in PARAMETERS]
    if unknown or not names:
        raise InputError(f"parameters must be among {', '.join(PARAMETERS)}, not {parameters!r}")
    return names


def _check(em: EMFit, bayes: BayesFit | None, boot: Bootstrap | None) -> None:
    check_maximum(em)
    if bayes is not None:
        check_pair(em, bayes, "plot_intervals")
    if boot is None:
        return
    if not isinstance(boot, Bootstrap):
        raise InputError(f"boot must be what em.bootstrap() returned, not {type(boot).__name__}")
    if not em.estimates.equals(boot.fit.estimates):
        raise InputError("boot is the bootstrap of another fit: take em.bootstrap()")
