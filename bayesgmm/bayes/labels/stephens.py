"""Names by responsibilities: each draw says of the rows what all draws say together.

With r the responsibilities of a draw under its new names and q those of all draws on average, the
names are chosen to make ``Σ r log(r / q)`` small, summed over rows, components and draws: the
Kullback-Leibler divergence from q to the draws. Two steps take turns, as in EM: q is the average
for given names (which no other q improves on), and each draw takes the best names for given q.
Neither can raise the sum, and there are finitely many names, so it ends.

As ``Σ r log r`` does not depend on names, it is left out: the loss here is ``-Σ r log q``.

References
----------
Stephens, M. (2000). Dealing with label switching in mixture models. Journal of the Royal
Statistical Society B 62, 795-809, algorithm 2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.labels.assignment import costs_of
from bayesgmm.bayes.labels.renaming import Labels, unchanged
from bayesgmm.bayes.labels.sweeps import mean_responsibilities, overlaps
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data
from bayesgmm.results.alignment import cheapest

Array = npt.NDArray[np.float64]

_TINY = float(np.finfo(np.float64).tiny)


class Step(NamedTuple):
    """Where the algorithm is.

    Parameters
    ----------
    labels : array of int, shape (S, K)
        Names after this step: entry k is the component that is called k.
    cost : array, shape (S, K, K)
        ``-Σ r log q`` of each name (axis 1) and component (axis 2), whose best names they are.
    loss : float
        What these names cost, over all draws.
    """

    labels: Labels
    cost: Array
    loss: float


def stephens(data: Data, draws: Mixture) -> Step:
    """Run the algorithm to its end.

    Parameters
    ----------
    data : Data
        N rows.
    draws : Mixture
        S mixtures of K components, along one leading axis. Their names are where the algorithm
        starts: from others it may come to another local minimum.
    """
    return deque(steps(data, draws), maxlen=1)[0]


def steps(data: Data, draws: Mixture) -> Iterator[Step]:
    """Improve the names step by step, until the loss does not fall; see `stephens`."""
    labels, before = unchanged(draws), np.inf
    while True:
        q = mean_responsibilities(data, draws, labels)
        cost = -overlaps(data, draws, np.log(np.maximum(q, _TINY)))
        best = cheapest(cost)
        loss = float(costs_of(cost, best).sum())
        yield Step(best, cost, loss)
        if not loss < before or (best == labels).all():
            return
        labels, before = best, loss
