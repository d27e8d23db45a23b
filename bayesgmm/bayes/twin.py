"""The model's log density and its gradient, written out for numba: the twin of the ``pm.Model``.

PyMC compiles every model anew, for tens of seconds. A mixture is always the same formula, so here
it is compiled once per installation, with the data, their number, the dimension, the number of
components and the priors all given at run time.

The density of an unconstrained vector ``x`` is a sum: the log-likelihood, the log prior of every
parameter, and the log Jacobian of every transformation. The last two are in `bayesgmm.bayes.terms`;
the transformations are in `bayesgmm.bayes.parts`.

The likelihood's gradient is Fisher's identity: the E-step's statistics are the gradient, up to a
change of coordinates. With ``A_k = L⁻¹ scatter_k L⁻ᵀ - counts_k I`` and ``L = diag(s) C``, the
gradient with respect to ``C`` is ``H = tril(C⁻ᵀ A)``, and to ``log s_i`` it is ``sum_j H_ij C_ij``:
no scale is left in either, so that neither overflows with the user's units.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.parts import (
    Parts,
    correlation_factor,
    embed,
    expand,
    log_scale_slope,
    order_slopes,
    place_means,
    split,
)
from bayesgmm.bayes.terms import Prior, correlation_prior, means_prior, scales_prior, weights_prior
from bayesgmm.bayes.transforms import Index, Layout
from bayesgmm.mixture.compilation import jit_part, jit_pointed
from bayesgmm.mixture.kernels import diagonal_estep_at, full_estep_at, one_estep

Array = npt.NDArray[np.float64]

_LOG_2PI = np.log(2 * np.pi)


@jit_pointed
def log_density_diag(
    estep: int, x: Array, X: Array, layout: Layout, prior: Prior, gradient: Array
) -> float:
    """Return the log density at ``x`` of a structure without correlations; write its gradient.

    Where the density is zero, or too small or too large for a float, it is -inf with a gradient
    of zeros: a sampler takes that as a wall.

    Parameters
    ----------
    estep : int
        Where the kernel of the E-step lies, for diagonal factors.
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
    numbers = embed(x, layout)
    slopes = np.empty(numbers.size)
    free, slope = split(numbers, layout), split(slopes, layout)
    means = place_means(free.means, layout.ordered)
    log_weights, log_spread = expand(free, layout)
    counts, log_coef = np.empty(K), np.empty(K)
    inverse, scatter = np.empty((K, D)), np.empty((K, D))
    for k in range(K):
        log_coef[k] = log_weights[k] - 0.5 * D * _LOG_2PI
        for d in range(D):
            log_coef[k] -= log_spread[k, d]
            inverse[k, d] = np.exp(-log_spread[k, d])

    loglik = one_estep(
        diagonal_estep_at(estep), X, log_coef, means, inverse, counts, slope.means, scatter
    )

    d_log_spread = np.empty((K, D))
    for k in range(K):
        for d in range(D):
            precision = inverse[k, d] * inverse[k, d]
            slope.means[k, d] *= precision
            d_log_spread[k, d] = scatter[k, d] * precision - counts[k]
    value = loglik + priors(prior, layout, free, means, log_weights, counts, d_log_spread, slope)
    return wall(value, slopes, layout.free, gradient)


@jit_pointed
def log_density_full(
    estep: int, x: Array, X: Array, layout: Layout, prior: Prior, gradient: Array
) -> float:
    """Return the log density at ``x``, with correlations; as `log_density_diag` otherwise."""
    K, D = layout.scale.shape
    numbers = embed(x, layout)
    slopes = np.empty(numbers.size)
    free, slope = split(numbers, layout), split(slopes, layout)
    means = place_means(free.means, layout.ordered)
    log_weights, log_spread = expand(free, layout)
    n_blocks = free.correlations.shape[0]
    matrices = np.zeros((3, n_blocks, D, D))
    factors, d_factors, inverse_factors = matrices[0], matrices[1], matrices[2]
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

    loglik = one_estep(
        full_estep_at(estep), X, log_coef, means, inverse, counts, slope.means, scatter
    )

    d_log_spread, z = np.empty((K, D)), np.empty(D)
    for k in range(K):
        b = layout.block[k]
        fisher(
            inverse[k], inverse_factors[b], factors[b], counts[k],
            slope.means[k], scatter[k], d_log_spread[k], d_factors[b], z,
        )  # fmt: skip
    value = loglik + priors(prior, layout, free, means, log_weights, counts, d_log_spread, slope)
    for b in range(n_blocks):
        value += correlation_prior(
            prior.eta, prior.ridge, layout.spiral, factors[b], inverse_factors[b],
            d_factors[b], slope.correlations[b],
        )  # fmt: skip
    return wall(value, slopes, layout.free, gradient)


@jit_part
def priors(
    prior: Prior,
    layout: Layout,
    free: Parts,
    means: Array,
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
    value += means_prior(prior.mu, prior.inverse_sigma, means, slope.means)
    value += order_slopes(free.means, layout.ordered, slope.means)
    value += scales_prior(prior.family, prior.scales, free.scales, slope.scales)
    for k in range(layout.scale.shape[0]):
        for d in range(layout.scale.shape[1]):
            i = layout.scale[k, d]
            slope.scales[i] += d_log_spread[k, d] * log_scale_slope(free.scales, i, layout)
    return value


@jit_part
def wall(value: float, slopes: Array, free: Index, gradient: Array) -> float:
    """Pick the free slopes; return the value, or -inf and zeros if anything is not finite."""
    finite = np.isfinite(value)
    for i in range(free.size):
        gradient[i] = slopes[free[i]]
        finite = finite and np.isfinite(gradient[i])
    if finite:
        return value
    for i in range(gradient.size):
        gradient[i] = 0.0
    return -np.inf


@jit_part
def fisher(
    inverse: Array,
    inverse_factor: Array,
    factor: Array,
    count: float,
    sums: Array,
    scatter: Array,
    d_log_spread: Array,
    d_factor: Array,
    z: Array,
) -> None:
    """Turn one component's statistics into gradients.

    ``sums`` becomes the gradient in the mean, shape (D,), and ``scatter`` is used up;
    ``d_log_spread``, shape (D,), is overwritten, and ``d_factor``, shape (D, D), added to. ``z``,
    shape (D,), is room.
    """
    D = sums.size
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


@jit_part
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
