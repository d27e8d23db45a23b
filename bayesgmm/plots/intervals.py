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

_STEP = 0.17  # between the intervals of one parameter, where components are 1 apart
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

    Each parameter of each feature has a panel, for each has its own units. There, every
    component has a row of intervals: by the information and by the sandwich (see
    `EMFit.uncertainty`), by the bootstrap and by the posterior, as far as they are given.

    Parameters
    ----------
    em : EMFit
        Maximum likelihood fit, or posterior mode. A fit without standard errors has estimates
        only, and the title says why.
    bayes : BayesFit, optional
        Bayesian fit of the same mixture, in whose order the components are then drawn.
    boot : Bootstrap, optional
        What ``em.bootstrap()`` returned.
    parameters : str or sequence of str
        Which of ``"weight"``, ``"mean"``, ``"sd"`` and ``"correlation"``.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (panels,)
        In the order of the tables.

    Raises
    ------
    InputError
        If there is no such parameter, or the arguments are not of one mixture.
    """
    _check(em, bayes, boot)
    tables = _tables(em, bayes, boot)
    of_one = next(iter(tables.values())).loc[0].index
    chosen = [row for row in of_one if row[0] in _chosen(parameters)]
    if not chosen:
        raise InputError("this mixture has no correlations: choose other parameters")
    panels = new_panels(len(chosen), width=2.9, height=_height(em.n_components, len(tables)))
    for ax, (parameter, feature) in zip(panels, chosen, strict=True):
        for place, (name, table) in enumerate(tables.items()):
            rows = table.loc[(slice(None), parameter, feature), :].droplevel([1, 2])
            offset = (place - (len(tables) - 1) / 2) * _STEP
            _draw(ax, rows, offset, name)
        ax.set_title(f"{parameter}\n{feature}" if feature else parameter, fontsize="small")
        ax.set_yticks(range(em.n_components))
        ax.set_ylim(em.n_components - 0.5, -0.5)
        ax.set_ylabel("component", fontsize="small")
    _dress(panels, em, bayes)
    return panels


def _tables(em: EMFit, bayes: BayesFit | None, boot: Bootstrap | None) -> dict[str, pd.DataFrame]:
    """Estimate, low and high of every method, with the components in one order."""
    sandwich = em.uncertainty("sandwich")
    found = {"EM, information": em.summary()[[em.estimates.name, "ci_low", "ci_high"]]}
    if not sandwich.problem:
        found["EM, sandwich"] = pd.concat([sandwich.estimates, sandwich.intervals()], axis=1)
    if boot is not None:
        found["EM, bootstrap"] = boot.summary()[["mle", "ci_low", "ci_high"]]
    if bayes is not None:
        p = em.params
        order = assignments(p.weights, p.means, p.cholesky, bayes.params)
        found = {name: _reordered(table, order) for name, table in found.items()}
        found["posterior"] = bayes.summary()[["mean", "interval_low", "interval_high"]]
    return {
        name: table.set_axis(["estimate", "low", "high"], axis=1) for name, table in found.items()
    }


def _reordered(table: pd.DataFrame, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    by_component = table.to_numpy().reshape(len(order), -1, table.shape[1])
    return pd.DataFrame(by_component[order].reshape(table.shape), table.index, table.columns)


def _draw(ax: Axes, rows: pd.DataFrame, offset: float, name: str) -> None:
    y = rows.index.to_numpy(float) + offset
    look = _LOOKS[name]
    ax.hlines(y, rows["low"], rows["high"], color=look["color"], linewidth=1.6, zorder=1)
    ax.plot(rows["estimate"], y, linestyle="none", markersize=4.5, label=name, **look)


def _dress(panels: Panels, em: EMFit, bayes: BayesFit | None) -> None:
    figure = panels[0].figure
    title = with_doubts(f"95 % intervals, {words(em)}", bayes)
    problem = em.uncertainty().problem
    if problem:
        title += f"\nno intervals of EM: {problem}"
    figure.suptitle(title, fontsize="medium")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=4, fontsize="small", frameon=False
    )


def _height(n_components: int, n_tables: int) -> float:
    return 0.9 + 0.13 * n_components * (n_tables + 1)


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
