"""`plot_em_path`, `animate_em_path`: EM on its way, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.em.path import EMPath
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.fits import drawer_of
from bayesgmm.plots.style import BLACK, BLUE, VERMILLION, Panels, unbox
from bayesgmm.plots.view import view_of

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

_COLUMNS = 3
_BEYOND = 0.15  # of the range of the rows, on every side
_DEEP = 3.0  # times what all other iterations gain: so far below them is the start left out


def plot_em_path(
    path: EMPath,
    *,
    frames: int | Sequence[int] = 6,
    features: str | Sequence[str] | None = None,
) -> Panels:
    """Draw EM at some of its iterations, and the log-likelihood at all.

    Rows have the colour and the marker of the component that the E-step finds the most probable
    there; ellipses hold 95 % of each component. The log-likelihood of the start may lie below the
    picture.

    Parameters
    ----------
    path : EMPath
        What `em_path` returned.
    frames : int or sequence of int
        How many iterations to show, more of the early ones, where more happens; or which.
    features : str or pair of str, optional
        Which features to look at, as in `plot_comparison`.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (frames + 1,)
        Those of the iterations, then that of the log-likelihood.

    Raises
    ------
    InputError
        If there are no such iterations or features.
    """
    import matplotlib.pyplot as plt

    shown = _chosen(path, frames)
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    size = (max(3.1 * columns, 5.0), 2.6 * rows + 2.4)
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns)
    panels = np.empty(len(shown) + 1, dtype=object)
    for place, iteration in enumerate(shown):
        first = panels[0]
        ax = figure.add_subplot(grid[divmod(place, columns)], sharex=first, sharey=first)
        panels[place] = ax
        _draw(ax, path, iteration, features)
        lowest = place >= len(shown) - columns
        ax.tick_params(labelsize="small", labelbottom=lowest, labelleft=place % columns == 0)
        ax.set_xlabel(ax.get_xlabel() if lowest else "")
        ax.set_ylabel(ax.get_ylabel() if place % columns == 0 else "")
    panels[-1] = figure.add_subplot(grid[rows, :])
    _draw_likelihood(panels[-1], path, shown)
    return panels


def animate_em_path(
    path: EMPath, *, features: str | Sequence[str] | None = None, interval: int = 300
) -> FuncAnimation:
    """Let EM run: its components among the rows, beside the log-likelihood so far.

    Parameters
    ----------
    path : EMPath
        What `em_path` returned.
    features : str or pair of str, optional
        Which features to look at, as in `plot_comparison`.
    interval : int
        Milliseconds of each iteration.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        ``animation.save("em.gif", writer="pillow")`` writes it to a file, and
        ``IPython.display.HTML(animation.to_jshtml())`` shows it in a notebook.

    Raises
    ------
    InputError
        If there is no such feature.
    """
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    seen = view_of(path.data, path.params[-1], features)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.0, 4.2), width_ratios=(3, 2), layout="constrained"
    )

    def draw(iteration: int) -> list[Axes]:
        left.clear()
        _draw(left, path, iteration, features)
        low, high = seen.values.min(axis=0), seen.values.max(axis=0)
        margin = _BEYOND * (high - low)
        left.set_xlim(low[0] - margin[0], high[0] + margin[0])
        if len(seen.features) == 2:
            left.set_ylim(low[1] - margin[1], high[1] + margin[1])
        right.clear()
        _draw_likelihood(right, path, [iteration])
        return [left, right]

    draw(path.n_iter)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # found once: at every frame it would take most of the time
    return FuncAnimation(figure, draw, frames=path.n_iter + 1, interval=interval)


def _draw(ax: Axes, path: EMPath, iteration: int, features: str | Sequence[str] | None) -> None:
    drawer = drawer_of(path.data.feature_names, features)
    seen = view_of(path.data, path.params[iteration], features)
    drawer.draw_by_component(ax, seen, path.responsibilities(iteration).argmax(axis=1))
    drawer.draw_em(ax, seen, color=BLACK)
    drawer.name_components(ax, seen)
    unbox(ax)
    ax.set_title("start" if iteration == 0 else f"iteration {iteration}", fontsize="medium")


def _draw_likelihood(ax: Axes, path: EMPath, shown: Sequence[int]) -> None:
    """Draw the log-likelihood, and points at the iterations that are shown.

    The start may lie below the picture, where it would squeeze all that follows.
    """
    values = path.log_likelihood
    ax.plot(values, color=BLUE, linewidth=1.4)
    ax.plot(shown, values[list(shown)], "o", color=VERMILLION, markersize=6)
    first, second, last = values[0], values[min(1, path.n_iter)], values[-1]
    if last - first > _DEEP * (last - second) > 0:
        ax.set_ylim(bottom=second - 0.1 * (last - second), top=last + 0.1 * (last - second))
    ax.set_xlabel("iteration")
    ax.set_ylabel("log-likelihood")
    unbox(ax)


def _chosen(path: EMPath, frames: int | Sequence[int]) -> list[int]:
    last = path.n_iter
    if isinstance(frames, int | np.integer):
        if frames < 1:
            raise InputError(f"frames must be at least 1, not {frames}")
        spaced = np.expm1(np.linspace(0, np.log1p(last), frames)).round().astype(int)
        return [int(iteration) for iteration in np.unique(spaced)]
    chosen = [int(iteration) for iteration in frames]
    if not chosen or not all(0 <= iteration <= last for iteration in chosen):
        raise InputError(f"frames must be iterations from 0 to {last}, not {list(frames)}")
    return chosen
