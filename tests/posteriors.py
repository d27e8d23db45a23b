"""Posteriors that no sampler was asked for: their draws are whatever a test wants."""

import numpy as np

import bayesgmm as bg
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import sorted_components


def random_draws(rng, chains, draws, K, D, spread=1.0):
    """Mixtures that differ from one another by about `spread` in everything."""
    shape = (chains, draws, K)
    factors = np.linalg.cholesky(np.eye(D) + 0.4 * spread * np.ones((D, D)) * rng.random())
    factors /= np.linalg.norm(factors, axis=-1, keepdims=True)
    return Mixture(
        rng.dirichlet(np.full(K, 5.0 / spread), shape[:2]),
        3 * np.arange(K)[:, None] + spread * rng.normal(size=(*shape, D)),
        np.exp(0.3 * spread * rng.normal(size=(*shape, D))),
        np.array(np.broadcast_to(factors, (*shape, D, D))),
    )


def fit_of(X, draws, covariance_type="full"):
    """A Bayesian fit of rows with these draws."""
    data = as_data(X)
    first = Params(draws.weights[0, 0], draws.means[0, 0], draws.cholesky[0, 0])
    chains, length, K = draws.weights.shape
    return bg.BayesFit(
        data=data,
        covariance_type=covariance_type,
        priors=bg.Priors.weakly_informative(data, K, covariance_type),
        draws=draws,
        labels=np.broadcast_to(np.arange(K), (chains, length, K)),
        log_likelihood=np.random.default_rng(0).normal(size=(chains, length)),
        sample_stats={"diverging": np.zeros((chains, length), bool)},
        reference=sorted_components(first),
        settings={"random_seed": 1},
    )


def each(draws):
    """The parameters of every draw, as plain arrays: weights, means, Cholesky factors."""
    for index in np.ndindex(draws.weights.shape[:2]):
        yield draws.weights[index], draws.means[index], draws.cholesky[index]
