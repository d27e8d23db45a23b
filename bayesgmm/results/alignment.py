"""Which component of one mixture is which of another.

Components have no names of their own. Two mixtures are aligned by the assignment under which the
second explains best what the first would generate: component k of the reference, taken with its
weight, stands for the rows it would produce, and the cost of calling it component j is their
expected negative log-density ``-E_k[log w_j Normal(x; mu_j, Sigma_j)]``, in closed form. This is
the expected complete-data log-likelihood, so the units of the features do not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bayesgmm.mixture.params import Params

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]


def align(params: Params, reference: Params) -> Params:
    """Return `params` with its components in the order of those of `reference`."""
    order = assignments(params.weights, params.means, params.cholesky, reference)
    return params.permuted(order)


def sorted_components(params: Params) -> Params:
    """Return `params` in the order of all tables: by ascending mean of the first feature."""
    return params.permuted(np.lexsort(params.means.T[::-1]))


def assignments(weights: Array, means: Array, cholesky: Array, reference: Params) -> Labels:
    """Find for every mixture the component that plays the part of each reference component.

    Parameters
    ----------
    weights, means, cholesky : array
        Mixtures, of shapes (..., K), (..., K, D) and (..., K, D, D).
    reference : Params
        The mixture that gives the names.

    Returns
    -------
    array of int, shape (..., K)
        Entry k is the component j that is called k: ``weights[..., order]`` is aligned.
    """
    return cheapest(_costs(weights, means, cholesky, reference))


def cheapest(cost: Array) -> Labels:
    """Find the assignments of least cost.

    Parameters
    ----------
    cost : array, shape (..., K, K)
        Cost of calling component j (last axis) by the name k.

    Returns
    -------
    array of int, shape (..., K)
        Entry k is the component that is called k.
    """
    # where every name likes another component best, nothing can cost less
    orders = cost.argmin(axis=-1)
    clash = (np.sort(orders, axis=-1) != np.arange(orders.shape[-1])).any(axis=-1)
    if clash.any():
        orders[clash] = [linear_sum_assignment(c)[1] for c in cost[clash]]
    return orders


def _costs(weights: Array, means: Array, cholesky: Array, reference: Params) -> Array:
    """Cost (..., K, K) of calling component j (last axis) by the name k (the axis before)."""
    inverse = np.linalg.inv(cholesky)[..., None, :, :, :]
    step = (reference.means[:, None, :] - means[..., None, :, :])[..., None]
    distance = np.square(inverse @ step).sum(axis=(-1, -2))
    spread = np.square(inverse @ reference.cholesky[:, None]).sum(axis=(-1, -2))
    log_scale = np.log(np.diagonal(cholesky, axis1=-2, axis2=-1)).sum(axis=-1)
    log_weights = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
    cost = (distance + spread) / 2 + (log_scale - log_weights)[..., None, :]
    weighted: Array = reference.weights[:, None] * cost
    return weighted
