"""`plot_responsibilities`, `plot_uncertainty`: which component a row is of, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.plots import plane
from bayesgmm.plots.fits import words
from bayesgmm.plots.style import BLUE, component_style, name_component, new_axes, unbox, with_doubts
from bayesgmm.plots.view import chosen_features, view
from bayesgmm.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

_SMALLEST, _LARGEST = 12.0, 90.0  # areas of the markers of a certain and of a doubtful row
_LIGHTEST = 0.3  # shade of a certain row, where white is 0 and black 1


def plot_responsibilities(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw the probability of every component for every row, as one strip.

    Rows are side by side: grouped by their most probable component, and in each group from the
    surest to the most doubtful. A column that is all of one colour is a row that nobody doubts.

    Parameters
    ----------
    fit : EMFit or BayesFit
        What to draw; of a BayesFit, the posterior means of the probabilities.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or new_axes()
    shares = fit.predict_proba()
    labels, surest = shares.argmax(axis=1), shares.max(axis=1)
    order = np.lexsort((-surest, labels))
    edges = np.arange(len(shares) + 1)
    tops = np.column_stack([np.zeros(len(shares)), shares[order].cumsum(axis=1)])
    tops[:, -1] = 1.0  # but for rounding
    ends = np.bincount(labels, minlength=fit.n_components).cumsum()
    for k in range(fit.n_components):
        below, above = tops[:, k], tops[:, k + 1]
        look: dict[str, Any] = {"color": component_style(k)["color"], "label": f"component {k}"}
        ax.stairs(above, edges, baseline=below, fill=True, **look)
        ax.axvline(ends[k], color="white", linewidth=1.5)
    _name_groups(ax, ends)
    ax.set_xlim(0, len(shares))
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"{len(shares)} rows, by their most probable component")
    ax.set_ylabel("probability of each component")
    unbox(ax)
    ax.set_title(with_doubts(f"Responsibilities, {words(fit)}", fit), fontsize="medium")
    return ax


def _name_groups(ax: Axes, ends: npt.NDArray[np.intp]) -> None:
    """Write the number of each component among the rows that are most probably of it."""
    begin = 0
    for k, end in enumerate(ends):
        if end > begin:
            name_component(ax, k, (begin + end) / 2, 0.5)
        begin = end


def plot_uncertainty(
    fit: Fit, *, features: str | Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how uncertain it is which component each row is of.

    The uncertainty of a row is the probability that it is of another component than the most
    probable one. Two features are drawn as points, which are the larger and the darker the more
    uncertain they are; one as the uncertainty against the feature.

    Parameters
    ----------
    fit : EMFit or BayesFit
        What to draw; of a BayesFit, the posterior means of the probabilities.
    features : str or pair of str, optional
        Which features to look at, as in `plot_comparison`. The uncertainty takes all into
        account.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such feature.
    """
    chosen_features(fit.feature_names, features)
    ax = ax or new_axes()
    shares = fit.predict_proba()
    uncertainty = 1 - shares.max(axis=1)
    seen = view(fit, features, 0)
    if len(seen.features) == 1:
        _draw_line(ax, seen.values[:, 0], uncertainty, shares.argmax(axis=1))
    else:
        _draw_plane(ax, seen.values, uncertainty, fit.n_components)
        ax.plot(*plane.outlines(seen.params), color=BLUE, linewidth=1.0, zorder=0)
        plane.name_components(ax, seen)
        ax.set_ylabel(seen.features[1])
    ax.set_xlabel(seen.features[0])
    unbox(ax)
    ax.set_title(
        with_doubts(f"Uncertainty of the allocation, {words(fit)}", fit), fontsize="medium"
    )
    return ax


def _draw_plane(ax: Axes, values: Array, uncertainty: Array, n_components: int) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    most = 1 - 1 / n_components if n_components > 1 else 1.0
    order = np.argsort(uncertainty)  # the doubtful ones on top
    x, y = values[order].T
    points = ax.scatter(
        x,
        y,
        s=_SMALLEST + (_LARGEST - _SMALLEST) * uncertainty[order] / most,
        c=uncertainty[order],
        cmap=ListedColormap(colormaps["Greys"](np.linspace(_LIGHTEST, 1, 256))),
        vmin=0,
        vmax=most,
        edgecolors="white",
        linewidths=0.4,
    )
    bar = ax.figure.colorbar(points, ax=ax, shrink=0.7)
    bar.set_label("probability of another component")


def _draw_line(ax: Axes, values: Array, uncertainty: Array, labels: npt.NDArray[np.intp]) -> None:
    for k in np.unique(labels):
        mine = labels == k
        look: dict[str, Any] = component_style(int(k))
        ax.plot(
            values[mine], uncertainty[mine], linestyle="none", ms=5, label=f"component {k}", **look
        )
    ax.set_ylim(bottom=0)
    ax.set_ylabel("probability of another component")
    ax.legend(loc="best", fontsize="small", edgecolor="none", framealpha=0.85)
