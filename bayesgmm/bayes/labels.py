"""Labels: the posterior is the same whatever the components are called, so draws are renamed.

A sampler that follows the posterior of K components may call them by any of K! names, and
change names as it goes. Nothing is wrong with such draws but their names. Each draw is therefore
matched with one reference mixture, the EM estimate, at minimum cost (`results.alignment`), and
takes its names; no draw is dropped, and label-free quantities do not change.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import assignments

Labels = npt.NDArray[np.intp]


def reference_labels(draws: Mixture, reference: Params) -> Labels:
    """Find the component of every draw that takes each name.

    Parameters
    ----------
    draws : Mixture
        As sampled, with leading axes (chain, draw).
    reference : Params
        The mixture that gives the names.

    Returns
    -------
    array of int, shape (chain, draw, K)
        Entry k is the sampled component that is called k.
    """
    return assignments(draws.weights, draws.means, draws.cholesky, reference)


def renamed(draws: Mixture, labels: Labels) -> Mixture:
    """Return the draws with their components in the order of `labels`."""
    arrays = []
    for array in draws:
        index = labels.reshape(*labels.shape, *(1,) * (array.ndim - labels.ndim))
        arrays.append(np.take_along_axis(array, index, axis=labels.ndim - 1))
    return Mixture(*arrays)


def count_switches(labels: Labels) -> int:
    """Count the draws that are called otherwise than the draw before them in their chain."""
    return int((labels[:, 1:] != labels[:, :-1]).any(axis=-1).sum())
