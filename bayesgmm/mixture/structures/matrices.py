"""Small symmetric matrices: what the M-steps and the ascents ask of them, in compiled loops.

Each function takes a matrix (D, D) or, where all are diagonal, the diagonal (D,) alone; branches
on ``ndim`` are decided at compilation. At the sizes that matter plain loops are done before a call
of LAPACK has begun.

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
def cholesky(matrix: Array, lower: Array) -> bool:
    """Write the lower factor, or tell that there is none: see `factors`."""
    for i in range(len(matrix)):
        if matrix.ndim == 1:
            left, size = matrix[i], matrix[i]
        else:
            row = lower[i]
            left = size = matrix[i, i]
            for j in range(i):
                other, total = lower[j], matrix[i, j]
                for m in range(j):
                    total -= row[m] * other[m]
                row[j] = total / other[j]
                left -= row[j] * row[j]
            row[i:] = 0.0
        if not (left > _ROUNDING * len(matrix) * size and left < np.inf):
            return False
        if matrix.ndim == 1:
            lower[i] = math.sqrt(left)
        else:
            lower[i, i] = math.sqrt(left)
    return True


@jit_inner
def log_determinant(lower: Array) -> float:
    """Log determinant of a matrix, given its factor."""
    total = 0.0
    for i in range(len(lower)):
        total += 2.0 * math.log(lower[i] if lower.ndim == 1 else lower[i, i])
    return total


@jit_inner
def trace(matrix: Array) -> float:
    """Sum of the diagonal."""
    total = 0.0
    for i in range(len(matrix)):
        total += matrix[i] if matrix.ndim == 1 else matrix[i, i]
    return total


@jit_inner
def product(one: Array, other: Array) -> float:
    """Trace of the product of two symmetric matrices."""
    total = 0.0
    for i in range(len(one)):
        if one.ndim == 1:
            total += one[i] * other[i]
        else:
            for j in range(len(one)):
                total += one[i, j] * other[i, j]
    return total


@jit_inner
def transformed(W: Array, matrix: Array, scale: float, out: Array) -> None:
    """Write ``scale W A Wᵀ``, with W lower triangular."""
    if W.ndim == 1:
        for i in range(len(W)):
            out[i] = scale * W[i] * W[i] * matrix[i]
        return
    half = np.empty(len(W))
    for i in range(len(W)):
        half[: i + 1] = 0.0
        for m in range(i + 1):
            share, row = scale * W[i, m], matrix[m]
            for j in range(i + 1):
                half[j] += share * row[j]
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += half[m] * W[j, m]
            out[i, j] = out[j, i] = total


@jit_inner
def seen_in(axes: Array, matrix: Array, out: Array) -> None:
    """Write ``V A Vᵀ``, with V the axes in rows: a matrix as it looks in them."""
    half = np.empty(len(axes))
    for i in range(len(axes)):
        half[:] = 0.0
        for m in range(len(axes)):
            for j in range(len(axes)):
                half[j] += axes[i, m] * matrix[m, j]
        for j in range(i + 1):
            total = 0.0
            for m in range(len(axes)):
                total += half[m] * axes[j, m]
            out[i, j] = out[j, i] = total


@jit_inner
def multiplied(lower: Array, out: Array) -> None:
    """Write the matrix of which a lower triangle is the factor."""
    for i in range(len(lower)):
        if lower.ndim == 1:
            out[i] = lower[i] * lower[i]
        else:
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += lower[i, m] * lower[j, m]
                out[i, j] = out[j, i] = total


@jit_inner
def recomposed(values: Array, vectors: Array, out: Array) -> None:
    """Write the matrix (D, D) with these eigenvalues, and eigenvectors in rows."""
    out[:] = 0.0
    for m in range(len(values)):
        vector = vectors[m]
        for i in range(len(values)):
            share = values[m] * vector[i]
            for j in range(len(values)):
                out[i, j] += share * vector[j]


@jit_inner
def eigen(matrix: Array, values: Array, vectors: Array) -> None:
    """Write eigenvalues in ascending order, and eigenvectors in rows, by Jacobi's method.

    Of a positive semidefinite matrix (D, D). Eigenvalues are NaN if it is not finite.
    """
    D, left = len(matrix), matrix.copy()
    vectors[:] = 0.0
    for i in range(D):
        vectors[i, i] = 1.0
    for _ in range(_JACOBI_SWEEPS):
        if not _turn_all(left, vectors):
            break
    finite = np.isfinite(matrix).all()
    for i in range(D):
        values[i] = left[i, i] if finite else np.nan
    for i in range(D):
        least = i
        for j in range(i + 1, D):
            least = j if values[j] < values[least] else least
        values[i], values[least] = values[least], values[i]
        for j in range(D):
            vectors[i, j], vectors[least, j] = vectors[least, j], vectors[i, j]


@jit_inner
def _turn_all(matrix: Array, vectors: Array) -> bool:
    """Make every entry off the diagonal zero in turn; tell whether any was not."""
    turned = False
    for i in range(len(matrix)):
        for j in range(i):
            off = matrix[i, j]
            if off * off > _OFF * abs(matrix[i, i] * matrix[j, j]):
                turned = True
                ratio = (matrix[i, i] - matrix[j, j]) / (2.0 * off)
                tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.hypot(ratio, 1.0))
                cosine = 1.0 / math.hypot(tangent, 1.0)
                turn(matrix, i, j, cosine, tangent * cosine)
                turn_rows(vectors, i, j, cosine, tangent * cosine)
    return turned


@jit_inner
def turn(matrix: Array, i: int, j: int, cosine: float, sine: float) -> None:
    """Turn two of the axes in which a matrix is seen."""
    turn_rows(matrix, i, j, cosine, sine)
    for m in range(len(matrix)):
        at_i, at_j = matrix[m, i], matrix[m, j]
        matrix[m, i], matrix[m, j] = cosine * at_i + sine * at_j, cosine * at_j - sine * at_i


@jit_inner
def turn_rows(rows: Array, i: int, j: int, cosine: float, sine: float) -> None:
    """Turn two rows of a matrix."""
    for m in range(rows.shape[1]):
        at_i, at_j = rows[i, m], rows[j, m]
        rows[i, m], rows[j, m] = cosine * at_i + sine * at_j, cosine * at_j - sine * at_i
