"""Means that ascend from component to component along one feature: their prior."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.base import Floats
from bayesgmm.priors.families import Normal

_MOST_TRIES = 10_000
_DRAWS = 200_000


def draw_ordered(prior: Normal, column: int, rng: np.random.Generator, means: Floats) -> Floats:
    """Draw the means of one feature, given that they ascend.

    Where all components have the same prior, that is the same as sorting; otherwise draws in
    another order are rejected.

    Parameters
    ----------
    prior : Normal
        Of means (K, D).
    column : int
        The feature.
    rng : numpy.random.Generator
        Source of randomness.
    means : array, shape (..., K, D)
        Draws without regard to the order.

    Returns
    -------
    array, shape (..., K)

    Raises
    ------
    InputError
        If the prior hardly ever has the means in this order.
    """
    drawn = means[..., column].reshape(-1, means.shape[-2])
    mu, sigma = _of_feature(prior, column, means.shape[-2:])
    if _alike(mu, sigma):
        return np.sort(drawn, axis=-1).reshape(means.shape[:-1])
    waiting = np.arange(len(drawn))
    for _ in range(_MOST_TRIES):
        waiting = waiting[(np.diff(drawn[waiting], axis=-1) <= 0).any(axis=-1)]
        if not len(waiting):
            return drawn.reshape(means.shape[:-1])
        drawn[waiting] = rng.normal(mu, sigma, (len(waiting), len(mu)))
    raise InputError(
        "the prior of the means hardly ever has them in the order that is asked for: "
        "leave out ordered, or give the components other means"
    )


def log_share_ordered(prior: Normal, column: int, shape: tuple[int, int]) -> float:
    """Log of the prior probability that the means of one feature ascend.

    Where components have different priors, it is estimated, from the same draws at every call.

    Parameters
    ----------
    prior : Normal
        Of means (K, D).
    column : int
        The feature.
    shape : tuple of int
        (K, D).
    """
    mu, sigma = _of_feature(prior, column, shape)
    if _alike(mu, sigma):
        return float(-gammaln(len(mu) + 1))
    drawn = np.random.default_rng(0).normal(mu, sigma, (_DRAWS, len(mu)))
    with np.errstate(divide="ignore"):
        return float(np.log((np.diff(drawn, axis=-1) > 0).all(axis=-1).mean()))


def _of_feature(prior: Normal, column: int, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    mu, sigma = (np.broadcast_to(p, shape)[:, column] for p in (prior.mu, prior.sigma))
    return mu, sigma


def _alike(mu: Floats, sigma: Floats) -> bool:
    return bool(np.all(mu == mu[0]) and np.all(sigma == sigma[0]))
