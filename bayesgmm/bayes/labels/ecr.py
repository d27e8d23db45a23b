"""Names by equivalence classes: each draw's division of the rows is matched with a pivot's.

A draw allocates each row to its most probable component. Divisions that differ only in names form
a class, and the names wanted are those under which as many rows as possible have the component
that the pivot gives them. The pivot is one of the draws, that of highest posterior density: a
good representative of all that they have in common.

References
----------
Papastamoulis, P. and Iliopoulos, G. (2010). An artificial allocations based solution to the label
switching problem in Bayesian analysis of mixtures of distributions. Journal of Computational and
Graphical Statistics 19, 313-331.
"""

from __future__ import annotations

import numpy as np

from bayesgmm.bayes.labels.renaming import Labels
from bayesgmm.bayes.labels.sweeps import allocation_overlaps
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import responsibilities
from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import cheapest


def ecr_labels(data: Data, draws: Mixture, pivot: int) -> Labels:
    """Find the names under which each draw divides the rows as the pivot does.

    Of permutations that are equally good, that is taken which changes fewest names. There are
    such where components have no rows.

    Parameters
    ----------
    data : Data
        N rows.
    draws : Mixture
        S mixtures of K components, along one leading axis.
    pivot : int
        Which draw is the pivot. Its components keep their names.

    Returns
    -------
    array of int, shape (S, K)
        Entry k is the component that is called k.
    """
    n_components = draws.weights.shape[1]
    params = Params(draws.weights[pivot], draws.means[pivot], draws.cholesky[pivot])
    allocation = responsibilities(data, params).argmax(axis=1)
    target = (allocation == np.arange(n_components)[:, None]).astype(np.float64)
    counts = allocation_overlaps(data, draws, target)
    counts += np.eye(n_components) / (2 * n_components)  # in all, less than one row
    return cheapest(-counts)
