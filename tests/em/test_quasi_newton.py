"""The quadratic that an ascent keeps: its axes, what pairs teach it, and its top within reach."""

import numpy as np
import pytest

from bayesgmm.em.quasi_newton import highest, orthogonalise, teach


def in_axes(vectors):
    found = np.empty((len(vectors), len(vectors)))
    orthogonalise(vectors, found)
    return found


def test_vectors_in_orthogonal_axes_keep_their_lengths_and_angles():
    vectors = np.random.default_rng(0).normal(size=(5, 9))
    axes = in_axes(vectors)
    np.testing.assert_allclose(axes @ axes.T, vectors @ vectors.T, atol=1e-12)
    np.testing.assert_array_equal(axes, np.tril(axes))


def test_a_vector_that_is_not_new_adds_no_axis():
    vectors = np.random.default_rng(0).normal(size=(4, 9))
    vectors[2] = vectors[0] - 2 * vectors[1]
    axes = in_axes(vectors)
    assert axes[2, 2] == 0
    np.testing.assert_allclose(axes @ axes.T, vectors @ vectors.T, atol=1e-12)


@pytest.mark.parametrize("signs", [[1, 1, 1, 1, 1, 1, 1], [1, -1, 1, -1, 1, -1, 1]])
def test_the_latest_pair_is_fitted(signs):
    """Of curvature downward, and of curvature upward along some axes."""
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    true = turn @ np.diag(np.array(signs) * np.linspace(0.2, 2, 7)) @ turn.T
    steps = rng.normal(size=(3, 7))
    vectors = np.stack([rng.normal(size=7), *np.stack([steps @ true, steps], 1).reshape(6, 7)])
    axes, found = in_axes(vectors), np.empty((7, 7))
    teach(axes, found)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_allclose(found @ axes[2], axes[1], atol=1e-9)


def test_where_nothing_was_learnt_the_step_is_twice_that_of_em():
    """EM's own is the slope. What pairs tell along other axes has no bearing on it."""
    rng = np.random.default_rng(1)
    known, steps = np.linspace(0.1, 0.9, 6), rng.normal(size=(2, 6))
    pairs = np.stack([known * steps, steps], 1).reshape(4, 6)
    vectors = np.block([[np.zeros(6), rng.normal(size=3)], [pairs, np.zeros((4, 3))]])
    axes, curvature, step = in_axes(vectors), np.empty((5, 5)), np.empty(5)
    teach(axes, curvature)
    highest(curvature, axes[0], 8.0, step)
    np.testing.assert_allclose(step, 2 * axes[0], atol=1e-12)


def best_on_sphere(curvature, slope, length):
    """Highest value on a sphere, over a fine grid of shifts: by eigenvalues, not by factors."""
    values, vectors = np.linalg.eigh(curvature)
    shifts = max(0, -values[0]) + np.geomspace(1e-9, 1e6, 200_001)
    inner = vectors.T @ slope
    lengths = np.sqrt(np.square(inner / (values + shifts[:, None])).sum(axis=1))
    at = shifts[np.argmin(np.abs(lengths - length))]
    step = vectors @ (inner / (values + at))
    return slope @ step - step @ curvature @ step / 2


@pytest.mark.parametrize("lowest", [0.3, 1e-6, -0.5])
@pytest.mark.parametrize("reach", [1.5, 20.0])
def test_the_step_is_the_highest_of_its_length(lowest, reach):
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    curvature = turn @ np.diag([lowest, 0.5, 1, 1, 2]) @ turn.T
    slope, step = rng.normal(size=5), np.empty(5)
    own = np.linalg.norm(slope)
    rise, gain, stretch = highest(curvature, slope, reach, step)
    assert stretch <= reach
    assert stretch == pytest.approx(np.linalg.norm(step) / own)
    assert rise == pytest.approx(slope @ step)
    assert gain == pytest.approx(slope @ step - step @ curvature @ step / 2, rel=1e-9)
    newton = np.linalg.solve(curvature, slope)
    if lowest > 0 and np.linalg.norm(newton) <= reach * own:
        np.testing.assert_allclose(step, newton, rtol=1e-9)
    else:
        assert stretch > 0.7 * reach
        assert gain == pytest.approx(best_on_sphere(curvature, slope, stretch * own), rel=1e-3)


def test_no_numbers_are_no_step():
    step = np.empty(3)
    rise, _, _ = highest(np.full((3, 3), np.nan), np.ones(3), 4.0, step)
    assert rise == 0
    assert not step.any()
