"""What EM climbs: the log-likelihood of the rows, or that with a log prior density or a ridge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayesgmm.em.points import Points, centred
from bayesgmm.em.ridge import clouded, log_shares
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import estep, in_one_chunk, kernel_rows, sweep_cost
from bayesgmm.mixture.stats import Stats
from bayesgmm.mixture.structures import Structure, factorise

if TYPE_CHECKING:
    from bayesgmm.em.penalty import Penalty

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Objective:
    """A function of mixtures with an E-step and an M-step, for S of them at once.

    Parameters
    ----------
    data : Data
        The rows.
    structure : Structure
        What the covariances share.
    penalty : Penalty, optional
        Priors, whose log-density is added.
    row_weights : array, shape (S, N), optional
        Weights of the rows instead of those of `data`, for each mixture its own.
    workers : int
        Most threads at work at once.
    reg_covar : float
        If positive, a ridge of this variance, instead of a penalty; see `em.ridge`.
    """

    data: Data
    structure: Structure
    penalty: Penalty | None = None
    row_weights: Array | None = None
    workers: int = 1
    reg_covar: float = 0.0

    own_rows = False  # whether every mixture has rows of its own

    @cached_property
    def total_weight(self) -> Array:
        """Sum of the row weights, shape (S,) or (1,)."""
        if self.row_weights is None:
            return np.array([self.data.total_weight])
        return self.row_weights.sum(axis=1)

    @cached_property
    def n_directions(self) -> int:
        """In how many directions the rows vary, and by more than the ridge if there is one."""
        if not self.reg_covar:
            return self.data.n_features
        return int((np.linalg.eigvalsh(self.data.covariance()) > self.reg_covar).sum())

    @property
    def is_plain(self) -> bool:
        """Whether this is the likelihood itself, and nothing added to it."""
        return self.penalty is None and not self.reg_covar

    def sweep_cost(self, n_components: int) -> float:
        """Estimate what a sweep of all rows costs, in cycles of a processor."""
        return sweep_cost(self.data, n_components)

    def is_small(self, n_components: int) -> bool:
        """Whether the rows need not be cut into chunks."""
        return in_one_chunk(self.data, n_components)

    def rows_of(self, mixtures: slice) -> tuple[Array, Array, Array, Array]:
        """Give the rows of some mixtures as `kernels.estep` takes them, with their weights."""
        weights = self.data.row_weights[None]
        if self.row_weights is not None:
            weights = np.ascontiguousarray(self.row_weights[mixtures])
        return (*kernel_rows(self.data, slice(None)), weights)

    def within(self, point: Points) -> Points:
        """Bring a start to the nearest place that the priors allow, if there are any."""
        if self.penalty is None:
            return point
        return Points(*self.penalty.within(point.weights, point.means, point.factor))

    def estep(self, points: Points, mixtures: npt.NDArray[np.intp]) -> tuple[Array, Stats]:
        """Evaluate the objective, shape (S,), with the statistics of the rows.

        Parameters
        ----------
        points : Points
            Where.
        mixtures : array of int, shape (S,)
            Which of the mixtures (of `row_weights`) these are.
        """
        weights = None if self.row_weights is None else self.row_weights[mixtures]
        shares, cost = points.weights, np.zeros(1)
        if self.reg_covar:
            log_share = log_shares(points, self.reg_covar)
            cost = log_share.max(axis=1)  # kept apart, lest the shares underflow
            shares = np.exp(log_share - cost[:, None])
        means, factor = points.means, points.factor
        stats = estep(self.data, shares, means, factor, row_weights=weights, workers=self.workers)
        total = self.total_weight if weights is None else self.total_weight[mixtures]
        value: Array = stats.log_likelihood + total * cost
        if self.penalty is not None:
            value = value + self.penalty.log_density(points.weights, means, factor)
        return value, stats

    def mstep(self, stats: Stats, centre: Array, points: Points) -> tuple[Points, BoolArray]:
        """Maximise the expected objective, or at least climb it from `points`.

        Parameters
        ----------
        stats : Stats
            Expected statistics, centred at `centre`.
        centre : array, shape (S, K, D)
            Need not be the means.
        points : Points
            Where to go on from, for M-steps that have no closed form.

        Returns
        -------
        points : Points
        proper : array of bool, shape (S,)
            False where a component has lost its rows or its covariance is singular; the point is
            then of no use.
        """
        stats = clouded(stats, self.reg_covar) if self.reg_covar else stats
        alive = (stats.counts > 0).all(axis=1)
        counts = np.where(alive[:, None], stats.counts, 1.0)
        if self.penalty is None:
            step = stats.sums / counts[..., None]
            scatter = centred(stats, step).scatter
            found = self.structure.covariances(counts, scatter, points.covariances)
            weights, means = counts / counts.sum(axis=1, keepdims=True), centre + step
        else:
            weights, means, found = self.penalty.mstep(
                counts, stats.sums, stats.scatter, centre, points.factor
            )
        factor, proper = factorise(found)
        return Points(weights, means, factor), proper & alive
