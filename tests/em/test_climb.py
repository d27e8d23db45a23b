"""What holds of every ascent: it goes up, by itself as in company, and soon with quasi-Newton."""

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.em import ascent as compiled
from bayesgmm.em.climb import PLAIN, Ascent, Flock, Reason, climb
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points, centred, flattened, pointed, unflattened
from bayesgmm.em.starts import Starts
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.structures import STRUCTURES

ALL = sorted(STRUCTURES)
IRIS = bg.load_dataset("iris").select_dtypes("number").to_numpy()
FAITHFUL = bg.load_dataset("faithful").to_numpy()
each_structure = pytest.mark.parametrize("name", ALL)


def objective_of(X, name):
    data, structure = as_data(X), STRUCTURES[name]
    shift, spread = data.moments()
    return Objective(data.standardised(shift, structure.units(spread)), structure)


def some_ascents(objective, n_components=3, n=5, seed=0):
    starts = Starts(objective.data, n_components, objective.structure, np.random.default_rng(seed))
    return [Ascent(start) for start, _ in zip(starts, range(n), strict=False)]


def log_likelihood(objective, point):
    return objective.estep(point, np.arange(len(point)))[0]


@each_structure
@pytest.mark.parametrize("plain_steps", [PLAIN, 5])
def test_loglik_never_decreases(name, plain_steps):
    objective = objective_of(IRIS, name)
    for found in climb(
        objective, some_ascents(objective), tol=1e-9, max_steps=150, plain_steps=plain_steps
    ):
        assert np.diff(found.history).min() > -1e-10 * abs(found.history[0])


@each_structure
def test_reported_value_is_that_of_the_returned_point(name):
    objective = objective_of(IRIS, name)
    for found in climb(objective, some_ascents(objective), tol=1e-9, max_steps=40):
        assert log_likelihood(objective, found.point)[0] == pytest.approx(found.value, rel=1e-13)


def test_an_ascent_is_the_same_in_company():
    objective = objective_of(IRIS, "full")
    ascents = some_ascents(objective)
    together = climb(objective, ascents, tol=1e-9, max_steps=300)
    for ascent, other in zip(ascents, together, strict=True):
        (alone,) = climb(objective, [ascent], tol=1e-9, max_steps=300)
        np.testing.assert_array_equal(alone.history, other.history)
        assert alone.reason is other.reason


def test_each_ascent_may_have_row_weights_of_its_own():
    rng = np.random.default_rng(0)
    objective = objective_of(FAITHFUL, "full")
    weights = rng.exponential(size=(3, len(FAITHFUL)))
    ascents = some_ascents(objective, 2, 3)
    together = climb(replace(objective, row_weights=weights), ascents, tol=1e-9, max_steps=300)
    for ascent, row_weights, other in zip(ascents, weights, together, strict=True):
        data = replace(objective.data, row_weights=row_weights)
        (alone,) = climb(replace(objective, data=data), [ascent], tol=1e-9, max_steps=300)
        assert other.value == pytest.approx(alone.value, rel=1e-12)


def test_converged_is_where_em_stays():
    objective = objective_of(IRIS, "VEV")
    found = climb(objective, some_ascents(objective), tol=1e-10, max_steps=2000)
    for ascent in found:
        assert ascent.reason is Reason.CONVERGED
        further = climb(
            objective, [Ascent(ascent.point)], tol=1e-12, max_steps=500, plain_steps=PLAIN
        )
        assert further[0].value - ascent.value < 1e-8


def sweeps_to(value, ascent):
    reached = ascent.history >= value
    assert reached.any()
    return int(np.argmax(reached)) + 1


def test_overlapping_components_take_a_fifth_of_the_sweeps_of_em():
    rng = np.random.default_rng(0)
    X = rng.normal(size=10_000) + 1.5 * (rng.random(10_000) < 0.5)
    objective = objective_of(X, "full")
    starts = some_ascents(objective, 2, 2)
    (plain, fast) = (
        climb(objective, starts, tol=1e-4, max_steps=20_000, plain_steps=steps)
        for steps in (PLAIN, 5)
    )
    for slow, quick in zip(plain, fast, strict=True):
        goal = min(slow.value, quick.value) - 1e-8 * abs(slow.value)
        assert 5 * sweeps_to(goal, quick) <= sweeps_to(goal, slow)


@each_structure
def test_slope_of_a_direction_is_that_of_the_log_likelihood(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * [1, 2] + 2 * (rng.random((400, 1)) < 0.4)
    objective = objective_of(X, name)
    # later, some components change the order of their axes, or there is no slope any more
    flock = Flock(objective, some_ascents(objective, 2, 1), 0.0, 0.0, 8)
    flock.walk(9)
    vectors, state = flock.vectors[0], flock.states[0]
    here = pointed(vectors[None, compiled.HERE], flock.start)

    def value(size):
        moved = vectors[None, compiled.MADE] + size * vectors[compiled.AHEAD]
        point, _ = objective.mstep(unflattened(moved, here), flock.centres, here)
        return log_likelihood(objective, point)[0]

    h = 1e-5 / max(1.0, state["stretch"])
    slope = (value(h) - value(-h)) / (2 * h)
    assert state["informed"]
    assert slope == pytest.approx(state["slope"], rel=0.05)


ITERATIVE = ("VEE", "VEI", "VEV", "EVE", "VVE")


@each_structure
@pytest.mark.parametrize("weights", ["none", "shared", "own"])
def test_compiled_code_takes_the_same_path_as_lockstep(name, weights):
    objective = objective_of(IRIS, name)
    drawn = np.random.default_rng(0).exponential(size=(3, len(IRIS)))
    if weights == "shared":
        data = replace(objective.data, row_weights=drawn[0])
        objective = replace(objective, data=data)
    elif weights == "own":
        objective = replace(objective, row_weights=drawn)
    ascents = some_ascents(objective, n=3)
    flocks = [Flock(objective, ascents, 1e-6, 0.0, 5) for _ in range(2)]
    flocks[0].run(15)
    flocks[1].walk(15)
    for one, other in zip(*[flock.ascents() for flock in flocks], strict=True):
        # rounding grows on the way, and what an M-step that iterates leaves out, too
        early = slice(6 if name in ITERATIVE else 12)
        np.testing.assert_allclose(one.history[early], other.history[early], rtol=1e-8)


def test_ascents_do_not_depend_on_the_number_of_threads():
    objective = objective_of(FAITHFUL, "full")
    ascents = some_ascents(objective, n=9)
    alone, shared = (
        climb(replace(objective, workers=n), ascents, tol=1e-9, max_steps=300) for n in (1, 4)
    )
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one.history, other.history)
        np.testing.assert_array_equal(one.point.factor, other.point.factor)


def test_a_long_ascent_is_one_ascent():
    """Compiled code is left and entered again, so that no history is longer than it need be."""
    objective = objective_of(FAITHFUL, "full")
    ascents = some_ascents(objective, n=2)
    whole = climb(objective, ascents, tol=0.0, max_steps=40)
    flock = Flock(objective, ascents, 0.0, 0.0, 5)
    for sweeps in (7, 1, 33):
        flock.run(sweeps)
    for one, other in zip(whole, flock.ascents(), strict=True):
        np.testing.assert_array_equal(one.history, other.history)


def test_statistics_can_be_centred_anywhere():
    objective = objective_of(IRIS, "full")
    points = some_ascents(objective, n=1)[0].point
    stats = objective.estep(points, np.array([0]))[1]
    shift = np.random.default_rng(0).normal(size=points.means.shape)
    there = centred(stats, shift)
    back = centred(there, -shift)
    np.testing.assert_allclose(back.scatter, stats.scatter, atol=1e-10)
    moved = objective.mstep(there, points.means + shift, points)[0]
    here = objective.mstep(stats, points.means, points)[0]
    np.testing.assert_allclose(moved.means, here.means, atol=1e-12)
    np.testing.assert_allclose(moved.factor, here.factor, atol=1e-10)


def test_points_and_statistics_are_written_and_read_as_vectors():
    objective = objective_of(IRIS, "diag")
    points = Points.concatenated([a.point for a in some_ascents(objective, n=3)])
    stats = objective.estep(points, np.arange(3))[1]
    again = unflattened(flattened(stats), points)
    np.testing.assert_array_equal(pointed(flattened(points), points).factor, points.factor)
    np.testing.assert_array_equal(again.sums, stats.sums)
    np.testing.assert_array_equal(again.scatter, stats.scatter)
