"""From an unconstrained vector to the parameters of components, and back with gradients, for numba.

`transforms.Layout` says where each number lies; what is here does for compiled code what its
methods do for arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Index, Layout
from bayesgmm.mixture.compilation import jit_inner, jit_part

Array = npt.NDArray[np.float64]


class Parts(NamedTuple):
    """All numbers of the transformed parameters, or a gradient, cut into views.

    Parameters
    ----------
    weights : array, shape (K - 1,)
        Numbers of the weights.
    means : array, shape (K, D)
        Component means, or what stands for those that are ordered.
    scales : array, shape (n_scales,)
        Logarithms of the scales, or of their squares; or log odds between bounds.
    correlations : array, shape (n_blocks, D (D - 1) / 2)
        Numbers of the correlation matrices.
    """

    weights: Array
    means: Array
    scales: Array
    correlations: Array


@jit_part
def embed(x: Array, layout: Layout) -> Array:
    """Put the free numbers among those that are fixed."""
    full = layout.template.copy()
    for i in range(x.size):
        full[layout.free[i]] = x[i]
    return full


@jit_inner
def split(x: Array, layout: Layout) -> Parts:
    """Cut a vector of all numbers, free or fixed, into its `Parts`."""
    K, D = layout.scale.shape
    n_blocks, P = layout.block[K - 1] + 1, D * (D - 1) // 2
    means, end = K - 1 + K * D, x.size - n_blocks * P
    return Parts(
        x[: K - 1], x[K - 1 : means].reshape(K, D), x[means:end], x[end:].reshape(n_blocks, P)
    )


@jit_part
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
            log_spread[k, d] = log_scale(free.scales, layout.scale[k, d], layout)
    return log_weights, log_spread


@jit_part
def log_scale(numbers: Array, i: int, layout: Layout) -> float:
    """Return the logarithm of standard deviation i."""
    if layout.width.size == 0:
        return layout.power * numbers[i]
    return layout.power * np.logaddexp(np.log(layout.lower[i]), log_height(numbers, i, layout))


@jit_part
def log_scale_slope(numbers: Array, i: int, layout: Layout) -> float:
    """Return the derivative of `log_scale` in its number."""
    if layout.width.size == 0:
        return layout.power
    height = log_height(numbers, i, layout)
    share = np.exp(height - np.logaddexp(np.log(layout.lower[i]), height))
    rise = 1.0 if np.isinf(layout.width[i]) else 1.0 / (1.0 + np.exp(numbers[i]))
    return layout.power * share * rise


@jit_inner
def log_height(numbers: Array, i: int, layout: Layout) -> float:
    """Return the logarithm of how far above its lower bound a bounded number is."""
    if np.isinf(layout.width[i]):
        return numbers[i]
    return np.log(layout.width[i]) - np.logaddexp(0.0, -numbers[i])


@jit_part
def place_means(numbers: Array, ordered: int) -> Array:
    """Return the means, shape (K, D): logarithms of steps, if they ascend, are added up."""
    means = numbers.copy()
    if ordered >= 0:
        for k in range(1, means.shape[0]):
            means[k, ordered] = means[k - 1, ordered] + np.exp(numbers[k, ordered])
    return means


@jit_part
def order_slopes(numbers: Array, ordered: int, slopes: Array) -> float:
    """Turn a gradient in the means to one in their numbers; return the log Jacobian."""
    value = 0.0
    if ordered >= 0:
        for k in range(slopes.shape[0] - 1, 0, -1):
            total = slopes[k, ordered]
            slopes[k - 1, ordered] += total
            slopes[k, ordered] = total * np.exp(numbers[k, ordered]) + 1.0
            value += numbers[k, ordered]
    return value


@jit_part
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
