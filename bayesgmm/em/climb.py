"""Ascents: from starting points to maxima of the likelihood, many at a time.

Every step is an E-step (the kernel's sweep) and an M-step. After a few plain EM steps, the next
point is sought along a quasi-Newton direction; if the likelihood is lower there, the step is
shortened, in the end to EM's own, which never fails. So no ascent ever goes down. An ascent ends
on an E-step: the reported log-likelihood is that of the returned parameters. It ends when what is
still to be gained is estimated to be below the tolerance: by Aitken's extrapolation of the
geometric gains of plain EM (Böhning et al. 1994), or by the quasi-Newton model. A small gain alone
proves nothing, because EM crosses plateaus.

The decisions are compiled (`ascent`). On few rows the whole ascent is, and ascents are shared out
to threads. Otherwise they go in lockstep: the rows are swept for all of them at once, in chunks
which threads share, and the M-step is that of the objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.em import ascent as compiled
from bayesgmm.em.ascent import PLAIN
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points, flattened, pointed, unflattened
from bayesgmm.em.quasi_newton import PAIRS
from bayesgmm.mixture import threads
from bayesgmm.mixture.data import pieces

__all__ = ["PLAIN", "Ascent", "Reason", "climb"]

Array = npt.NDArray[np.float64]

_FIRST_PLAIN = 5  # steps before anything is known of the curvature
_AT_ONCE = 1024  # sweeps in one call, of which the history must be kept
_PARTS = 4  # pieces of work for each thread, as some ascents take longer than others
_FOR_A_THREAD = 1e7  # cycles: with less to do, threads cost more than they bring


class Reason(StrEnum):
    """Why an ascent ended."""

    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    COLLAPSED = "collapsed"


_REASONS = {
    compiled.GOING: Reason.MAX_ITER,
    compiled.CONVERGED: Reason.CONVERGED,
    compiled.COLLAPSED: Reason.COLLAPSED,
}


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
    if not ascents:
        return []
    flock = Flock(objective, ascents, tol, narrowest, plain_steps)
    if objective.is_plain and objective.is_small(flock.start.means.shape[1]):
        flock.run(max_steps + 1)
    else:
        flock.walk(max_steps + 1)
    return flock.ascents()


class Flock:
    """Ascents as arrays, which compiled code overwrites; see `climb`."""

    def __init__(
        self,
        objective: Objective,
        ascents: Sequence[Ascent],
        tol: float,
        narrowest: float,
        plain_steps: int,
    ) -> None:
        self.objective = objective
        self.before = [ascent.history[:-1] for ascent in ascents]
        self.start = start = Points.concatenated([ascent.point for ascent in ascents])
        self.states = compiled.begun(
            len(ascents),
            objective.total_weight,
            tol,
            narrowest,
            plain_steps,
            objective.structure.equal_volumes,
            start.means.shape[2] if start.diagonal else 1,
        )
        self.vectors = np.repeat(flattened(start)[:, None], compiled.N_VECTORS, axis=1)
        self.records = np.empty((len(ascents), PAIRS + 1, 4, self.vectors.shape[2]))
        self.centres = start.means.copy(order="C")
        self.histories: list[Array] = []

    def run(self, n_sweeps: int) -> None:
        """Climb in compiled code, several ascents on each thread."""
        objective, n = self.objective, len(self.states)
        in_blocks = self.states["n_blocks"][0] > 1  # one feature's are full and diagonal
        work = n * n_sweeps * objective.sweep_cost(self.centres.shape[1])
        workers = objective.workers if work > _FOR_A_THREAD else 1
        together = n if workers == 1 else -(-n // (_PARTS * workers))
        parts = list(pieces(n, 1 if objective.own_rows else together))
        while n_sweeps > 0 and self.going.any():
            history = np.full((n, min(n_sweeps, _AT_ONCE)), np.nan)
            arrays = (self.states, self.vectors, self.records, self.centres, history)

            def run(part: slice, arrays: tuple[npt.NDArray[Any], ...] = arrays) -> None:
                rows, mine = objective.rows_of(part), [array[part] for array in arrays]
                compiled.climb_on(objective.structure.address, in_blocks, *rows, *mine)

            for _ in threads.map(run, parts, workers):
                pass
            self.histories.append(history)
            n_sweeps -= history.shape[1]

    def walk(self, n_sweeps: int) -> None:
        """Climb in lockstep, by the E-step and the M-step of the objective."""
        compiled.decisions()
        for _ in range(n_sweeps):
            active = np.flatnonzero(self.going)
            if not len(active):
                break
            self._sweep(active)
            best = np.full((len(self.states), 1), np.nan)
            best[active, 0] = self.states["best"][active]
            self.histories.append(best)

    def _sweep(self, active: npt.NDArray[np.intp]) -> None:
        """Sweep the rows once for each of these ascents, and choose the next trial points."""
        objective, vectors = self.objective, self.vectors
        trial = self._points(compiled.TRIAL, active)
        values, stats = objective.estep(trial, active)
        reply, proper = objective.mstep(stats, trial.means, trial)
        vectors[active, compiled.STATS] = flattened(stats)
        vectors[active, compiled.REPLY] = flattened(reply)
        arrays = (vectors, self.records, self.centres)
        for s, value, good in zip(active, values, proper, strict=True):
            compiled.learn(self.states, s, *arrays, value, good)
        unsettled, made = np.flatnonzero(self.going), np.zeros(len(vectors), dtype=np.bool_)
        while len(unsettled):
            planned = unsettled[self.states["planned"][unsettled] != 0]
            if len(planned):
                stats = unflattened(vectors[planned, compiled.PLANNED], self.start)
                here = self._points(compiled.HERE, planned)
                trial, made[planned] = objective.mstep(stats, self.centres[planned], here)
                vectors[planned, compiled.TRIAL] = flattened(trial)
            for s in unsettled:
                made[s] = compiled.settle(self.states, int(s), vectors, self.centres, made[s])
            unsettled = unsettled[~made[unsettled]]

    @property
    def going(self) -> npt.NDArray[np.bool_]:
        """Which ascents have not ended."""
        return np.asarray(self.states["reason"] == compiled.GOING)

    def _points(self, which: int, chosen: npt.NDArray[np.intp]) -> Points:
        return pointed(self.vectors[chosen, which], self.start)

    def ascents(self) -> list[Ascent]:
        """Give all ascents as they are."""
        here = pointed(self.vectors[:, compiled.HERE].copy(), self.start)
        return [
            Ascent(here[i : i + 1], self._history(i), _REASONS[reason])
            for i, reason in enumerate(self.states["reason"].tolist())
        ]

    def _history(self, i: int) -> Array:
        values = np.concatenate([self.before[i], *(block[i] for block in self.histories)])
        return values[~np.isnan(values)]
