"""The M-steps of the covariances: fourteen structures, five functions.

Two remarks bring fourteen down to five. A diagonal matrix is a matrix: a structure whose axes are
those of the features (third letter I) is the one without that restriction, but with products of
matrices taken entry by entry. And in the right axes every matrix is diagonal: if orientations
vary while the shape is shared, the axes are each component's own eigenvectors; if the orientation
is shared while shapes vary, they are found by rotation (`orientation`). Then the diagonal
structure with the same volumes and shapes does the rest.

All functions are compiled, and treat one mixture: they take counts (K,) and scatter (K, D, D) or
(K, D), and overwrite covariances of the same shape. Nothing is raised when a component has
collapsed: its matrices are then singular or not finite.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit, jit_inner
from bayesgmm.mixture.factors import invert
from bayesgmm.mixture.structures.matrices import (
    cholesky,
    eigen,
    log_determinant,
    product,
    recomposed,
    seen_in,
    trace,
    transformed,
)
from bayesgmm.mixture.structures.orientation import rotate

Array = npt.NDArray[np.float64]

SPHERICAL, FREE, ALIKE, OWN_AXES, COMMON_AXES = range(5)
FORMS = {
    "II": SPHERICAL,
    "EI": ALIKE,
    "EE": ALIKE,
    "VI": FREE,
    "VV": FREE,
    "EV": OWN_AXES,
    "VE": COMMON_AXES,
}  # by the letters of shape and orientation

_ROUNDS = 200
_SETTLED = 1e-9  # relative change of the volumes: that of the objective is its square
_ROUNDING = 1e-13  # of the objective


@functools.cache
def compile_msteps(diagonal: bool) -> None:
    """Compile `maximise_all`, or load it, for full or for diagonal covariances."""
    ndim = 3 if diagonal else 4
    with announce_compilation():
        compile_for(maximise_all, [((0, 0, 2, ndim, ndim), (ndim,))])


@jit
def maximise_all(
    form: int, equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array
) -> None:
    """Write the covariances of S mixtures; `previous` may be of length 0. See `maximise`."""
    warm = len(previous) > 0
    for s in range(len(counts)):
        start = previous[s] if warm else scatter[s]
        maximise(form, equal_volumes, counts[s], scatter[s], start, warm, out[s])


@jit_inner
def maximise(
    form: int,
    equal_volumes: int,
    counts: Array,
    scatter: Array,
    previous: Array,
    warm: bool,
    out: Array,
) -> None:
    """Write the covariances which maximise the expected log-likelihood; see `Structure`.

    Parameters
    ----------
    form, equal_volumes : int
        Which of the five functions, see `FORMS`, and whether volumes are equal.
    counts, scatter : array, shapes (K,) and (K, D, D) or (K, D)
        Expected statistics, scatter about each component's mean.
    previous : array, shaped like `scatter`
        Covariances to go on from, if `warm`; else not read.
    warm : bool
        Whether to.
    out : array, shaped like `scatter`
        Overwritten.
    """
    if scatter.ndim == 3:
        if form == OWN_AXES:
            _own_axes(equal_volumes, counts, scatter, previous, warm, out)
        elif form == COMMON_AXES:
            _common_axes(equal_volumes, counts, scatter, previous, warm, out)
    elif form == SPHERICAL:
        _spherical(equal_volumes, counts, scatter, out)
    if form == FREE:
        _free(equal_volumes, counts, scatter, out)
    elif form == ALIKE:
        _alike(equal_volumes, counts, scatter, previous[0], warm, out)


@jit_inner
def _spherical(equal_volumes: int, counts: Array, scatter: Array, out: Array) -> None:
    """Make all round: EII, VII."""
    sizes = np.empty(len(counts))
    for k in range(len(counts)):
        sizes[k] = trace(scatter[k]) / scatter.shape[1]
    _make_volumes(equal_volumes, counts, sizes)
    for k in range(len(counts)):
        out[k] = sizes[k]


@jit_inner
def _free(equal_volumes: int, counts: Array, scatter: Array, out: Array) -> None:
    """Share nothing but perhaps the volume: EVI, VVI, EVV, VVV."""
    if not equal_volumes:
        for k in range(len(counts)):
            _scale(scatter[k], 1.0 / counts[k], out[k])
        return
    sizes, lower = np.empty(len(counts)), np.empty_like(out[0])
    for k in range(len(counts)):
        proper = cholesky(scatter[k], lower)
        sizes[k] = math.exp(log_determinant(lower) / len(lower)) if proper else np.nan
    volumes = sizes.copy()
    _make_volumes(equal_volumes, counts, volumes)
    for k in range(len(counts)):
        _scale(scatter[k], volumes[k] / sizes[k], out[k])


@jit_inner
def _alike(
    equal_volumes: int, counts: Array, scatter: Array, start: Array, warm: bool, out: Array
) -> None:
    """Share everything but perhaps the volume: EEI, VEI, EEE, VEE."""
    if equal_volumes:
        total = counts.sum()
        out[0] = 0.0
        for k in range(len(counts)):
            _add(scatter[k], 1.0 / total, out[0])
        for k in range(1, len(counts)):
            out[k] = out[0]
        return
    shape = np.zeros_like(start)
    if warm:
        shape[:] = start
    else:
        for k in range(len(counts)):
            _add(scatter[k], 1.0, shape)
    _proportional(counts, scatter, shape, out)


@jit_inner
def _own_axes(
    equal_volumes: int, counts: Array, scatter: Array, previous: Array, warm: bool, out: Array
) -> None:
    """Share the shape, let orientations vary: EEV, VEV.

    The axes of each component are its eigenvectors, and those of equal rank belong together.
    """
    K, D = scatter.shape[:2]
    values, found, start = np.empty((K, D)), np.empty((K, D)), np.empty(D)
    axes = np.empty((K, D, D))
    if warm:
        eigen(previous[0], start, axes[0])
    for k in range(K):
        eigen(scatter[k], values[k], axes[k])
    _alike(equal_volumes, counts, values, start, warm, found)
    for k in range(K):
        recomposed(found[k], axes[k], out[k])


@jit_inner
def _common_axes(
    equal_volumes: int, counts: Array, scatter: Array, previous: Array, warm: bool, out: Array
) -> None:
    """Share the orientation, let shapes vary: EVE, VVE."""
    K, D = scatter.shape[:2]
    values, found, axes = np.empty((K, D)), np.empty((K, D)), np.empty((D, D))
    seen, pooled = np.empty((K, D, D)), np.zeros((D, D))
    for k in range(K):
        matrix = previous[k] if warm else scatter[k]
        # unequal weights: eigenvalues of the plain sum tie where components form a cross
        _add(matrix, math.sqrt(k + 1.0) / trace(matrix), pooled)
    eigen(pooled, values[0], axes)
    for k in range(K):
        seen_in(axes, scatter[k], seen[k])
    rotate(equal_volumes != 0, counts, seen, axes)
    for k in range(K):
        seen_in(axes, scatter[k], seen[k])
        for i in range(D):
            values[k, i] = seen[k, i, i]
    _free(equal_volumes, counts, values, found)
    for k in range(K):
        recomposed(found[k], axes, out[k])


@jit_inner
def _proportional(counts: Array, scatter: Array, start: Array, out: Array) -> None:
    """Best ``Σ_k = λ_k C``, begun at a multiple of C = `start`, which is overwritten.

    When C is eliminated, ``C = Σ_k W_k / λ_k / n``, what is left is a concave function of
    ``u = log λ``, ``-(D Σ_k n_k u_k + n log |C|) / 2``. It is climbed by Newton's method. Where a
    step leads down, the likelihood equation ``λ_k = tr(W_k C⁻¹) / (D n_k)`` gives one that cannot.
    """
    K, D, total = len(counts), len(start), counts.sum()
    shares, traces, products = np.empty_like(scatter), np.empty(K), np.empty((K, K))
    logs, kept, careful, step = np.zeros(K), np.zeros(K), np.zeros(K), np.empty(K)
    common, best = start, -np.inf
    _shares(common, scatter, logs, shares)
    for k in range(K):
        logs[k] = math.log(trace(shares[k]) / (D * counts[k]))
    for _ in range(_ROUNDS):
        common[:] = 0.0
        for k in range(K):
            _add(scatter[k], math.exp(-logs[k]), common)
        value = -total * _shares(common, scatter, logs, shares)
        for k in range(K):
            traces[k] = trace(shares[k])
            value -= D * counts[k] * logs[k]
            for m in range(k + 1):
                products[k, m] = products[m, k] = product(shares[k], shares[m])
        up = not value < best - _ROUNDING * abs(best)
        if up:
            best = value
            kept[:] = logs
            for k in range(K):
                careful[k] = logs[k] + math.log(total * traces[k] / (D * counts[k]))
        longest = _newton(counts, traces, products, D, step)
        if up and not longest > _SETTLED:  # also if it is NaN
            break
        for k in range(K):
            if not up or longest == np.inf:
                logs[k] = careful[k]
            else:
                logs[k] += step[k] / max(longest, 1.0)
    common[:] = 0.0
    for k in range(K):
        _add(scatter[k], math.exp(-kept[k]) / total, common)
    for k in range(K):
        _scale(common, math.exp(kept[k]), out[k])


@jit_inner
def _shares(common: Array, scatter: Array, logs: Array, out: Array) -> float:
    """Write ``C^(-1/2) W_k C^(-1/2) / λ_k``, and return ``log |C|``; NaN if C is singular."""
    size = trace(common)  # or else a pivot might underflow
    lower, inverse = np.empty_like(common), np.empty_like(common)
    _scale(common, 1.0 / size, common)
    if not cholesky(common, lower):
        out[:] = np.nan
        return np.nan
    invert(lower, inverse)
    for k in range(len(scatter)):
        transformed(inverse, scatter[k], math.exp(-logs[k]) / size, out[k])
    return log_determinant(lower) + len(common) * math.log(size)


@jit_inner
def _newton(counts: Array, traces: Array, products: Array, D: int, step: Array) -> float:
    """Write Newton's step of ``log λ``, and return its largest entry; inf if there is none."""
    K, total = len(counts), counts.sum()
    lower, inverse = np.empty((K, K)), np.empty((K, K))
    for k in range(K):
        for m in range(K):  # a common factor of all λ belongs to C as well: hence the constant
            products[k, m] = total / K - total * products[k, m]
        products[k, k] += total * traces[k]
    if not cholesky(products, lower):
        return np.inf
    invert(lower, inverse)
    half = np.zeros(K)
    step[:] = 0.0
    for k in range(K):
        for m in range(k + 1):
            half[k] += inverse[k, m] * (total * traces[m] - D * counts[m])
    longest = 0.0
    for k in range(K):
        for m in range(k, K):
            step[k] += inverse[m, k] * half[m]
        longest = max(longest, abs(step[k]))
    return longest


@jit_inner
def _make_volumes(equal: int, counts: Array, sizes: Array) -> None:
    """Make ``λ_k`` of ``tr(W_k C_k⁻¹) / D``, where ``Σ_k = λ_k C_k``."""
    common = sizes.sum() / counts.sum()
    for k in range(len(sizes)):
        sizes[k] = common if equal else sizes[k] / counts[k]


@jit_inner
def _scale(matrix: Array, factor: float, out: Array) -> None:
    for i in range(len(matrix)):
        if matrix.ndim == 1:
            out[i] = factor * matrix[i]
        else:
            for j in range(len(matrix)):
                out[i, j] = factor * matrix[i, j]


@jit_inner
def _add(matrix: Array, factor: float, out: Array) -> None:
    for i in range(len(matrix)):
        if matrix.ndim == 1:
            out[i] += factor * matrix[i]
        else:
            for j in range(len(matrix)):
                out[i, j] += factor * matrix[i, j]
