"""The likelihood of a mixture: the E-step, densities and responsibilities, from the kernels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dtrtri

from bayesgmm.mixture import kernels
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.stats import Stats

Array = npt.NDArray[np.float64]

_LOG_TWO_PI = math.log(2 * math.pi)


def estep(data: Data, weights: Array, means: Array, factor: Array) -> Stats:
    """Sweep the rows once: log-likelihood and expected sufficient statistics.

    Parameters
    ----------
    data : Data
        N rows of D features, with or without row weights.
    weights : array, shape (K,)
        Mixing proportions.
    means : array, shape (K, D)
        Component means.
    factor : array, shape (K, D, D) or (K, D)
        Lower Cholesky factors, or standard deviations of diagonal covariances.

    Returns
    -------
    Stats
        Centred at `means`; its scatter has the shape of `factor`.
    """
    log_coef, inverse = _prepared(weights, factor)
    counts, sums = np.empty(len(weights)), np.empty_like(means)
    scatter = np.empty_like(factor)
    log_likelihood = kernels.estep(
        data.values, data.row_weights, log_coef, means, inverse, counts, sums, scatter
    )
    return Stats(float(log_likelihood), counts, sums, scatter)


def log_density(values: Array, params: Params) -> Array:
    """Log density of each row under the mixture, shape (N,).

    Parameters
    ----------
    values : array, shape (N, D)
        Rows, float64 and C-contiguous, in the units of `params`.
    params : Params
        The mixture.
    """
    factor = params.factor
    log_coef, inverse = _prepared(params.weights, factor)
    out = np.empty(len(values))
    kernels.pointwise(values, log_coef, params.means, inverse, out)
    return out


def responsibilities(values: Array, params: Params) -> Array:
    """Probability (N, K) that each row came from each component, given the mixture.

    Parameters
    ----------
    values : array, shape (N, D)
        Rows, float64 and C-contiguous, in the units of `params`.
    params : Params
        The mixture.
    """
    factor = params.factor
    log_coef, inverse = _prepared(params.weights, factor)
    density, out = np.empty(len(values)), np.empty((len(values), params.n_components))
    kernels.responsibilities(values, log_coef, params.means, inverse, density, out)
    return out


def _prepared(weights: Array, factor: Array) -> tuple[Array, Array]:
    """Log coefficient (K,) of each component's exponential, and the inverse of its factor."""
    kernels.compile_kernels()
    if factor.ndim == 2:
        diagonal, inverse = factor, 1 / factor
    else:
        diagonal = np.diagonal(factor, axis1=1, axis2=2)
        inverse = np.empty_like(factor)
        for k, lower in enumerate(factor):
            inverse[k] = dtrtri(lower, lower=1)[0]
    with np.errstate(divide="ignore"):  # an empty component has log weight minus infinity
        log_weights = np.log(weights)
    n_features = factor.shape[1]
    log_coef = log_weights - np.log(diagonal).sum(axis=1) - n_features / 2 * _LOG_TWO_PI
    return log_coef, inverse
