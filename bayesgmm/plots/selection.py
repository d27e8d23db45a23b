"""`plot_selection`: a criterion against the number of components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.structures import get_structure
from bayesgmm.plots.panels import one_panel
from bayesgmm.plots.style import component_style, unbox
from bayesgmm.selection.result import CRITERIA, Criterion, Selection, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour and marker tell shape and orientation, line and filling tell the volume: all fourteen
# can be told apart in grey, and alike structures look alike.
_FAMILIES = ("VV", "EE", "VI", "II", "EV", "VE", "EI")
_VOLUMES: dict[str, dict[str, Any]] = {
    "E": {"linestyle": "-"},
    "V": {"linestyle": (0, (4, 2)), "markerfacecolor": "white"},
}
_SEEN = 2 / 3  # share of the values that are within the picture: the worst would squeeze the rest


def plot_selection(
    selection: Selection, *, criterion: Criterion | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a criterion against the number of components, a line for each covariance structure.

    Colour and marker tell the shape and orientation of the covariances; solid lines with full
    markers stand for equal volumes, dashed ones with hollow markers for volumes that vary. Lines
    have gaps at candidates that are not scored. The worst third of the values may lie beyond the
    top.

    Parameters
    ----------
    selection : Selection
        What `select` returned.
    criterion : {"bic", "icl", "aic"}, optional
        What to draw; by default what was chosen by.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such criterion, or `ax` is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> found = bg.select(
    ...     bg.load_dataset("faithful"), [1, 2, 3], covariance_types=["EEE", "VVV"], random_seed=1
    ... )
    >>> bg.plot_selection(found).get_title()
    'Best: 3 × tied (EEE)'
    """
    name = criterion or selection.criterion
    if name not in CRITERIA:
        raise InputError(f"criterion must be 'bic', 'icl' or 'aic', not {criterion!r}")
    ax = one_panel(ax)
    table = selection.table
    for structure, rows in table.groupby("covariance_type", sort=False):
        words = label(str(structure), rows["code"].iloc[0])
        ax.plot(rows["n_components"], rows[name], label=words, **_style(str(structure)))
    best = table.iloc[int(np.nanargmin(table[name]))]
    _ring(ax, best["n_components"], best[name])
    _focus(ax, table[name].dropna().to_numpy())
    ax.set_xticks(sorted(table["n_components"].unique()))
    ax.set_xlabel("number of components")
    ax.set_ylabel(f"{name.upper()} (lower is better)")
    unbox(ax)
    winner = label(best["covariance_type"], best["code"])
    ax.set_title(f"Best: {best['n_components']} × {winner}", fontsize="medium")
    ax.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize="small",
        handlelength=3.4,
        frameon=False,
    )
    return ax


def _style(covariance_type: str) -> dict[str, Any]:
    code = get_structure(covariance_type).code
    family = component_style(_FAMILIES.index(code[1:]))
    return {"linewidth": 1.4, "markersize": 5.5, **family, **_VOLUMES[code[0]]}


def _ring(ax: Axes, x: float, y: float) -> None:
    ax.plot([x], [y], "o", markersize=15, color="0.2", markerfacecolor="none", label="_best")


def _focus(ax: Axes, values: np.ndarray) -> None:
    """Cut the top off, if that is worth while."""
    low, high = values.min(), np.quantile(values, _SEEN)
    if values.max() - low > 2 * (high - low) > 0:
        margin = 0.06 * (high - low)
        ax.set_ylim(low - margin, high + margin)
