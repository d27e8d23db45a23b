"""The axes of a picture: new ones, or those that the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.style import literally, unbox

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panels = npt.NDArray[np.object_]  # of axes
type GivenPanels = Axes | Sequence[Any] | Panels  # nested as by `plt.subplots`, or not

_NARROWEST, _TITLE = 5.0, 0.6  # inches: a title must have room
_LETTER, _SHORTEST = 0.085, 24  # inches of a letter of a title; letters of its shortest line


def one_panel(ax: Axes | None) -> Axes:
    """Return the axes that are given, or those of a new figure.

    Raises
    ------
    InputError
        If it is something else than one Matplotlib axes.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        return plt.subplots(figsize=(7.0, 5.2), layout="constrained")[1]
    return given_panels(ax, (1,))[0]


def given_panels(ax: Any, shape: tuple[int, ...]) -> Panels:
    """Return the axes that are given, in the shape that the picture needs.

    Raises
    ------
    InputError
        If they are something else than Matplotlib axes, or too few or too many.
    """
    from matplotlib.axes import Axes

    found = np.array(ax, dtype=object)
    strange = [type(one).__name__ for one in found.flat if not isinstance(one, Axes)]
    if strange:
        raise InputError(f"ax must be Matplotlib axes, not {strange[0]}")
    n = prod(shape)
    if found.size != n:
        sides = shape if len(shape) == 2 else (1, n)
        new = f"such as plt.subplots({', '.join(map(str, sides))})[1]" if n > 1 else "such as ax[0]"
        raise InputError(
            f"this picture has {n} panel{'s' * (n > 1)}, and ax has {found.size}: "
            f"give it as many, {new}"
        )
    return found.reshape(shape)


def row_of_panels(
    n: int, ax: GivenPanels | None, *, width: float, height: float, columns: int = 4
) -> Panels:
    """Return n axes, shape (n,): given ones, or row by row new ones, each of so many inches."""
    import matplotlib.pyplot as plt

    if ax is None:
        columns = min(n, columns)
        rows = -(-n // columns)
        size = (max(width * columns, _NARROWEST), height * rows + _TITLE)
        found = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1]
        for spare in found.flat[n:]:
            spare.remove()
        panels = found.ravel()[:n]
    else:
        panels = given_panels(ax, (n,))
    for panel in panels:
        unbox(panel)
        panel.tick_params(labelsize="small")
    return panels


def entitle(panels: Panels, title: str, *, ours: bool) -> None:
    """Write a title over all panels; in a figure that is not ours, over the first."""
    first: Axes = panels.ravel()[0]
    if ours:
        literally(first.figure.suptitle(title, fontsize="medium"))
        return
    width = first.get_window_extent().width / first.figure.dpi
    lines = [fill(line, max(_SHORTEST, int(width / _LETTER))) for line in title.splitlines()]
    lines += filter(None, [first.get_title()])
    literally(first.set_title("\n".join(lines), fontsize="medium"))


def add_legend(panels: Panels, *, ours: bool, columns: int) -> Any:
    """Name below all panels what is in the first; in a figure that is not ours, inside it."""
    first: Axes = panels.ravel()[0]
    if not ours:
        return first.legend(loc="best", fontsize="small", edgecolor="none", framealpha=0.85)
    look: dict[str, Any] = {"ncols": columns, "fontsize": "small", "frameon": False}
    drawn = first.get_legend_handles_labels()
    return first.figure.legend(*drawn, loc="outside lower center", **look)
