"""What was believed about a mixture before the data were seen.

A prior here is a small frozen record: a family by PyMC's name, with PyMC's names for its
parameters. It knows three things: its log-density, how to draw from it, and how to say itself
in words. It needs no PyMC to do so: the Bayesian fit turns it into a PyMC variable, and
EM climbs the same density. The words are what a reader of a result sees.

A mixture has four blocks of parameters, and :class:`Priors` holds one prior for each:

========================= =========================================================
``weights``               the shares of the components, :class:`Dirichlet`
``means``                 where the components are, :class:`Normal`
``scales``                their standard deviations, feature by feature
``correlations``          how the features hang together, :class:`LKJ`
========================= =========================================================

The scales deserve care. Real data are rounded, so rows tie. A component that sits on ``m`` rows
which agree in one feature, and whose standard deviation there shrinks to zero, multiplies the
likelihood by ``sd**-m``, of which the average over its mean keeps ``sd**(1 - m)``. The posterior
has a finite integral only if the prior of the standard deviation falls off faster than
``sd**(m - 2)`` near zero. A log-normal falls off faster than every power, and is the default;
a half-normal does not fall off at all, and two tied rows are enough to make the posterior
improper. Such priors are allowed, and carry one line of warning in their words.

No prior of the scales helps against rows on one oblique line or plane, where it is a correlation
that goes to one. LKJ falls off there as ``det(R)**(eta - 1)``, which is enough for fewer than
``D + 2 eta`` such rows.
"""

from bayesgmm.priors.families import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
)
from bayesgmm.priors.joint import LKJ, Dirichlet
from bayesgmm.priors.record import Priors

__all__ = [
    "LKJ",
    "Dirichlet",
    "Exponential",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "InverseGamma",
    "LogNormal",
    "Normal",
    "Priors",
]
