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

from bayesgmm.mixture.compilation import announce_compilation, compile_for, jit, jit_inner
from bayesgmm.mixture.structures.matrices import cholesky, fill

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
    _compile()
    blocks = as_blocks(covariances)
    factors, proper = np.empty(blocks.shape), np.empty(len(blocks))
    factorise_all(blocks, factors, proper)
    return factors.reshape(covariances.shape), proper > 0


def as_blocks(matrices: Array) -> Array:
    """Write (S, K, D, D) matrices, or (S, K, D) diagonals, as new blocks (S, K, B, d, d)."""
    n, k, d = matrices.shape[:3]
    shape = (n, k, d, 1, 1) if matrices.ndim == 3 else (n, k, 1, d, d)
    return np.array(matrices, np.float64, order="C").reshape(shape)


@functools.cache
def _compile() -> None:
    with announce_compilation():
        compile_for(factorise_all, (), (5, 5, 1))


@jit
def factorise_all(covariances: Array, factors: Array, proper: Array) -> None:
    """Write factors, shape (S, K, B, d, d), and 1 or 0 for each mixture; see `factorise`."""
    for s in range(len(covariances)):
        proper[s] = factorised(covariances[s], factors[s])


@jit_inner
def factorised(covariances: Array, factors: Array) -> bool:
    """Write the factors of one mixture, shape (K, B, d, d); of the identity if not proper."""
    proper = True
    for k in range(len(covariances)):
        proper = cholesky(covariances[k], factors[k]) and proper
    if not proper:
        for k in range(len(covariances)):
            fill(factors[k], 0.0)
            for b in range(covariances.shape[1]):
                for i in range(covariances.shape[2]):
                    factors[k, b, i, i] = 1.0
    return proper
