"""Expected sufficient statistics: what one E-step learns from the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stats:
    """Log-likelihood and expected sufficient statistics, centred at the current means.

    With responsibilities ``r`` (times the row weights), they are sums over the rows, so that the
    statistics of two halves of the data add up.

    Parameters
    ----------
    log_likelihood : float
        Total natural log-likelihood.
    counts : array, shape (K,)
        ``sum r``: the expected number of rows of each component.
    sums : array, shape (K, D)
        ``sum r (x - mu)``.
    scatter : array, shape (K, D, D), or (K, D)
        ``sum r (x - mu)(x - mu)'``, or only its diagonal where that is all the model needs.
    """

    log_likelihood: float
    counts: Array
    sums: Array
    scatter: Array

    def __add__(self, other: Stats) -> Stats:
        return Stats(
            self.log_likelihood + other.log_likelihood,
            self.counts + other.counts,
            self.sums + other.sums,
            self.scatter + other.scatter,
        )
