"""Rows in blocks: what an E-step does with some hundred rows, while they are in the cache.

A block is kept the other way round, one feature after the other: the inner loops then run over
rows, have no branch, and become vector instructions on scratch space that stays in the fastest
cache. Differences ``x - μ`` are formed before anything is multiplied, so that data far from zero
lose nothing. Up to four features stay in registers (`bayesgmm.mixture.narrow`); from about ten
on, nearly all time goes into two products of matrices (`bayesgmm.mixture.tiles`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import jit_exact, jit_inner
from bayesgmm.mixture.narrow import (
    LARGEST,
    WIDEST,
    add_component,
    add_density,
    add_moments,
    load_narrow,
    load_some,
)
from bayesgmm.mixture.tiles import add_outer, add_squared_length
from bayesgmm.mixture.vectormath import ABREAST, add_exponentials, exponent, fraction, log

Array = npt.NDArray[np.float64]

_BLOCK = 256  # most rows of a block, a multiple of `ABREAST`: its scratch fits into the cache
_STRIDE = _BLOCK + 8  # at a power of two, a cache keeps but few of a block's columns
_LN2 = float(np.log(2.0))
_FAINT = 1e-250  # next to it, what an exponential leaves out is nothing


class Scratch(NamedTuple):
    """What is known of one block of rows; the last axis of each array runs over the rows."""

    x: Array  # (D, _STRIDE), the rows, and zeros behind them
    work: Array  # (D, _STRIDE), x - μ times a responsibility
    joint: Array  # (K, _STRIDE), the components' densities over exp(peak)
    peak: Array  # (_STRIDE,), the log of the largest, or what is not much higher
    total: Array  # (_STRIDE,), sum of `joint` over components
    share: Array  # (_STRIDE,), what makes `joint` weighted responsibilities


@jit_inner
def scratch(n_components: int, n_features: int) -> Scratch:
    """Return room for one block of rows."""
    wide = n_features if n_features > WIDEST else 0
    # cut from one piece: reserving six would take as long as an E-step of a hundred rows
    room = np.empty((n_features + wide + n_components + 3) * _STRIDE)
    work = n_features * _STRIDE
    joint = work + wide * _STRIDE
    peak = joint + n_components * _STRIDE
    total, share = peak + _STRIDE, peak + 2 * _STRIDE
    return Scratch(
        room[:work].reshape(n_features, _STRIDE),
        room[work:joint].reshape(wide, _STRIDE),
        room[joint:peak].reshape(n_components, _STRIDE),
        room[peak:total],
        room[total:share],
        room[share:],
    )


@jit_inner
def block_length(n_rows: int) -> int:
    """Return the size of blocks that are all of about one size: the processor learns it."""
    blocks = max(1, -(-n_rows // _BLOCK))
    return max(1, _padded(-(-n_rows // blocks)))


@jit_exact
def load(X: Array, start: int, size: int, origin: Array, unit: Array, x: Array) -> int:
    """Bring a block of rows, feature by feature, into their units; return how many there are.

    Differences between them and means are finite, so that nothing of weight zero makes a NaN.
    """
    n = min(len(X) - start, size)
    if X.shape[1] <= WIDEST:
        load_narrow(X, start, n, origin, unit, x)
    else:
        load_some(X, start, 0, n, origin, unit, x)
    for j in range(X.shape[1]):
        for r in range(n, _padded(n)):
            x[j, r] = 0.0
    return n


@jit_inner
def relative_densities(
    n: int, log_coef: Array, means: Array, inverse: Array, block: Scratch
) -> None:
    """Fill `joint`, `peak` and `total` of the block's n rows.

    A row's log density is ``peak + log(total)``. Where it is -inf, so is `peak`, and `joint` is 0.
    """
    if means.shape[1] <= WIDEST and _at_once(n, log_coef, means, inverse, block):
        return
    peak, total = block.peak, block.total
    peak[: _padded(n)] = -LARGEST  # not -inf: from that, nothing could be subtracted
    total[: _padded(n)] = 0.0
    for k in range(len(log_coef)):
        if means.shape[1] <= WIDEST:
            add_component(block.x, n, means[k], inverse[k], log_coef[k], block.joint[k], peak)
        else:
            _add_component(block, n, means[k], inverse[k], log_coef[k], block.joint[k])
    for k in range(len(log_coef)):
        add_exponentials(n, block.joint[k], peak, total)
    for r in range(n):
        nowhere = total[r] == 0.0  # else the largest term is exp(0) = 1
        total[r] = 1.0 if nowhere else total[r]
        # NaN, which a coefficient may be, must not get lost
        peak[r] = -np.inf if nowhere else (peak[r] if total[r] > 0.0 else np.nan)


@jit_inner
def _at_once(n: int, log_coef: Array, means: Array, inverse: Array, block: Scratch) -> bool:
    """Do as `relative_densities` in one pass, and tell whether that is exact.

    No density exceeds the largest coefficient, which can thus be the peak of every row. It is too
    high a peak for rows far out from all means: their densities would be zeros.
    """
    peak, total, sure = np.max(log_coef), block.total, 0
    block.peak[:n] = peak
    total[: _padded(n)] = 0.0
    for k in range(len(log_coef)):
        coefficient = log_coef[k] - peak
        add_density(block.x, n, means[k], inverse[k], coefficient, block.joint[k], total)
    for r in range(n):
        sure += total[r] >= _FAINT  # NaN is not
    return sure == n


@jit_inner
def _padded(n: int) -> int:
    return n + -n % ABREAST


@jit_inner
def _add_component(
    block: Scratch, n: int, mean: Array, inverse: Array, log_coef: float, joint: Array
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
def _squared_distance(block: Scratch, n: int, mean: Array, inverse: Array, square: Array) -> None:
    """Write ``|W (x - μ)|²``, with W lower triangular, or the diagonal of a diagonal matrix."""
    square[:n] = 0.0
    if inverse.ndim == 1:
        for i in range(len(mean)):
            x, factor, centre = block.x[i], inverse[i], mean[i]
            for r in range(n):
                z = factor * (x[r] - centre)
                square[r] += z * z
    else:
        add_squared_length(inverse, block.x, mean, n, square)


@jit_inner
def log_likelihood(n: int, weights: Array, block: Scratch) -> float:
    """Add up the log densities of n rows, times their weights if there are any."""
    value = 0.0
    if weights.size > 0:
        for r in range(n):
            log_density = block.peak[r] + log(block.total[r])
            value += weights[r] * (log_density if weights[r] != 0.0 else 0.0)  # it may be infinite
        return value
    # logarithms are dear: one is taken of a product, of fractions below 2 so that it fits a double
    exponents, product = 0, 1.0
    for r in range(n):
        exponents += exponent(block.total[r])
        product *= fraction(block.total[r])
        value += block.peak[r]
    return value + exponents * _LN2 + log(product)


@jit_inner
def share(n: int, weights: Array, block: Scratch) -> None:
    """Fill `share`; pad it and `joint` with zeros."""
    for r in range(n):
        block.share[r] = (weights[r] if weights.size > 0 else 1.0) / block.total[r]
    for r in range(n, _padded(n)):
        block.share[r] = 0.0
        for k in range(len(block.joint)):
            block.joint[k, r] = 0.0


@jit_inner
def add_statistics(
    block: Scratch, n: int, joint: Array, mean: Array, sums: Array, scatter: Array
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
        x, work, centre = block.x[i], block.work[i], mean[i]
        first = second = 0.0
        for r in range(n):
            d = x[r] - centre
            e = joint[r] * d
            first += e
            if scatter.ndim == 1:
                second += e * d
            else:
                work[r] = e
        sums[i] += first
        if scatter.ndim == 1:
            scatter[i] += second
        else:
            for r in range(n, _padded(n)):
                work[r] = 0.0
    if scatter.ndim == 2:
        add_outer(block.work, block.x, mean, n, scatter)
    return count


@jit_inner
def reflect(scatter: Array) -> None:
    """Copy each lower triangle to the upper one."""
    for k in range(len(scatter)):
        for i in range(scatter.shape[1]):
            for j in range(i):
                scatter[k, j, i] = scatter[k, i, j]
