"""One feature: rows as a histogram and a rug, mixtures as densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.likelihood import log_density
from bayesgmm.mixture.params import Params
from bayesgmm.plots import style
from bayesgmm.plots.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

EM_DENSITY = "EM"  # in legends

_BEYOND = 0.1  # how far densities are drawn beyond the rows, in their range
_N_POINTS = 400
_LARGEST_RUG = 500  # rows
_FEWEST_BINS, _MOST_BINS = 10, 100


def grid(seen: View) -> Array:
    """Points from below the least value to above the greatest."""
    low, high = seen.values.min(), seen.values.max()
    margin = _BEYOND * (high - low)
    return np.linspace(low - margin, high + margin, _N_POINTS)


def density(x: Array, params: Params) -> Array:
    """Density of a mixture of one feature at each point."""
    values: Array = np.exp(log_density(x[:, None], params))
    return values


def draw_rows(ax: Axes, seen: View) -> None:
    """Draw the rows as a histogram of area one, over a rug."""
    everything = np.ones(len(seen.values), dtype=bool)
    _histogram(ax, seen, [everything], label=f"{len(seen.values)} rows", **style.BARS)
    _dress(ax, seen)


def draw_by_component(ax: Axes, seen: View, labels: npt.NDArray[np.intp]) -> None:
    """Draw the rows as a stacked histogram of area one, a colour for each component."""
    components = range(seen.params.n_components)
    _histogram(
        ax,
        seen,
        [labels == k for k in components],
        label=[f"component {k}" for k in components],
        color=[style.component_style(k)["color"] for k in components],
        alpha=0.4,
    )
    _dress(ax, seen)


def draw_em(ax: Axes, seen: View, color: str = style.ORANGE) -> None:
    """Draw the density of an EM fit."""
    x = grid(seen)
    ax.plot(x, density(x, seen.params), color=color, label=EM_DENSITY, **style.EM)


def draw_posterior(ax: Axes, seen: View, color: str = style.BLUE) -> None:
    """Draw the posterior mean of the density, and the band that holds 95 % of it at each point."""
    if seen.posterior is None:
        return
    x = grid(seen)
    band = seen.posterior.density(seen.features, points=x)
    words = f"posterior, {band.level:.0%} band".replace("%", " %")
    ax.fill_between(x, band.low, band.high, color=color, label=words, **style.BAND)
    ax.plot(x, band.mean, color=color, label="posterior mean", **style.MEAN)


def name_components(ax: Axes, seen: View) -> None:
    """Write each component's number at its mean, just above the axis."""
    for k, (x,) in enumerate(seen.params.means):
        style.name_component(ax, k, x, 0.06, xycoords=ax.get_xaxis_transform())


def _histogram(ax: Axes, seen: View, groups: Sequence[npt.NDArray[np.bool_]], **look: Any) -> None:
    values = seen.values[:, 0]
    weights = seen.row_weights if seen.row_weights.size else np.ones(len(values))
    ax.hist(
        [values[group] for group in groups],
        weights=[weights[group] for group in groups],
        bins=_n_bins(values, seen.params),
        range=(values.min(), values.max()),
        density=True,
        stacked=True,
        **look,
    )


def _n_bins(values: Array, params: Params) -> int:
    """Count the bins that the component needs for which they must be finest, within reason.

    The width for each is Scott's (1979) for Gaussian rows, 3.49 standard deviations by the cube
    root of their number, so that a component of hardly any rows asks for nothing.
    """
    sizes = params.weights * len(values)
    widths = 3.49 * params.scales[:, 0] / np.cbrt(np.maximum(sizes, np.finfo(float).tiny))
    width = max(widths.min(), np.ptp(values) / _MOST_BINS)
    return int(np.clip(np.ceil(np.ptp(values) / width), _FEWEST_BINS, _MOST_BINS))


def _dress(ax: Axes, seen: View) -> None:
    if len(seen.values) <= _LARGEST_RUG:
        foot = ax.get_xaxis_transform()
        ax.vlines(
            seen.values[:, 0], 0, 0.025, transform=foot, color="0.35", linewidth=0.6, alpha=0.7
        )
    style.name_axes(ax, seen.features[0], "density")
