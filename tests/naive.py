"""The mathematics as a textbook writes it: slow, plain, and the judge of every fast kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

Array = npt.NDArray[np.float64]


class Statistics(NamedTuple):
    loglik: float
    counts: Array
    sums: Array
    scatter: Array


def log_joint(X: Array, weights: Array, means: Array, cholesky: Array) -> Array:
    """Log of weight times density, (N, K), row by row and component by component."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    densities = [
        np.reshape(multivariate_normal.logpdf(X, mean, factor @ factor.T), len(X))
        for mean, factor in zip(means, cholesky, strict=True)
    ]
    return log_weights + np.column_stack(densities)


def log_density(X: Array, weights: Array, means: Array, cholesky: Array) -> Array:
    return logsumexp(log_joint(X, weights, means, cholesky), axis=1)


def responsibilities(X: Array, weights: Array, means: Array, cholesky: Array) -> Array:
    joint = log_joint(X, weights, means, cholesky)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def estep(
    X: Array, weights: Array, means: Array, cholesky: Array, row_weights: Array | None = None
) -> Statistics:
    """Log-likelihood and expected sufficient statistics, centred at the means."""
    v = np.ones(len(X)) if row_weights is None else row_weights
    r = responsibilities(X, weights, means, cholesky)
    differences = X[:, None, :] - means
    return Statistics(
        loglik=v @ log_density(X, weights, means, cholesky),
        counts=np.einsum("n,nk->k", v, r),
        sums=np.einsum("n,nk,nkd->kd", v, r, differences),
        scatter=np.einsum("n,nk,nkd,nke->kde", v, r, differences, differences),
    )
