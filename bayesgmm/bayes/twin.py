"""The model's log density and its gradient, written out for numba: the twin of the ``pm.Model``.

PyMC compiles every model anew, for tens of seconds. A mixture is always the same formula, so here
it is compiled once per installation, with the data, their number, the dimension, the number of
components and the priors all given at run time.

The density of an unconstrained vector ``x`` is a sum: the log-likelihood, the log prior of every
parameter, and the log Jacobian of every transformation (`bayesgmm.bayes.transforms`). Several of
these melt together:

- A Dirichlet prior and the Jacobian of the simplex are ``sum_k a_k log w_k`` and a constant.
- Most priors for a scale, with the Jacobian of the logarithm, are
  ``a log s - b s**c`` and a constant (`POWER`): half-normal (1, 1/2σ², 2), exponential (1, λ, 1),
  gamma (α, β, 1), inverse gamma (-α, β, -1).
- An LKJ prior and the Jacobian of the factor are ``(2η + D - 1) sum_i log C_ii`` and a constant.

All constants are summed once, beforehand, into `Prior.constant`.

The likelihood's gradient is Fisher's identity: the E-step's statistics are the gradient, up to a
change of coordinates. With ``A_k = L⁻¹ scatter_k L⁻ᵀ - counts_k I`` and ``L = diag(s) C``, the
gradient with respect to ``C`` is ``H = tril(C⁻ᵀ A)``, and to ``log s_i`` it is ``sum_j H_ij C_ij``:
no scale is left in either, so that neither overflows with the user's units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Index, Layout
from bayesgmm.mixture.compilation import jit, jit_inner
from bayesgmm.mixture.kernels import one_estep

Array = npt.NDArray[np.float64]

POWER, LOG_NORMAL, HALF_CAUCHY = 0, 1, 2

_LOG_2PI = np.log(2 * np.pi)


class Prior(NamedTuple):
    """The priors as numbers, which is all that compiled code can read.

    Parameters
    ----------
    weights : array, shape (K,)
        Concentration of the Dirichlet.
    mu, sigma : array, shape (K, D)
        Mean and standard deviation of each component mean.
    family : int
        ``POWER``, ``LOG_NORMAL`` or ``HALF_CAUCHY``.
    scales : array, shape (n_scales, 3)
        Parameters of each free scale: (a, b, c), (mu, 1 / sigma, -) or (1 / beta, -, -).
    eta : float
        Shape of the LKJ distribution.
    constant : float
        Everything in the log density that does not move.
    """

    weights: Array
    mu: Array
    sigma: Array
    family: int
    scales: Array
    eta: float
    constant: float


class Parts(NamedTuple):
    """One unconstrained vector, or a gradient, cut into views.

    Parameters
    ----------
    weights : array, shape (K - 1,)
        Free numbers of the weights.
    means : array, shape (K, D)
        Component means.
    log_scales : array, shape (n_scales,)
        Logarithms of the free scales.
    correlations : array, shape (n_blocks, D (D - 1) / 2)
        Free numbers of the correlation matrices.
    """

    weights: Array
    means: Array
    log_scales: Array
    correlations: Array


@jit
def log_density_diag(x: Array, X: Array, layout: Layout, prior: Prior, gradient: Array) -> float:
    """Return the log density at ``x`` of a structure without correlations; write its gradient.

    Where the density is zero, or too small or too large for a float, it is -inf with a gradient
    of zeros: a sampler takes that as a wall.

    Parameters
    ----------
    x : array, shape (n_dim,)
        Unconstrained vector.
    X : array, shape (N, D)
        Data.
    layout : Layout
        Which free numbers each component reads.
    prior : Prior
        The priors.
    gradient : array, shape (n_dim,)
        Overwritten.
    """
    K, D = layout.scale.shape
    free, slope = split(x, layout), split(gradient, layout)
    log_weights, log_spread = expand(free, layout)
    counts, log_coef = np.empty(K), np.empty(K)
    inverse, scatter = np.empty((K, D)), np.empty((K, D))
    for k in range(K):
        log_coef[k] = log_weights[k] - 0.5 * D * _LOG_2PI
        for d in range(D):
            log_coef[k] -= log_spread[k, d]
            inverse[k, d] = np.exp(-log_spread[k, d])

    loglik = one_estep(X, log_coef, free.means, inverse, counts, slope.means, scatter)

    d_log_spread = np.empty((K, D))
    for k in range(K):
        for d in range(D):
            precision = inverse[k, d] * inverse[k, d]
            slope.means[k, d] *= precision
            d_log_spread[k, d] = scatter[k, d] * precision - counts[k]
    value = loglik + priors(prior, layout, free, log_weights, counts, d_log_spread, slope)
    return wall(value, gradient)


@jit
def log_density_full(x: Array, X: Array, layout: Layout, prior: Prior, gradient: Array) -> float:
    """Return the log density at ``x``, with correlations; as `log_density_diag` otherwise."""
    K, D = layout.scale.shape
    free, slope = split(x, layout), split(gradient, layout)
    log_weights, log_spread = expand(free, layout)
    n_blocks = free.correlations.shape[0]
    factors, d_factors = np.zeros((n_blocks, D, D)), np.zeros((n_blocks, D, D))
    inverse_factors = np.zeros((n_blocks, D, D))
    for b in range(n_blocks):
        correlation_factor(free.correlations[b], layout.spiral, factors[b], inverse_factors[b])
    counts, log_coef = np.empty(K), np.empty(K)
    inverse, scatter = np.zeros((K, D, D)), np.empty((K, D, D))
    for k in range(K):
        b = layout.block[k]
        log_coef[k] = log_weights[k] - 0.5 * D * _LOG_2PI
        for j in range(D):
            log_coef[k] -= log_spread[k, j] + np.log(factors[b, j, j])
            shrink = np.exp(-log_spread[k, j])
            for i in range(j, D):
                inverse[k, i, j] = inverse_factors[b, i, j] * shrink

    loglik = one_estep(X, log_coef, free.means, inverse, counts, slope.means, scatter)

    d_log_spread = np.empty((K, D))
    for k in range(K):
        b = layout.block[k]
        fisher(
            inverse[k], inverse_factors[b], factors[b], counts[k],
            slope.means[k], scatter[k], d_log_spread[k], d_factors[b],
        )  # fmt: skip
    value = loglik + priors(prior, layout, free, log_weights, counts, d_log_spread, slope)
    for b in range(n_blocks):
        value += correlation_prior(
            prior.eta, layout.spiral, factors[b], d_factors[b], slope.correlations[b]
        )
    return wall(value, gradient)


@jit_inner
def split(x: Array, layout: Layout) -> Parts:
    """Cut a vector into its `Parts`."""
    K, D = layout.scale.shape
    n_blocks, P = layout.block[K - 1] + 1, D * (D - 1) // 2
    means, end = K - 1 + K * D, x.size - n_blocks * P
    return Parts(
        x[: K - 1], x[K - 1 : means].reshape(K, D), x[means:end], x[end:].reshape(n_blocks, P)
    )


@jit_inner
def expand(free: Parts, layout: Layout) -> tuple[Array, Array]:
    """Return log weights, shape (K,), and every component's log scales, shape (K, D)."""
    K, D = layout.scale.shape
    log_weights = np.empty(K)
    log_spread = np.empty((K, D))
    last = 0.0
    for k in range(K - 1):
        log_weights[k] = free.weights[k]
        last -= free.weights[k]
    log_weights[K - 1] = last
    top, total = last, 0.0
    for k in range(K):
        top = max(top, log_weights[k])
    for k in range(K):
        total += np.exp(log_weights[k] - top)
    for k in range(K):
        log_weights[k] -= top + np.log(total)
        for d in range(D):
            log_spread[k, d] = free.log_scales[layout.scale[k, d]]
    return log_weights, log_spread


@jit_inner
def priors(
    prior: Prior,
    layout: Layout,
    free: Parts,
    log_weights: Array,
    d_log_weights: Array,
    d_log_spread: Array,
    slope: Parts,
) -> float:
    """Return all terms but those of correlations; complete the gradient.

    The likelihood's gradient comes in ``d_log_weights``, ``d_log_spread`` and ``slope.means``.
    """
    value = prior.constant
    value += weights_prior(prior.weights, log_weights, d_log_weights, slope.weights)
    value += means_prior(prior.mu, prior.sigma, free.means, slope.means)
    value += scales_prior(prior.family, prior.scales, free.log_scales, slope.log_scales)
    for k in range(layout.scale.shape[0]):
        for d in range(layout.scale.shape[1]):
            slope.log_scales[layout.scale[k, d]] += d_log_spread[k, d]
    return value


@jit_inner
def wall(value: float, gradient: Array) -> float:
    """Return the value, or -inf with a gradient of zeros if anything is not finite."""
    finite = np.isfinite(value)
    for i in range(gradient.size):
        finite = finite and np.isfinite(gradient[i])
    if finite:
        return value
    for i in range(gradient.size):
        gradient[i] = 0.0
    return -np.inf


@jit_inner
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


@jit_inner
def means_prior(mu: Array, sigma: Array, means: Array, d_means: Array) -> float:
    """Return the means' term; add its gradient."""
    value = 0.0
    for k in range(means.shape[0]):
        for d in range(means.shape[1]):
            z = (means[k, d] - mu[k, d]) / sigma[k, d]
            value -= 0.5 * z * z
            d_means[k, d] -= z / sigma[k, d]
    return value


@jit_inner
def scales_prior(family: int, parameters: Array, log_scales: Array, d_log_scales: Array) -> float:
    """Return the scales' term, Jacobian included; write its gradient."""
    value = 0.0
    for i in range(log_scales.size):
        t = log_scales[i]
        if family == POWER:
            rate = parameters[i, 1] * np.exp(parameters[i, 2] * t)
            value += parameters[i, 0] * t - rate
            d_log_scales[i] = parameters[i, 0] - parameters[i, 2] * rate
        elif family == LOG_NORMAL:
            z = (t - parameters[i, 0]) * parameters[i, 1]
            value -= 0.5 * z * z
            d_log_scales[i] = -z * parameters[i, 1]
        else:
            ratio = np.exp(t) * parameters[i, 0]
            value += t - np.log1p(ratio * ratio)
            d_log_scales[i] = 2.0 / (1.0 + ratio * ratio) - 1.0
    return value


@jit_inner
def correlation_factor(free: Array, spiral: Index, factor: Array, inverse: Array) -> None:
    """Write the Cholesky factor of a correlation matrix, and its inverse, over zeros (D, D)."""
    D = factor.shape[0]
    for i in range(D):
        square = 1.0
        for j in range(i):
            y = free[spiral[i, j]]
            square += y * y
        factor[i, i] = 1.0 / np.sqrt(square)
        for j in range(i):
            factor[i, j] = free[spiral[i, j]] * factor[i, i]
    for j in range(D):
        inverse[j, j] = 1.0 / factor[j, j]
        for i in range(j + 1, D):
            total = 0.0
            for m in range(j, i):
                total += factor[i, m] * inverse[m, j]
            inverse[i, j] = -total / factor[i, i]


@jit_inner
def correlation_prior(
    eta: float, spiral: Index, factor: Array, d_factor: Array, d_free: Array
) -> float:
    """Return the LKJ's term, Jacobian included; write the gradient in the free numbers.

    ``d_factor`` brings the likelihood's gradient. A row of the factor has unit length, so what
    points along it does not count.
    """
    D = factor.shape[0]
    power = 2.0 * eta + D - 1.0
    value = 0.0
    for i in range(1, D):
        value += power * np.log(factor[i, i])
        d_factor[i, i] += power / factor[i, i]
        along = 0.0
        for j in range(i + 1):
            along += d_factor[i, j] * factor[i, j]
        for j in range(i):
            d_free[spiral[i, j]] = factor[i, i] * (d_factor[i, j] - along * factor[i, j])
    return value


@jit_inner
def fisher(
    inverse: Array,
    inverse_factor: Array,
    factor: Array,
    count: float,
    sums: Array,
    scatter: Array,
    d_log_spread: Array,
    d_factor: Array,
) -> None:
    """Turn one component's statistics into gradients.

    ``sums`` becomes the gradient in the mean, shape (D,), and ``scatter`` is used up;
    ``d_log_spread``, shape (D,), is overwritten, and ``d_factor``, shape (D, D), added to.
    """
    D = sums.size
    z = np.empty(D)
    for i in range(D):
        z[i] = 0.0
        for j in range(i + 1):
            z[i] += inverse[i, j] * sums[j]
    for j in range(D):
        sums[j] = 0.0
        for i in range(j, D):
            sums[j] += inverse[i, j] * z[i]
    whiten(inverse, scatter)
    for i in range(D):
        scatter[i, i] -= count
    for i in range(D):
        d_log_spread[i] = 0.0
        for j in range(i + 1):
            h = 0.0
            for m in range(i, D):
                h += inverse_factor[m, i] * scatter[m, j]
            d_log_spread[i] += h * factor[i, j]
            d_factor[i, j] += h


@jit_inner
def whiten(inverse: Array, scatter: Array) -> None:
    """Replace ``S`` by ``W S W'``, with ``W`` lower triangular."""
    D = scatter.shape[0]
    for c in range(D):
        for i in range(D - 1, -1, -1):
            total = 0.0
            for m in range(i + 1):
                total += inverse[i, m] * scatter[m, c]
            scatter[i, c] = total
    for r in range(D):
        for j in range(D - 1, -1, -1):
            total = 0.0
            for m in range(j + 1):
                total += scatter[r, m] * inverse[j, m]
            scatter[r, j] = total
