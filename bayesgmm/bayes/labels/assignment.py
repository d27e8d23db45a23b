"""Permutations of least cost, one for each draw, and what the next best would cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bayesgmm.bayes.labels.renaming import Labels

Array = npt.NDArray[np.float64]


def best_permutations(cost: Array) -> Labels:
    """Find the permutations of least cost.

    Parameters
    ----------
    cost : array, shape (S, K, K)
        Cost, in each of S draws, of calling component j (last axis) by the name k.

    Returns
    -------
    array of int, shape (S, K)
        Entry k is the component that is called k.
    """
    return np.array([linear_sum_assignment(c)[1] for c in cost], dtype=np.intp)


def costs_of(cost: Array, labels: Labels) -> Array:
    """Add up what the names cost in each draw, shape (S,); see `best_permutations`."""
    total: Array = np.take_along_axis(cost, labels[:, :, None], axis=2).sum(axis=(1, 2))
    return total


def margins(cost: Array, best: Labels) -> Array:
    """Tell how much more the second best permutation costs than the best, shape (S,).

    It differs from the best in some name. So it is the cheapest of K problems, in each of which
    one of the names must be given otherwise (Murty 1968). With one component there is none, and
    the margin is infinite.

    References
    ----------
    Murty, K. G. (1968). An algorithm for ranking all the assignments in order of increasing cost.
    Operations Research 16, 682-687.
    """
    least, second = costs_of(cost, best), np.full(len(cost), np.inf)
    n_components = cost.shape[1]
    if n_components == 1:
        return second
    forbidden = 1 + n_components * np.ptp(cost, axis=(1, 2))  # dearer than any other permutation
    draws = np.arange(len(cost))
    for k in range(n_components):
        other = cost.copy()
        other[draws, k, best[:, k]] += forbidden
        second = np.minimum(second, costs_of(cost, best_permutations(other)))
    return np.maximum(second - least, 0.0)  # rounding must not make the best second
