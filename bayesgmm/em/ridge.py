"""A ridge: what keeps covariances regular where the rows cannot determine them.

With no more distinct rows than features, or with features that depend on each other, the
likelihood of a free covariance has no maximum. It has one if every row stands for a small cloud
about it, round and of variance h, whose average log-density takes the place of the row's: that is

    E log N(x + e | mu, Sigma) = log N(x | mu, Sigma) - h tr(inv(Sigma)) / 2,    e ~ N(0, h I).

So the E-step only needs other weights, and the M-step a scatter greater by h for every expected
row: a covariance then is that of the rows plus h, or what comes closest within the structure.
Both are exact, so EM never goes down. All components are treated alike, whatever their weights:
in a direction in which no row varies, each has the variance h.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bayesgmm.em.points import Points
from bayesgmm.mixture.stats import Stats

Array = npt.NDArray[np.float64]


def log_shares(points: Points, variance: float) -> Array:
    """Take the cost of the clouds off the logarithms of the weights.

    Parameters
    ----------
    points : Points
        Of S mixtures.
    variance : float
        That of the clouds, h.

    Returns
    -------
    array, shape (S, K)
        Which as weights make the log-likelihood of the rows that of the clouds.
    """
    inverse = 1 / points.factor if points.diagonal else np.linalg.inv(points.factor)
    traces = np.square(inverse).reshape(*points.weights.shape, -1).sum(axis=-1)
    found: Array = np.log(points.weights) - variance / 2 * traces
    return found


def clouded(stats: Stats, variance: float) -> Stats:
    """Return the expected statistics of S mixtures with clouds instead of rows."""
    added = variance * stats.counts
    if stats.scatter.ndim == 3:
        return replace(stats, scatter=stats.scatter + added[..., None])
    identity = np.eye(stats.scatter.shape[-1])
    return replace(stats, scatter=stats.scatter + added[..., None, None] * identity)
