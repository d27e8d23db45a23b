"""The M-steps of the covariances: fourteen structures, five functions.

Two remarks bring fourteen down to five. A diagonal matrix is a matrix: a structure whose axes are
those of the features (third letter I) is the one without that restriction, but with products of
matrices taken entry by entry. And in the right axes every matrix is diagonal: if orientations
vary while the shape is shared, the axes are each component's own eigenvectors; if the orientation
is shared while shapes vary, they are found by rotation (`orientation`). Then the diagonal
structure with the same volumes and shapes does the rest.

All functions are compiled, and treat one mixture. They take whether volumes are equal, counts
(K,), scatter (K, B, d, d), which are blocks on the diagonal (`matrices`), and matrices to go on
from; they overwrite covariances of the same shape. All have the same signature, so that compiled
code can be given any of them, and only those in use are compiled. Nothing is raised when a
component has collapsed: its matrices are then singular or not finite.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import (
    Pointer,
    announce_compilation,
    compile_for,
    function_at,
    function_signature,
    jit,
    jit_inner,
    jit_part,
)
from bayesgmm.mixture.structures.matrices import (
    add,
    cholesky,
    eigen,
    fill,
    inverted,
    log_determinant,
    product,
    recomposed,
    seen_in,
    trace,
    transformed,
)
from bayesgmm.mixture.structures.orientation import rotate

Array = npt.NDArray[np.float64]
MStep = Callable[[int, Array, Array, Array, Array], None]

_ROUNDS = 200
_SETTLED = 1e-5  # relative change of the volumes, after which what is left is its square
_ROUNDING = 1e-13  # of the objective


@jit
def spherical(
    equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array
) -> None:
    """Make all round: EII, VII."""
    K, D = scatter.shape[:2]
    volumes = np.empty(K)
    for k in range(K):
        volumes[k] = trace(scatter[k]) / D
    _make_volumes(equal_volumes, counts, volumes)
    for k in range(K):
        fill(out[k], volumes[k])


@jit
def free(equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array) -> None:
    """Share nothing but perhaps the volume: EVI, VVI, EVV, VVV."""
    _free(equal_volumes, counts, scatter, out)


@jit
def alike(equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array) -> None:
    """Share everything: EEI, EEE."""
    _share(counts, scatter, np.zeros(len(counts)), out)


@jit
def proportional(
    equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array
) -> None:
    """Share everything but the volume: VEI, VEE."""
    _proportional(counts, scatter, previous[0], out)


@jit
def own_axes(
    equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array
) -> None:
    """Share the shape, let orientations vary: EEV, VEV.

    The axes of each component are its eigenvectors, and those of equal rank belong together.
    """
    K, D = scatter.shape[0], scatter.shape[2]
    axes, values, found = np.empty((K, D, D)), np.empty((K, D, 1, 1)), np.empty((K, D, 1, 1))
    work, start = np.empty((D, D)), np.empty((D, 1, 1))
    for k in range(0 if equal_volumes else -1, K):  # those of `previous` are overwritten at once
        matrix = scatter[k, 0] if k >= 0 else previous[0, 0]
        eigen(matrix, work, values[k] if k >= 0 else start, axes[max(k, 0)])
    if equal_volumes:
        _share(counts, values, np.zeros(K), found)
    else:
        _proportional(counts, values, start, found)
    for k in range(K):
        recomposed(found[k], axes[k], out[k, 0])


@jit
def common_axes(
    equal_volumes: int, counts: Array, scatter: Array, previous: Array, out: Array
) -> None:
    """Share the orientation, let shapes vary: EVE, VVE."""
    K, D = scatter.shape[0], scatter.shape[2]
    values, found, axes = np.empty((K, D, 1, 1)), np.empty((K, D, 1, 1)), np.empty((D, D))
    seen, pooled = np.empty(scatter.shape), np.zeros((1, D, D))
    for k in range(K):
        # unequal weights: eigenvalues of the plain sum tie where components form a cross
        add(previous[k], math.sqrt(k + 1.0) / trace(previous[k]), pooled)
    eigen(pooled[0], seen[0, 0], values[0], axes)
    for turned in range(2):
        for k in range(K):
            seen_in(axes, scatter[k, 0], seen[k, 0])
        if not turned:
            rotate(equal_volumes, counts, seen, axes)
    for k in range(K):
        for i in range(D):
            values[k, i, 0, 0] = seen[k, 0, i, i]
    _free(equal_volumes, counts, values, found)
    for k in range(K):
        recomposed(found[k], axes, out[k, 0])


MSTEPS: dict[str, MStep] = {
    "II": spherical,
    "EI": proportional,
    "EE": proportional,
    "EEI": alike,
    "EEE": alike,
    "VI": free,
    "VV": free,
    "EV": own_axes,
    "VE": common_axes,
}  # by the letters of shape and orientation, and if it matters, of the volume before them


@functools.cache
def compiled(code: str) -> MStep:
    """Compile that of a structure, given its letters, or load it, and return it."""
    found = MSTEPS.get(code) or MSTEPS[code[1:]]
    with announce_compilation():
        compile_for(found, (0,), (1, 4, 4, 4))
    return found


_SIGNATURE = function_signature((0,), (1, 4, 4, 4))
mstep_at = function_at(_SIGNATURE)  # an `address` as the M-step that lies there, in compiled code


@functools.cache
def address(code: str) -> int:
    """Tell where the compiled one of a structure lies, given its letters."""
    return Pointer(compiled(code), _SIGNATURE).address


@jit_part
def _free(equal_volumes: int, counts: Array, scatter: Array, out: Array) -> None:
    K, B, d = scatter.shape[:3]
    sizes, volumes = np.empty(K), np.empty(K)
    for k in range(K):
        sizes[k] = 1.0
        if equal_volumes:  # the root of the determinant
            proper = cholesky(scatter[k], out[k])
            sizes[k] = math.exp(log_determinant(out[k]) / (B * d)) if proper else np.nan
        volumes[k] = sizes[k]
    _make_volumes(equal_volumes, counts, volumes)
    for k in range(K):
        fill(out[k], 0.0)
        add(scatter[k], volumes[k] / sizes[k], out[k])


@jit_inner
def _share(counts: Array, scatter: Array, logs: Array, out: Array) -> None:
    """Write ``Σ_k = λ_k C``, where ``C = Σ_k W_k / λ_k / n``, given ``log λ``."""
    K, B, d = scatter.shape[:3]
    common, total = np.empty((B, d, d)), 0.0
    _pool(scatter, logs, common)
    for k in range(K):
        total += counts[k]
    for k in range(K):
        fill(out[k], 0.0)
        add(common, math.exp(logs[k]) / total, out[k])


@jit_inner
def _proportional(counts: Array, scatter: Array, start: Array, out: Array) -> None:
    """Best ``Σ_k = λ_k C``, begun at a multiple of C = `start`.

    When C is eliminated, ``C = Σ_k W_k / λ_k / n``, what is left is a concave function of
    ``u = log λ``, ``-(D Σ_k n_k u_k + n log |C|) / 2``. It is climbed by Newton's method. Where a
    step leads down, the likelihood equation ``λ_k = tr(W_k C⁻¹) / (D n_k)`` gives one that cannot.
    """
    logs, common = np.empty(len(counts)), np.zeros(start.shape)
    add(start, 1.0, common)
    K, D = scatter.shape[0], scatter.shape[1] * scatter.shape[2]
    shares, products = np.empty(scatter.shape), np.empty((1, K, K))
    slope, step, here, careful = np.empty(K), np.empty(K), np.zeros(K), np.zeros(K)
    best, total = -np.inf, 0.0
    for k in range(K):
        total += counts[k]
    _shares(common, scatter, here, shares)
    for k in range(K):
        here[k] = math.log(trace(shares[k]) / (D * counts[k]))
    for _ in range(_ROUNDS):
        _pool(scatter, here, common)
        value = -total * _shares(common, scatter, here, shares)
        for k in range(K):
            value -= D * counts[k] * here[k]
        up = not value < best - _ROUNDING * abs(best)
        if up:
            best = value
        for k in range(K):
            share = total * trace(shares[k])
            slope[k] = share - D * counts[k]
            for m in range(k + 1):  # a common factor of all λ belongs to C as well: the constant
                products[0, k, m] = total / K - total * product(shares[k], shares[m])
            products[0, k, k] += share
            if up:
                logs[k], careful[k] = here[k], here[k] + math.log(share / (D * counts[k]))
        longest = _newton(products, slope, step)
        if up and not (longest > _SETTLED and value > -np.inf):  # also if it is NaN
            for k in range(K):
                logs[k] += step[k]
            break
        for k in range(K):
            newton = here[k] + step[k] / max(longest, 1.0)
            here[k] = newton if up and longest < np.inf else careful[k]
    _share(counts, scatter, logs, out)


@jit_inner
def _pool(scatter: Array, logs: Array, out: Array) -> None:
    """Write ``Σ_k W_k / λ_k``."""
    fill(out, 0.0)
    for k in range(len(scatter)):
        add(scatter[k], math.exp(-logs[k]), out)


@jit_inner
def _shares(common: Array, scatter: Array, logs: Array, out: Array) -> float:
    """Write ``C^(-1/2) W_k C^(-1/2) / λ_k``, and return ``log |C|``; NaN if C is singular."""
    B, d = common.shape[:2]
    scaled, inverse, half = np.zeros((B, d, d)), np.empty((B, d, d)), np.empty(d)
    size = trace(common)  # or else a pivot might underflow
    add(common, 1.0 / size, scaled)
    if not cholesky(scaled, scaled):
        for k in range(len(scatter)):
            fill(out[k], np.nan)
        return np.nan
    inverted(scaled, inverse)
    for k in range(len(scatter)):
        transformed(inverse, scatter[k], math.exp(-logs[k]) / size, half, out[k])
    return float(log_determinant(scaled) + B * d * math.log(size))


@jit_part
def _newton(curvature: Array, slope: Array, step: Array) -> float:
    """Write Newton's step, and return its largest entry; inf if there is none."""
    K = len(slope)
    inverse, half = np.empty((1, K, K)), np.empty(K)
    if not cholesky(curvature, curvature):
        return np.inf
    inverted(curvature, inverse)
    longest = 0.0
    for k in range(K):
        half[k] = 0.0
        for m in range(k + 1):
            half[k] += inverse[0, k, m] * slope[m]
    for k in range(K):
        step[k] = 0.0
        for m in range(k, K):
            step[k] += inverse[0, m, k] * half[m]
        longest = max(longest, abs(step[k]))
    return longest


@jit_inner
def _make_volumes(equal: int, counts: Array, sizes: Array) -> None:
    """Make ``λ_k`` of ``tr(W_k C_k⁻¹) / D``, where ``Σ_k = λ_k C_k``."""
    size = total = 0.0
    for k in range(len(sizes)):
        size += sizes[k]
        total += counts[k]
    for k in range(len(sizes)):
        sizes[k] = size / total if equal else sizes[k] / counts[k]
