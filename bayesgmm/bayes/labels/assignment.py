"""What names cost in each draw, and what the next best would cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.labels.renaming import Labels
from bayesgmm.results.alignment import cheapest

Array = npt.NDArray[np.float64]


def costs_of(cost: Array, labels: Labels) -> Array:
    """Add up what the names cost in each draw, shape (S,); see `cheapest`."""
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
        second = np.minimum(second, costs_of(cost, cheapest(other)))
    return np.maximum(second - least, 0.0)  # rounding must not make the best second
