"""Expected sufficient statistics: what one E-step learns from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stats:
    """Log-likelihood and expected sufficient statistics, centred at the current means.

    With responsibilities ``r`` (times the row weights), they are sums over the rows, so that the
    statistics of two halves of the data add up. Those of S mixtures at once have a leading axis
    of length S in every array; ``stats[s]`` are those of one of them.

    Parameters
    ----------
    log_likelihood : float or array, shape (S,)
        Total natural log-likelihood.
    counts : array, shape (K,)
        ``sum r``: the expected number of rows of each component.
    sums : array, shape (K, D)
        ``sum r (x - mu)``.
    scatter : array, shape (K, D, D), or (K, D)
        ``sum r (x - mu)(x - mu)'``, or only its diagonal where that is all the model needs.
    """

    log_likelihood: Any
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

    def __getitem__(self, mixture: int) -> Stats:
        return Stats(
            float(self.log_likelihood[mixture]),
            self.counts[mixture],
            self.sums[mixture],
            self.scatter[mixture],
        )

    @classmethod
    def concatenated(cls, parts: Sequence[Stats]) -> Stats:
        """Join the statistics of several batches of mixtures into those of one."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*map(_fields, parts), strict=True)))


def _fields(stats: Stats) -> tuple[Any, Array, Array, Array]:
    return stats.log_likelihood, stats.counts, stats.sums, stats.scatter
