"""The E-step, in machine code: every fit, Bayesian or not, spends its time here.

A mixture's density at a row x is ``Σ_k exp(c_k - |W_k (x - μ_k)|² / 2)``. Here ``c_k`` is the log
coefficient, ``log w_k - log |L_k| - D/2 log 2π``, and ``W_k`` is the inverse of a factor of the
k-th covariance: of its lower Cholesky factor ``L_k``, or just one over each standard deviation
if it is diagonal. Three questions are asked of it, each in a kernel of its own:

* ``estep``: the log-likelihood and the expected sufficient statistics, summed over the rows;
* ``pointwise``: the log density of each row;
* ``responsibilities``: the probability that each row came from each component.

All of them walk through the data in blocks of rows, and keep a block the other way round, one
feature after the other: the inner loops then run over rows, have no branch, and become vector
instructions on scratch space that stays in the fastest cache. Differences ``x - μ`` are formed
before anything is multiplied, so that data far from zero lose nothing. From about ten features
on, nearly all time goes into two products of matrices, which are in `bayesgmm.mixture.tiles`.

Infinities are part of the plan. A component of weight zero has ``c_k = -inf`` and gets
responsibility 0. A row so far out that its distance to every component overflows has log density
-inf, and adds nothing to the statistics. A row of weight zero adds nothing to anything. None
of them makes a NaN.

Each kernel is compiled twice, for factors ``W`` of shape (K, D, D) and for their diagonals alone,
of shape (K, D). Branches on ``ndim`` are decided then, and cost nothing afterwards.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import (
    announce_compilation,
    compile_for,
    jit,
    jit_exact,
    jit_inner,
)
from bayesgmm.mixture.factors import prepare
from bayesgmm.mixture.instructions import LANES
from bayesgmm.mixture.narrow import WIDEST, add_component, add_moments, load_narrow
from bayesgmm.mixture.tiles import add_outer, add_squared_length
from bayesgmm.mixture.vectormath import exp, log

Array = npt.NDArray[np.float64]

BLOCK = 256  # rows in a block, a multiple of 8: its scratch fits into the cache, its loops are long
STRIDE = BLOCK + 8  # at a power of two, a cache keeps but few of a block's columns
_EIGHTH = BLOCK // 8
LARGEST = float(np.finfo(np.float64).max)


@jit
def estep(
    X: Array,
    origin: Array,
    unit: Array,
    row_weights: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    loglik: Array,
    counts: Array,
    sums: Array,
    scatter: Array,
) -> None:
    """Write the log-likelihood and the expected sufficient statistics of S mixtures.

    With v the row weights and r the responsibilities, the log-likelihood is ``Σ v log p(x)``. Each
    mixture's numbers are the same to the last bit whatever the others are.

    Parameters
    ----------
    X : array, shape (N, D)
        Numbers that stand for the rows ``x = (X - origin) / unit``.
    origin, unit : array, shape (D,)
        Where the rows count from, and in what unit.
    row_weights : array, shape (S, N), (1, N) or (1, 0)
        Weight of each row, nonnegative, for each mixture or for all; no columns stand for ones.
    log_coef : array, shape (S, K)
        ``log w - log |L| - D/2 log 2π`` for each component; may be -inf.
    means : array, shape (S, K, D)
        Component means.
    inverse : array, shape (S, K, D, D) or (S, K, D)
        W, finite: inverses of the lower Cholesky factors, zero above the diagonal, or of the
        standard deviations.
    loglik : array, shape (S,)
        Overwritten with the log-likelihoods.
    counts : array, shape (S, K)
        Overwritten with ``Σ v r``.
    sums : array, shape (S, K, D)
        Overwritten with ``Σ v r (x - μ)``.
    scatter : array, shape (S, K, D, D) or (S, K, D)
        Overwritten with ``Σ v r (x - μ)(x - μ)ᵀ``, or with its diagonal: shaped like `inverse`.
    """
    K, D = means.shape[1:]
    block = scratch(K, D)
    for s in range(len(means)):
        loglik[s] = 0.0
        counts[s] = 0.0
        sums[s] = 0.0
        scatter[s] = 0.0
        weights = row_weights[min(s, len(row_weights) - 1)]
        for start in range(0, len(X), BLOCK):
            n = load(X, start, origin, unit, block.x)
            relative_densities(n, log_coef[s], means[s], inverse[s], block)
            of_block = weights[start : start + n]  # none at all, if all are one
            loglik[s] += _log_likelihood(n, of_block, block)
            _share(n, of_block, block)
            for k in range(K):
                counts[s, k] += _add_statistics(
                    block, n, block.joint[k], means[s, k], sums[s, k], scatter[s, k]
                )
        if scatter.ndim == 4:
            _reflect(scatter[s])


@jit_inner
def one_estep(
    X: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    counts: Array,
    sums: Array,
    scatter: Array,
) -> float:
    """Return the log-likelihood of one mixture and write its statistics: `estep` with S = 1.

    For compiled code. The rows are as they are, and each counts once; there are no leading axes.
    """
    (K, D), loglik = means.shape, np.empty(1)
    estep(
        X, np.zeros(D), np.ones(D), np.empty((1, 0)), log_coef.reshape(1, K),
        means.reshape(1, K, D), inverse.reshape((1, *inverse.shape)), loglik,
        counts.reshape(1, K), sums.reshape(1, K, D), scatter.reshape((1, *scatter.shape)),
    )  # fmt: skip
    total: float = loglik[0]
    return total


@jit
def pointwise(
    X: Array,
    origin: Array,
    unit: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    log_density: Array,
) -> None:
    """Write the log density of each row, shape (N,), under one mixture: see `estep`."""
    block = scratch(*means.shape)
    for start in range(0, len(X), BLOCK):
        n = load(X, start, origin, unit, block.x)
        relative_densities(n, log_coef, means, inverse, block)
        for r in range(n):
            log_density[start + r] = block.peak[r] + log(block.total[r])


@jit
def responsibilities(
    X: Array,
    origin: Array,
    unit: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    resp: Array,
) -> None:
    """Write the responsibilities, shape (N, K), under one mixture: see `estep`.

    Those of a row sum to one, but for a row of log density -inf: its are 0.
    """
    block = scratch(*means.shape)
    for start in range(0, len(X), BLOCK):
        n = load(X, start, origin, unit, block.x)
        relative_densities(n, log_coef, means, inverse, block)
        for r in range(n):
            for k in range(len(log_coef)):
                resp[start + r, k] = block.joint[k, r] / block.total[r]


@functools.cache
def compile_kernels() -> None:
    """Compile every kernel, or load it from disk: to be called before the first use of any.

    Afterwards they take float64 C-contiguous arrays and nothing else; inputs may be read-only.
    """
    with announce_compilation():
        compile_for(prepare, [((1, W), (1, W)) for W in (3, 2)])
        compile_for(estep, [((2, 1, 1, 2, 2, 3, W), (1, 2, 3, W)) for W in (4, 3)])
        compile_for(pointwise, [((2, 1, 1, 1, 2, W), (1,)) for W in (3, 2)])
        compile_for(responsibilities, [((2, 1, 1, 1, 2, W), (2,)) for W in (3, 2)])


class _Scratch(NamedTuple):
    """What is known of one block of rows; the last axis of each array runs over the rows."""

    x: Array  # (D, STRIDE), the rows
    diff: Array  # (D, STRIDE), x - μ of the component in turn
    work: Array  # (D, STRIDE), x - μ times a responsibility
    joint: Array  # (K, BLOCK), the components' densities relative to the largest
    peak: Array  # (BLOCK,), log of the largest
    total: Array  # (BLOCK,), sum of `joint` over components, at least 1
    share: Array  # (BLOCK,), what makes `joint` weighted responsibilities


@jit_inner
def scratch(n_components: int, n_features: int) -> _Scratch:
    """Return room for one block of rows."""
    wide = n_features if n_features > WIDEST else 0
    return _Scratch(
        np.empty((n_features, STRIDE)),
        np.empty((wide, STRIDE)),
        np.empty((wide, STRIDE)),
        np.empty((n_components, BLOCK)),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK),
    )


@jit_exact
def load(X: Array, start: int, origin: Array, unit: Array, x: Array) -> int:
    """Bring a block of rows, feature by feature, into their units; return how many there are."""
    n = min(len(X) - start, BLOCK)
    if X.shape[1] <= WIDEST:
        load_narrow(X, start, n, origin, unit, x)
        return n
    for j in range(X.shape[1]):
        feature, centre, scale = x[j], origin[j], unit[j]
        for r in range(n):
            feature[r] = (X[start + r, j] - centre) / scale
    return n


@jit_inner
def relative_densities(
    n: int, log_coef: Array, means: Array, inverse: Array, block: _Scratch
) -> None:
    """Fill `joint`, `peak` and `total` of the block's n rows.

    A row's log density is ``peak + log(total)``. Where it is -inf, so is `peak`, and `joint` is 0.
    """
    peak, total = block.peak, block.total
    peak[: _padded(n)] = -LARGEST  # not -inf: from that, nothing could be subtracted
    total[:n] = 0.0
    for k in range(len(log_coef)):
        if means.shape[1] <= WIDEST:
            add_component(block.x, n, means[k], inverse[k], log_coef[k], block.joint[k], peak)
        else:
            _add_component(block, n, means[k], inverse[k], log_coef[k], block.joint[k])
    for k in range(len(log_coef)):
        joint = block.joint[k]
        for r in range(n):
            value = exp(joint[r] - peak[r])
            joint[r] = value
            total[r] += value
    for r in range(n):
        nowhere = total[r] == 0.0  # else the largest term is exp(0) = 1
        total[r] = 1.0 if nowhere else total[r]
        peak[r] = -np.inf if nowhere else peak[r]


@jit_inner
def _padded(n: int) -> int:
    return n + -n % LANES


@jit_inner
def _add_component(
    block: _Scratch, n: int, mean: Array, inverse: Array, log_coef: float, joint: Array
) -> None:
    """Do as `add_component` does, for any number of features."""
    _squared_distance(block, n, mean, inverse, joint)
    peak = block.peak
    for r in range(n):
        # a square that overflowed is inf, or NaN if infinities met on the way to it
        square = joint[r] if joint[r] <= LARGEST else np.inf
        value = log_coef - 0.5 * square
        joint[r] = value
        peak[r] = value if value > peak[r] else peak[r]


@jit_inner
def _squared_distance(block: _Scratch, n: int, mean: Array, inverse: Array, square: Array) -> None:
    """Write ``|W (x - μ)|²``, with W lower triangular, or the diagonal of a diagonal matrix."""
    square[:n] = 0.0
    for i in range(len(mean)):
        x, diff, centre = block.x[i], block.diff[i], mean[i]
        if inverse.ndim == 1:
            factor = inverse[i]
            for r in range(n):
                z = factor * (x[r] - centre)
                square[r] += z * z
        else:
            for r in range(n):
                diff[r] = x[r] - centre
    if inverse.ndim == 2:
        add_squared_length(inverse, block.diff, n, square)


@jit_inner
def _log_likelihood(n: int, weights: Array, block: _Scratch) -> float:
    """Add up the log densities of n rows, times their weights if there are any."""
    value = 0.0
    if weights.size > 0:
        for r in range(n):
            log_density = block.peak[r] + log(block.total[r])
            value += weights[r] * (log_density if weights[r] != 0.0 else 0.0)  # it may be infinite
        return value
    # logarithms are dear: one is taken of a product of eight totals, none of which exceeds K
    product = block.share
    for start in range(0, n, _EIGHTH):
        for r in range(min(_EIGHTH, n - start)):
            product[r] = block.total[start + r] * (product[r] if start > 0 else 1.0)
    for r in range(min(_EIGHTH, n)):
        value += log(product[r])
    for r in range(n):
        value += block.peak[r]
    return value


@jit_inner
def _share(n: int, weights: Array, block: _Scratch) -> None:
    """Fill `share`; pad it and `joint` with zeros."""
    for r in range(n):
        block.share[r] = (weights[r] if weights.size > 0 else 1.0) / block.total[r]
    for r in range(n, _padded(n)):
        block.share[r] = 0.0
        for k in range(len(block.joint)):
            block.joint[k, r] = 0.0


@jit_inner
def _add_statistics(
    block: _Scratch, n: int, joint: Array, mean: Array, sums: Array, scatter: Array
) -> float:
    """Add a component's share of a block to its moments; return that to its count."""
    if len(mean) <= WIDEST:
        count: float = add_moments(block.x, n, mean, joint, block.share, sums, scatter)
        return count
    count = 0.0
    for r in range(n):
        joint[r] *= block.share[r]
        count += joint[r]
    for i in range(len(mean)):
        x, diff, work, centre = block.x[i], block.diff[i], block.work[i], mean[i]
        first = second = 0.0
        for r in range(n):
            # without the condition, a far row could still add 0 times infinity
            d = x[r] - centre if joint[r] != 0.0 else 0.0
            first += joint[r] * d
            if scatter.ndim == 1:
                second += joint[r] * d * d
            else:
                diff[r] = d
                work[r] = joint[r] * d
        sums[i] += first
        if scatter.ndim == 1:
            scatter[i] += second
        else:
            for r in range(n, _padded(n)):
                diff[r] = work[r] = 0.0
    if scatter.ndim == 2:
        add_outer(block.work, block.diff, n, scatter)
    return count


@jit_inner
def _reflect(scatter: Array) -> None:
    """Copy each lower triangle to the upper one."""
    for k in range(len(scatter)):
        for i in range(scatter.shape[1]):
            for j in range(i):
                scatter[k, j, i] = scatter[k, i, j]
