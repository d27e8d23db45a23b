"""Small symmetric matrices: what the M-steps and the ascents ask of them, in compiled loops.

A matrix is kept as the blocks on its diagonal, shape (B, d, d): a full one is one block of size D,
and a diagonal one is D blocks of size one. So the same code, compiled once, serves both. At the
sizes that matter, plain loops are done before a call of LAPACK has begun.

References
----------
Demmel, J. and Veselić, K. (1992). Jacobi's method is more accurate than QR. SIAM Journal on Matrix
Analysis and Applications 13, 1204-1245.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import jit_inner

Array = npt.NDArray[np.float64]

_ROUNDING = 16 * float(np.finfo(np.float64).eps)
_JACOBI_SWEEPS = 30  # four to eight are enough
_OFF = 1e-32  # squared correlation of two axes that is as good as none


@jit_inner
def fill(out: Array, value: float) -> None:
    """Overwrite all of a matrix, zeros included."""
    for b in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[1]):
                out[b, i, j] = value


@jit_inner
def add(matrix: Array, factor: float, out: Array) -> None:
    """Add a multiple of a matrix to another."""
    for b in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[1]):
                out[b, i, j] += factor * matrix[b, i, j]


@jit_inner
def cholesky(matrix: Array, lower: Array) -> bool:
    """Write the lower factor, or tell that there is none: see `factors`."""
    B, d = matrix.shape[:2]
    for b in range(B):
        for i in range(d):
            left = matrix[b, i, i]
            for j in range(d):
                value = 0.0
                if j < i:
                    value = matrix[b, i, j]
                    for m in range(j):
                        value -= lower[b, i, m] * lower[b, j, m]
                    value /= lower[b, j, j]
                    left -= value * value
                lower[b, i, j] = value
            if not (left > _ROUNDING * B * d * matrix[b, i, i] and left < np.inf):
                return False
            lower[b, i, i] = math.sqrt(left)
    return True


@jit_inner
def inverted(lower: Array, out: Array) -> None:
    """Write the inverse of a lower triangle."""
    B, d = lower.shape[:2]
    for b in range(B):
        for i in range(d):
            for j in range(d):
                total = 1.0 if i == j else 0.0
                for m in range(j, i):
                    total -= lower[b, i, m] * out[b, m, j]
                out[b, i, j] = total / lower[b, i, i]


@jit_inner
def log_determinant(lower: Array) -> float:
    """Log determinant of a matrix, given its factor."""
    total = 0.0
    for b in range(lower.shape[0]):
        for i in range(lower.shape[1]):
            total += 2.0 * math.log(lower[b, i, i])
    return total


@jit_inner
def trace(matrix: Array) -> float:
    """Sum of the diagonal."""
    total = 0.0
    for b in range(matrix.shape[0]):
        for i in range(matrix.shape[1]):
            total += matrix[b, i, i]
    return total


@jit_inner
def product(one: Array, other: Array) -> float:
    """Trace of the product of two symmetric matrices."""
    total = 0.0
    for b in range(one.shape[0]):
        for i in range(one.shape[1]):
            for j in range(one.shape[1]):
                total += one[b, i, j] * other[b, i, j]
    return total


@jit_inner
def transformed(W: Array, matrix: Array, scale: float, half: Array, out: Array) -> None:
    """Write ``scale W A Wᵀ``, with W lower triangular; `half`, shape (d,), is overwritten."""
    for b in range(W.shape[0]):
        for i in range(W.shape[1]):
            for j in range(i + 1):
                half[j] = 0.0
            for m in range(i + 1):
                share = scale * W[b, i, m]
                for j in range(i + 1):
                    half[j] += share * matrix[b, m, j]
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += half[m] * W[b, j, m]
                out[b, i, j] = out[b, j, i] = total


@jit_inner
def seen_in(axes: Array, matrix: Array, out: Array) -> None:
    """Write ``V A Vᵀ`` of one block, with V the axes in rows: how a matrix looks in them."""
    D = len(axes)
    half = np.empty(D)
    for i in range(D):
        for j in range(D):
            half[j] = 0.0
        for m in range(D):
            for j in range(D):
                half[j] += axes[i, m] * matrix[m, j]
        for j in range(D):
            out[i, j] = 0.0
            for m in range(D):
                out[i, j] += half[m] * axes[j, m]


@jit_inner
def recomposed(values: Array, axes: Array, out: Array) -> None:
    """Write the block with these eigenvalues, and eigenvectors in rows."""
    D = len(axes)
    for i in range(D):
        for j in range(D):
            total = 0.0
            for m in range(D):
                total += values[m, 0, 0] * axes[m, i] * axes[m, j]
            out[i, j] = total


@jit_inner
def eigen(matrix: Array, work: Array, values: Array, axes: Array) -> None:
    """Write eigenvalues in ascending order, and eigenvectors in rows, by Jacobi's method.

    Parameters
    ----------
    matrix : array, shape (D, D)
        Positive semidefinite.
    work : array, shape (D, D)
        Overwritten.
    values : array, shape (D, 1, 1)
        Overwritten; NaN if the matrix is not finite.
    axes : array, shape (D, D)
        Overwritten.
    """
    D, size = len(matrix), 0.0
    for i in range(D):
        for j in range(D):
            work[i, j] = matrix[i, j]
            size += abs(matrix[i, j])
            axes[i, j] = 1.0 if i == j else 0.0
    for _ in range(_JACOBI_SWEEPS):
        if not _turn_all(work, axes):
            break
    for i in range(D):
        values[i, 0, 0] = work[i, i] if size < np.inf else np.nan
    for i in range(D):
        least = i
        for j in range(i + 1, D):
            least = j if values[j, 0, 0] < values[least, 0, 0] else least
        value = values[i, 0, 0]
        values[i, 0, 0], values[least, 0, 0] = values[least, 0, 0], value
        for j in range(D):
            value = axes[i, j]
            axes[i, j], axes[least, j] = axes[least, j], value


@jit_inner
def _turn_all(matrix: Array, axes: Array) -> bool:
    """Make every entry off the diagonal zero in turn; tell whether any was not."""
    turned = False
    for i in range(len(matrix)):
        for j in range(i):
            off = matrix[i, j]
            if off * off > _OFF * abs(matrix[i, i] * matrix[j, j]):
                turned = True
                ratio = (matrix[i, i] - matrix[j, j]) / (2.0 * off)
                tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.sqrt(ratio * ratio + 1.0))
                cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
                turn(matrix, axes, i, j, cosine, tangent * cosine)
    return turned


@jit_inner
def turn(matrix: Array, axes: Array, i: int, j: int, cosine: float, sine: float) -> None:
    """Turn two of the axes, in rows, in which a matrix is seen; or a matrix alone, if none."""
    for m in range(len(axes)):
        at_i, at_j = axes[i, m], axes[j, m]
        axes[i, m], axes[j, m] = cosine * at_i + sine * at_j, cosine * at_j - sine * at_i
    for m in range(len(matrix)):
        at_i, at_j = matrix[i, m], matrix[j, m]
        matrix[i, m], matrix[j, m] = cosine * at_i + sine * at_j, cosine * at_j - sine * at_i
    for m in range(len(matrix)):
        at_i, at_j = matrix[m, i], matrix[m, j]
        matrix[m, i], matrix[m, j] = cosine * at_i + sine * at_j, cosine * at_j - sine * at_i
