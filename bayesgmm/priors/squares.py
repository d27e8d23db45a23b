"""Priors stated for a variance or a precision, as priors of the standard deviation.

Whoever thinks in variances says ``Variance(InverseGamma(3, 2))``; Richardson and Green (1997) give
the precisions a gamma distribution, ``Precision(Gamma(2, 1))``. As a density of the standard
deviation, either takes on the derivative of the map.

References
----------
Richardson, S. and Green, P. J. (1997). On Bayesian analysis of mixtures with an unknown number of
components. Journal of the Royal Statistical Society B 59, 731-792.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.base import Floats
from bayesgmm.priors.families import Positive


@dataclass(frozen=True, eq=False, repr=False)
class OfSquare(Positive):
    """A prior of a power of the standard deviation: the standard deviation is ``x**power``."""

    prior: Positive
    power: ClassVar[float]

    def __post_init__(self) -> None:
        if not isinstance(self.prior, Positive) or isinstance(self.prior, OfSquare):
            name = type(self).__name__
            raise InputError(
                f"{name} takes a prior of positive numbers, as in {name}(Gamma(2, 1)), "
                f"not {self.prior!r}"
            )

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the prior that was stated."""
        return self.prior.parameters

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.prior == other.prior

    def __hash__(self) -> int:
        return hash((type(self), self.prior))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.prior!r})"

    @property
    def bounds(self) -> tuple[Any, Any]:
        """See `Positive.bounds`."""
        with np.errstate(divide="ignore"):
            ends = [np.asarray(end, dtype=np.float64) ** self.power for end in self.prior.bounds]
        return (ends[0], ends[1]) if self.power > 0 else (ends[1], ends[0])

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        rate = 1 / self.power
        return self.prior.logpdf_at_log(rate * u) + np.log(abs(rate)) + (rate - 1) * u

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        rate = 1 / self.power
        slope, curvature = self.prior.log_slopes(rate * u)
        return rate * slope + rate - 1, rate**2 * curvature

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return np.asarray(self.prior.sample(rng, shape) ** self.power)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        noun = type(self).__name__.lower()
        return f"the {noun}, not the sd, is {self.prior.describe(feature_names)}"


class Variance(OfSquare):
    """A prior stated for the variance: standard deviations are roots of its numbers.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.Variance(bg.priors.InverseGamma(alpha=3, beta=2)).describe()
    'the variance, not the sd, is inverse gamma with mode 0.5, shape 3'
    """

    power = 0.5

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`."""
        return 2 * self.prior.order_at_zero + 1


class Precision(OfSquare):
    """A prior stated for the precision, one over the variance.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.Precision(bg.priors.Gamma(alpha=2, beta=1)).describe()
    'the precision, not the sd, is gamma with mean 2, sd 1.41'
    """

    power = -0.5

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`: the tail of large precisions is what counts."""
        return 2 * self.prior.order_at_infinity - 3
