"""What the draws of a posterior say of rows: densities, responsibilities, new data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from bayesgmm.bayes.batch import NUMBERS, Batch, log_densities, responsibilities
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import pieces
from bayesgmm.mixture.threads import available_cores

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
    found = log_densities(values, Batch.of(draws), available_cores())
    return found.reshape(*draws.weights.shape[:-1], len(values))


def responsibility_draws(values: Array, draws: Mixture) -> Array:
    """Probability of every component for every row in every draw, shape (chain, draw, N, K)."""
    found = responsibilities(values, Batch.of(draws), available_cores())
    return found.reshape(*draws.weights.shape[:-1], *found.shape[1:])


def mean_density(values: Array, draws: Mixture) -> Array:
    """Log of the posterior mean density of each row, shape (N,)."""
    out = np.empty(len(values))
    for rows, density in log_density_blocks(values, draws):
        out[rows] = logsumexp(density, axis=0) - np.log(len(density))
    return out


def mean_responsibilities(values: Array, draws: Mixture) -> Array:
    """Posterior mean of the responsibilities of each row, shape (N, K)."""
    out = np.empty((len(values), draws.weights.shape[-1]))
    for rows, shares in responsibility_blocks(values, draws):
        out[rows] = shares.mean(axis=0)
    return out


def log_density_blocks(values: Array, draws: Mixture) -> Iterator[tuple[slice, Array]]:
    """Yield some rows and their log density in all S draws, shape (S, rows), block by block."""
    batch = Batch.of(draws)
    for rows in pieces(len(values), max(1, NUMBERS // batch.n_mixtures)):
        yield rows, log_densities(values[rows], batch, available_cores())


def responsibility_blocks(values: Array, draws: Mixture) -> Iterator[tuple[slice, Array]]:
    """Yield some rows and their responsibilities in all S draws, shape (S, rows, K)."""
    batch = Batch.of(draws)
    for rows in pieces(len(values), max(1, NUMBERS // batch.weights.size)):
        yield rows, responsibilities(values[rows], batch, available_cores())


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
