"""Mixtures and expected statistics as vectors, in compiled code: views of their parts, an M-step.

Parameters (weights, means, factors or covariances) and statistics (counts, sums, scatter) have the
same shapes, (K,), (K, D) and (K, B, d, d): blocks on the diagonal, one of size D or D of size one
(`mixture.structures.matrices`). One behind the other they make a vector of length P, as `flattened`
in `points` writes them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import jit_exact, jit_inner, jit_part
from bayesgmm.mixture.structures import msteps
from bayesgmm.mixture.structures.factors import factorised
from bayesgmm.mixture.structures.matrices import inverted, transformed
from bayesgmm.mixture.views import cut

Array = npt.NDArray[np.float64]


class Parts(NamedTuple):
    """Views of a vector: weights or counts, means or sums, and matrices."""

    weights: Array  # (K,)
    means: Array  # (K, D)
    blocks: Array  # (K, B, d, d)


@jit_inner
def parts(vector: Array, centre: Array, n_blocks: int) -> Parts:
    """Cut a vector of mixtures whose means are shaped as `centre`."""
    K, D = centre.shape
    d, after = D // n_blocks, K + K * D
    return Parts(
        cut(vector, 0, (K,)), cut(vector, K, (K, D)), cut(vector, after, (K, n_blocks, d, d))
    )


@jit_inner
def shifted(stats: Parts, shift: Array, out: Parts) -> None:
    """Centre statistics at ``centre + shift``: see `centred` in `points`."""
    K, B, d = stats.blocks.shape[:3]
    for k in range(K):
        n = out.weights[k] = stats.weights[k]
        for j in range(B * d):
            out.means[k, j] = stats.means[k, j] - n * shift[k, j]
        for b in range(B):
            for i in range(d):
                for j in range(d):
                    at_i, at_j = shift[k, b * d + i], shift[k, b * d + j]
                    out.blocks[k, b, i, j] = (
                        stats.blocks[k, b, i, j]
                        - at_i * stats.means[k, b * d + j]
                        - stats.means[k, b * d + i] * at_j
                        + n * at_i * at_j
                    )


@jit_exact  # the weight of a single component is 1
def mstep(
    maximise: int,
    equal_volumes: int,
    n_blocks: int,
    statistics: Array,
    centre: Array,
    begin: Array,
    end: Array,
) -> bool:
    """Write the maximum of the expected log-likelihood, and tell whether it is one.

    Parameters
    ----------
    maximise, equal_volumes : int
        Where the M-step of the covariances lies, and whether it is to make volumes equal.
    n_blocks : int
        Blocks of a covariance.
    statistics : array, shape (P,)
        Expected statistics, centred at `centre`.
    centre : array, shape (K, D)
        Need not be the means.
    begin : array, shape (P,)
        Mixture, with factors, to go on from.
    end : array, shape (P,)
        Overwritten. Of no use if a component has lost its rows or its covariance is singular.
    """
    K, D = centre.shape
    stats, out = parts(statistics, centre, n_blocks), parts(end, centre, n_blocks)
    about, step = Parts(np.empty(K), np.empty((K, D)), np.empty(out.blocks.shape)), np.empty((K, D))
    found, total = np.empty(out.blocks.shape), 0.0
    for k in range(K):
        if not stats.weights[k] > 0.0:
            return False
        total += stats.weights[k]
        for j in range(D):
            step[k, j] = stats.means[k, j] / stats.weights[k]
    shifted(stats, step, about)
    covariances(parts(begin, centre, n_blocks).blocks, out.blocks)
    msteps.mstep_at(maximise)(equal_volumes, about.weights, about.blocks, out.blocks, found)
    for k in range(K):
        out.weights[k] = stats.weights[k] / total
        for j in range(D):
            out.means[k, j] = centre[k, j] + step[k, j]
    return factorised(found, out.blocks)


@jit_inner
def covariances(factors: Array, out: Array) -> None:
    """Write the matrices that lower triangles are the factors of."""
    K, B, d = factors.shape[:3]
    for k in range(K):
        for b in range(B):
            for i in range(d):
                for j in range(i + 1):
                    total = 0.0
                    for m in range(j + 1):
                        total += factors[k, b, i, m] * factors[k, b, j, m]
                    out[k, b, i, j] = out[k, b, j, i] = total


@jit_inner
def with_covariances(point: Parts, out: Parts) -> None:
    """Copy a mixture, with covariances in place of factors."""
    for k in range(len(point.weights)):
        out.weights[k] = point.weights[k]
        for j in range(point.means.shape[1]):
            out.means[k, j] = point.means[k, j]
    covariances(point.blocks, out.blocks)


@jit_inner
def narrowest_scale(point: Parts) -> float:
    """Smallest conditional standard deviation."""
    least, (K, B, d) = np.inf, point.blocks.shape[:3]
    for k in range(K):
        for b in range(B):
            for i in range(d):
                least = min(least, point.blocks[k, b, i, i])
    return least


@jit_part
def whiten(changes: Parts, weights: Array, inverse: Array, half: Array, out: Parts) -> None:
    """Measure changes of the parameters by what complete data would tell of them.

    Parameters
    ----------
    changes : Parts
        Differences of weights, means and covariances.
    weights, inverse : array, shapes (K,) and (K, B, d, d)
        Of the mixture about which they are, and the inverses of its factors.
    half : array, shape (d,)
        Overwritten.
    out : Parts
        Overwritten. The squared length is the squared change in standard errors from one row.
    """
    K, B, d = inverse.shape[:3]
    for k in range(K):
        root = math.sqrt(weights[k])
        out.weights[k] = changes.weights[k] / root
        for b in range(B):
            for i in range(d):
                total = 0.0
                for m in range(i + 1):
                    total += inverse[k, b, i, m] * changes.means[k, b * d + m]
                out.means[k, b * d + i] = root * total
        transformed(inverse[k], changes.blocks[k], root * math.sqrt(0.5), half, out.blocks[k])


@jit_part
def inverses(factors: Array) -> Array:
    """Return the inverses of all factors of a mixture."""
    found = np.empty(factors.shape)
    for k in range(len(factors)):
        inverted(factors[k], found[k])
    return found
