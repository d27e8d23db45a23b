"""From responsibilities to a mixture: one M-step, in compiled code, as there may be many starts."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from numba import types

from bayesgmm.em.points import Points
from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit, jit_part
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.structures import Structure, msteps
from bayesgmm.mixture.structures.factors import factorised
from bayesgmm.mixture.structures.matrices import add

Array = npt.NDArray[np.float64]

_TRACE = 1e-6  # of the overall covariance keeps a perfect partition from starting singular
_TINY = float(np.finfo(np.float64).tiny)


def from_responsibilities(
    data: Data, shares: Array, structure: Structure, ridge: float = 0.0
) -> Points:
    """Start from responsibilities, shape (N, K): one M-step, shrunk towards the pooled scatter.

    A ridge is added to the variances, if the rows cannot determine covariances.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the rows cannot, and there is no ridge.
    """
    _compile()
    k, d = shares.shape[1], data.n_features
    weights, means = np.empty(k), np.empty((k, d))
    factors = np.empty((k, d, 1, 1) if structure.diagonal else (k, 1, d, d))
    shares = shares * data.row_weights[:, None] if data.row_weights.size else shares
    proper = shrunk_mstep(
        structure.address,
        structure.equal_volumes,
        structure.pools_first,
        data.rows(),
        np.ascontiguousarray(shares),
        data.covariance(),
        ridge,
        weights,
        means,
        factors,
    )
    if not proper:
        raise np.linalg.LinAlgError("a covariance is not positive definite")
    factors = factors[:, :, 0, 0] if structure.diagonal else factors[:, 0]
    return Points(weights[None], means[None], factors[None])


@functools.cache
def _compile() -> None:
    with announce_compilation():
        compile_for(shrunk_mstep, (0, 0, 0, 2, 2, 2, types.float64), (1, 2, 4))


@jit
def shrunk_mstep(
    maximise: int,
    equal_volumes: int,
    pools_first: int,
    rows: Array,
    shares: Array,
    overall: Array,
    ridge: float,
    weights: Array,
    means: Array,
    factors: Array,
) -> bool:
    """Write the mixture of `from_responsibilities`, and tell whether it is one.

    Parameters
    ----------
    maximise, equal_volumes, pools_first : int
        Where the M-step of the covariances lies, and what `Structure` tells of it.
    rows, shares : array, shapes (N, D) and (N, K)
        Shares are times the row weights.
    overall : array, shape (D, D)
        Covariance of the rows.
    ridge : float
        Added to the variances.
    weights, means, factors : array, shapes (K,), (K, D) and (K, B, d, d)
        Overwritten.
    """
    (K, D), unit = means.shape, np.eye(means.shape[1])
    counts, scatter, pooled = np.zeros(K), np.zeros(factors.shape), np.zeros(factors.shape[1:])
    previous, found, total = np.zeros(factors.shape), np.empty(factors.shape), 0.0
    for k in range(K):
        counts[k] = _gather(rows, shares[:, k], means[k], scatter[k])
        total += counts[k]
    for k in range(K):
        add(scatter[k], 1.0 / total, pooled)
    _add_blocks(overall, _TRACE, pooled)
    for k in range(K):
        weights[k] = (counts[k] + 1) / (total + K)
        counts[k] += D + 1
        add(pooled, D + 1.0, scatter[k])
        _add_blocks(unit, ridge * counts[k], scatter[k])
        for m in range(K):
            if pools_first or m == k:
                add(scatter[k], 1.0, previous[m])
    msteps.mstep_at(maximise)(equal_volumes, counts, scatter, previous, found)
    return factorised(found, factors)


@jit_part
def _gather(rows: Array, shares: Array, mean: Array, scatter: Array) -> float:
    """Return the sum of the shares; write the mean, and add the scatter about it to zeros."""
    (B, d), D, total = scatter.shape[:2], len(mean), 0.0
    apart = np.empty(D)
    for j in range(D):
        mean[j] = 0.0
    for r in range(len(rows)):
        total += shares[r]
        for j in range(D):
            mean[j] += shares[r] * rows[r, j]
    for j in range(D):
        mean[j] /= max(total, _TINY)
    for r in range(len(rows)):
        if shares[r] > 0.0:
            for j in range(D):
                apart[j] = rows[r, j] - mean[j]
            for b in range(B):
                block = apart[b * d : (b + 1) * d]
                for i in range(d):
                    for j in range(d):
                        scatter[b, i, j] += shares[r] * block[i] * block[j]
    return total


@jit_part
def _add_blocks(matrix: Array, factor: float, out: Array) -> None:
    """Add a multiple of the blocks on the diagonal of a matrix (D, D)."""
    B, d = out.shape[:2]
    for b in range(B):
        for i in range(d):
            for j in range(d):
                out[b, i, j] += factor * matrix[b * d + i, b * d + j]
