"""Draws of means that ascend from component to component along one feature."""

from __future__ import annotations

import numpy as np

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.base import Floats
from bayesgmm.priors.families import Normal

_MOST_TRIES = 10_000


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
    shape = means.shape[-2:]
    mu, sigma = (np.broadcast_to(p, shape)[:, column] for p in (prior.mu, prior.sigma))
    if np.all(mu == mu[0]) and np.all(sigma == sigma[0]):
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
