"""`plot_em_path`, `animate_em_path`: EM on its way, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.em.path import EMPath
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.fits import drawer_of
from bayesgmm.plots.panels import GivenPanels, Panels, given_panels
from bayesgmm.plots.style import BLACK, BLUE, VERMILLION, unbox
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
    ax: GivenPanels | None = None,
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
    ax : array or sequence of matplotlib.axes.Axes, length frames + 1, optional
        Where to draw the iterations, then the log-likelihood; by default in a new figure.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (frames + 1,)
        Those of the iterations, then that of the log-likelihood.

    Raises
    ------
    InputError
        If there are no such iterations or features, or `ax` is not one axes more than iterations.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> path = bg.em_path(bg.load_dataset("faithful"), 2, n_iter=20, random_seed=1)
    >>> panels = bg.plot_em_path(path, frames=[0, 1, 20])
    >>> [ax.get_title() for ax in panels]
    ['start', 'iteration 1', 'iteration 20', '']
    """
    shown = _chosen(path, frames)
    panels = _new_panels(len(shown)) if ax is None else given_panels(ax, (len(shown) + 1,))
    for place, iteration in enumerate(shown):
        _draw(panels[place], path, iteration, features)
    _share_scales(panels[:-1])
    if ax is None:
        _name_at_the_edges(panels[:-1])
    _draw_likelihood(panels[-1], path, shown)
    return panels


def _new_panels(n: int) -> Panels:
    """Axes of a new figure: n for the iterations, and below them a wide one."""
    import matplotlib.pyplot as plt

    columns = min(_COLUMNS, n)
    rows = -(-n // columns)
    size = (max(3.1 * columns, 5.0), 2.6 * rows + 2.4)
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns)
    places = [grid[divmod(place, columns)] for place in range(n)]
    return np.array([figure.add_subplot(place) for place in [*places, grid[rows, :]]])


def _share_scales(panels: Panels) -> None:
    """Let all panels show what any of them shows."""
    limits = np.array([[ax.get_xlim(), ax.get_ylim()] for ax in panels])
    (left, bottom), (right, top) = limits[:, :, 0].min(axis=0), limits[:, :, 1].max(axis=0)
    for ax in panels:
        ax.set(xlim=(left, right), ylim=(bottom, top))


def _name_at_the_edges(panels: Panels) -> None:
    columns = min(_COLUMNS, len(panels))
    for place, ax in enumerate(panels):
        lowest, leftmost = place >= len(panels) - columns, place % columns == 0
        ax.tick_params(labelsize="small", labelbottom=lowest, labelleft=leftmost)
        ax.set_xlabel(ax.get_xlabel() if lowest else "")
        ax.set_ylabel(ax.get_ylabel() if leftmost else "")


def animate_em_path(
    path: EMPath,
    *,
    features: str | Sequence[str] | None = None,
    interval: int = 300,
    ax: GivenPanels | None = None,
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
    ax : pair of matplotlib.axes.Axes, optional
        Where to draw the components, and the log-likelihood; by default in a new figure. They are
        cleared at every frame.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        ``animation.save("em.gif", writer="pillow")`` writes it to a file, and
        ``IPython.display.HTML(animation.to_jshtml())`` shows it in a notebook.

    Raises
    ------
    InputError
        If there is no such feature, or `ax` is not two axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> path = bg.em_path(bg.load_dataset("galaxies"), 3, n_iter=2, random_seed=1)
    >>> page = bg.animate_em_path(path).to_jshtml()  # IPython.display.HTML(page) shows it
    """
    from matplotlib.animation import FuncAnimation

    seen = view_of(path.data, path.params[-1], features)
    left, right = _new_pair() if ax is None else given_panels(ax, (2,))
    figure = left.get_figure(root=True)

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
    if ax is None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # found once: at each frame it would take most of the time
    return FuncAnimation(figure, draw, frames=path.n_iter + 1, interval=interval)


def _new_pair() -> Panels:
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(9.0, 4.2), layout="constrained")
    return figure.subplots(1, 2, width_ratios=(3, 2))


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
