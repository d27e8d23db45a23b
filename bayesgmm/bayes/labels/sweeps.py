"""Sums over the responsibilities of every row in every draw, which are never stored.

There are draws x rows x components of them: gigabytes. Each method of relabelling needs them in
sums only, over the draws (`mean_responsibilities`) or over the rows (`overlaps`), so they are
computed block by block with the E-step's own code, and added up while they are in the cache.
Computing them anew costs less than reading them from memory would.

Draws are taken in pieces of a fixed size, and rows in chunks, which threads share out: where one
ends and the next begins does not depend on the number of threads, and nor does any result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.batch import Batch
from bayesgmm.bayes.labels.renaming import Labels, renamed
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture import kernels, threads
from bayesgmm.mixture.blocks import block_length, load, relative_densities, scratch
from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit, jit_inner
from bayesgmm.mixture.data import Data, pieces
from bayesgmm.mixture.factors import prepare

Array = npt.NDArray[np.float64]

_DRAWS = 128  # in a piece: their parameters fit into the cache
_ROWS = 8192  # in a chunk
_POSITIVE = float(np.nextafter(0, 1))  # what a density is that is not zero


def mean_responsibilities(data: Data, draws: Mixture, labels: Labels) -> Array:
    """Average the responsibilities over the draws, once these are renamed.

    Parameters
    ----------
    data : Data
        N rows.
    draws : Mixture
        S mixtures of K components, along one leading axis.
    labels : array of int, shape (S, K)
        Which component is called k.

    Returns
    -------
    array, shape (K, N)
        Columns sum to one.
    """
    total = np.zeros((draws.weights.shape[-1], data.n_rows))
    for part in pieces(len(labels), _DRAWS):
        mixtures = _prepared(renamed(draws.take(part), labels[part]))
        _compile(_add_responsibilities, mixtures[-1].ndim == 3, (), 2)

        def add(rows: slice, mixtures: tuple[Array, Array, Array] = mixtures) -> None:
            of_rows = np.zeros((len(total), rows.stop - rows.start))
            _add_responsibilities(*_block(data, rows), *mixtures, of_rows)
            total[:, rows] += of_rows

        _run(add, list(pieces(data.n_rows, _ROWS)))
    return total / len(labels)


def overlaps(data: Data, draws: Mixture, target: Array) -> Array:
    """Sum, over the rows, a target for each name times the responsibility of each component.

    Parameters
    ----------
    data : Data
        N rows.
    draws : Mixture
        S mixtures of K components, along one leading axis.
    target : array, shape (K, N)
        What a row is worth to each name.

    Returns
    -------
    array, shape (S, K, K)
        ``Σ_n target[k, n] r[n, j]`` for the name k and the component j of each draw.
    """
    return _overlaps(data, draws, target, wholly=False)


def allocation_overlaps(data: Data, draws: Mixture, target: Array) -> Array:
    """Sum like `overlaps`, with each row given wholly to its most probable component."""
    return _overlaps(data, draws, target, wholly=True)


def _overlaps(data: Data, draws: Mixture, target: Array, wholly: bool) -> Array:
    n_draws, n_components = draws.weights.shape
    total = np.zeros((n_draws, n_components, n_components))

    def add(part: slice) -> None:
        mixtures = _prepared(draws.take(part))
        _compile(_add_overlaps, mixtures[-1].ndim == 3, (2, 0), 3)
        for rows in pieces(data.n_rows, _ROWS):
            of_rows = np.ascontiguousarray(target[:, rows])
            _add_overlaps(*_block(data, rows), *mixtures, of_rows, int(wholly), total[part])

    _run(add, list(pieces(n_draws, _DRAWS)))
    return total


def _run(task: Callable[[slice], None], parts: Sequence[slice]) -> None:
    for _ in threads.map(task, parts, threads.available_cores()):
        pass


def _prepared(draws: Mixture) -> tuple[Array, Array, Array]:
    """Give mixtures as the kernels take them: log coefficients, means and inverse factors."""
    batch = Batch.of(draws)
    weights, means, factor = batch
    kernels.compile_kernel(prepare, batch.diagonal)
    log_coef, inverse = np.empty_like(weights), np.empty_like(factor)
    shape = (weights.size, *factor.shape[2:])
    prepare(weights.ravel(), factor.reshape(shape), log_coef.ravel(), inverse.reshape(shape))
    return log_coef, means, inverse


def _block(data: Data, rows: slice) -> tuple[Array, Array, Array]:
    return np.ascontiguousarray(data.values[rows], np.float64), data.origin, data.unit


@functools.cache
def _compile(
    kernel: Callable[..., None], diagonal: bool, reads: tuple[int, ...], writes: int
) -> None:
    """Compile a kernel, or load it, for what it reads after the mixtures and what it writes."""
    with announce_compilation():
        compile_for(kernel, (2, 1, 1, 2, 3, 3 if diagonal else 4, *reads), (writes,))


@jit
def _add_responsibilities(
    X: Array,
    origin: Array,
    unit: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    total: Array,
) -> None:
    """Add to `total`, shape (K, N), the responsibilities under each of S mixtures.

    See `bayesgmm.mixture.kernels.estep` for the other arguments. A block of rows goes through
    all mixtures before the next is loaded.
    """
    block, size = scratch(*means.shape[1:]), block_length(len(X))
    for start in range(0, len(X), size):
        n = load(X, start, size, origin, unit, block.x)
        for s in range(len(means)):
            relative_densities(n, log_coef[s], means[s], inverse[s], block)
            _normalise(n, block.joint, block.total)
            for k in range(len(total)):
                joint, of_name = block.joint[k], total[k]
                for r in range(n):
                    of_name[start + r] += joint[r]


@jit
def _add_overlaps(
    X: Array,
    origin: Array,
    unit: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    target: Array,
    wholly: int,
    total: Array,
) -> None:
    """Add to `total`, shape (S, K, K), the products of targets (K, N) and responsibilities.

    If `wholly` is not 0, responsibilities are rounded to 0 and 1.
    """
    block, size = scratch(*means.shape[1:]), block_length(len(X))
    for start in range(0, len(X), size):
        n = load(X, start, size, origin, unit, block.x)
        for s in range(len(means)):
            relative_densities(n, log_coef[s], means[s], inverse[s], block)
            if wholly:
                _allocate(n, block.joint, block.share)
            else:
                _normalise(n, block.joint, block.total)
            _add_products(n, start, target, block.joint, total[s])


@jit_inner
def _normalise(n: int, joint: Array, total: Array) -> None:
    """Turn relative densities, shape (K, rows), into responsibilities."""
    for k in range(len(joint)):
        of_component = joint[k]
        for r in range(n):
            of_component[r] /= total[r]


@jit_inner
def _allocate(n: int, joint: Array, largest: Array) -> None:
    """Turn densities into 1 for the first that is largest, and 0; all into 0 where all are."""
    largest[:n] = _POSITIVE
    for k in range(len(joint)):
        of_component = joint[k]
        for r in range(n):
            largest[r] = max(largest[r], of_component[r])
    for k in range(len(joint)):
        of_component = joint[k]
        for r in range(n):
            taken = of_component[r] == largest[r]
            of_component[r] = 1.0 if taken else 0.0
            largest[r] = np.inf if taken else largest[r]


@jit_inner
def _add_products(n: int, start: int, target: Array, joint: Array, total: Array) -> None:
    """Add the inner products (K, K) of targets and responsibilities over a block of rows."""
    for k in range(len(target)):
        of_name = target[k]
        for j in range(len(joint)):
            of_component, product = joint[j], 0.0
            for r in range(n):
                product += of_name[start + r] * of_component[r]
            total[k, j] += product
