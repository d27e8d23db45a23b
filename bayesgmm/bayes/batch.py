"""The kernels over many mixtures at once: a posterior is thousands of them.

For few rows, handing mixtures to `mixture.likelihood` one at a time costs far more than the
arithmetic. Here compiled code goes from mixture to mixture itself, and threads share them out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture import kernels, threads
from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit, jit_inner
from bayesgmm.mixture.data import pieces
from bayesgmm.mixture.factors import prepare
from bayesgmm.mixture.vectormath import log

Array = npt.NDArray[np.float64]

NUMBERS = 2_000_000  # held at a time where an answer is summed up block by block: 16 MB
_NONE = 1e-300  # of a row: what is less adds nothing to an entropy
_ROWS = 1024  # whose responsibilities are held at a time, while they are in the cache
_FOR_A_THREAD = 2.5e4  # densities: less than this at a time, and threads cost more than they bring


class Batch(NamedTuple):
    """S mixtures as the kernels take them.

    Parameters
    ----------
    weights : array, shape (S, K)
        Mixing proportions.
    means : array, shape (S, K, D)
        Component means.
    factor : array, shape (S, K, D, D) or (S, K, D)
        Lower Cholesky factors, or standard deviations where all covariances are diagonal.
    """

    weights: Array
    means: Array
    factor: Array

    @classmethod
    def of(cls, draws: Mixture) -> Batch:
        """Put draws, whatever their leading axes, into one row, chain after chain."""
        K, D = draws.means.shape[-2:]
        factor = draws.cholesky.reshape(-1, K, D, D)
        if not np.tril(factor, -1).any():
            factor = np.diagonal(factor, axis1=2, axis2=3)
        weights, means = draws.weights.reshape(-1, K), draws.means.reshape(-1, K, D)
        return cls(*(np.ascontiguousarray(array) for array in (weights, means, factor)))

    def take(self, index: slice | npt.NDArray[np.intp]) -> Batch:
        """Return some of the mixtures."""
        return Batch(*(np.ascontiguousarray(array[index]) for array in self))

    @property
    def n_mixtures(self) -> int:
        """Number of mixtures, S."""
        return len(self.weights)

    @property
    def n_components(self) -> int:
        """Number of components of each, K."""
        return int(self.weights.shape[1])

    @property
    def diagonal(self) -> bool:
        """Whether the factors are standard deviations."""
        return self.factor.ndim == 3


def evenly_spaced(n_draws: int, most: int) -> npt.NDArray[np.intp]:
    """Choose at most so many of the draws, from the first to the last."""
    chosen = np.linspace(0, n_draws - 1, min(most, n_draws)).round()
    return chosen.astype(np.intp)


def log_densities(rows: Array, batch: Batch, workers: int = 1) -> Array:
    """Log density of rows, shape (N, D), under every mixture: shape (S, N)."""
    out = np.empty((batch.n_mixtures, len(rows)))
    _sweep(_compiled(_each, kernels.pointwise, batch.diagonal, 2), rows, batch, out, workers)
    return out


def responsibilities(rows: Array, batch: Batch, workers: int = 1) -> Array:
    """Probability of every component for rows, shape (N, D), in every mixture: (S, N, K)."""
    out = np.empty((batch.n_mixtures, len(rows), batch.n_components))
    _sweep(_compiled(_each, kernels.responsibilities, batch.diagonal, 3), rows, batch, out, workers)
    return out


def blocks_of_draws(rows: Array, batch: Batch, workers: int = 1) -> Iterator[tuple[slice, Array]]:
    """Yield some mixtures and `responsibilities` in them, block by block."""
    size = max(1, NUMBERS // (len(rows) * batch.n_components))
    for some in pieces(batch.n_mixtures, size):
        yield some, responsibilities(rows, batch.take(some), workers)


def decisions(rows: Array, batch: Batch, workers: int = 1) -> tuple[Array, Array]:
    """Sum up how each mixture shares out the rows, in memory for none of it.

    Returns
    -------
    entropy : array, shape (S,)
        Of the responsibilities, in nats, averaged over the rows.
    occupied : array, shape (S,)
        How many components are the most probable of some row.
    """
    out = np.empty((batch.n_mixtures, 2))
    _sweep(
        _compiled(_decisions, kernels.responsibilities, batch.diagonal, 2),
        rows,
        batch,
        out,
        workers,
    )
    return out[:, 0], out[:, 1]


def _sweep(
    kernel: Callable[..., None], rows: Array, batch: Batch, out: Array, workers: int
) -> None:
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    per_mixture = max(1, len(rows) * batch.n_components)
    size = max(-(-batch.n_mixtures // workers), int(_FOR_A_THREAD / per_mixture), 1)

    def write(mixtures: slice) -> None:
        kernel(rows, *(array[mixtures] for array in batch), out[mixtures])

    for _ in threads.map(write, list(pieces(batch.n_mixtures, size)), workers):
        pass


@functools.cache
def _compiled(
    loop: Callable[..., None], kernel: kernels.Kernel, diagonal: bool, axes: int
) -> Callable[..., None]:
    """Give a loop over mixtures with its kernel; what it writes has so many axes."""
    kernels.compile_kernel(prepare, diagonal)
    of_one = kernels.pointer(kernel, diagonal)
    with announce_compilation():
        compile_for(loop, (of_one.type, 2, 2, 3, 3 if diagonal else 4), (axes,))
    return functools.partial(loop, of_one)


@jit
def _each(
    kernel: kernels.Kernel, X: Array, weights: Array, means: Array, factor: Array, out: Array
) -> None:
    K, D = means.shape[1:]
    origin, unit = np.zeros(D), np.ones(D)
    log_coef, inverse = np.empty(K), np.empty(factor.shape[1:])
    for s in range(len(means)):
        prepare(weights[s], factor[s], log_coef, inverse)
        kernel(X, origin, unit, log_coef, means[s], inverse, out[s])


@jit
def _decisions(
    responsibilities: kernels.Kernel,
    X: Array,
    weights: Array,
    means: Array,
    factor: Array,
    out: Array,
) -> None:
    K, D = means.shape[1:]
    origin, unit, occupied = np.zeros(D), np.ones(D), np.empty(K)
    log_coef, inverse, room = np.empty(K), np.empty(factor.shape[1:]), np.empty(_ROWS * K)
    for s in range(len(means)):
        prepare(weights[s], factor[s], log_coef, inverse)
        occupied[:] = entropy = count = 0.0
        for start in range(0, len(X), _ROWS):
            rows = X[start : start + _ROWS]
            size = len(rows) * K
            shares = room[:size]
            responsibilities(
                rows, origin, unit, log_coef, means[s], inverse, shares.reshape(len(rows), K)
            )
            first = 0
            while count < K and first < size:  # most often, a few rows suffice
                count += _occupy(shares[first : first + K], occupied)
                first += K
            for i in range(size):  # and the sum apart: a loop with both would not be vectorised
                shares[i] *= log(1 / (shares[i] if shares[i] > _NONE else 1.0))
            entropy += shares.sum()
        out[s, 0] = entropy / len(X)
        out[s, 1] = count


@jit_inner
def _occupy(shares: Array, occupied: Array) -> float:
    """Mark the likeliest components of a row; return how many were not marked before."""
    largest, count = _NONE, 0.0
    for k in range(len(shares)):
        largest = max(largest, shares[k])
    for k in range(len(shares)):
        if shares[k] == largest and occupied[k] == 0.0:
            occupied[k] = 1.0
            count += 1.0
    return count
