"""`plot_responsibilities`, `plot_uncertainty`: which component a row is of, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.result import BayesFit
from bayesgmm.plots import plane
from bayesgmm.plots.fits import words
from bayesgmm.plots.panels import one_panel
from bayesgmm.plots.style import (
    BLACK,
    BLUE,
    component_style,
    name_axes,
    name_component,
    unbox,
    with_doubts,
)
from bayesgmm.plots.view import chosen_features, view
from bayesgmm.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

_SMALLEST, _LARGEST = 12.0, 90.0  # areas of the markers of a certain and of a doubtful row
_PALE = 0.6  # opacity of the columns: bars must be seen on them
_LIGHTEST = 0.3  # shade of a certain row, where white is 0 and black 1


def plot_responsibilities(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw the probability of every component for every row, as one strip.

    Rows are side by side: grouped by their most probable component, and in each group from the
    surest to the most doubtful. A column that is all of one colour is a row that nobody doubts.
    The most probable component is at the bottom of each column, up to its probability; of a
    BayesFit, a bar across that edge holds 95 % of the posterior of the probability.

    Parameters
    ----------
    fit : EMFit or BayesFit
        What to draw; of a BayesFit, the posterior means of the probabilities, and the intervals of
        ``fit.predict_proba_interval()``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If `ax` is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> fit = bg.fit_em(bg.load_dataset("faithful"), 2, random_seed=1)
    >>> ax = bg.plot_responsibilities(fit)
    >>> ax.get_xlabel()
    '272 rows, by their most probable component'
    """
    ax = one_panel(ax)
    shares, low, high = _shares(fit)
    labels, surest = shares.argmax(axis=1), shares.max(axis=1)
    order = np.lexsort((-surest, labels))
    _stack(ax, shares[order], labels[order])
    if isinstance(fit, BayesFit):
        own = labels[order]
        _whisker(ax, low[order, own], high[order, own])
    ends = np.bincount(labels, minlength=fit.n_components).cumsum()
    for end in ends[:-1]:
        ax.axvline(end, color="white", linewidth=1.0)
    _name_groups(ax, ends)
    ax.set_xlim(0, len(shares))
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"{len(shares)} rows, by their most probable component")
    ax.set_ylabel("probability of each component")
    unbox(ax)
    ax.set_title(with_doubts(f"Responsibilities, {words(fit)}", fit), fontsize="medium")
    return ax


def _shares(fit: Fit) -> Array:
    """Probabilities, and the limits of their intervals if there are any: (3, N, K)."""
    if isinstance(fit, BayesFit):
        return np.moveaxis(fit.predict_proba_interval().to_numpy(), -1, 0)
    return np.stack([fit.predict_proba()] * 3)


def _stack(ax: Axes, shares: Array, own: npt.NDArray[np.intp]) -> None:
    """Draw a column for each row: its own component at the bottom, then the others in order."""
    n_rows, n_components = shares.shape
    places = np.argsort(np.arange(n_components) != own[:, None], axis=1, kind="stable")
    tops = np.take_along_axis(shares, places, axis=1).cumsum(axis=1)
    tops[:, -1] = 1.0  # but for rounding
    bottoms = np.column_stack([np.zeros(n_rows), tops[:, :-1]])
    back = np.argsort(places, axis=1)
    tops, bottoms = (np.take_along_axis(ends, back, axis=1) for ends in (tops, bottoms))
    edges = np.arange(n_rows + 1)
    for k in range(n_components):
        look: dict[str, Any] = {"color": component_style(k)["color"], "label": f"component {k}"}
        ax.stairs(tops[:, k], edges, baseline=bottoms[:, k], fill=True, alpha=_PALE, **look)


def _whisker(ax: Axes, low: Array, high: Array) -> None:
    """Draw intervals, thinner than the columns that they stand on."""
    x = np.arange(len(low)) + 0.5
    width = min(1.2, 0.4 * ax.get_window_extent().width / ax.figure.dpi * 72 / len(low))
    look: dict[str, Any] = {"color": BLACK, "linewidth": width, "alpha": 0.75, "zorder": 3}
    ax.vlines(x, low, high, label="95 % interval", **look)


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
        If there is no such feature, or `ax` is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> iris = bg.load_dataset("iris").drop(columns="species")
    >>> fit = bg.fit_em(iris, 3, covariance_type="tied", random_seed=1)
    >>> ax = bg.plot_uncertainty(fit, features=["petal_length", "petal_width"])
    """
    chosen_features(fit.feature_names, features)
    ax = one_panel(ax)
    shares = fit.predict_proba()
    uncertainty = 1 - shares.max(axis=1)
    seen = view(fit, features)
    if len(seen.features) == 1:
        _draw_line(ax, seen.values[:, 0], uncertainty, shares.argmax(axis=1))
        name_axes(ax, seen.features[0], "probability of another component")
    else:
        _draw_plane(ax, seen.values, uncertainty, fit.n_components)
        ax.plot(*plane.outlines(seen.params), color=BLUE, linewidth=1.0, zorder=0)
        plane.name_components(ax, seen)
        name_axes(ax, *seen.features)
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
    ax.legend(loc="best", fontsize="small", edgecolor="none", framealpha=0.85)
