"""How far the posterior reaches from a partition: the credible ball of Wade and Ghahramani (2018).

The ball of a level holds the partitions within a radius of the estimate, the smallest radius with
at least that much probability. Its edge shows in which way the estimate may be wrong: the bounds
are the most distant partitions in the ball, of all, and of those with fewest and most clusters.
They are found among partitions drawn from the posterior.

References
----------
Wade, S. and Ghahramani, Z. (2018). Bayesian cluster analysis: point estimation and credible balls
(with discussion). Bayesian Analysis 13, 559-626.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.partition.allocations import Allocations
from bayesgmm.bayes.partition.losses import Labels, distances


@dataclass(frozen=True, eq=False)
class CredibleBall:
    """The partitions around an estimate that hold most of the posterior.

    Where several draws are equally distant, a bound is the first of them.

    Attributes
    ----------
    level : float
        Posterior probability of the ball.
    radius : float
        Distance of its edge from the estimate, in the units of the loss.
    upper : array of int, shape (N,)
        Vertical upper bound: of the partitions in the ball with fewest clusters, the most distant.
    lower : array of int, shape (N,)
        Vertical lower bound: of those with most clusters, the most distant.
    horizontal : array of int, shape (N,)
        Horizontal bound: the most distant of all.
    """

    level: float
    radius: float
    upper: Labels
    lower: Labels
    horizontal: Labels


def credible_ball(
    labels: Labels, allocations: Allocations, loss: str, level: float
) -> CredibleBall:
    """Find the ball around a partition, labels (N,), from draws, allocations (N, S)."""
    apart = distances(labels, allocations, loss)
    radius = np.sort(apart)[int(np.ceil(level * len(apart) - 1e-9)) - 1]
    inside = np.flatnonzero(apart <= radius)
    clusters = count_clusters(allocations)[inside]

    def farthest(among: npt.NDArray[np.intp]) -> Labels:
        return allocations[:, among[apart[among].argmax()]].astype(np.intp)

    return CredibleBall(
        level,
        float(radius),
        farthest(inside[clusters == clusters.min()]),
        farthest(inside[clusters == clusters.max()]),
        farthest(inside),
    )


def count_clusters(allocations: Allocations) -> npt.NDArray[np.intp]:
    """Count the clusters of each partition, shape (S,): components without a row are none."""
    components = range(int(allocations.max()) + 1)
    return np.sum([(allocations == k).any(axis=0) for k in components], axis=0)
