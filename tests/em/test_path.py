"""EM's path: every step is a step of EM, and never leads down."""

import naive
import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.em.path import em_path
from bayesgmm.mixture.structures import STRUCTURES


@pytest.fixture(scope="module")
def path(faithful):
    return em_path(faithful, 2, random_seed=1, n_iter=12)


def log_likelihood(params, rows):
    return naive.log_density(rows, params.weights, params.means, params.cholesky).sum()


def test_likelihoods_belong_to_the_parameters(path, faithful):
    own = [log_likelihood(params, faithful.to_numpy()) for params in path.params]
    np.testing.assert_allclose(path.log_likelihood, own, rtol=1e-10)
    assert len(path.params) == path.n_iter + 1 == 13


def test_every_step_is_the_weighted_mean_and_covariance_of_the_rows(path, faithful):
    rows = faithful.to_numpy()
    for before, after in zip(range(12), path.params[1:], strict=True):
        shares = path.responsibilities(before)
        counts = shares.sum(axis=0)
        np.testing.assert_allclose(after.weights, counts / len(rows), rtol=1e-10)
        np.testing.assert_allclose(after.means, shares.T @ rows / counts[:, None], rtol=1e-10)
        for k in range(2):
            spread = np.cov(rows.T, aweights=shares[:, k], ddof=0)
            np.testing.assert_allclose(after.covariances[k], spread, rtol=1e-8)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("start", ["random", "kmeans"])
def test_likelihood_never_falls(faithful, covariance_type, start):
    path = em_path(faithful, 3, covariance_type=covariance_type, start=start, random_seed=2)
    assert np.diff(path.log_likelihood).min() > -1e-8


def test_end_is_a_maximum_that_fit_em_knows(faithful):
    path = em_path(faithful, 2, start="kmeans", n_iter=200, random_seed=1)
    fit = bg.fit_em(faithful, 2, random_seed=1)
    assert path.log_likelihood[-1] == pytest.approx(fit.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(path.params[-1].means, fit.params.means, rtol=1e-5)


def test_a_maximum_is_a_fixed_point(faithful):
    fit = bg.fit_em(faithful, 2, random_seed=1)
    path = em_path(faithful, 2, start=fit, n_iter=3)
    for params in path.params:
        np.testing.assert_allclose(params.means, fit.params.means, rtol=1e-5)
        np.testing.assert_allclose(params.covariances, fit.params.covariances, rtol=1e-4)


def test_path_begins_where_it_is_told(path, faithful):
    again = em_path(faithful, 2, start=path.params[4], n_iter=3)
    for one, other in zip(again.params, path.params[4:8], strict=True):
        np.testing.assert_allclose(one.means, other.means, rtol=1e-9)
        np.testing.assert_allclose(one.covariances, other.covariances, rtol=1e-8)


@pytest.mark.parametrize("covariance_type", ["diag", "tied", "EII"])
def test_a_start_is_brought_into_the_structure(path, faithful, covariance_type):
    start = em_path(faithful, 2, covariance_type=covariance_type, start=path.params[-1], n_iter=1)
    first = start.params[0].covariances
    pooled = np.einsum("k,kij->ij", path.params[-1].weights, path.params[-1].covariances)
    if covariance_type == "tied":
        np.testing.assert_allclose(first, [pooled, pooled], rtol=1e-9)
    else:
        assert np.abs(first[:, 0, 1]).max() == 0


def test_path_is_equivariant(faithful):
    settings = {"start": "random", "random_seed": 3, "n_iter": 8}
    path, moved = (em_path(rows, 2, **settings) for rows in (faithful, faithful * 60 + 1e6))
    for one, other in zip(path.params, moved.params, strict=True):
        np.testing.assert_allclose(other.means, one.means * 60 + 1e6, rtol=1e-9)
        np.testing.assert_allclose(other.scales, one.scales * 60, rtol=1e-6)


def test_weights_of_rows_are_copies():
    rng = np.random.default_rng(5)
    rows, copies = rng.normal(size=(40, 2)), rng.integers(1, 4, size=40)
    start = em_path(rows, 2, random_seed=1).params[0]
    weighted = em_path(rows, 2, sample_weight=copies, start=start, n_iter=5)
    repeated = em_path(np.repeat(rows, copies, axis=0), 2, start=start, n_iter=5)
    np.testing.assert_allclose(weighted.log_likelihood, repeated.log_likelihood, rtol=1e-10)


def test_path_ends_before_a_component_collapses():
    rows = np.r_[np.zeros(5), np.linspace(50, 60, 15)]
    start = bg.Params(np.array([0.25, 0.75]), np.array([[0.0], [55.0]]), np.ones((2, 1, 1)))
    path = em_path(rows, 2, start=start, n_iter=30)
    assert path.n_iter < 30
    assert np.isfinite(path.log_likelihood).all()
    assert (path.params[-1].scales > 0).all()


def test_components_end_in_the_order_of_tables(faithful):
    for seed in range(4):
        path = em_path(faithful, 3, random_seed=seed, n_iter=5)
        assert (np.diff(path.params[-1].means[:, 0]) > 0).all()


def test_it_tells_how_far_it_went(path):
    assert "2 full components: 12 iterations" in repr(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_iter": 0}, "n_iter must be"),
        ({"start": "ruspini"}, "not 'ruspini'"),
        ({"start": 3}, "start must be an EMFit or Params"),
    ],
)
def test_bad_arguments_are_told(faithful, arguments, words):
    with pytest.raises(bg.InputError, match=words):
        em_path(faithful, 2, **arguments)


@pytest.mark.parametrize("sd", [1e-200, 1e-158])
def test_a_start_without_likelihood_is_told(sd):
    narrow = bg.Params(np.ones(1), np.zeros((1, 1)), np.full((1, 1, 1), sd))
    with pytest.raises(bg.InputError, match="too narrow"):
        em_path(np.arange(5.0), 1, start=narrow)
