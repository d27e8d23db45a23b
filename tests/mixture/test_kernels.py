from __future__ import annotations

import math
from typing import NamedTuple

import naive
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesgmm.mixture import kernels, vectormath
from bayesgmm.mixture.compilation import jit

Array = npt.NDArray[np.float64]
EVERYTHING = np.empty(0)
few = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def compiled():
    for kernel in (kernels.estep, kernels.pointwise, kernels.responsibilities):
        for diagonal in (False, True):
            kernels.compile_kernel(kernel, diagonal)


class Mixture(NamedTuple):
    weights: Array
    means: Array
    cholesky: Array

    @property
    def inverse(self):
        return np.linalg.inv(self.cholesky)

    @property
    def log_coef(self):
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        log_det = np.log(np.diagonal(self.cholesky, axis1=1, axis2=2)).sum(axis=1)
        return log_weights - log_det - self.means.shape[1] / 2 * np.log(2 * np.pi)

    def permuted(self, order):
        return Mixture(*(part[order] for part in self))


def random_mixture(rng, K, D):
    cholesky = np.tril(rng.normal(size=(K, D, D)) / 2, -1)
    cholesky += np.exp(rng.normal(size=(K, D)) / 2)[:, :, None] * np.eye(D)
    return Mixture(rng.dirichlet(np.ones(K)), 2 * rng.normal(size=(K, D)), cholesky)


@st.composite
def problems(draw, max_rows=600):
    """Rows and a mixture, of any size."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    N, K, D = draw(st.integers(1, max_rows)), draw(st.integers(1, 5)), draw(st.integers(1, 11))
    return 3 * rng.normal(size=(N, D)), random_mixture(rng, K, D)


def call(kernel, X, row_weights, log_coef, means, inverse):
    """Call a kernel on plain rows and one mixture; NaN where it does not write."""
    X = np.ascontiguousarray(X)
    (N, D), K = X.shape, len(means)
    frame = X, np.zeros(D), np.ones(D)
    if kernel is kernels.pointwise:
        out = [np.full(N, np.nan)]
    elif kernel is kernels.responsibilities:
        out = [np.full((N, K), np.nan)]
    else:
        shapes = (), (K,), (K, D), inverse.shape
        out = [np.full((1, *shape), np.nan) for shape in shapes]
        arguments = (array[None] for array in (row_weights, log_coef, means, inverse))
        kernel(*frame, *arguments, *out)
        return naive.Statistics(*(array[0] for array in out))
    kernel(*frame, log_coef, means, inverse, *out)
    return out[0]


def estep(X, mixture, row_weights=EVERYTHING, inverse=None):
    inverse = mixture.inverse if inverse is None else inverse
    return call(kernels.estep, X, row_weights, mixture.log_coef, mixture.means, inverse)


def pointwise(X, mixture, inverse=None):
    inverse = mixture.inverse if inverse is None else inverse
    return call(kernels.pointwise, X, EVERYTHING, mixture.log_coef, mixture.means, inverse)


def responsibilities(X, mixture, inverse=None):
    inverse = mixture.inverse if inverse is None else inverse
    return call(kernels.responsibilities, X, EVERYTHING, mixture.log_coef, mixture.means, inverse)


def assert_same(actual, expected, rtol=1e-11):
    """Compare statistics; the tolerance is relative to the largest number of each."""
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.max(np.abs(b)))


# What the kernels compute


@few
@given(problems())
def test_estep_is_what_the_textbook_says(problem):
    X, mixture = problem
    assert_same(estep(X, mixture), naive.estep(X, *mixture))


@few
@given(problems())
def test_log_density_is_scipys(problem):
    X, mixture = problem
    np.testing.assert_allclose(pointwise(X, mixture), naive.log_density(X, *mixture), rtol=1e-11)


@few
@given(problems())
def test_responsibilities_are_posterior_probabilities(problem):
    X, mixture = problem
    r = responsibilities(X, mixture)
    np.testing.assert_allclose(r, naive.responsibilities(X, *mixture), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(r.sum(axis=1), 1, rtol=1e-15)


@few
@given(problems())
def test_the_three_kernels_agree(problem):
    X, mixture = problem
    stats, r, log_density = estep(X, mixture), responsibilities(X, mixture), pointwise(X, mixture)
    np.testing.assert_allclose(stats.loglik, log_density.sum(), rtol=1e-13)
    np.testing.assert_allclose(stats.counts, r.sum(axis=0), rtol=1e-13)
    np.testing.assert_array_equal(stats.scatter, stats.scatter.mT)


@few
@given(problems())
def test_a_diagonal_mixture_is_a_full_one_with_diagonal_factors(problem):
    X, mixture = problem
    scales = np.diagonal(mixture.cholesky, axis1=1, axis2=2).copy()
    mixture = mixture._replace(cholesky=scales[:, :, None] * np.eye(X.shape[1]))
    full, diagonal = estep(X, mixture), estep(X, mixture, inverse=1 / scales)
    assert_same(diagonal, full._replace(scatter=np.diagonal(full.scatter, axis1=1, axis2=2)))
    r = responsibilities(X, mixture, 1 / scales)
    np.testing.assert_allclose(r, responsibilities(X, mixture), rtol=1e-11, atol=1e-300)
    density = pointwise(X, mixture, 1 / scales)
    np.testing.assert_allclose(density, pointwise(X, mixture), rtol=1e-12)


# Symmetries


@few
@given(problems(), st.integers(0, 600))
def test_estep_of_two_halves_adds_up(problem, cut):
    X, mixture = problem
    halves = estep(X[:cut], mixture), estep(X[cut:], mixture)
    assert_same([sum(parts) for parts in zip(*halves, strict=True)], estep(X, mixture))


@few
@given(problems())
def test_a_row_weight_of_two_is_a_row_twice(problem):
    X, mixture = problem
    doubled = estep(X, mixture, np.full(len(X), 2.0))
    assert_same(doubled, estep(np.concatenate([X, X]), mixture))


@few
@given(problems())
def test_a_row_weight_of_zero_is_no_row(problem):
    X, mixture = problem
    weights = np.arange(len(X)) % 3.0
    kept = np.repeat(X, weights.astype(int), axis=0)
    assert_same(estep(X, mixture, weights), estep(kept, mixture))


@few
@given(problems(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(problem, random):
    X, mixture = problem
    order = random.sample(range(len(X)), len(X))
    assert_same(estep(X[order], mixture), estep(X, mixture))


@few
@given(problems(), st.randoms(use_true_random=False))
def test_permuted_components_have_permuted_statistics(problem, random):
    X, mixture = problem
    order = random.sample(range(len(mixture.weights)), len(mixture.weights))
    loglik, *parts = estep(X, mixture)
    expected = loglik, *(part[order] for part in parts)
    assert_same(estep(X, mixture.permuted(order)), expected)


@few
@given(problems())
def test_translation_changes_nothing_but_the_rounding_of_the_data(problem):
    X, mixture = problem
    offset = 2.0**27  # about 1e8
    shifted, means = X + offset, mixture.means + offset
    # the same rows and means as they are after rounding, brought back exactly
    rounded = mixture._replace(means=means - offset)
    actual = estep(shifted, mixture._replace(means=means))
    assert actual.loglik == estep(shifted - offset, rounded).loglik
    assert_same(actual, estep(shifted - offset, rounded), rtol=1e-15)


@pytest.mark.parametrize("N", [0, 1, 255, 256, 257, 513])
def test_any_number_of_rows_fills_the_blocks(N):
    rng = np.random.default_rng(N)
    mixture = random_mixture(rng, 3, 2)
    X = rng.normal(size=(N, 2))
    one_by_one = [naive.estep(row[None], *mixture) for row in X]
    zero = naive.Statistics(0.0, *(np.zeros_like(part) for part in mixture))
    total = [sum(parts) for parts in zip(zero, *one_by_one, strict=True)]
    assert_same(estep(X, mixture), total)
    assert len(pointwise(X, mixture)) == len(responsibilities(X, mixture)) == N


# Extremes


def test_an_empty_component_changes_nothing():
    rng = np.random.default_rng(1)
    X, mixture = rng.normal(size=(300, 2)), random_mixture(rng, 3, 2)
    emptied = mixture._replace(weights=np.array([0.4, 0.6, 0.0]))
    others = emptied.permuted([0, 1])
    loglik, *parts = estep(X, emptied)
    assert_same((loglik, *(part[:2] for part in parts)), estep(X, others))
    assert all(np.all(part[2] == 0) for part in parts)
    assert np.all(responsibilities(X, emptied)[:, 2] == 0)


@pytest.mark.parametrize("far", [1e3, 1e5, 1e100, 1e150])
def test_a_far_row_still_has_its_probabilities(far):
    """At 1e150 the log density is about -1e300, and one component holds the row for certain."""
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.array([[[1.0]], [[2.0]]]))
    X = np.array([[far], [-far]])
    np.testing.assert_array_equal(responsibilities(X, mixture), [[0, 1], [0, 1]])
    np.testing.assert_allclose(pointwise(X, mixture), -((X[:, 0] - 1) ** 2) / 8, rtol=1e-4)
    same_spread = mixture._replace(cholesky=np.ones((2, 1, 1)), means=np.array([[1.0], [1.0]]))
    np.testing.assert_array_equal(responsibilities(X, same_spread), 0.5)


@pytest.mark.parametrize("kernel", [responsibilities, pointwise])
def test_a_far_row_does_not_change_how_its_neighbours_are_seen(kernel):
    """One far row, and a whole block of rows is looked at more carefully."""
    rng = np.random.default_rng(3)
    X, mixture = rng.normal(size=(200, 2)), random_mixture(rng, 3, 2)
    with_one = np.concatenate([X, [[1e3, 1e3]]])
    np.testing.assert_allclose(kernel(with_one, mixture)[:-1], kernel(X, mixture), rtol=1e-13)


@pytest.mark.parametrize("far", [1e160, 1e300, 1.7e308])
@pytest.mark.parametrize("structure", ["full", "diag"])
def test_a_row_out_of_reach_has_no_density_and_no_influence(far, structure):
    rng = np.random.default_rng(2)
    X, mixture = rng.normal(size=(400, 3)), random_mixture(rng, 2, 3)
    mixture.means[1] = -1e308  # so that even a difference may overflow
    inverse = 1e3 * mixture.inverse
    if structure == "diag":
        inverse = np.diagonal(inverse, axis1=1, axis2=2).copy()

    polluted = X.copy()
    polluted[[7, 300]] = [[far, -far, far], [0, far, 0]]
    stats = estep(polluted, mixture, inverse=inverse)
    assert stats.loglik == -np.inf
    weights = np.ones(400)
    weights[[7, 300]] = 0
    clean = estep(np.delete(X, [7, 300], axis=0), mixture, inverse=inverse)
    assert_same(stats[1:], clean[1:])
    assert_same(estep(polluted, mixture, weights, inverse), clean)

    density = pointwise(polluted, mixture, inverse)
    assert np.all(density[[7, 300]] == -np.inf)
    assert np.all(responsibilities(polluted, mixture, inverse)[[7, 300]] == 0)
    assert np.isfinite(np.delete(density, [7, 300])).all()


@pytest.mark.parametrize("K", [1, 2])
def test_a_coefficient_that_is_no_number_is_not_hidden(K):
    X, mixture = np.zeros((3, 2)), random_mixture(np.random.default_rng(5), K, 2)
    mixture.weights[0] = np.nan
    assert np.isnan(estep(X, mixture).loglik)


def test_a_million_rows_add_up_to_the_last_digits():
    rng = np.random.default_rng(3)
    mixture = random_mixture(rng, 2, 1)
    X = rng.normal(size=(1_000_000, 1))
    assert estep(X, mixture).loglik == pytest.approx(math.fsum(pointwise(X, mixture)), rel=1e-14)


def test_inputs_may_be_read_only_and_nothing_else_is_compiled():
    X, mixture = np.zeros((3, 2)), random_mixture(np.random.default_rng(4), 2, 2)
    X.flags.writeable = False
    assert np.isfinite(estep(X, mixture).loglik)
    inputs = mixture.log_coef, mixture.means, mixture.inverse
    with pytest.raises(TypeError):
        kernels.pointwise(X[:, ::-1], np.zeros(2), np.ones(2), *inputs, np.empty(3))


# The exponential and the logarithm


@jit
def all_exponentials(n, logs, peak, total):
    vectormath.add_exponentials(n, logs, peak, total)


@jit
def each_part(x, fractions, exponents):
    for i in range(len(x)):
        fractions[i], exponents[i] = vectormath.fraction(x[i]), vectormath.exponent(x[i])


@jit
def each_log(x, out):
    for i in range(len(x)):
        out[i] = vectormath.log(x[i])


def applied(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


def exponentials(x):
    """Those of numbers up to 0, and their sum with 1."""
    room = len(x) + -len(x) % vectormath.ABREAST
    logs, peak, total = np.zeros(room), np.zeros(room), np.ones(room)
    logs[: len(x)] = x
    all_exponentials(len(x), logs, peak, total)
    np.testing.assert_array_equal(total, 1 + logs)
    return logs[: len(x)]


def test_exponentials_to_the_last_digits():
    x = np.concatenate([np.linspace(-708, 0, 200_001), -np.logspace(-20, 2, 1001)])
    error = np.abs(exponentials(x) / np.exp(x) - 1)
    assert (error <= 4e-16 + 2.3e-16 * np.abs(x)).all()  # x and the base are rounded
    assert exponentials(np.zeros(1)) == 1


def test_exponentials_count_from_a_peak():
    logs, peak, total = np.full(16, 2.0), np.arange(2.0, 18.0), np.zeros(16)
    all_exponentials(16, logs, peak, total)
    np.testing.assert_allclose(logs, np.exp(-np.arange(16.0)), rtol=3e-15)


def test_exponentials_underflow_to_zero():
    x = np.array([-708.4, -745.0, -1e6, -1e18, -1e300, -np.finfo(float).max, -np.inf])
    np.testing.assert_array_equal(exponentials(x), 0)


def test_the_exponential_of_no_number_is_none():
    logs, total = np.array([np.nan] + [0.0] * 15), np.zeros(16)
    all_exponentials(1, logs, np.zeros(16), total)
    assert np.isnan(logs[0])
    assert np.isnan(total[0])


def test_fraction_and_exponent_make_the_number():
    x = np.concatenate([np.random.default_rng(4).random(999), [1.0, 2.0, 1e-300, 1e300]])
    fractions, exponents = np.empty((2, len(x)))
    each_part(x, fractions, exponents)
    np.testing.assert_array_equal(np.ldexp(fractions, exponents.astype(int)), x)
    assert np.all((fractions >= 1) & (fractions < 2))


def test_log_is_the_logarithm_to_the_last_digits():
    near, far = np.linspace(0.02, 50, 200_001), [1e300, 1e-250, np.finfo(float).tiny]
    x = np.concatenate([near, 1 + np.logspace(-15, 2, 1001), 1 - np.logspace(-15, -2, 1001), far])
    np.testing.assert_allclose(applied(each_log, x), np.log(x), rtol=5e-16)
    assert applied(each_log, np.ones(1)) == 0
    assert np.isnan(applied(each_log, np.array([np.nan])))
