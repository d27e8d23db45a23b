"""The search for the best maximum: many short ascents, the promising ones to convergence.

The likelihood of a mixture has many local maxima, and is unbounded where a component shrinks
onto few rows. The search runs every start for a few iterations, drops the worse half of those that
have not converged, runs the others twice as long, and so on (successive halving). What they
reach is told apart: a maximum is sound if each of its components rests on enough rows;
collapsed and spurious ones (McLachlan and Peel 2000, section 3.10) come after all sound ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bayesgmm.em.climb import Ascent, Point, Reason, climb
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.params import full_factor
from bayesgmm.mixture.structures import Structure

Array = npt.NDArray[np.float64]

_FIRST_STEPS = 20
_FINALISTS = 6  # so many at least go on, until each has been given ...
_PATIENT_STEPS = 640  # ... so many steps in one go, ...
_HOPELESS = 100  # ... unless the leader is further off than so many times what they brought
_FULL_FINALISTS = 3  # where short ascents saw a part of the rows: so many then climb on all
_SEARCH_ROWS = 5000  # short ascents see at most this many rows; finalists see all
_SAME_MAXIMUM = 1e-4  # converged log-likelihoods closer than this are one maximum
_COLLAPSED = 1e-7  # a standard deviation, relative to that of all rows, as good as zero
_NARROW, _FEW = (
    0.05,
    3,
)  # spurious: so narrow a component, on fewer than so many times its least rows


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where ascents ended; `n_found` counts those known to have ended there."""

    ascent: Ascent
    n_found: int = 1
    sound: bool = False


def search(
    data: Data,
    starts: Iterable[Point],
    structure: Structure,
    rng: np.random.Generator,
    *,
    tol: float,
    max_iter: int,
    report: Callable[[str], None],
) -> tuple[Optimum, ...]:
    """Climb from many starts and return the distinct optima, the best sound one first.

    Parameters
    ----------
    data : Data
        Standardised rows.
    starts : iterable of Point
        Starting points.
    structure : Structure
        What the covariances share.
    rng : numpy.random.Generator
        Chooses the rows that short ascents see, where there are many.
    tol, max_iter : float, int
        When an ascent stops; see `em.climb.climb`.
    report : callable
        Told in words what is going on.

    Returns
    -------
    tuple of Optimum
    """
    few = _some_rows(data, rng)
    found = _race(
        [Optimum(Ascent(start)) for start in starts], few, structure, tol, max_iter, report
    )
    if few is not data:  # nothing seen on some of the rows holds for all of them
        finalists = [Optimum(Ascent(o.ascent.point), o.n_found) for o in found[:_FULL_FINALISTS]]
        found = _race(finalists, data, structure, tol, max_iter, report)
    return tuple(found)


def _race(
    found: list[Optimum],
    data: Data,
    structure: Structure,
    tol: float,
    max_iter: int,
    report: Callable[[str], None],
) -> list[Optimum]:
    """Climb ever further, each time without the worse half of those still on their way."""
    steps = _FIRST_STEPS
    while True:
        report(f"{len(found)} ascents, up to {steps} further steps each")
        found = _climbed(found, data, structure, tol, steps, max_iter)
        going = [o for o in found if _may_go_on(o.ascent, max_iter)]
        leader = found[0]
        hopeful = [o for o in going if o is leader or _may_overtake(o.ascent, leader.ascent, steps)]
        least = _FINALISTS if steps < _PATIENT_STEPS else leader in going
        kept = hopeful[: max(least, len(going) // 2)]
        found = [o for o in found if o in kept or o not in going]
        if not kept:
            return found
        steps *= 2


def _may_overtake(ascent: Ascent, leader: Ascent, steps: int) -> bool:
    """Whether the latest `steps` gained enough to think that the leader can be reached."""
    recent = ascent.history[-1] - ascent.history[-min(steps + 1, len(ascent.history))]
    gap = leader.log_likelihood - ascent.log_likelihood
    return bool(gap < _HOPELESS * recent)


def _may_go_on(ascent: Ascent, max_iter: int) -> bool:
    return ascent.reason is Reason.MAX_ITER and len(ascent.history) <= max_iter


def _climbed(
    found: list[Optimum],
    data: Data,
    structure: Structure,
    tol: float,
    steps: int,
    max_iter: int,
) -> list[Optimum]:
    """Climb further, and return sound ascents first, by log-likelihood, each maximum once."""
    narrowest = _COLLAPSED * smallest_scale(data)
    rows = data.n_rows
    if rows <= _SEARCH_ROWS:  # copies of a row matter where rows are few
        rows = data.count_distinct_rows(enough=rows)
    merged: list[Optimum] = []
    for optimum in found:
        ascent = optimum.ascent
        if _may_go_on(ascent, max_iter):
            left = max_iter - max(len(ascent.history) - 1, 0)
            ascent = climb(data, ascent, structure, tol, min(steps, left), narrowest)
        sound = _is_sound(ascent, rows, structure)
        twin = next((i for i, o in enumerate(merged) if _same(o.ascent, ascent)), None)
        if twin is None:
            merged.append(Optimum(ascent, optimum.n_found, sound))
        else:
            n_found = merged[twin].n_found + optimum.n_found
            merged[twin] = replace(merged[twin], n_found=n_found)
    return sorted(merged, key=lambda o: (not o.sound, -o.ascent.log_likelihood))


def smallest_scale(data: Data) -> float:
    """Smallest standard deviation of a feature given those before it; 0 if it depends on them."""
    try:
        return float(np.diagonal(np.linalg.cholesky(data.covariance())).min())
    except np.linalg.LinAlgError:
        return 0.0


def _some_rows(data: Data, rng: np.random.Generator) -> Data:
    if data.n_rows <= _SEARCH_ROWS:
        return data
    return data.take(np.sort(rng.choice(data.n_rows, _SEARCH_ROWS, replace=False)))


def _same(one: Ascent, other: Ascent) -> bool:
    converged = one.reason is other.reason is Reason.CONVERGED
    return converged and abs(one.log_likelihood - other.log_likelihood) < _SAME_MAXIMUM


def _is_sound(ascent: Ascent, n_rows: int, structure: Structure) -> bool:
    """Whether every component rests on more rows than could make the likelihood unbounded.

    `n_rows` counts distinct rows, since copies of a row say nothing more about a covariance.
    """
    if ascent.reason is Reason.COLLAPSED:
        return False
    point = ascent.point
    least = structure.singular_rows(point.means.shape[1]) + 1
    rows = point.weights * n_rows
    few = rows < least + 0.5
    narrow = _narrowness(point) < _NARROW
    return least == 1 or not (few | (narrow & (rows < _FEW * least))).any()


def _narrowness(point: Point) -> Array:
    """Least standard deviation of each component, relative to that within all components."""
    cholesky = full_factor(point.factor)
    covariances = cholesky @ cholesky.transpose(0, 2, 1)
    within = np.linalg.cholesky(np.tensordot(point.weights, covariances, axes=1))
    relative = np.linalg.solve(within, cholesky)
    least: Array = np.linalg.svd(relative, compute_uv=False).min(axis=1)
    return least
