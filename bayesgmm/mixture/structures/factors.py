"""Factors of covariances: what the kernels take.

A factor is the lower Cholesky factor of a covariance matrix, or the standard deviations where all
matrices are diagonal. There is none of a matrix that is singular, and in floating point that is
one whose conditional variances are no larger than rounding errors: of feature j given those
before it, relative to its variance. So neither the units of the features nor chance decide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_ROUNDING = 16 * float(np.finfo(np.float64).eps)


def factor(covariances: Array) -> Array:
    """Factorise the covariances of one mixture.

    Parameters
    ----------
    covariances : array, shape (K, D, D), or (K, D) for diagonal ones

    Returns
    -------
    array, shaped like `covariances`
        Lower Cholesky factors, or standard deviations.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one is not finite or not positive definite: the component has collapsed.
    """
    factors, proper = factorise(covariances[None])
    if not proper.all():
        raise np.linalg.LinAlgError("a covariance is not positive definite")
    only: Array = factors[0]
    return only


def factorise(covariances: Array) -> tuple[Array, BoolArray]:
    """Factorise the covariances of many mixtures.

    Parameters
    ----------
    covariances : array, shape (S, K, D, D), or (S, K, D) for diagonal ones

    Returns
    -------
    factors : array, shaped like `covariances`
        Lower Cholesky factors, or standard deviations; of the identity if not `proper`.
    proper : array of bool, shape (S,)
        Whether all of a mixture's covariances are finite and positive definite.
    """
    if covariances.ndim == 3:
        proper = (np.isfinite(covariances) & (covariances > 0)).all(axis=(1, 2))
        return np.sqrt(np.where(proper[:, None, None], covariances, 1.0)), proper
    identity = np.eye(covariances.shape[-1])
    finite = np.isfinite(covariances).all(axis=(1, 2, 3))
    safe = np.where(finite[:, None, None, None], covariances, identity)
    lower = _cholesky(safe)
    variances, conditional = _diagonal(safe), np.square(_diagonal(lower))
    threshold = _ROUNDING * len(identity)
    proper = finite & (conditional > threshold * variances).all(axis=(1, 2))
    return np.where(proper[:, None, None, None], lower, identity), proper


def _cholesky(covariances: Array) -> Array:
    """Cholesky factors (S, K, D, D), zero for a mixture that has none."""
    try:
        return np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        if len(covariances) == 1:
            return np.zeros_like(covariances)
        return np.concatenate([_cholesky(one[None]) for one in covariances])


def _diagonal(matrices: Array) -> Array:
    return np.diagonal(matrices, axis1=-2, axis2=-1)
