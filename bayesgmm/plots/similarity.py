"""`plot_similarity`: how probable it is that two rows belong together, for all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.panels import one_panel
from bayesgmm.plots.style import VERMILLION, literally

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

_SHADES = "Greys"


def plot_similarity(
    matrix: npt.ArrayLike, labels: npt.ArrayLike, *, ax: Axes | None = None
) -> Axes:
    """Draw a posterior similarity matrix, its rows in the order of a partition.

    Clusters that everybody agrees about are dark squares on the diagonal; grey between two of
    them are rows that may be of either.

    Parameters
    ----------
    matrix : array, shape (N, N)
        Probability that two rows are of one component.
    labels : array of int, shape (N,)
        Cluster of each row, by which the rows are ordered; within a cluster, those that are
        surest to belong to it come first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the matrix is not one of probabilities, symmetric, with a row for every label, or `ax`
        is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bayes = bg.fit_bayes(
    ...     bg.load_dataset("faithful"), 2, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> bg.plot_similarity(bayes.similarity(), bayes.partition().labels).get_title()
    'Posterior similarity of 272 rows'
    """
    similar, clusters = _checked(matrix, labels)
    ax = one_panel(ax)
    together = clusters[:, None] == clusters
    cohesion = (similar * together).sum(axis=1) / together.sum(axis=1)
    order = np.lexsort((-cohesion, clusters))
    image = ax.imshow(
        similar[np.ix_(order, order)], cmap=_SHADES, vmin=0, vmax=1, interpolation="nearest"
    )
    names, counts = np.unique(clusters, return_counts=True)
    ends = counts.cumsum()
    for edge in ends[:-1] - 0.5:
        ax.axhline(edge, color=VERMILLION, linewidth=0.8)
        ax.axvline(edge, color=VERMILLION, linewidth=0.8)
    middles = ends - counts / 2 - 0.5
    words = [f"{name}\n({count})" for name, count in zip(names, counts, strict=True)]
    ax.set_xticks(middles, words, fontsize="small")
    ax.set_yticks(middles, names, fontsize="small")
    literally(*ax.get_xticklabels(), *ax.get_yticklabels())
    ax.set_xlabel("cluster (its rows)")
    ax.set_ylabel("cluster")
    ax.set_title(f"Posterior similarity of {len(similar)} rows", fontsize="medium")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("probability of one component")
    return ax


def _checked(matrix: Any, labels: Any) -> tuple[Array, npt.NDArray[Any]]:
    similar, clusters = np.asarray(matrix, np.float64), np.asarray(labels)
    if similar.ndim != 2 or clusters.shape != similar.shape[:1] or len(set(similar.shape)) > 1:
        raise InputError(
            "matrix must have shape (N, N) and labels (N,), "
            f"not {similar.shape} and {clusters.shape}"
        )
    if not ((similar >= 0) & (similar <= 1 + 1e-9)).all() or not np.allclose(similar, similar.T):
        raise InputError("matrix must hold probabilities and be symmetric")
    return similar, clusters
