"""Quantities that do not depend on what the components are called.

Relabelling can make the chains of a parameter agree although the chains are in different places.
No relabelling touches these: the total log-likelihood, the log density at some rows, the weights
in descending order, how undecided the responsibilities are, and how many components are in use.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes import predictive
from bayesgmm.bayes.batch import Batch, decisions, evenly_spaced
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import log_density
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.threads import available_cores

Array = npt.NDArray[np.float64]

_ANCHORS = 10  # rows at which the density is followed through the chains
_ROWS = 500  # at most so many, evenly spread over the densities, stand for all


def quantities(
    data: Data, reference: Params, draws: Mixture, log_likelihood: Array
) -> dict[str, Array]:
    """Follow the label-free quantities through the draws.

    Parameters
    ----------
    data : Data
        The fitted rows.
    reference : Params
        A mixture by whose density the rows to look at are chosen.
    draws : Mixture
        With leading axes (chain, draw).
    log_likelihood : array, shape (chain, draw)
        Of all rows.

    Returns
    -------
    dict of str to array, shape (chain, draw)
    """
    by_density = np.argsort(log_density(data, reference))
    anchors, rows = (by_density[evenly_spaced(len(by_density), n)] for n in (_ANCHORS, _ROWS))
    found = {"log-likelihood": log_likelihood}
    density = predictive.log_density_draws(data.take(anchors).rows(), draws)
    for i, row in enumerate(anchors):
        found[f"log density at row {row}"] = density[..., i]
    descending = -np.sort(-draws.weights, axis=-1)
    for rank in range(descending.shape[-1]):
        found[f"weight of rank {rank + 1}"] = descending[..., rank]
    decided = decisions(data.take(rows).rows(), Batch.of(draws), available_cores())
    for name, values in zip(("entropy of a row", "occupied components"), decided, strict=True):
        found[name] = values.reshape(log_likelihood.shape)
    return found
