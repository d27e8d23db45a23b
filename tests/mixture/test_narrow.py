import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesgmm.mixture.compilation import jit
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.instructions import LANES
from bayesgmm.mixture.narrow import (
    FARTHEST,
    WIDEST,
    add_component,
    add_density,
    add_moments,
    load_narrow,
)
from bayesgmm.mixture.vectormath import ABREAST

ROOM = 3 * ABREAST


@jit
def call_load(X, start, n, origin, unit, x):
    load_narrow(X, start, n, origin, unit, x)


@jit
def call_component(x, n, mean, inverse, log_coef, joint, peak):
    add_component(x, n, mean, inverse, log_coef, joint, peak)


@jit
def call_density(x, n, mean, inverse, log_coef, joint, total):
    add_density(x, n, mean, inverse, log_coef, joint, total)


@jit
def call_moments(x, n, mean, joint, share, sums, scatter):
    return add_moments(x, n, mean, joint, share, sums, scatter)


sizes = given(
    seed=st.integers(0, 2**32),
    D=st.integers(1, WIDEST),
    n=st.integers(1, ROOM),
    diagonal=st.booleans(),
)
few = settings(max_examples=60, deadline=None)


def rows_of(rng, D, n):
    """Rows, and beyond them what must not be used."""
    x = rng.normal(size=(D, ROOM))
    x[:, n:] = np.nan
    return x


@few
@given(
    seed=st.integers(0, 2**32),
    D=st.integers(1, WIDEST),
    start=st.integers(0, 9),
    n=st.integers(1, 20),
)
def test_rows_are_loaded_feature_by_feature_and_no_more_than_there_are(seed, D, start, n):
    rng = np.random.default_rng(seed)
    X, origin, unit = rng.normal(size=(start + n, D)), rng.normal(size=D), rng.uniform(1, 2, D)
    x = np.full((D, ROOM), 7.0)
    call_load(X, start, n, origin, unit, x)
    np.testing.assert_allclose(x[:, :n], ((X[start:] - origin) / unit).T, rtol=4e-16)
    data = Data(X, ("x",) * D, np.empty(0), origin, unit)
    np.testing.assert_array_equal(x[:, :n], data.rows(start).T)
    np.testing.assert_array_equal(x[:, n:], 7.0)


@pytest.mark.parametrize("D", range(1, WIDEST + 1))
def test_rows_that_overflow_are_loaded_as_far_away(D):
    X = np.tile(np.array([1e308, -1e308, 1.0, -1e308, 1e308])[:, None], D)
    x = np.empty((D, 5))
    call_load(X, 0, 5, np.full(D, -1e308), np.full(D, 0.1), x)
    np.testing.assert_array_equal(x, np.tile([FARTHEST, 0.0, FARTHEST, 0.0, FARTHEST], (D, 1)))
    call_load(X, 0, 5, np.full(D, 1e308), np.full(D, 0.1), x)
    np.testing.assert_array_equal(x, -np.tile([0.0, FARTHEST, FARTHEST, FARTHEST, 0.0], (D, 1)))


@few
@sizes
def test_log_density_of_a_component_and_the_highest_so_far(seed, D, n, diagonal):
    rng = np.random.default_rng(seed)
    x, mean, inverse = rows_of(rng, D, n), rng.normal(size=D), np.tril(rng.normal(size=(D, D)))
    W = np.diag(np.diagonal(inverse)) if diagonal else inverse
    joint, before = np.empty(ROOM), rng.normal(size=ROOM)
    peak = before.copy()
    call_component(x, n, mean, np.diagonal(W).copy() if diagonal else W, 0.5, joint, peak)
    oracle = 0.5 - 0.5 * np.square(W @ (x[:, :n] - mean[:, None])).sum(axis=0)
    np.testing.assert_allclose(joint[:n], oracle, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(peak[:n], np.maximum(joint[:n], before[:n]))


@few
@sizes
def test_density_is_the_exponential_of_its_logarithm(seed, D, n, diagonal):
    rng = np.random.default_rng(seed)
    x, mean, inverse = rows_of(rng, D, n), rng.normal(size=D), np.tril(rng.normal(size=(D, D)))
    inverse = np.diagonal(inverse).copy() if diagonal else inverse
    before, (logarithm, density) = rng.random(ROOM), np.empty((2, ROOM))
    total = before.copy()
    call_component(x, n, mean, inverse, -0.5, logarithm, before.copy())
    call_density(x, n, mean, inverse, -0.5, density, total)
    # a logarithm is rounded as the squares are that it is made of
    size = np.abs(np.diag(inverse) if diagonal else inverse) @ np.abs(x[:, :n] - mean[:, None])
    error = np.abs(density[:n] / np.exp(logarithm[:n]) - 1)
    assert (error <= 1e-15 * (1 + np.square(size).sum(axis=0))).all()
    np.testing.assert_array_equal(total[:n], (before + density)[:n])


@few
@sizes
def test_moments_about_the_mean(seed, D, n, diagonal):
    rng = np.random.default_rng(seed)
    x, mean, padded = rows_of(rng, D, n), rng.normal(size=D), n + -n % LANES
    joint, share = rng.random((2, ROOM))
    joint[n:] = share[n:] = np.nan
    joint[n:padded] = share[n:padded] = x[:, n:padded] = 0
    sums, scatter = rng.normal(size=D), rng.normal(size=D if diagonal else (D, D))
    before = sums.copy(), scatter.copy()
    count = call_moments(x, n, mean, joint, share, sums, scatter)
    weight, d = (joint * share)[:n], x[:, :n] - mean[:, None]
    second = (weight * d) @ d.T
    second = np.diagonal(second) if diagonal else np.tril(second)
    np.testing.assert_allclose(count, weight.sum(), rtol=1e-13)
    np.testing.assert_allclose(sums, before[0] + d @ weight, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(scatter, before[1] + second, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("D", range(1, WIDEST + 1))
def test_a_square_that_overflows_leaves_no_density_and_no_number_in_the_moments(D):
    x, W = np.zeros((D, ABREAST)), np.tril(np.ones((D, D)))
    x[:, 1] = FARTHEST
    x[D - 1, 2] = -FARTHEST
    joint, peak = np.empty(ABREAST), np.full(ABREAST, -1e9)
    call_component(x, 4, np.zeros(D), W, 0.0, joint, peak)
    np.testing.assert_array_equal(joint[:4], [0.0, -np.inf, -np.inf, 0.0])
    np.testing.assert_array_equal(peak[:4], [0.0, -1e9, -1e9, 0.0])
    density, total = np.empty(ABREAST), np.zeros(ABREAST)
    call_density(x, 4, np.zeros(D), W, 0.0, density, total)
    np.testing.assert_array_equal([density[:4], total[:4]], [[1.0, 0.0, 0.0, 1.0]] * 2)
    sums, scatter = np.zeros(D), np.zeros((D, D))
    assert call_moments(x, 4, np.zeros(D), np.exp(joint), np.ones(ABREAST), sums, scatter) == 2
    assert not sums.any()
    assert not scatter.any()
