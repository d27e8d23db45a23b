"""Names by a reference: each draw is matched with one mixture at minimum cost."""

from __future__ import annotations

from bayesgmm.bayes.labels.renaming import Labels
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import assignments


def reference_labels(draws: Mixture, reference: Params) -> Labels:
    """Find the component of every draw that takes each name.

    Parameters
    ----------
    draws : Mixture
        As sampled, with leading axes (...), such as chain and draw.
    reference : Params
        The mixture that gives the names.

    Returns
    -------
    array of int, shape (..., K)
        Entry k is the sampled component that is called k.
    """
    return assignments(draws.weights, draws.means, draws.cholesky, reference)
