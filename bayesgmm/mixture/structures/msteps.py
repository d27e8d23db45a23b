"""The M-steps of the covariances: fourteen structures, five functions.

Two remarks bring fourteen down to five. A diagonal matrix is a matrix: a structure whose axes are
those of the features (third letter I) is the one without that restriction, but with products of
matrices taken entry by entry. And in the right axes every matrix is diagonal: if orientations
vary while the shape is shared, the axes are each component's own eigenvectors; if the orientation
is shared while shapes vary, they are found by rotation (`orientation`). Then the diagonal
structure with the same volumes and shapes does the rest.

All functions take a flag, whether volumes are equal, then counts (S, K), scatter (S, K, D, D) or
(S, K, D), and where to start from; S mixtures are treated at once, but each as if it were alone.
Nothing is raised when a component has collapsed: its matrices are then singular or not finite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.structures.factors import factorise
from bayesgmm.mixture.structures.orientation import rotated

Array = npt.NDArray[np.float64]
MStep = Callable[[bool, Array, Array, Array | None], Array]

_ROUNDS = 200
_SETTLED = 1e-9  # relative change of the volumes: that of the objective is its square


def spherical(equal_volumes: bool, counts: Array, scatter: Array, previous: Array | None) -> Array:
    """Make all round: EII, VII."""
    volumes = _volumes(equal_volumes, counts, scatter.mean(axis=-1))
    return np.repeat(volumes[..., None], scatter.shape[-1], axis=-1)


def free(equal_volumes: bool, counts: Array, scatter: Array, previous: Array | None) -> Array:
    """Share nothing but perhaps the volume: EVI, VVI, EVV, VVV."""
    if not equal_volumes:
        return scatter / _beside(counts, scatter)
    sizes = _determinant_root(scatter)
    return scatter * _beside(_volumes(True, counts, sizes) / sizes, scatter)


def alike(equal_volumes: bool, counts: Array, scatter: Array, previous: Array | None) -> Array:
    """Share everything but perhaps the volume: EEI, VEI, EEE, VEE."""
    if equal_volumes:
        common = scatter.sum(axis=1) / _beside(counts.sum(axis=1), scatter[:, 0])
        return np.repeat(common[:, None], counts.shape[1], axis=1)
    start = scatter.sum(axis=1) if previous is None else previous[:, 0]
    return _proportional(counts, scatter, start)


def own_axes(equal_volumes: bool, counts: Array, scatter: Array, previous: Array | None) -> Array:
    """Share the shape, let orientations vary: EEV, VEV.

    The axes of each component are its eigenvectors, and those of equal rank belong together.
    """
    values, vectors = _eigh(scatter)
    start = None if previous is None else _eigh(previous[:, :1])[0]
    return _recomposed(alike(equal_volumes, counts, values, start), vectors)


def common_axes(
    equal_volumes: bool, counts: Array, scatter: Array, previous: Array | None
) -> Array:
    """Share the orientation, let shapes vary: EVE, VVE."""
    matrices = scatter if previous is None else previous
    sizes = np.trace(matrices, axis1=-2, axis2=-1)
    # unequal weights: eigenvalues of the plain sum tie where components form a cross
    weights = np.sqrt(np.arange(1.0, counts.shape[1] + 1))
    _, start = _eigh(np.einsum("sk,skij->sij", weights / sizes, matrices))
    axes = rotated(start, scatter, counts[:, :0] if equal_volumes else counts)[:, None]
    values = ((scatter @ axes) * axes).sum(axis=-2)
    return _recomposed(free(equal_volumes, counts, values, None), axes)


MSTEPS: dict[str, MStep] = {
    "II": spherical,
    "EI": alike,
    "EE": alike,
    "VI": free,
    "VV": free,
    "EV": own_axes,
    "VE": common_axes,
}  # by the letters of shape and orientation


def _proportional(counts: Array, scatter: Array, start: Array) -> Array:
    """Best ``Σ_k = λ_k C``, begun at a multiple of C.

    When C is eliminated, ``C = Σ_k W_k / λ_k / n``, what is left is a concave function of
    ``u = log λ``, ``-(D Σ_k n_k u_k + n log |C|) / 2``. It is climbed by Newton's method. Where a
    step leads down, the likelihood equation ``λ_k = tr(W_k C⁻¹) / (D n_k)`` gives one that cannot.
    """
    size, n_components = scatter.shape[2], counts.shape[1]
    total = counts.sum(axis=1)[:, None]
    gauge = total[..., None] / n_components  # a common factor of all λ belongs to C as well
    single = scatter.shape[2:]
    entries = scatter.reshape(*scatter.shape[:2], -1)
    inverse = _inverse(start).reshape(len(start), -1, 1)
    logs = np.log((entries @ inverse)[..., 0] / (size * counts))
    best = np.full(len(logs), -np.inf)
    kept, careful = logs, logs
    moving = np.ones(len(logs), dtype=np.bool_)
    for _ in range(_ROUNDS):
        common = (np.exp(-logs)[:, None] @ entries).reshape(-1, *single)
        shares = _shares(common, scatter, logs)
        traces, products = _traces(shares)
        value = -size * (counts * logs).sum(axis=1) - total[:, 0] * _log_determinant(common)
        up = ~(value < best - _SETTLED**2 * np.abs(best))
        equation = logs + np.log(total * traces / (size * counts))
        slope = total * traces - size * counts
        curvature = total[..., None] * (_diagonal(traces) - products) + gauge
        step = _solved(curvature, slope)
        newton = np.where(np.abs(step).max(axis=1, keepdims=True) < 1, logs + step, equation)
        kept = np.where((moving & up)[:, None], logs, kept)
        careful = np.where((moving & up)[:, None], equation, careful)
        best = np.where(up, value, best)
        moving &= ~up | (np.abs(newton - logs) > _SETTLED).any(axis=1)  # never, if NaN
        if not moving.any():
            break
        logs = np.where(moving[:, None], np.where(up[:, None], newton, careful), logs)
    volumes = np.exp(kept)
    common = ((1 / volumes)[:, None] @ entries)[:, 0] / total
    return (volumes[..., None] * common[:, None]).reshape(scatter.shape)


def _shares(common: Array, scatter: Array, logs: Array) -> Array:
    """``(Σ_l W_l / λ_l)⁻¹ W_k / λ_k``."""
    scaled = scatter * _beside(np.exp(-logs), scatter)
    inverse = _inverse(common)[:, None]
    return inverse * scaled if scatter.ndim == 3 else inverse @ scaled


def _traces(matrices: Array) -> tuple[Array, Array]:
    """Traces (S, K) of matrices, and (S, K, K) of their products."""
    if matrices.ndim == 3:
        return matrices.sum(axis=-1), matrices @ matrices.swapaxes(1, 2)
    flat = matrices.reshape(*matrices.shape[:2], -1)
    turned = matrices.swapaxes(2, 3).reshape(flat.shape)
    return np.trace(matrices, axis1=2, axis2=3), flat @ turned.swapaxes(1, 2)


def _diagonal(numbers: Array) -> Array:
    """Diagonal matrices (S, K, K) of numbers (S, K)."""
    matrices: Array = numbers[..., None] * np.eye(numbers.shape[1])
    return matrices


def _solved(matrices: Array, vectors: Array) -> Array:
    """Solve (S, K, K) systems; NaN where the matrix is not positive definite."""
    half = _inverse(matrices)
    solution: Array = (half @ vectors[..., None])[..., 0]
    return solution


def _log_determinant(matrices: Array) -> Array:
    if matrices.ndim == 2:
        logs: Array = np.log(matrices).sum(axis=-1)
        return logs
    return np.linalg.slogdet(matrices)[1]


def _volumes(equal: bool, counts: Array, sizes: Array) -> Array:
    """``λ_k`` given ``tr(W_k C_k⁻¹) / D``, where ``Σ_k = λ_k C_k``."""
    if not equal:
        return sizes / counts
    common = sizes.sum(axis=1) / counts.sum(axis=1)
    return np.repeat(common[:, None], counts.shape[1], axis=1)


def _beside(numbers: Array, matrices: Array) -> Array:
    """Append axes to one number for each matrix."""
    return numbers.reshape(*numbers.shape, *[1] * (matrices.ndim - numbers.ndim))


def _determinant_root(matrices: Array) -> Array:
    """``|W|^(1/D)``, NaN or zero if W is not positive definite."""
    if matrices.ndim == 3:
        return np.exp(np.log(matrices).mean(axis=-1))
    sign, log_determinant = np.linalg.slogdet(matrices)
    return np.where(sign > 0, np.exp(log_determinant / matrices.shape[-1]), np.nan)


def _inverse(matrices: Array) -> Array:
    """Inverses (S, D, D) or (S, D), NaN where there is none."""
    if matrices.ndim == 2:
        return 1 / matrices
    size = np.trace(matrices, axis1=1, axis2=2)[:, None, None]  # else a pivot might underflow
    lower, proper = factorise((matrices / size)[:, None])
    half = np.linalg.inv(lower[:, 0])
    found: Array = np.where(proper[:, None, None], half.transpose(0, 2, 1) @ half, np.nan) / size
    return found


def _eigh(matrices: Array) -> tuple[Array, Array]:
    """Eigenvalues in ascending order, NaN for a matrix that is not finite, and eigenvectors."""
    finite = np.isfinite(matrices).all(axis=(-2, -1))[..., None]
    values, vectors = np.linalg.eigh(np.where(finite[..., None], matrices, 0.0))
    return np.where(finite, values, np.nan), vectors


def _recomposed(values: Array, vectors: Array) -> Array:
    return (vectors * values[..., None, :]) @ vectors.swapaxes(-2, -1)
