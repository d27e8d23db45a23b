"""What draws say of rows: as one draw after another would."""

import numpy as np
import pytest
from naive import log_density, responsibilities
from posteriors import each, random_draws

from bayesgmm.bayes import batch, predictive
from bayesgmm.bayes.transforms import Mixture


def problem(seed=0, diagonal=False, K=3, D=2, N=13, chains=2, draws=7):
    rng = np.random.default_rng(seed)
    mixtures = random_draws(rng, chains, draws, K, D)
    if diagonal:
        identity = np.broadcast_to(np.eye(D), mixtures.correlations_cholesky.shape)
        mixtures = mixtures._replace(correlations_cholesky=identity)
    return 4 * rng.normal(size=(N, D)), mixtures


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize(("K", "D"), [(1, 1), (3, 2), (2, 17)])
def test_draws_are_as_if_one_by_one(diagonal, K, D):
    X, draws = problem(diagonal=diagonal, K=K, D=D)
    density = [log_density(X, *params) for params in each(draws)]
    shares = [responsibilities(X, *params) for params in each(draws)]
    found = predictive.log_density_draws(X, draws)
    assert found.shape == (2, 7, 13)
    np.testing.assert_allclose(found.reshape(14, 13), density, rtol=1e-9)
    found = predictive.responsibility_draws(X, draws)
    np.testing.assert_allclose(found.reshape(14, 13, K), shares, atol=1e-9)


def test_means_are_those_of_the_draws():
    X, draws = problem(1)
    density = np.exp(predictive.log_density_draws(X, draws)).mean(axis=(0, 1))
    shares = predictive.responsibility_draws(X, draws).mean(axis=(0, 1))
    np.testing.assert_allclose(np.exp(predictive.mean_density(X, draws)), density)
    np.testing.assert_allclose(predictive.mean_responsibilities(X, draws), shares, atol=1e-14)


def test_blocks_change_nothing(monkeypatch):
    X, draws = problem(2, N=300)
    whole = predictive.mean_density(X, draws), predictive.mean_responsibilities(X, draws)
    monkeypatch.setattr(predictive, "NUMBERS", 14 * 50)
    np.testing.assert_allclose(predictive.mean_density(X, draws), whole[0], rtol=1e-14)
    np.testing.assert_allclose(predictive.mean_responsibilities(X, draws), whole[1], atol=1e-14)


def test_threads_change_nothing():
    X, draws = problem(3, N=700, draws=40)
    many = batch.Batch.of(draws)
    for sweep in (batch.log_densities, batch.responsibilities):
        np.testing.assert_array_equal(sweep(X, many, workers=3), sweep(X, many, workers=1))


def test_a_component_of_weight_zero_takes_no_row():
    X, draws = problem(3)
    weights = draws.weights.copy()
    weights[..., 1] = 0.0
    weights /= weights.sum(axis=-1, keepdims=True)
    without = Mixture(*(np.delete(a, 1, axis=2) for a in draws._replace(weights=weights)))
    shares = predictive.responsibility_draws(X, draws._replace(weights=weights))
    assert not shares[..., 1].any()
    np.testing.assert_allclose(
        shares[..., [0, 2]], predictive.responsibility_draws(X, without), atol=1e-14
    )


@pytest.mark.parametrize("diagonal", [False, True])
def test_entropy_and_occupied_components_are_those_of_the_responsibilities(diagonal):
    X, draws = problem(3, diagonal, N=300)
    shares = predictive.responsibility_draws(X, draws).reshape(14, 300, 3)
    entropy, occupied = batch.decisions(X, batch.Batch.of(draws))
    of_rows = -np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300)), 0).sum(axis=2)
    np.testing.assert_allclose(entropy, of_rows.mean(axis=1), rtol=1e-12)
    likeliest = shares == shares.max(axis=2, keepdims=True)
    np.testing.assert_array_equal(occupied, likeliest.any(axis=1).sum(axis=1))
