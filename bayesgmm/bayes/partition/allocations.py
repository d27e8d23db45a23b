"""Draw partitions of the rows from the posterior: an allocation of each row in each draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.batch import Batch, blocks_of_draws, evenly_spaced
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.threads import available_cores

Array = npt.NDArray[np.float64]
Allocations = npt.NDArray[np.int16]


def sampled_allocations(
    values: Array, draws: Mixture, most: int, rng: np.random.Generator
) -> Allocations:
    """Draw the component of every row, given each of some draws.

    Parameters
    ----------
    values : array, shape (N, D)
        Rows.
    draws : Mixture
        With leading axes (chain, draw).
    most : int
        Draws to use; if there are more, evenly spaced ones.
    rng : numpy.random.Generator
        Source of the random numbers.

    Returns
    -------
    array of int16, shape (N, S)
        A column is a partition. Numbers are names of components, and mean nothing across columns.
    """
    every = Batch.of(draws)
    batch = every.take(evenly_spaced(every.n_mixtures, most))
    out = np.empty((len(values), batch.n_mixtures), np.int16)
    for some, shares in blocks_of_draws(values, batch, available_cores()):
        bounds = shares.cumsum(axis=-1)[..., :-1]
        uniform = rng.random(shares.shape[:2])[..., None]
        out[:, some] = (uniform > bounds).sum(axis=-1).T
    return out
