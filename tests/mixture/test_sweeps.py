"""Many mixtures, many workers, many rows: the answer is that of one mixture on one thread."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesgmm.mixture import likelihood
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.params import Params

FIELDS = "log_likelihood", "counts", "sums", "scatter"
few = settings(max_examples=20, deadline=None)


def rows(values, **more):
    return Data(values, tuple(f"x{i}" for i in range(values.shape[1])), np.empty(0), **more)


def random_batch(rng, S, K, D, structure="full"):
    factor = np.exp(rng.normal(size=(S, K, D)) / 2)
    if structure == "full":
        factor = factor[..., None] * np.eye(D) + np.tril(rng.normal(size=(S, K, D, D)) / 2, -1)
    return rng.dirichlet(np.ones(K), size=S), 2 * rng.normal(size=(S, K, D)), factor


def assert_identical(actual, expected):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))


problems = {
    "seed": st.integers(0, 2**32),
    "S": st.integers(1, 6),
    "K": st.integers(1, 4),
    "D": st.integers(1, 9),
    "structure": st.sampled_from(["full", "diag"]),
}


@few
@given(**problems, workers=st.integers(1, 3))
def test_each_mixture_of_a_batch_is_as_if_alone(seed, S, K, D, structure, workers):
    rng = np.random.default_rng(seed)
    data, batch = rows(3 * rng.normal(size=(300, D))), random_batch(rng, S, K, D, structure)
    together = likelihood.estep(data, *batch, workers=workers)
    for s in range(S):
        assert_identical(together[s], likelihood.estep(data, *(part[s] for part in batch)))


@few
@given(**problems)
def test_each_mixture_may_weigh_the_rows_in_its_own_way(seed, S, K, D, structure):
    rng = np.random.default_rng(seed)
    values, batch = 3 * rng.normal(size=(300, D)), random_batch(rng, S, K, D, structure)
    weights = rng.poisson(1, size=(S, 300)).astype(float)
    together = likelihood.estep(rows(values), *batch, row_weights=weights)
    for s in range(S):
        data = Data(values, tuple("x" * D), weights[s])
        assert_identical(together[s], likelihood.estep(data, *(part[s] for part in batch)))


@pytest.mark.parametrize("structure", ["full", "diag"])
@pytest.mark.parametrize(("N", "S", "weighted"), [(100_000, 1, True), (70_000, 3, False)])
def test_workers_do_not_change_a_bit(N, S, weighted, structure, monkeypatch):
    rng = np.random.default_rng(N)
    data, batch = rows(rng.normal(size=(N, 5))), random_batch(rng, S, 4, 5, structure)
    weights = rng.exponential(size=(S, N)) if weighted else None
    assert len(likelihood._chunks(data, 4)) > 1
    one, *others = (
        likelihood.estep(data, *batch, row_weights=weights, workers=workers)
        for workers in (1, 2, 3)
    )
    for other in others:
        assert_identical(other, one)


def test_chunks_are_no_gaps_and_no_overlaps():
    rng = np.random.default_rng(1)
    values, (weights, means, factor) = rng.normal(size=(90_000, 2)), random_batch(rng, 1, 3, 2)
    params = Params(weights[0], means[0], factor[0])
    for workers in (1, 2):
        density = likelihood.log_density(values, params, workers)
        shares = likelihood.responsibilities(values, params, workers)
        oracle = naive.log_density(values, weights[0], means[0], factor[0])
        np.testing.assert_allclose(density, oracle, rtol=1e-11)
        oracle = naive.responsibilities(values, weights[0], means[0], factor[0])
        np.testing.assert_allclose(shares, oracle, rtol=1e-9, atol=1e-12)
        stats = likelihood.estep(rows(values), weights[0], means[0], factor[0], workers=workers)
        assert stats.log_likelihood == pytest.approx(density.sum(), rel=1e-12)
        np.testing.assert_allclose(stats.counts, shares.sum(axis=0), rtol=1e-11)


def test_the_entropy_of_assignments_is_that_of_the_responsibilities():
    rng = np.random.default_rng(2)
    weights, means, factor = (part[0] for part in random_batch(rng, 1, 3, 2))
    values, row_weights = rng.normal(size=(500, 2)), rng.exponential(size=500)
    shares = naive.responsibilities(values, weights, means, factor)
    oracle = -(row_weights[:, None] * shares * np.log(shares)).sum()
    data = Data(values, ("a", "b"), row_weights)
    entropy = likelihood.assignment_entropy(data, Params(weights, means, factor))
    assert entropy == pytest.approx(oracle, rel=1e-10)


def test_the_entropy_of_certain_assignments_is_zero():
    params = Params(np.array([0.5, 0.5]), np.array([[0.0], [1e3]]), np.ones((2, 1, 1)))
    assert likelihood.assignment_entropy(rows(np.array([[0.0], [1e3]])), params) == 0
