"""One ascent, in compiled code: what is known of it, and how the next point is chosen.

An ascent alternates sweeps of the rows and decisions. `learn` takes what a sweep told of the trial
point, accepts or refuses it, and plans the next; `settle` takes the plan, or EM's own step where
the plan is of no use. `run` is all of it in one call, for the plain likelihood of rows in memory:
on few rows, a sweep takes microseconds, and a decision in Python a hundred times as long. For
every other objective, `climb` makes the same decisions between sweeps of its own.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from bayesgmm.em.quasi_newton import direction, remember
from bayesgmm.em.vectors import Parts, mstep, narrowest_scale, parts, shifted
from bayesgmm.mixture import kernels
from bayesgmm.mixture.compilation import (
    Pointer,
    announce_compilation,
    compile_for,
    function_at,
    function_signature,
    jit,
    jit_inner,
    jit_part,
)
from bayesgmm.mixture.kernels import diagonal_estep_at, full_estep_at
from bayesgmm.mixture.structures.matrices import inverted

Array = npt.NDArray[np.float64]

GOING, CONVERGED, COLLAPSED = range(3)
# Vectors of an ascent: the accepted point, and EM's answer to it; the point under trial, the
# statistics which the rows return for it, and EM's answer; the statistics which the accepted
# point was made of and which the rows returned, which the trial is made of; and the step ahead.
# Points have factors, not covariances.
HERE, IMAGE, TRIAL, STATS, REPLY, MADE, FOUND, PLANNED, AHEAD = range(9)
N_VECTORS = 9

PLAIN = sys.maxsize  # steps: to stay with EM
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_STEADY = 3  # the end must have been in sight for this many sweeps
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
_REACH = 8.0  # at first, a step is at most so many times EM's own
_LEAST_REACH = 2.0  # after a success
_GROWTH = 4.0  # where the reach was the limit, and what was promised came true
_SHORTEST, _LONGEST = 0.05, 0.5  # to which shares a step that led down is cut

STATE = np.dtype(
    [
        ("weight", np.float64),  # of all rows
        ("tol", np.float64),
        ("narrowest", np.float64),
        ("plain_steps", np.int64),
        ("equal_volumes", np.int64),
        ("n_blocks", np.int64),
        ("reason", np.int64),  # why it ended, if it has
        ("best", np.float64),
        ("gain", np.float64),
        ("drop", np.float64),  # of the trial, against the best before it
        ("steady", np.int64),
        ("age", np.int64),  # steps taken
        ("n_records", np.int64),
        ("informed", np.int64),  # whether anything is known of the way ahead:
        ("slope", np.float64),  # how steep it is at first, ...
        ("promise", np.float64),  # ... how high it leads, ...
        ("stretch", np.float64),  # ... and how long it is, in steps of EM;
        ("reach", np.float64),  # it may be so long
        ("accepted", np.int64),
        ("plain", np.int64),  # whether the trial is EM's own step
        ("stretched", np.int64),  # whether its length was the limit
        ("planned", np.int64),  # whether there is a plan
    ]
)


def begun(
    n: int,
    weight: Array,
    tol: float,
    narrowest: float,
    plain_steps: int,
    equal_volumes: bool,
    n_blocks: int,
) -> npt.NDArray[np.void]:
    """Return the states of `n` ascents that are about to begin."""
    states = np.zeros(n, STATE)
    states["weight"], states["tol"], states["narrowest"] = weight, tol, narrowest
    states["plain_steps"], states["equal_volumes"] = plain_steps, equal_volumes
    states["n_blocks"], states["best"], states["gain"] = n_blocks, -np.inf, np.nan
    states["reach"], states["plain"] = _REACH, 1
    return states


@jit
def learn(
    states: Any,
    s: int,
    vectors: Array,
    records: Array,
    centres: Array,
    value: float,
    proper: bool,
) -> None:
    """Take what a sweep told of the s-th trial point, and plan the next.

    Parameters
    ----------
    states : array of `STATE`, shape (S,)
        Overwritten, as is every array.
    s : int
        Which of the ascents.
    vectors : array, shape (S, N_VECTORS, P)
        Of which ``STATS``, centred at the means of ``TRIAL``, and ``REPLY`` are new.
    records : array, shape (S, PAIRS + 1, 4, P)
        Memory: see `direction`.
    centres : array, shape (S, K, D)
        Of the statistics in all other vectors: any fixed place near by.
    value : float
        The objective at the trial point.
    proper : bool
        Whether an M-step could be made.
    """
    state, v, centre = states[s], vectors[s], centres[s]
    lost = state.plain != 0 and np.isnan(value)  # a component so narrow that numbers end
    accepted = (state.plain != 0 and not lost) or value >= state.best
    before, previous = state.best, state.gain
    state.accepted, state.drop = accepted, value - before
    here = parts(v[HERE], centre, state.n_blocks)
    if accepted:
        state.gain, state.best = value - before, value
        grown = state.stretched != 0 and 2 * state.gain > state.promise
        state.reach = max(state.reach * (_GROWTH if grown else 1.0), _LEAST_REACH)
        _take(state, v, centre)
        image = parts(v[IMAGE], centre, state.n_blocks)
        if not proper or narrowest_scale(image) < state.narrowest:
            state.reason = COLLAPSED
        elif state.age > 0 and state.plain_steps < PLAIN:  # `MADE` is not known of a start
            remember(records[s], state.n_records, here, image, v[MADE], v[FOUND], centre)
            state.n_records += 1
        state.age += 1
    else:
        _shorten(state)
    # less far than EM itself goes, nothing is gained
    state.informed = state.n_records > 0 and state.age > state.plain_steps and state.reach > 1.0
    if state.informed:
        slope, gain, state.stretch = direction(
            records[s], state.n_records, here, centre, state.reach, v[AHEAD]
        )
        state.slope, state.promise = slope * state.weight, gain * state.weight
    _watch(state, before, previous)
    if lost:
        state.reason = COLLAPSED
    elif state.reason == GOING and state.steady >= _STEADY:
        state.reason = CONVERGED
    _plan(state, v)


@jit_part
def _take(state: Any, v: Array, centre: Array) -> None:
    """Go to the trial point."""
    shift = np.empty(centre.shape)
    _copy(v[TRIAL], v[HERE])
    _copy(v[REPLY], v[IMAGE])
    _copy(v[PLANNED], v[MADE])
    here = parts(v[HERE], centre, state.n_blocks)
    for k in range(len(centre)):
        for j in range(centre.shape[1]):
            shift[k, j] = centre[k, j] - here.means[k, j]
    stats, found = parts(v[STATS], centre, state.n_blocks), parts(v[FOUND], centre, state.n_blocks)
    shifted(stats, shift, found)


@jit_part
def _watch(state: Any, before: float, previous: float) -> None:
    """Count for how long the end has been in sight."""
    gain = state.gain
    rounding = abs(state.drop) <= _ROUNDING * abs(before) and abs(before) < np.inf
    if state.informed:
        little = state.promise < state.tol and gain < state.tol
    else:
        little = 0 < gain < previous and gain * gain / (previous - gain) < state.tol
    if rounding or (state.accepted and little):
        state.steady += 1
    elif state.accepted:
        state.steady = 0


@jit_part
def _shorten(state: Any) -> None:
    """Reach less far than a step that led down: to where a parabola has its top."""
    shorter = state.slope / (2 * (state.slope - state.drop))
    if not abs(shorter) < np.inf:
        shorter = _SHORTEST
    state.reach = state.stretch * min(max(shorter, _SHORTEST), _LONGEST)


@jit_part
def _plan(state: Any, v: Array) -> None:
    """Write the statistics which the next trial is to be made of, unless it is EM's step."""
    state.planned = state.informed != 0 and state.slope > 0
    state.stretched = state.planned != 0 and 2 * state.stretch > state.reach
    if state.planned:
        for p in range(v.shape[1]):
            v[PLANNED, p] = v[MADE, p] + v[AHEAD, p]


@jit
def settle(states: Any, s: int, vectors: Array, centres: Array, proper: bool) -> bool:
    """Try the plan, from which an M-step made ``TRIAL``; or EM's own step if there is none.

    Or shorten the plan, if it led to no mixture, and tell that it needs another M-step.

    Parameters
    ----------
    states, s, vectors, centres
        See `learn`.
    proper : bool
        Whether an M-step could be made.
    """
    state, v, centre = states[s], vectors[s], centres[s]
    trial = parts(v[TRIAL], centre, state.n_blocks)
    good = state.planned != 0 and proper and narrowest_scale(trial) >= state.narrowest
    if state.planned and not good:
        state.slope, state.promise = state.slope / _GROWTH, state.promise / _GROWTH
        state.reach = state.stretch = state.stretch / _GROWTH
        state.planned = state.stretch > 1.0
        if state.planned:
            for p in range(v.shape[1]):
                v[AHEAD, p] /= _GROWTH
                v[PLANNED, p] = v[MADE, p] + v[AHEAD, p]
            return False
    state.plain, state.stretched = not good, state.stretched != 0 and good
    if not good:
        _copy(v[IMAGE], v[TRIAL])
        _copy(v[FOUND], v[PLANNED])
    return True


@jit_inner
def _copy(vector: Array, out: Array) -> None:
    for p in range(len(vector)):
        out[p] = vector[p]


_MSTEP = function_signature((0, 0, 0), (1, 2, 1, 1), types.boolean)
_LEARN = function_signature((), (STATE, 0, 3, 4, 3, types.float64, types.boolean))
_SETTLE = function_signature((), (STATE, 0, 3, 3, types.boolean), types.boolean)
_mstep_at, _learn_at, _settle_at = map(function_at, (_MSTEP, _LEARN, _SETTLE))


@jit
def run(
    maximise: int,
    estep: int,
    mstep: int,
    learn: int,
    settle: int,
    X: Array,
    origin: Array,
    unit: Array,
    row_weights: Array,
    states: Any,
    vectors: Array,
    records: Array,
    centres: Array,
    histories: Array,
) -> None:
    """Continue ascents of the likelihood, one after the other, until they end.

    Parameters
    ----------
    maximise, estep, mstep, learn, settle : int
        Where all that it calls lies, so that nothing is compiled again as a part of this one: the
        M-step of the covariances, the kernel for full ones or for diagonal ones, and the rest.
    X, origin, unit, row_weights : array
        Rows, as `kernels.estep` takes them. Weights of one ascent for each, or the same for all.
    states, vectors, records, centres : array, of length S
        See `learn`. Overwritten.
    histories : array, shape (S, T)
        Overwritten with the best value after each sweep, of which there are at most T.
    """
    for s in range(len(states)):
        state, v, centre = states[s], vectors[s], centres[s]
        K, D = centre.shape
        n_blocks, same, w = state.n_blocks, state.equal_volumes, min(s, len(row_weights) - 1)
        d, weights = D // n_blocks, row_weights[w : w + 1]
        loglik, log_coef, inverse = np.empty(1), np.empty((1, K)), np.empty((K, n_blocks, d, d))
        trial, stats = parts(v[TRIAL], centre, n_blocks), parts(v[STATS], centre, n_blocks)
        means, sums = trial.means.reshape(1, K, D), stats.means.reshape(1, K, D)
        counts = stats.weights.reshape(1, K)
        for t in range(histories.shape[1]):
            if state.reason != GOING:
                break
            prepared(trial, log_coef, inverse)
            if n_blocks == 1:
                W, scatter = inverse.reshape(1, K, D, D), stats.blocks.reshape(1, K, D, D)
                full_estep_at(estep)(
                    X, origin, unit, weights, log_coef, means, W, loglik, counts, sums, scatter
                )
            else:
                U, squares = inverse.reshape(1, K, D), stats.blocks.reshape(1, K, D)
                diagonal_estep_at(estep)(
                    X, origin, unit, weights, log_coef, means, U, loglik, counts, sums, squares
                )
            proper = _mstep_at(mstep)(
                maximise, same, n_blocks, v[STATS], trial.means, v[TRIAL], v[REPLY]
            )
            _learn_at(learn)(states, s, vectors, records, centres, loglik[0], proper)
            histories[s, t] = state.best
            settled = False
            while not settled:
                if state.planned:
                    proper = _mstep_at(mstep)(
                        maximise, same, n_blocks, v[PLANNED], centre, v[HERE], v[TRIAL]
                    )
                settled = _settle_at(settle)(states, s, vectors, centres, proper)


@jit_part
def prepared(point: Parts, log_coef: Array, inverse: Array) -> None:
    """Write what is constant in each component's density: see `mixture.factors.prepare`."""
    K, B, d = point.blocks.shape[:3]
    for k in range(K):
        log_coef[0, k] = np.log(point.weights[k]) - B * d * _HALF_LOG_TWO_PI
        for b in range(B):
            for i in range(d):
                log_coef[0, k] -= np.log(point.blocks[k, b, i, i])
        inverted(point.blocks[k], inverse[k])


@functools.cache
def decisions() -> tuple[int, int]:
    """Compile `learn` and `settle`, or load them; tell where they lie."""
    with announce_compilation():
        return Pointer(learn, _LEARN).address, Pointer(settle, _SETTLE).address


@functools.cache
def _addresses(in_blocks: bool) -> tuple[int, int, int, int]:
    """Compile `run` and all that it calls, or load it; tell where that lies."""
    estep = kernels.pointer(kernels.estep, diagonal=in_blocks)
    with announce_compilation():
        compile_for(run, (0, 0, 0, 0, 0, 2, 1, 1, 2), (STATE, 3, 4, 3, 2))
        return estep.address, Pointer(mstep, _MSTEP).address, *decisions()


def climb_on(maximise: int, in_blocks: bool, *arrays: Any) -> None:
    """Call `run`, given where the M-step of the covariances lies; see there for the arrays.

    Whether covariances are in several blocks decides which E-step is needed.
    """
    run(maximise, *_addresses(in_blocks), *arrays)
