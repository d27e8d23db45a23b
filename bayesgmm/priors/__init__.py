"""What was believed about a mixture before the data were seen.

A prior here is a small frozen record: a family by PyMC's name, with PyMC's names for its
parameters. It knows three things: its log-density, how to draw from it, and how to say itself
in words. It needs no PyMC to do so: the Bayesian fit turns it into a PyMC variable, and
EM climbs the same density. The words are what a reader of a result sees.

A mixture has four blocks of parameters, and :class:`Priors` holds one prior for each:

========================= =========================================================
``weights``               the shares of the components, :class:`Dirichlet`
``means``                 where the components are, :class:`Normal`
``scales``                their standard deviations, feature by feature; or their
                          squares, inside :class:`Variance` or :class:`Precision`
``correlations``          how the features hang together, :class:`LKJ`
========================= =========================================================

Any block may be known instead: :class:`Fixed`. Means may be asked to ascend along a feature:
``Priors(..., ordered="eruptions")``.

Scales and correlations deserve care. Real data are rounded, so rows tie, and many lie exactly on
one line or plane. A component that sits on such rows may become infinitely thin, and infinitely
likely; only a prior that falls off fast enough keeps the integral of the posterior finite
(`bayesgmm.priors.properness` works out how fast). A log-normal scale, and LKJ with a ridge, fall
off faster than every power, and are the default: under them every posterior is proper. A
half-normal does not fall off at all, and two tied rows are too many. LKJ alone allows fewer than
``2 eta + 1`` equal rows, and fewer than ``2 eta + D`` on an oblique plane. Such priors are
allowed, and carry a line of warning in their words; `Priors.problems` looks for such rows.
"""

from bayesgmm.priors.families import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
    Uniform,
)
from bayesgmm.priors.fixed import Fixed
from bayesgmm.priors.joint import LKJ, Dirichlet
from bayesgmm.priors.record import Priors
from bayesgmm.priors.squares import Precision, Variance

__all__ = [
    "LKJ",
    "Dirichlet",
    "Exponential",
    "Fixed",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "InverseGamma",
    "LogNormal",
    "Normal",
    "Precision",
    "Priors",
    "Uniform",
    "Variance",
]
