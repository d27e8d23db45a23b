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
from bayesgmm.plots.fits import check_pair, words
from bayesgmm.plots.style import BLACK, BLUE, ORANGE, VERMILLION, Panels, new_panels, with_doubts
from bayesgmm.results.alignment import assignments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARAMETERS = ("weight", "mean", "sd", "correlation")

_STEP = 0.18  # between the intervals of one parameter, where parameters are 1 apart
_FARTHEST = 8.0  # units that are shown at most
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

    Returns
    -------
    array of matplotlib.axes.Axes, shape (K,)
        Very wide intervals run out of the picture.

    Raises
    ------
    InputError
        If there is no such parameter, the arguments are not of one mixture, or there are no
        intervals.
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
    panels = new_panels(em.n_components, width=4.6, height=height, columns=3)
    drawn = {
        name: table[kept].sub(centre, axis=0).div(unit, axis=0) for name, table in tables.items()
    }
    for k, ax in enumerate(panels):
        for place, (name, table) in enumerate(drawn.items()):
            _draw(ax, _of(table, k), (place - (len(drawn) - 1) / 2) * _STEP, name)
        _name_lines(ax, pd.concat([_of(centre, k), _of(unit, k)], axis=1))
        ax.set_title(f"component {k}", fontsize="medium")
    errors = "standard errors" if not em.uncertainty().problem else "posterior sds"
    _dress(panels, em, bayes, f"distance from EM's estimate\n({errors})", drawn)
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
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)


def _dress(
    panels: Panels,
    em: EMFit,
    bayes: BayesFit | None,
    xlabel: str,
    drawn: dict[str, pd.DataFrame],
) -> None:
    figure = panels[0].figure
    ends = np.concatenate([table.to_numpy().ravel() for table in drawn.values()])
    reach = 1.05 * min(float(np.nanmax(np.abs(ends))), _FARTHEST)
    for ax in panels:
        ax.set_xlim(-reach, reach)
        ax.set_xlabel(xlabel, fontsize="small")
    title = with_doubts(f"95 % intervals, {words(em)}", bayes)
    problem = em.uncertainty().problem
    if problem:
        title += f"\nno intervals of EM: {problem}"
    figure.suptitle(title, fontsize="medium")
    handles, names = panels[0].get_legend_handles_labels()
    look: dict[str, Any] = {"ncols": 4, "fontsize": "small", "frameon": False}
    figure.legend(handles, names, loc="outside lower center", **look)


def _chosen(parameters: str | Sequence[str]) -> tuple[str, ...]:
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    unknown = [name for name in names if name not in PARAMETERS]
    if unknown or not names:
        raise InputError(f"parameters must be among {', '.join(PARAMETERS)}, not {parameters!r}")
    return names


def _check(em: EMFit, bayes: BayesFit | None, boot: Bootstrap | None) -> None:
    if not isinstance(em, EMFit):
        raise InputError(f"em must be a fit by fit_em, not {type(em).__name__}")
    if bayes is not None:
        check_pair(em, bayes, "plot_intervals")
    if boot is None:
        return
    if not isinstance(boot, Bootstrap):
        raise InputError(f"boot must be what em.bootstrap() returned, not {type(boot).__name__}")
    if not em.estimates.equals(boot.fit.estimates):
        raise InputError("boot is the bootstrap of another fit: take em.bootstrap()")
