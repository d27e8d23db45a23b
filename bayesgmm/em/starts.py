"""Where to begin: starting points of several kinds, because each kind misses some maxima.

K-means alone favours round, separated clusters and never finds a narrow component inside a wide
one; random centres do; random partitions find what overlaps. Starts therefore rotate through
these kinds, and `search` adds others that need ascents of their own. A partition becomes a point
by one M-step, shrunk towards the pooled covariance by D + 1 pseudo-rows, so that a small part of
it cannot begin collapsed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2
from scipy.linalg import solve_triangular

from bayesgmm.em.points import Points
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.structures import Structure, factor

Array = npt.NDArray[np.float64]
Start = Callable[[Data, int, Structure, np.random.Generator], Points]

_KMEANS_STEPS = 10
_CENTRE_VARIANCE = (0.02, 0.5)  # of a component that starts at a row, as a share of the overall one


def starting_points(
    data: Data, n_components: int, structure: Structure, rng: np.random.Generator
) -> Iterator[Points]:
    """Yield starting points for ever, rotating through the kinds.

    Parameters
    ----------
    data : Data
        Standardised rows.
    n_components : int
        Number of components, K.
    structure : Structure
        What the covariances share.
    rng : numpy.random.Generator
        Source of the random choices.
    """
    kinds: tuple[Start, ...] = (
        from_kmeans,
        from_centres,
        from_whitened_kmeans,
        from_centres,
        from_chance,
    )
    while True:
        for kind in kinds:
            yield kind(data, n_components, structure, rng)


def from_kmeans(
    data: Data, n_components: int, structure: Structure, rng: np.random.Generator
) -> Points:
    """Start from a k-means partition with k-means++ seeds (Arthur and Vassilvitskii 2007)."""
    return from_partition(data, _kmeans(data.rows(), n_components, rng), n_components, structure)


def from_whitened_kmeans(
    data: Data, n_components: int, structure: Structure, rng: np.random.Generator
) -> Points:
    """Start from k-means on rows whose overall covariance is made the identity."""
    return from_partition(
        data, _kmeans(_whitened(data), n_components, rng), n_components, structure
    )


def from_centres(
    data: Data, n_components: int, structure: Structure, rng: np.random.Generator
) -> Points:
    """Start small components at rows far apart, their common size drawn at random."""
    low, high = np.log(_CENTRE_VARIANCE)
    size = np.exp(rng.uniform(low, high))
    centres = _spread_rows(_whitened(data), n_components, rng)
    scatter = np.repeat(size * data.covariance()[None], n_components, axis=0)
    ones = np.ones(n_components)
    lower = factor(structure.covariances(ones, scatter_for(structure, scatter)))
    return Points((ones / n_components)[None], data.rows()[centres][None], lower[None])


def from_chance(
    data: Data, n_components: int, structure: Structure, rng: np.random.Generator
) -> Points:
    """Start from responsibilities drawn at random, as if nothing were known of the rows."""
    shares = rng.dirichlet(np.full(n_components, 0.3), data.n_rows)
    return from_responsibilities(data, shares, structure)


def from_partition(
    data: Data, labels: npt.NDArray[np.intp], n_components: int, structure: Structure
) -> Points:
    """Start from labels 0..K-1 of the rows, shape (N,)."""
    return from_responsibilities(data, np.eye(n_components)[labels], structure)


def from_responsibilities(data: Data, shares: Array, structure: Structure) -> Points:
    """Start from responsibilities, shape (N, K): one M-step, shrunk towards the pooled scatter."""
    shares = shares * data.row_weights[:, None] if data.row_weights.size else shares
    counts, values = shares.sum(axis=0), data.rows()
    means = shares.T @ values / np.maximum(counts, np.finfo(np.float64).tiny)[:, None]
    scatter = np.stack(
        [
            (shares[:, k, None] * centred).T @ centred
            for k, centred in enumerate(values - mean for mean in means)
        ]
    )
    # a trace of the overall covariance keeps a perfect partition from starting singular
    pooled = scatter.sum(axis=0) / counts.sum() + 1e-6 * data.covariance()
    pseudo_rows = data.n_features + 1
    covariances = structure.covariances(
        counts + pseudo_rows, scatter_for(structure, scatter + pseudo_rows * pooled)
    )
    weights = (counts + 1) / (counts + 1).sum()
    return Points(weights[None], means[None], factor(covariances)[None])


def rearranged(shares: Array, values: Array, n_moves: int) -> Iterator[Array]:
    """Merge two components and split a third, in the most promising ways (Ueda et al. 2000).

    Local maxima with too many components here and too few there are left by no small step.

    Parameters
    ----------
    shares : array, shape (N, K)
        Responsibilities at a local maximum.
    values : array, shape (N, D)
        The rows.
    n_moves : int
        Most of them.

    Yields
    ------
    array, shape (N, K)
        Responsibilities to start from.

    References
    ----------
    Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture
    models. Neural Computation 12, 2109-2128.
    """
    overlap = shares.T @ shares / np.maximum(np.square(shares).sum(axis=0), 1e-300)
    pairs = combinations(range(shares.shape[1]), 2)
    ranked = sorted(pairs, key=lambda pair: -overlap[pair] - overlap[pair[::-1]])
    splits = {k: _halves(shares[:, k], values) for k in range(shares.shape[1])}
    moves = [(i, j, k) for i, j in ranked for k in splits if k not in (i, j)]
    for i, j, k in moves[:n_moves]:
        moved = shares.copy()
        moved[:, i] += moved[:, j]
        moved[:, j], moved[:, k] = splits[k]
        yield moved


def _halves(share: Array, values: Array) -> tuple[Array, Array]:
    """Cut one component across its longest axis."""
    total = max(float(share.sum()), 1e-300)
    centred = values - share @ values / total
    axis = np.linalg.eigh((share[:, None] * centred).T @ centred)[1][:, -1]
    above = centred @ axis > 0
    return share * above, share * ~above


def _kmeans(values: Array, n_components: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty cluster is no harm in a mere start
        seeds = values[_spread_rows(values, n_components, rng)]
        return kmeans2(values, seeds, iter=_KMEANS_STEPS, minit="matrix")[1].astype(np.intp)


def _spread_rows(
    values: Array, n_components: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Rows far apart: each drawn with probability as its squared distance to those before."""
    chosen = [int(rng.integers(len(values)))]
    nearest = np.full(len(values), np.inf)
    for _ in range(n_components - 1):
        nearest = np.minimum(nearest, np.square(values - values[chosen[-1]]).sum(axis=1))
        total = nearest.sum()
        share = nearest / total if total > 0 else None
        chosen.append(int(rng.choice(len(values), p=share)))
    return np.array(chosen)


def _whitened(data: Data) -> Array:
    covariance = data.covariance()
    ridge = 1e-8 * np.trace(covariance)  # collinear features are no harm in a mere start
    lower = np.linalg.cholesky(covariance + ridge * np.eye(data.n_features))
    return np.ascontiguousarray(solve_triangular(lower, data.rows().T, lower=True).T)


def scatter_for(structure: Structure, scatter: Array) -> Array:
    """Keep of full scatter matrices (..., K, D, D) what the structure's M-step takes."""
    return np.diagonal(scatter, axis1=-2, axis2=-1) if structure.diagonal else scatter
