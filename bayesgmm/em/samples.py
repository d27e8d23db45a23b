"""Repeated samples: the rows again, otherwise weighted or drawn anew, and ascents on all of them.

Ascents begin at the estimate, which lies near the maximum of each sample, and climb side by
side. Samples of a kind come in groups, of a size that depends on the data alone, each with a
stream of random numbers of its own: so they are the same however many cores there are, and the
first hundred of a thousand are those of a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from bayesgmm.em.climb import Ascent, Reason, climb
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points
from bayesgmm.em.soundness import are_sound, narrowest
from bayesgmm.mixture import threads
from bayesgmm.mixture.data import Data, pieces
from bayesgmm.mixture.likelihood import estep, kernel_rows
from bayesgmm.mixture.params import Params, full_factor
from bayesgmm.mixture.stats import Stats
from bayesgmm.mixture.structures import Structure, get_structure

Array = npt.NDArray[np.float64]
Kind = Literal["nonparametric", "weighted", "parametric"]

KINDS: tuple[str, ...] = get_args(Kind)
_GROUP = 256  # samples climbed side by side: more gain nothing
_NUMBERS = 4e6  # that the rows or the weights of a group may hold: 32 MB
_TOL = 1e-8  # of log-likelihood: short of the maximum by a ten-thousandth of a standard error
_FOR_A_THREAD = 2.5e4  # densities: less than this at a time, and threads cost more than they bring
_MANY_ROWS = 5000  # no copies are looked for among more; see `em.search`


class Replicates(NamedTuple):
    """Parameters of B mixtures, in the user's units.

    Parameters
    ----------
    weights : array, shape (B, K)
    means : array, shape (B, K, D)
    cholesky : array, shape (B, K, D, D)
    """

    weights: Array
    means: Array
    cholesky: Array


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws samples like the rows of a fit, and climbs on them from its estimate.

    Parameters
    ----------
    data : Data
        The rows of the fit.
    params : Params
        Its estimate.
    covariance_type : str
        Its structure.
    kind : {"nonparametric", "weighted", "parametric"}
        See `EMFit.bootstrap`.
    max_iter : int
        Most steps of an ascent.
    cores : int
        Most threads at work at once.
    """

    data: Data
    params: Params
    covariance_type: str
    kind: str
    max_iter: int
    cores: int

    def ascents(self, n: int, seed: int) -> Iterator[list[Ascent]]:
        """Yield the ascents on `n` samples, group by group; unsound ones have collapsed."""
        groups = list(pieces(n, self._group))
        children = np.random.SeedSequence(seed).spawn(len(groups))
        for group, child in zip(groups, children, strict=True):
            yield self._climbed(group.stop - group.start, np.random.default_rng(child))

    def replicates(self, ascents: list[Ascent]) -> Replicates:
        """Bring where ascents ended back into the user's units."""
        points = [ascent.point for ascent in ascents]
        factors = np.stack([full_factor(point.factor[0]) for point in points])
        return Replicates(
            np.concatenate([point.weights for point in points]),
            self._shift + self._unit * np.concatenate([point.means for point in points]),
            self._unit[:, None] * factors,
        )

    def _climbed(self, size: int, rng: np.random.Generator) -> list[Ascent]:
        objective, rows = self._samples(size, rng)
        ascents = climb(
            objective,
            [Ascent(self._start)] * size,
            tol=_TOL,
            max_steps=self.max_iter,
            narrowest=narrowest(self._rows),
        )
        return [
            ascent if sound else Ascent(ascent.point, ascent.history, Reason.COLLAPSED)
            for ascent, sound in zip(ascents, are_sound(ascents, rows, objective), strict=True)
        ]

    def _samples(self, size: int, rng: np.random.Generator) -> tuple[Objective, list[int]]:
        """Draw samples; with them goes how many different rows each has."""
        if self.kind == "parametric":
            samples = tuple(self._drawn(rng) for _ in range(size))
            workers = self._workers(self._total)
            own = OwnRows(samples[0], self._structure, workers=workers, samples=samples)
            return own, [self._total] * size
        draw = self._resampled if self.kind == "nonparametric" else self._reweighted
        weights = draw(size, rng)
        workers = self._workers(weights.size / (4 * self.cores))  # as `estep` cuts it
        objective = Objective(self._rows, self._structure, None, weights, workers)
        return objective, [self._count_distinct(row) for row in weights]

    def _resampled(self, size: int, rng: np.random.Generator) -> Array:
        """Count how often each row is drawn (Efron 1979)."""
        n_rows, weights = self.data.n_rows, self.data.row_weights
        shares = weights / weights.sum() if weights.size else None
        counts = np.empty((size, n_rows))
        for row in counts:
            drawn = rng.choice(n_rows, self._total, p=shares)
            row[:] = np.bincount(drawn, minlength=n_rows)
        return counts

    def _reweighted(self, size: int, rng: np.random.Generator) -> Array:
        """Draw Dirichlet weights with the sum of the old ones (Rubin 1981)."""
        shape = self.data.row_weights if self.data.row_weights.size else np.ones(self.data.n_rows)
        weights = rng.standard_gamma(shape, (size, len(shape)))
        weights *= self.data.total_weight / weights.sum(axis=1, keepdims=True)
        return weights

    def _drawn(self, rng: np.random.Generator) -> Data:
        """Draw rows from the estimate, component by component, in the units of the ascents."""
        p = self._inside
        counts = rng.multinomial(self._total, p.weights)
        parts = [
            mean + rng.standard_normal((count, p.n_features)) @ lower.T
            for count, mean, lower in zip(counts, p.means, p.cholesky, strict=True)
        ]
        return Data(np.concatenate(parts), self.data.feature_names, np.empty(0))

    def _count_distinct(self, weights: Array) -> int:
        if self._copies is None:
            return self.data.n_rows
        return int(np.count_nonzero(np.bincount(self._copies, weights)))

    def _workers(self, rows: float) -> int:
        return self.cores if rows * self.params.n_components > _FOR_A_THREAD else 1

    @property
    def _total(self) -> int:
        """How many rows a sample has: a row of weight two is two rows."""
        return max(1, round(self.data.total_weight))

    @property
    def _group(self) -> int:
        per_sample = self.data.n_rows
        if self.kind == "parametric":
            per_sample = self._total * self.data.n_features
        return int(max(1, min(_GROUP, _NUMBERS // per_sample)))

    @cached_property
    def _structure(self) -> Structure:
        return get_structure(self.covariance_type)

    @cached_property
    def _shift(self) -> Array:
        return self.data.moments()[0]

    @cached_property
    def _unit(self) -> Array:
        return self._structure.units(self.data.moments()[1])

    @cached_property
    def _rows(self) -> Data:
        return self.data.standardised(self._shift, self._unit)

    @cached_property
    def _inside(self) -> Params:
        return self.params.rescaled(-self._shift / self._unit, 1 / self._unit)

    @cached_property
    def _start(self) -> Points:
        p, factor = self._inside, self._inside.cholesky
        if self._structure.diagonal:
            factor = np.diagonal(factor, axis1=1, axis2=2)
        return Points(p.weights[None], p.means[None], factor[None])

    @cached_property
    def _copies(self) -> npt.NDArray[np.intp] | None:
        """A number for each row, the same for rows that are the same."""
        if self.data.n_rows > _MANY_ROWS:
            return None
        _, number = np.unique(self.data.values, axis=0, return_inverse=True)
        return number


@dataclass(frozen=True, eq=False)
class OwnRows(Objective):
    """The log-likelihood where every mixture has rows of its own, as many as any other.

    Parameters
    ----------
    samples : tuple of Data, length S
        Its rows for each mixture; `data` is the first of them.
    """

    samples: tuple[Data, ...] = ()
    own_rows = True

    def rows_of(self, mixtures: slice) -> tuple[Array, Array, Array, Array]:
        """Give the rows of one mixture; see `Objective.rows_of`."""
        return (*kernel_rows(self.samples[mixtures.start], slice(None)), np.empty((1, 0)))

    def estep(self, points: Points, mixtures: npt.NDArray[np.intp]) -> tuple[Array, Stats]:
        """Evaluate the log-likelihood; see `Objective.estep`."""

        def sweep(i: int) -> Stats:
            one = points[i : i + 1]
            return estep(self.samples[mixtures[i]], one.weights, one.means, one.factor)

        parts = threads.map(sweep, range(len(mixtures)), self.workers)
        stats = Stats.concatenated(list(parts))
        return stats.log_likelihood, stats
