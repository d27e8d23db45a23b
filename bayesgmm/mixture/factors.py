"""What the kernels need of a covariance: the inverse of its factor, and a log coefficient.

A factor is a lower Cholesky factor, shape (D, D), or the standard deviations of a diagonal
covariance, shape (D,). Each function here is compiled for both; branches on ``ndim`` are decided
then. All is plain loops: for small matrices they run sooner than LAPACK can be called.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import jit, jit_inner

Array = npt.NDArray[np.float64]

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@jit
def prepare(weights: Array, factors: Array, log_coef: Array, inverses: Array) -> None:
    """Write what is constant in each component's density.

    Parameters
    ----------
    weights : array, shape (M,)
        Mixing proportions, of one mixture or of several in a row.
    factors : array, shape (M, D, D) or (M, D)
        Lower Cholesky factors, not read above the diagonal, or standard deviations.
    log_coef : array, shape (M,)
        Overwritten with ``log w - log |L| - D/2 log 2π``: -inf where a weight is zero, not a
        number where it is negative.
    inverses : array, shaped like `factors`
        Overwritten with the inverses, zero above the diagonal.
    """
    D = factors.shape[1]
    for m in range(len(weights)):
        log_coef[m] = np.log(weights[m]) - D * _HALF_LOG_TWO_PI
        for i in range(D):
            diagonal = factors[m, i] if factors.ndim == 2 else factors[m, i, i]
            log_coef[m] -= np.log(diagonal)
        invert(factors[m], inverses[m])


@jit_inner
def invert(factor: Array, inverse: Array) -> None:
    """Overwrite `inverse` with that of a diagonal (D,), or of a lower triangle (D, D)."""
    for i in range(len(factor)):
        if factor.ndim == 1:
            inverse[i] = 1 / factor[i]
        else:  # forward substitution: a row of the inverse from the rows before it
            row = inverse[i]
            for j in range(len(row)):
                row[j] = 1.0 if j == i else 0.0
            for m in range(i):
                before, share = inverse[m], factor[i, m]
                for j in range(m + 1):
                    row[j] -= share * before[j]
            for j in range(i + 1):
                row[j] /= factor[i, i]
