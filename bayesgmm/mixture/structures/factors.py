"""Factors of covariances: what the kernels take.

A factor is the lower Cholesky factor of a covariance matrix, or the standard deviations where all
matrices are diagonal. There is none of a matrix that is singular, and in floating point that is
one whose conditional variances are no larger than rounding errors: of feature j given those
before it, relative to its variance. So neither the units of the features nor chance decide.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit
from bayesgmm.mixture.structures.matrices import cholesky

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


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
    _compile(covariances.ndim)
    factors, proper = np.empty(covariances.shape), np.empty(len(covariances))
    factorise_all(np.ascontiguousarray(covariances), factors, proper)
    return factors, proper > 0


@functools.cache
def _compile(ndim: int) -> None:
    with announce_compilation():
        compile_for(factorise_all, [((ndim,), (ndim, 1))])


@jit
def factorise_all(covariances: Array, factors: Array, proper: Array) -> None:
    """Write factors, and 1 or 0 for each mixture; see `factorise`."""
    for s in range(len(covariances)):
        proper[s] = 1.0
        for k in range(covariances.shape[1]):
            if not cholesky(covariances[s, k], factors[s, k]):
                proper[s] = 0.0
        if proper[s] == 0.0:
            factors[s] = 0.0
            for k in range(covariances.shape[1]):
                for i in range(covariances.shape[2]):
                    if covariances.ndim == 3:
                        factors[s, k, i] = 1.0
                    else:
                        factors[s, k, i, i] = 1.0
