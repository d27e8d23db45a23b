"""Covariance structures: what the components' covariances share.

A covariance matrix is a volume, a shape and an orientation (Celeux and Govaert 1995):

    Sigma_k = lambda_k D_k A_k D_k',    |A_k| = 1,

with A_k diagonal and D_k orthogonal. Each of the three is equal in all components (E), varies
between them (V), or is the identity (I): round shapes, axes that are the features. The letters,
in this order, are mclust's names of the fourteen structures, and whatever can be told from the
letters is: how many parameters there are, which structure lies in which, which units the features
may have. What cannot is the M-step, and fourteen of them come down to five (`msteps`).
"""

from bayesgmm.mixture.structures.factors import factor, factorise
from bayesgmm.mixture.structures.structure import (
    STRUCTURES,
    Structure,
    get_structure,
    n_parameters,
)

__all__ = ["STRUCTURES", "Structure", "factor", "factorise", "get_structure", "n_parameters"]
