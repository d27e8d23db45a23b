"""The terms that the priors add to the log density, and their gradients, written out for numba.

Every prior is taken together with the Jacobian of the transformation of its parameters, and then
several melt together:

- A Dirichlet prior and the Jacobian of the simplex are ``sum_k a_k log w_k`` and a constant.
- Most priors of a positive number, with the Jacobian of the logarithm, are
  ``a log s - b s**c`` and a constant (`POWER`): half-normal (1, 1/2σ², 2), exponential (1, λ, 1),
  gamma (α, β, 1), inverse gamma (-α, β, -1).
- An LKJ prior and the Jacobian of the factor are ``(2η + D - 1) sum_i log C_ii`` and a constant.

All constants are summed once, beforehand, into `Prior.constant`. A block that is held fixed has
no term: there the Dirichlet has a = 0, the Normal 1/σ = 0, the power (0, 0, 1), and LKJ
2η = 1 - D.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Index
from bayesgmm.mixture.compilation import jit_part

Array = npt.NDArray[np.float64]

POWER, LOG_NORMAL, HALF_CAUCHY, UNIFORM = 0, 1, 2, 3


class Prior(NamedTuple):
    """The priors as numbers, which is all that compiled code can read.

    Parameters
    ----------
    weights : array, shape (K,)
        Concentration of the Dirichlet.
    mu, inverse_sigma : array, shape (K, D)
        Mean of each component mean, and one over its standard deviation.
    family : int
        ``POWER``, ``LOG_NORMAL``, ``HALF_CAUCHY`` or ``UNIFORM``.
    scales : array, shape (n_scales, 3)
        Parameters of each free scale: (a, b, c), (mu, 1 / sigma, lower bound), (1 / beta, -, -)
        or none.
    eta, ridge : float
        Shape of the LKJ distribution, and how many rows uphold it.
    constant : float
        Everything in the log density that does not move.
    """

    weights: Array
    mu: Array
    inverse_sigma: Array
    family: int
    scales: Array
    eta: float
    ridge: float
    constant: float


@jit_part
def weights_prior(
    concentration: Array, log_weights: Array, d_log_weights: Array, d_free: Array
) -> float:
    """Return the Dirichlet's term; write the gradient in the free numbers.

    ``d_log_weights`` brings the likelihood's gradient, and takes the prior's.
    """
    K = log_weights.size
    value = 0.0
    total = 0.0
    for k in range(K):
        if K > 1:
            value += concentration[k] * log_weights[k]
        d_log_weights[k] += concentration[k]
        total += d_log_weights[k]
    last = d_log_weights[K - 1] - total * np.exp(log_weights[K - 1])
    for k in range(K - 1):
        d_free[k] = d_log_weights[k] - total * np.exp(log_weights[k]) - last
    return value


@jit_part
def means_prior(mu: Array, inverse_sigma: Array, means: Array, d_means: Array) -> float:
    """Return the means' term; add its gradient."""
    value = 0.0
    for k in range(means.shape[0]):
        for d in range(means.shape[1]):
            z = (means[k, d] - mu[k, d]) * inverse_sigma[k, d]
            value -= 0.5 * z * z
            d_means[k, d] -= z * inverse_sigma[k, d]
    return value


@jit_part
def scales_prior(family: int, parameters: Array, free: Array, d_free: Array) -> float:
    """Return the scales' term, Jacobian included; write its gradient."""
    value = 0.0
    for i in range(free.size):
        t = free[i]
        if family == POWER:
            rate = parameters[i, 1] * np.exp(parameters[i, 2] * t)
            value += parameters[i, 0] * t - rate
            d_free[i] = parameters[i, 0] - parameters[i, 2] * rate
        elif family == LOG_NORMAL:
            lower = parameters[i, 2]
            u = np.logaddexp(np.log(lower), t) if lower > 0.0 else t
            z = (u - parameters[i, 0]) * parameters[i, 1]
            value += t - u - 0.5 * z * z
            d_free[i] = 1.0 - (1.0 + z * parameters[i, 1]) * np.exp(t - u)
        elif family == HALF_CAUCHY:
            ratio = np.exp(t) * parameters[i, 0]
            value += t - np.log1p(ratio * ratio)
            d_free[i] = 2.0 / (1.0 + ratio * ratio) - 1.0
        else:
            shrink = np.exp(-abs(t))
            value -= abs(t) + 2.0 * np.log1p(shrink)
            d_free[i] = -np.tanh(0.5 * t)
    return value


@jit_part
def correlation_prior(
    eta: float,
    ridge: float,
    spiral: Index,
    factor: Array,
    inverse: Array,
    d_factor: Array,
    d_free: Array,
) -> float:
    """Return the LKJ's term, Jacobian included; write the gradient in the free numbers.

    ``d_factor`` brings the likelihood's gradient. A row of the factor has unit length, so what
    points along it does not count.
    """
    D = factor.shape[0]
    power = 2.0 * eta + D - 1.0
    value = ridge_prior(ridge, inverse, d_factor) if ridge > 0.0 else 0.0
    for i in range(1, D):
        value += power * np.log(factor[i, i])
        d_factor[i, i] += power / factor[i, i]
        along = 0.0
        for j in range(i + 1):
            along += d_factor[i, j] * factor[i, j]
        for j in range(i):
            d_free[spiral[i, j]] = factor[i, i] * (d_factor[i, j] - along * factor[i, j])
    return value


@jit_part
def ridge_prior(ridge: float, inverse: Array, d_factor: Array) -> float:
    """Return ``-ridge/2 (|W|**2 - D)`` of the inverse factor W, shape (D, D); add its gradient.

    The gradient in the factor is ``ridge W' W W'``.
    """
    D = inverse.shape[0]
    value = 0.5 * ridge * D
    for i in range(D):
        for j in range(i + 1):
            value -= 0.5 * ridge * inverse[i, j] * inverse[i, j]
    for m in range(D):
        for j in range(D):
            product = 0.0
            for a in range(min(m, j) + 1):
                product += inverse[m, a] * inverse[j, a]
            for i in range(j, m + 1):
                d_factor[i, j] += ridge * inverse[m, i] * product
    return value
