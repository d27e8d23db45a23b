"""The likelihood of a mixture: the E-step, densities and responsibilities, from the kernels.

Rows are swept in chunks, which several threads may share. Where one chunk ends and the next
begins depends on the shape of the problem alone, and the chunks' statistics are added in order,
so that results are the same to the last bit however many workers there are. Nor need more than
a chunk for each worker ever be in memory.
"""

from __future__ import annotations

import functools
import operator
from itertools import islice

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture import kernels, threads
from bayesgmm.mixture.data import Data, pieces
from bayesgmm.mixture.factors import prepare
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.stats import Stats

Array = npt.NDArray[np.float64]

_CHUNK_CYCLES = 3e6  # about a millisecond: long beside what handing a chunk to a thread costs
_CHUNK_ROWS = 1024  # at least
_ALIKE = 0.05  # nats, root mean square over the rows


def estep(
    data: Data,
    weights: Array,
    means: Array,
    factor: Array,
    *,
    row_weights: Array | None = None,
    workers: int = 1,
) -> Stats:
    """Sweep the rows once: log-likelihood and expected sufficient statistics.

    Of one mixture, or of S mixtures of the same shape at once; then every array, and every result,
    has a leading axis of length S. Each mixture's numbers do not depend on the others.

    Parameters
    ----------
    data : Data
        N rows of D features, with or without row weights.
    weights : array, shape (K,) or (S, K)
        Mixing proportions.
    means : array, shape (K, D) or (S, K, D)
        Component means.
    factor : array, shape (K, D, D) or (K, D), or either with a leading S
        Lower Cholesky factors, or standard deviations of diagonal covariances.
    row_weights : array, shape (N,) or (S, N), optional
        Nonnegative weights of the rows, instead of those of `data`: a set for each mixture.
    workers : int
        Most threads at work at once. The results do not depend on it.

    Returns
    -------
    Stats
        Centred at `means`; its scatter has the shape of `factor`.
    """
    if means.ndim == 2:
        if row_weights is not None:
            row_weights = np.atleast_2d(row_weights)
        batch = weights[None], means[None], factor[None]
        return estep(data, *batch, row_weights=row_weights, workers=workers)[0]
    log_coef, inverse = _prepared(kernels.estep, weights, factor)
    means = np.ascontiguousarray(means)
    v = data.row_weights[None] if row_weights is None else row_weights

    def sweep(task: tuple[slice, slice]) -> Stats:
        mixtures, rows = task
        part = means[mixtures]
        shared = len(v) == 1
        stats = Stats(
            np.empty(len(part)),
            np.empty(part.shape[:2]),
            np.empty(part.shape),
            np.empty((len(part), *factor.shape[1:])),
        )
        kernels.estep(
            *kernel_rows(data, rows),
            np.ascontiguousarray(v[slice(None) if shared else mixtures, rows]),
            log_coef[mixtures],
            part,
            inverse[mixtures],
            stats.log_likelihood,
            stats.counts,
            stats.sums,
            stats.scatter,
        )
        return stats

    chunks = _chunks(data, means.shape[1])
    groups = _groups(data, means.shape[:2], len(chunks), workers)
    if len(chunks) == len(groups) == 1:  # on few rows, every microsecond counts
        return sweep((groups[0], chunks[0]))
    tasks = [(mixtures, rows) for mixtures in groups for rows in chunks]
    parts = threads.map(sweep, tasks, workers)
    totals = [functools.reduce(operator.add, islice(parts, len(chunks))) for _ in groups]
    return Stats.concatenated(totals)


def log_density(rows: Data | Array, params: Params, workers: int = 1) -> Array:
    """Log density of each row under the mixture, shape (N,).

    Parameters
    ----------
    rows : Data or array, shape (N, D)
        Rows, in the units of `params`.
    params : Params
        The mixture.
    workers : int
        Most threads at work at once.
    """
    mixture = _prepared(kernels.pointwise, params.weights, params.factor)
    data, log_coef, inverse = _data(rows), *mixture
    out = np.empty(data.n_rows)

    def write(chunk: slice) -> None:
        block = kernel_rows(data, chunk)
        kernels.pointwise(*block, log_coef, params.means, inverse, out[chunk])

    for _ in threads.map(write, _chunks(data, params.n_components), workers):
        pass
    return out


def alike(rows: Data | Array, one: Params, other: Params) -> bool:
    """Whether two mixtures are the same to these rows, whatever their components are called."""
    difference = log_density(rows, one) - log_density(rows, other)
    return bool(np.sqrt(np.square(difference).mean()) < _ALIKE)


def responsibilities(rows: Data | Array, params: Params, workers: int = 1) -> Array:
    """Probability (N, K) that each row came from each component, given the mixture.

    See `log_density` for the parameters.
    """
    mixture = _prepared(kernels.responsibilities, params.weights, params.factor)
    data, log_coef, inverse = _data(rows), *mixture
    out = np.empty((data.n_rows, params.n_components))

    def write(chunk: slice) -> None:
        block = kernel_rows(data, chunk)
        kernels.responsibilities(*block, log_coef, params.means, inverse, out[chunk])

    for _ in threads.map(write, _chunks(data, params.n_components), workers):
        pass
    return out


def assignment_entropy(data: Data, params: Params, workers: int = 1) -> float:
    """Sum over the rows, by their weights, of the entropy ``-Σ r log r`` of responsibilities.

    See `log_density` for the parameters.
    """
    log_coef, inverse = _prepared(kernels.responsibilities, params.weights, params.factor)

    def entropy(chunk: slice) -> float:
        block = kernel_rows(data, chunk)
        shares = np.empty((len(block[0]), params.n_components))
        kernels.responsibilities(*block, log_coef, params.means, inverse, shares)
        of_rows = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
        return float(data.row_weights[chunk] @ of_rows if data.row_weights.size else of_rows.sum())

    return sum(threads.map(entropy, _chunks(data, params.n_components), workers))


def _prepared(kernel: kernels.Kernel, weights: Array, factor: Array) -> tuple[Array, Array]:
    """Log coefficient of each component's exponential, and the inverse of its factor, for a kernel.

    Shapes are those of `weights` and `factor`, with or without leading axes.
    """
    for needed in (prepare, kernel):
        kernels.compile_kernel(needed, factor.ndim == weights.ndim + 1)
    weights, factor = np.ascontiguousarray(weights), np.ascontiguousarray(factor)
    log_coef, inverse = np.empty(weights.shape), np.empty(factor.shape)
    shape = (weights.size, *factor.shape[weights.ndim :])
    prepare(weights.ravel(), factor.reshape(shape), log_coef.ravel(), inverse.reshape(shape))
    return log_coef, inverse


def _data(rows: Data | Array) -> Data:
    if isinstance(rows, Data):
        return rows
    return Data(np.ascontiguousarray(rows), (), np.empty(0))


def kernel_rows(data: Data, rows: slice) -> tuple[Array, Array, Array]:
    """Give some rows as the kernels take them: numbers, origin and unit."""
    return np.ascontiguousarray(data.values[rows], np.float64), data.origin, data.unit


def _chunks(data: Data, n_components: int) -> list[slice]:
    """Cut the rows by what a sweep costs: it depends on nothing but N, K and D."""
    size = max(_CHUNK_ROWS, int(_CHUNK_CYCLES / _cycles(data, n_components)))
    return list(pieces(data.n_rows, size))


def _groups(data: Data, shape: tuple[int, ...], n_chunks: int, workers: int) -> list[slice]:
    """Share the mixtures out, where the chunks alone would leave a worker idle."""
    n_mixtures, n_components = shape
    wanted = 1 if workers == 1 else min(n_mixtures, -(-4 * workers // n_chunks))
    worthwhile = int(_CHUNK_CYCLES * n_chunks / (data.n_rows * _cycles(data, n_components)))
    return list(pieces(n_mixtures, max(-(-n_mixtures // wanted), worthwhile)))


def in_one_chunk(data: Data, n_components: int) -> bool:
    """Whether the rows are so few that they are swept in one go."""
    return len(_chunks(data, n_components)) == 1


def sweep_cost(data: Data, n_components: int) -> float:
    """Estimate what a sweep of all rows costs, in cycles of a processor."""
    return data.n_rows * _cycles(data, n_components)


def _cycles(data: Data, n_components: int) -> float:
    """Estimate what a row costs."""
    return n_components * (12 + data.n_features**2 / 5)
