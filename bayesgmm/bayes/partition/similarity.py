"""The posterior similarity matrix: how probable it is that two rows are of one component."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import dsyrk

from bayesgmm.bayes.batch import Batch, blocks_of_draws
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.threads import available_cores

Array = npt.NDArray[np.float64]

_MOST_ROWS = 5000  # 200 MB of similarities


def similarity_of(data: Data, draws: Mixture, rows: Any = None) -> Array:
    """Similarity of all rows or of some; see `BayesFit.similarity`."""
    chosen = data if rows is None else data.take(_checked(rows, data.n_rows))
    if chosen.n_rows > _MOST_ROWS:
        raise InputError(
            f"the similarity of {chosen.n_rows} rows would hold {chosen.n_rows**2:.1e} numbers: "
            f"give at most {_MOST_ROWS} row numbers, as in similarity(rows=range({_MOST_ROWS}))"
        )
    return similarity(chosen.rows(), draws)


def similarity(values: Array, draws: Mixture) -> Array:
    """Probability that rows, shape (N, D), are of one component: shape (N, N).

    Given the parameters, two rows' components are independent, and the same with probability
    ``Σ_k r_ik r_jk``; the mean of that over the draws is taken (Rao and Blackwell), where counting
    sampled allocations would add noise. A row is of one component with itself, always.
    """
    batch, n_rows = Batch.of(draws), len(values)
    total = np.zeros((n_rows, n_rows), order="F")
    for _, shares in blocks_of_draws(values, batch, available_cores()):
        factor = np.moveaxis(shares, 1, 0).reshape(n_rows, -1)
        # the upper triangle alone, and in place: half the work, and no second matrix
        total = dsyrk(1 / batch.n_mixtures, factor.T, beta=1.0, c=total, trans=1, overwrite_c=1)
    np.fill_diagonal(total, 1.0)
    total += np.triu(total, 1).T
    return np.asarray(total.T)


def _checked(rows: Any, n_rows: int) -> npt.NDArray[np.intp]:
    index = np.asarray(rows)
    if index.ndim != 1 or not index.size or index.dtype.kind not in "iu":
        raise InputError("rows must be a list of row numbers, as in rows=[0, 5, 7]")
    outside = (index < 0) | (index >= n_rows)
    if outside.any():
        raise InputError(f"there is no row {index[outside][0]}: rows go from 0 to {n_rows - 1}")
    return index.astype(np.intp)
