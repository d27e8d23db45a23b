"""The search for the best maximum: many short ascents, the promising ones to convergence.

The likelihood of a mixture has many local maxima, and is unbounded where a component shrinks
onto few rows. The search runs every start for a few iterations, drops the worse half of those that
have not converged, runs the others twice as long, and so on (successive halving). What wins then
gains a component, climbs, and loses one, as long as that leads further up: a kin of the moves of
Ueda et al. (2000), but what comes between is a maximum, too. Collapsed and spurious maxima come
after all sound ones (see `soundness`).

References
----------
Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture
models. Neural Computation 12, 2109-2128.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from bayesgmm.em.climb import PLAIN, Ascent, Reason, climb
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points
from bayesgmm.em.shares import from_responsibilities
from bayesgmm.em.soundness import are_sound, distinct_rows, narrowest
from bayesgmm.em.starts import Starts, halved, shrunk
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import alike, log_density, responsibilities, sweep_cost
from bayesgmm.mixture.params import Params

Array = npt.NDArray[np.float64]

_ATTEMPTS = 3  # so many times n_starts, as long as no sound maximum is found
_FIRST_STEPS = 20
_FINALISTS = 6  # so many at least go on, until each has been given ...
_PATIENT_STEPS = 640  # ... so many steps in one go, ...
_HOPELESS = 100  # ... unless the leader is further off than so many times what they brought
_FULL_FINALISTS = 3  # where ascents saw a part of the rows: at most so many climb on more
_GROWTH = 10  # so many times more, until all are seen
_FAR = 4.0  # standard errors of a log-likelihood ratio: what lies further off is left behind
_SEARCH_ROWS = 5000  # short ascents see at most this many rows; finalists see all
_SAME_MAXIMUM = 1e-4  # converged ascents whose ends are closer than this are one maximum
_POOLED = 4  # one start in so many first climbs with covariances alike
_LEADERS = 12  # so many optima gain and lose a component at a time, ...
_EFFORT = 2e5  # (fewer, if a sweep takes more cycles than this)
_ROUNDS = 6  # ... as long as that leads further up, but not more often than this


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where ascents ended; `n_found` counts those known to have ended there."""

    ascent: Ascent
    n_found: int = 1
    sound: bool = False


@dataclass(frozen=True, eq=False)
class Search:
    """How to search.

    Parameters
    ----------
    tol, max_iter : float, int
        When an ascent stops; see `em.climb.climb`.
    report : callable
        Told in words what is going on.
    rearrange : bool
        Whether winners gain and lose components.
    """

    tol: float
    max_iter: int
    report: Callable[[str], None]
    rearrange: bool = True

    def from_points(self, objective: Objective, starts: Sequence[Points]) -> tuple[Optimum, ...]:
        """Climb from the given points on all rows, and from nowhere else."""
        return tuple(self._race(_begun(starts, objective), objective))

    def everywhere(
        self,
        objective: Objective,
        n_components: int,
        n_starts: int,
        rng: np.random.Generator,
        known: Sequence[Points] = (),
    ) -> tuple[Optimum, ...]:
        """Climb from many starts and return the distinct optima, the best sound one first.

        Parameters
        ----------
        objective : Objective
            What to climb.
        n_components, n_starts : int
            Number of components, and of starts.
        rng : numpy.random.Generator
            Source of the random choices.
        known : sequence of Points
            More starts.
        """
        few = replace(objective, data=_some_rows(objective.data, rng))
        found: list[Optimum] = []
        for _ in range(_ATTEMPTS):
            starts = [*_starts(few, n_components, n_starts, rng), *known]
            found += self._race(_begun(starts, few), few)
            found = self._rearranged(_distinct(found, few.data), few)
            if found[0].sound:
                break
        for more in _growing(objective.data, rng):
            finalists = [Optimum(Ascent(o.ascent.point), o.n_found) for o in _in_reach(found, few)]
            few = replace(objective, data=more)
            found = self._race(finalists, few)
        return tuple(found)

    def _rearranged(self, found: list[Optimum], objective: Objective) -> list[Optimum]:
        """Let the best optima gain a component and lose one, while that leads further up.

        Local maxima with too many components here and too few there are left by no small step.
        """
        n_components = found[0].ascent.point.means.shape[1]
        if n_components == 1 or not self.rearrange:
            return found
        effort = min(1.0, _EFFORT / sweep_cost(objective.data, n_components))
        leaders = max(1, round(effort * _LEADERS))
        freely, tried = replace(objective, penalty=None), set[Ascent]()
        for _ in range(_ROUNDS):
            untried = [o.ascent for o in found if o.sound and o.ascent not in tried][:leaders]
            tried.update(untried)
            more = [start for ascent in untried for start in _changed(halved, ascent.point)]
            larger = self._race(_begun(more, freely), freely)[:leaders] if more else []
            sound = [o.ascent.point for o in larger if o.sound]
            fewer = [start for point in sound for start in _changed(shrunk, point)]
            if not fewer:
                break
            best = found[0].ascent
            moved = self._race(_begun(fewer, objective), objective)
            # however many of them lead to a maximum, they are no starts that have found it
            known = [replace(o, n_found=0) for o in moved]
            merged = _distinct([*found, *known], objective.data)
            found = [replace(o, n_found=max(o.n_found, 1)) for o in merged]
            if found[0].ascent is best:
                break
        return found

    def _race(self, found: list[Optimum], objective: Objective) -> list[Optimum]:
        """Climb ever further, each time without the worse half of those still on their way."""
        steps = _FIRST_STEPS
        while True:
            self.report(f"{len(found)} ascents, up to {steps} further steps each")
            found = self._climbed(found, objective, steps)
            going = [o for o in found if self._may_go_on(o.ascent)]
            leader = found[0]
            hopeful = [
                o for o in going if o is leader or _may_overtake(o.ascent, leader.ascent, steps)
            ]
            least = _FINALISTS if steps < _PATIENT_STEPS else leader in going
            kept = hopeful[: max(least, len(going) // 2)]
            found = [o for o in found if o in kept or o not in going]
            if not kept:
                return found
            steps *= 2

    def _climbed(self, found: list[Optimum], objective: Objective, steps: int) -> list[Optimum]:
        """Climb further, and return sound ascents first, by their value, each maximum once."""
        going = [o for o in found if self._may_go_on(o.ascent)]
        taken = max((len(o.ascent.history) for o in going), default=0)
        further = climb(
            objective,
            [o.ascent for o in going],
            tol=self.tol * _mean_weight(objective.data),
            max_steps=min(steps, self.max_iter - max(taken - 1, 0)),
            narrowest=narrowest(objective.data),
            plain_steps=2 if taken else PLAIN,
        )
        sound = are_sound(further, distinct_rows(objective.data), objective)
        climbed = [
            Optimum(ascent, o.n_found, bool(good))
            for o, ascent, good in zip(going, further, sound, strict=True)
        ]
        return _distinct([o for o in found if o not in going] + climbed, objective.data)

    def _may_go_on(self, ascent: Ascent) -> bool:
        return ascent.reason is Reason.MAX_ITER and len(ascent.history) <= self.max_iter


def _starts(
    objective: Objective, n_components: int, n_starts: int, rng: np.random.Generator
) -> Iterator[Points]:
    data, structure, ridge = objective.data, objective.structure, objective.reg_covar
    if n_components == 1:
        n_starts = 1
    through = 0 if structure.pooled is structure else n_starts // _POOLED
    drawn = Starts(data, n_components, structure, rng, ridge)
    yield from islice(drawn, n_starts - through)
    yield from _through_pooled(objective, n_components, through, rng)


def _begun(starts: Sequence[Points], objective: Objective) -> list[Optimum]:
    return [Optimum(Ascent(objective.within(start))) for start in starts]


def _through_pooled(
    objective: Objective, n_components: int, n_starts: int, rng: np.random.Generator
) -> Iterator[Points]:
    """Start where short ascents lead on which the components' covariances are alike.

    Fewer free covariances have fewer local maxima, and some of them lie below the best.
    """
    data, structure, ridge = objective.data, objective.structure, objective.reg_covar
    starts = islice(Starts(data, n_components, structure.pooled, rng, ridge), n_starts)
    for ascent in climb(
        replace(objective, structure=structure.pooled, penalty=None),
        [Ascent(start) for start in starts],
        tol=1.0,
        max_steps=_FIRST_STEPS,
        narrowest=narrowest(data),
        plain_steps=PLAIN,
    ):
        shares = responsibilities(data, ascent.point.params)
        yield from_responsibilities(data, shares, structure, ridge)


def _changed(change: Callable[[Params], list[Params]], point: Points) -> Iterator[Points]:
    for params in change(point.params):
        factor = params.scales if point.diagonal else params.cholesky
        yield Points(params.weights[None], params.means[None], factor[None])


def _may_overtake(ascent: Ascent, leader: Ascent, steps: int) -> bool:
    """Whether the latest `steps` gained enough to think that the leader can be reached."""
    recent = ascent.history[-1] - ascent.history[-min(steps + 1, len(ascent.history))]
    return bool(leader.value - ascent.value < _HOPELESS * recent)


def _distinct(found: list[Optimum], data: Data) -> list[Optimum]:
    """Put sound optima first, by their value, each maximum once."""
    kept: list[Optimum] = []
    for optimum in found:
        twin = next((i for i, o in enumerate(kept) if _same(o.ascent, optimum.ascent, data)), None)
        if twin is None:
            kept.append(optimum)
        else:
            kept[twin] = replace(kept[twin], n_found=kept[twin].n_found + optimum.n_found)
    return sorted(kept, key=lambda o: (not o.sound, -o.ascent.value))


def _some_rows(data: Data, rng: np.random.Generator) -> Data:
    """Take few rows: all of them, copies of one as its weight; or some at random."""
    if data.n_rows <= _SEARCH_ROWS:
        return data.distinct()
    some = data.take(np.sort(rng.choice(data.n_rows, _SEARCH_ROWS, replace=False)))
    if some.count_distinct_rows(_SEARCH_ROWS) > _SEARCH_ROWS / 2:
        return some
    return data.counted(_SEARCH_ROWS) or some


def _mean_weight(data: Data) -> float:
    return data.total_weight / data.n_rows


def _growing(data: Data, rng: np.random.Generator) -> Iterator[Data]:
    """Give ever more of the rows, in the end all, if these few were not all of them."""
    if data.n_rows <= _SEARCH_ROWS:
        return
    size = _GROWTH * _SEARCH_ROWS
    while _GROWTH * size <= data.n_rows:
        yield data.take(np.sort(rng.choice(data.n_rows, size, replace=False, shuffle=False)))
        size *= _GROWTH
    yield data


def _in_reach(found: list[Optimum], objective: Objective) -> list[Optimum]:
    """Keep the optima that other rows might still put first."""
    data = objective.data
    leader = log_density(data, found[0].ascent.point.params)
    kept = found[:1]
    for optimum in found[1:_FULL_FINALISTS]:
        ratio = leader - log_density(data, optimum.ascent.point.params)
        if ratio.mean() < _FAR * ratio.std() / np.sqrt(data.n_rows):
            kept.append(optimum)
    return kept


def _same(one: Ascent, other: Ascent, data: Data) -> bool:
    converged = one.reason is other.reason is Reason.CONVERGED
    level = converged and abs(one.value - other.value) < _SAME_MAXIMUM
    return level and alike(data, one.point.params, other.point.params)
