"""What the draws of a posterior say of rows: densities, responsibilities, new data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.likelihood import log_density, responsibilities
from bayesgmm.mixture.params import Params

Array = npt.NDArray[np.float64]


def log_density_draws(values: Array, draws: Mixture) -> Array:
    """Log density of every row in every draw.

    Parameters
    ----------
    values : array, shape (N, D)
        Rows.
    draws : Mixture
        With leading axes (chain, draw).

    Returns
    -------
    array, shape (chain, draw, N)
    """
    return _each(draws, (len(values),), lambda params: log_density(values, params))


def responsibility_draws(values: Array, draws: Mixture) -> Array:
    """Probability of every component for every row in every draw, shape (chain, draw, N, K)."""
    shape = (len(values), draws.weights.shape[-1])
    return _each(draws, shape, lambda params: responsibilities(values, params))


def mean_density(values: Array, draws: Mixture) -> Array:
    """Log of the posterior mean density of each row, shape (N,)."""
    total, count = np.full(len(values), -np.inf), 0
    for params in mixtures(draws):
        total = np.logaddexp(total, log_density(values, params))
        count += 1
    return total - np.log(count)


def mean_responsibilities(values: Array, draws: Mixture) -> Array:
    """Posterior mean of the responsibilities of each row, shape (N, K)."""
    total, count = np.zeros((len(values), draws.weights.shape[-1])), 0
    for params in mixtures(draws):
        total += responsibilities(values, params)
        count += 1
    return total / count


def rows_of_each(
    draws: Mixture, n_rows: int, rng: np.random.Generator
) -> tuple[Array, npt.NDArray[np.intp]]:
    """Draw a data set from every mixture.

    Parameters
    ----------
    draws : Mixture
        With leading axes (...).
    n_rows : int
        Rows of each data set, N.
    rng : numpy.random.Generator
        Source of the random numbers.

    Returns
    -------
    rows : array, shape (..., N, D)
    labels : array of int, shape (..., N)
        The component that each row came from.
    """
    *batch, n_components, n_features = draws.means.shape
    uniform = rng.random((*batch, n_rows))[..., None]
    bounds = draws.weights.cumsum(axis=-1)[..., None, : n_components - 1]
    labels = (uniform > bounds).sum(axis=-1)[..., None]
    noise = rng.standard_normal((*batch, n_rows, n_features))
    rows = np.take_along_axis(draws.means, labels, axis=-2)
    cholesky = draws.cholesky
    for k in range(n_components):  # one component at a time: no (N, D, D) for each draw
        scaled = noise @ np.swapaxes(cholesky[..., k, :, :], -1, -2)
        rows += np.where(labels == k, scaled, 0.0)
    return rows, labels[..., 0]


def mixtures(draws: Mixture) -> Iterator[Params]:
    """Iterate over the draws one by one, chain after chain."""
    weights, means, cholesky = draws.weights, draws.means, draws.cholesky
    for index in np.ndindex(weights.shape[:-1]):
        yield Params(weights[index], means[index], cholesky[index])


def _each(draws: Mixture, shape: tuple[int, ...], of: Callable[[Params], Array]) -> Array:
    batch = draws.weights.shape[:-1]
    out = np.empty((int(np.prod(batch)), *shape))
    for row, params in zip(out, mixtures(draws), strict=True):
        row[...] = of(params)
    return out.reshape(*batch, *shape)
