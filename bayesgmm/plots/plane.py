"""Two features: rows as points, components as ellipses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.params import Params
from bayesgmm.plots import style
from bayesgmm.plots.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

LEVEL = 0.95  # probability inside an ellipse
EM_ELLIPSE = "EM, 95 % ellipse"  # in legends

_N_DRAWS = 40
_ANGLES = np.linspace(0, 2 * np.pi, 121)
_CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])


def ellipses(params: Params) -> Array:
    """Curves that hold 95 % of the probability of each component.

    Parameters
    ----------
    params : Params
        A mixture of two features.

    Returns
    -------
    array, shape (K, points, 2)
        The points of component k are at Mahalanobis distance ``sqrt(-2 log(0.05))`` from its
        mean: the squared distance follows a chi-squared law with two degrees of freedom.
    """
    radius = np.sqrt(-2 * np.log(1 - LEVEL))
    curves: Array = params.means[:, None] + radius * _CIRCLE @ params.cholesky.mT
    return curves


def draw_rows(ax: Axes, seen: View) -> None:
    """Draw the rows, all alike."""
    x, y = seen.values.T
    ax.scatter(x, y, s=style.point_size(len(x)), label=f"{len(x)} rows", **style.ROWS)
    style.name_axes(ax, *seen.features)


def draw_by_component(ax: Axes, seen: View, labels: npt.NDArray[np.intp]) -> None:
    """Draw the rows of each component with a colour and a marker of its own."""
    size = style.point_size(len(seen.values))
    for k in range(seen.params.n_components):
        look: dict[str, Any] = style.component_style(k)
        x, y = seen.values[labels == k].T
        ax.scatter(x, y, s=size, alpha=0.65, linewidths=0, label=f"component {k}", **look)
    style.name_axes(ax, *seen.features)


def draw_em(ax: Axes, seen: View, color: str = style.ORANGE) -> None:
    """Draw the ellipses of an EM fit."""
    ax.plot(*outlines(seen.params), color=color, label=EM_ELLIPSE, **style.EM)


def draw_posterior(ax: Axes, seen: View, color: str = style.BLUE) -> None:
    """Draw the ellipses of some draws, thin, and the ellipses at the posterior mean over them.

    The picture does not grow to show the draws: of a component with hardly any rows some are
    anywhere, and would squeeze all else.
    """
    from matplotlib.collections import LineCollection

    curves = np.concatenate([ellipses(params) for params in seen.draws(_N_DRAWS)])
    ax.add_collection(LineCollection(list(curves), color=color, **style.DRAWS), autolim=False)
    ax.plot([], [], color=color, linewidth=0.8, label="posterior draws")  # theirs is too faint
    ax.plot(*outlines(seen.params), color=color, label="posterior mean", **style.MEAN)


def name_components(ax: Axes, seen: View) -> None:
    """Write each component's number at its mean."""
    for k, (x, y) in enumerate(seen.params.means):
        style.name_component(ax, k, x, y)


def outlines(params: Params) -> Array:
    """Give all ellipses as one line, broken by NaN: x and y."""
    curves = ellipses(params)
    return np.pad(curves, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan).reshape(-1, 2).T
