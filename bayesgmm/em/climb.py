"""Ascents: from starting points to maxima of the likelihood, many in lockstep.

Every step is an E-step (the kernel's sweep) and an M-step. After a few plain EM steps, the next
point is sought along a quasi-Newton direction; if the likelihood is lower there, the step is
shortened, in the end to EM's own, which never fails. So no ascent ever goes down. An ascent ends
on an E-step: the reported log-likelihood is that of the returned parameters. It ends when what is
still to be gained is estimated to be below the tolerance: by Aitken's extrapolation of the
geometric gains of plain EM (Böhning et al. 1994), or by the quasi-Newton model. A small gain alone
proves nothing, because EM crosses plateaus.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points, centred, flattened, unflattened
from bayesgmm.em.quasi_newton import Direction, Memory, parameters
from bayesgmm.mixture.stats import Stats

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PLAIN = sys.maxsize  # steps: to stay with EM
_FIRST_PLAIN = 5  # before anything is known of the curvature
_STEADY = 3  # the end must have been in sight for this many sweeps
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
_REACH = 8.0  # at first, a step is at most so many times EM's own; grows with success
_GROWTH = 4.0
_SHORTEST = 0.05  # a step that had to be cut to less gives way to EM's


class Reason(StrEnum):
    """Why an ascent ended."""

    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    COLLAPSED = "collapsed"


@dataclass(frozen=True, eq=False)
class Ascent:
    """How far an ascent has come, and why it stopped there.

    `point` holds a single mixture. `history` is the highest value of the objective after every
    E-step, in the units of the data it was given; its last entry is that of `point`, once there
    has been an E-step at all.
    """

    point: Points
    history: Array = field(default_factory=lambda: np.empty(0))
    reason: Reason = Reason.MAX_ITER

    @property
    def value(self) -> float:
        """The objective at `point`: the total log-likelihood, or that plus a log prior."""
        return float(self.history[-1])


def climb(
    objective: Objective,
    ascents: Sequence[Ascent],
    *,
    tol: float,
    max_steps: int,
    narrowest: float = 0.0,
    plain_steps: int = _FIRST_PLAIN,
) -> list[Ascent]:
    """Continue ascents, side by side.

    Parameters
    ----------
    objective : Objective
        What to climb. Its `row_weights`, if any, are those of these ascents.
    ascents : sequence of Ascent
        Where to go on from.
    tol : float
        An ascent stops when the objective still to be gained is estimated to be below this.
    max_steps : int
        Most steps of each.
    narrowest : float
        A component whose factor has a diagonal entry below this has collapsed.
    plain_steps : int
        So many EM steps before quasi-Newton ones.

    Returns
    -------
    list of Ascent
        In the order that they were given.
    """
    flock = _Flock(objective, ascents, tol, narrowest, plain_steps)
    for _ in range(max_steps):
        if not flock.sweep():
            break
        flock.advance()
    else:
        flock.sweep()
    return flock.ascents()


class _Flock:
    """The ascents still under way: arrays with an entry for each, which shrink as they end."""

    def __init__(
        self,
        objective: Objective,
        ascents: Sequence[Ascent],
        tol: float,
        narrowest: float,
        plain_steps: int,
    ) -> None:
        n = len(ascents)
        self.objective, self.tol, self.narrowest = objective, tol, narrowest
        self.plain_steps = plain_steps
        self.paths = [list(ascent.history[:-1]) for ascent in ascents]
        self.done: dict[int, Ascent] = {}
        self.ids = np.arange(n)
        self.point = self.trial = Points.concatenated([ascent.point for ascent in ascents])
        self.image = self.point
        self.centre = self.point.means  # of `made` and `found`: any fixed place near by
        length = parameters(self.point).shape[1]
        self.made = np.zeros((n, length))  # the expected statistics that `point` was made of
        self.found = np.zeros((n, length))  # those that the rows returned for it
        self.trial_made = self.made
        self.memory = Memory(n, length)
        self.best = np.full(n, -np.inf)
        self.gain = np.full(n, np.nan)
        self.steady = np.zeros(n, dtype=np.intp)
        self.age = np.zeros(n, dtype=np.intp)  # steps taken
        self.plain = np.ones(n, dtype=np.bool_)  # whether `trial` is EM's own step
        self.stretched = np.zeros(n, dtype=np.bool_)  # whether its length was the limit
        self.accepted = np.ones(n, dtype=np.bool_)
        self.reach = np.full(n, _REACH)
        self.step = np.zeros((n, length))
        self.direction = self._direction()
        self.slope, self.fraction, self.drop = np.zeros(n), np.ones(n), np.zeros(n)

    def sweep(self) -> bool:
        """Evaluate the trial points, accept those that are higher, end what has arrived."""
        value, stats = self.objective.estep(self.trial, self.ids)
        lost = self.plain & np.isnan(value)  # a component so narrow that numbers end
        self.accepted = (self.plain & ~lost) | (value >= self.best)
        before, previous = self.best, self.gain
        self.drop = value - before
        self._accept(value, stats)
        for i, best in zip(self.ids, self.best, strict=True):
            self.paths[i].append(float(best))
        self._watch(before, previous)
        narrow = ~self.proper | (self.image.smallest < self.narrowest)
        collapsed = lost | (self.accepted & narrow)
        converged = (self.steady >= _STEADY) & ~collapsed
        self._end(collapsed, Reason.COLLAPSED)
        self._end(converged, Reason.CONVERGED)
        self._keep(~(collapsed | converged))
        return len(self.ids) > 0

    def _accept(self, value: Array, stats: Stats) -> None:
        accepted, rows = self.accepted, self.accepted[:, None]
        image, proper = self.objective.mstep(stats, self.trial.means, self.trial)
        self.gain = np.where(accepted, value - self.best, self.gain)
        self.best = np.where(accepted, value, self.best)
        self.point = self.point.replaced(accepted, self.trial)
        self.image = self.image.replaced(accepted, image)
        self.proper = proper | ~accepted
        known = accepted & self.proper & (self.age > 0)  # `made` is not known of a start
        if self.plain_steps < PLAIN:
            found = flattened(centred(stats, self.centre - self.trial.means))
            self.made = np.where(rows, self.trial_made, self.made)
            self.found = np.where(rows, found, self.found)
            vectors = parameters(self.point), parameters(self.image), self.made, self.found
            self.memory.add(known, *vectors)
        self.reach = np.where(accepted & self.stretched, self.reach * _GROWTH, self.reach)
        self.age = self.age + accepted

    def _watch(self, before: Array, previous: Array) -> None:
        """Count for how long the end has been in sight."""
        ahead = self.direction = self._direction()
        with np.errstate(invalid="ignore", divide="ignore"):
            remaining = np.square(self.gain) / (previous - self.gain)
            geometric = (self.gain > 0) & (self.gain < previous) & (remaining < self.tol)
            predicted = self._weight * np.abs(ahead.slope) / 2
            flat = (predicted < self.tol) & (self.gain < self.tol)
            rounding = np.isfinite(before) & (np.abs(self.drop) <= _ROUNDING * np.abs(before))
        little = np.where(ahead.informed, flat, geometric)
        steady = np.where(rounding | (self.accepted & little), self.steady + 1, 0)
        self.steady = np.where(self.accepted | rounding, steady, self.steady)

    def _direction(self) -> Direction:
        old = self.age > self.plain_steps
        if not old.any():
            zeros = np.zeros(len(old))
            return Direction(self.step, zeros, zeros, old)
        found = self.memory.direction(self.point)
        return replace(found, informed=found.informed & old)

    def advance(self) -> None:
        """Choose the next trial points."""
        ahead = self.direction
        fresh = self.accepted & ahead.informed & (ahead.slope > 0)
        limit = np.minimum(1.0, self.reach / np.maximum(ahead.stretch, 1.0))
        if not self.accepted.all():
            self._shorten()
        self.step = np.where(fresh[:, None], limit[:, None] * ahead.step, self.step)
        self.slope = np.where(fresh, limit * ahead.slope * self._weight, self.slope)
        self.fraction = np.where(fresh, 1.0, self.fraction)
        self.stretched = fresh & (limit < 1)
        far = fresh | (~self.accepted & (self.fraction >= _SHORTEST))
        made = np.where(far[:, None], self.made + self.fraction[:, None] * self.step, self.found)
        trial, proper = self.image, far
        if far.any():
            stats = unflattened(made, self.point)
            trial, proper = self.objective.mstep(stats, self.centre, self.point)
            proper = proper & (trial.smallest >= self.narrowest) & far
        self.reach = np.where(far & ~proper, np.maximum(1.0, self.reach / _GROWTH), self.reach)
        self.plain = ~proper
        self.stretched &= proper
        self.trial = self.image.replaced(proper, trial)
        self.trial_made = np.where(proper[:, None], made, self.found)

    def _shorten(self) -> None:
        """Cut steps that led down, to where a parabola through what is known has its top."""
        model = self.slope * self.fraction
        with np.errstate(invalid="ignore", divide="ignore"):
            top = self.fraction * model / (2 * (model - self.drop))
        top = np.where(np.isfinite(top), top, 0.25 * self.fraction)
        shorter = np.clip(top, _SHORTEST * self.fraction, 0.5 * self.fraction)
        reach = np.maximum(1.0, self.reach * shorter / self.fraction)
        self.reach = np.where(self.accepted, self.reach, reach)
        self.fraction = np.where(self.accepted, self.fraction, shorter)

    @property
    def _weight(self) -> Array:
        total = self.objective.total_weight
        return total[self.ids] if len(total) > 1 else total

    def _end(self, chosen: BoolArray, reason: Reason) -> None:
        for i in np.flatnonzero(chosen):
            name = int(self.ids[i])
            self.done[name] = Ascent(self.point[[i]], np.array(self.paths[name]), reason)

    def _keep(self, chosen: BoolArray) -> None:
        if chosen.all():
            return
        self.memory.keep(chosen)
        self.direction = self.direction[chosen]
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray | Points):
                setattr(self, name, value[chosen])

    def ascents(self) -> list[Ascent]:
        """Give all ascents, those that are still under way as they are."""
        self._end(np.ones(len(self.ids), dtype=np.bool_), Reason.MAX_ITER)
        return [self.done[i] for i in range(len(self.paths))]
