"""Priors of independent numbers: Normal on the line, and seven families of positive numbers.

Every logarithm of a density of a positive number is concave in the logarithm of the number. That
is what lets penalised EM find the best standard deviation by Newton's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_ndtr, ndtri

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.base import Floats, Prior, words

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, eq=False, repr=False)
class Normal(Prior):
    """Normal distribution with mean `mu` and standard deviation `sigma`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> prior = bg.priors.Normal(mu=[2.0, 55.0], sigma=[1.0, 10.0])  # of the means of two features
    >>> prior.describe(["eruptions", "waiting"])
    'Normal around 2 (eruptions), 55 (waiting), sd 1, 10'
    """

    mu: Any = 0.0
    sigma: Any = 1.0

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of every element of `x`, in natural logarithms; the shape of `x`."""
        z = (np.asarray(x, dtype=np.float64) - self.mu) / self.sigma
        return -0.5 * z**2 - np.log(self.sigma) - _LOG_ROOT_TWO_PI

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw an array of the given shape, to which the parameters must broadcast."""
        return rng.normal(self.mu, self.sigma, shape)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"Normal around {words(self.mu, feature_names)}, sd {words(self.sigma)}"


class Positive(Prior):
    """A family of independent positive numbers."""

    @property
    def order_at_zero(self) -> float:
        """The power of x at which the density goes to zero when x does."""
        raise NotImplementedError

    @property
    def order_at_infinity(self) -> float:
        """The power of 1/x at which the density goes to zero when x grows."""
        return np.inf

    @property
    def bounds(self) -> tuple[Any, Any]:
        """Where the density is positive: floats or arrays that broadcast as parameters do."""
        return 0.0, np.inf

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of every element of `x`, in natural logarithms; the shape of `x`.

        Minus infinity where `x` is not positive or out of bounds.
        """
        x = np.asarray(x, dtype=np.float64)
        lower, upper = self.bounds
        inside = (x > 0) & (x >= lower) & (x <= upper)
        safe = np.where(inside, x, 1.0)
        return np.where(inside, self._logpdf(safe, np.log(safe)), -np.inf)

    def logpdf_at_log(self, u: ArrayLike) -> Floats:
        """Log-density of ``exp(u)``, which is taken to be within the bounds."""
        u = np.asarray(u, dtype=np.float64)
        return np.broadcast_to(self._logpdf(np.exp(u), u), u.shape)

    def log_slopes(self, u: ArrayLike) -> tuple[Floats, Floats]:
        """First and second derivative of ``logpdf(exp(u))`` with respect to `u`.

        Parameters
        ----------
        u : array_like
            Logarithms, in a shape to which the parameters broadcast.

        Returns
        -------
        slope, curvature : ndarray
            In the shape of `u`. The curvature is never positive.
        """
        u = np.asarray(u, dtype=np.float64)
        slope, curvature = self._log_slopes(np.exp(u), u)
        return np.broadcast_to(slope, u.shape), np.broadcast_to(curvature, u.shape)

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        """Log-density at `x`, whose logarithm is `u`."""
        raise NotImplementedError

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        """Differentiate at `x`, whose logarithm is `u`; the shapes need only broadcast."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class LogNormal(Positive):
    """Log-normal distribution: the logarithm has mean `mu` and standard deviation `sigma`.

    If `lower` is given, the distribution is cut off below it, as by PyMC's ``Truncated``. It is
    the cure for rounded data, whose ties would be worth an ever narrower component: the step of
    the rounding over the root of 12 is the standard deviation that the rounding alone makes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.LogNormal(mu=0, sigma=0.5, lower=0.03).describe()
    'log-normal with median 1, 95% within a factor of 2.66, at least 0.03'
    """

    mu: Any = 0.0
    sigma: Any = 1.0
    lower: Any = 0.0

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`: faster than every power."""
        return np.inf

    @property
    def bounds(self) -> tuple[Any, Any]:
        """See `Positive.bounds`."""
        return self.lower, np.inf

    @property
    def log_kept(self) -> Floats:
        """Log probability of what is not cut off."""
        with np.errstate(divide="ignore"):
            below = (np.log(self.lower) - self.mu) / self.sigma
        return np.asarray(log_ndtr(-below))

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        z = (u - self.mu) / self.sigma
        return -0.5 * z**2 - u - np.log(self.sigma) - _LOG_ROOT_TWO_PI - self.log_kept

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        precision = 1 / np.square(self.sigma)
        return -precision * (u - self.mu) - 1, -precision

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        if not np.any(self.lower):
            return rng.lognormal(self.mu, self.sigma, shape)
        z = -ndtri(rng.random(shape) * np.exp(self.log_kept))
        return np.asarray(np.maximum(np.exp(self.mu + self.sigma * z), self.lower))

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        median = words(np.exp(self.mu), feature_names)
        factor = words(np.exp(ndtri(0.975) * np.asarray(self.sigma)))
        if not np.any(self.lower):
            return f"log-normal with median {median}, 95% within a factor of {factor}"
        least = words(self.lower, feature_names if np.ptp(self.lower) else ())
        return f"log-normal with median {median}, 95% within a factor of {factor}, at least {least}"


@dataclass(frozen=True, eq=False, repr=False)
class HalfNormal(Positive):
    """Normal distribution around zero with scale `sigma`, cut to the positive half.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.HalfNormal(sigma=2).describe()
    'half-normal with scale 2'
    """

    sigma: Any = 1.0

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`."""
        return 0.0

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        return np.log(2 / np.asarray(self.sigma)) - _LOG_ROOT_TWO_PI - 0.5 * (x / self.sigma) ** 2

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        squared = (x / self.sigma) ** 2
        return -squared, -2 * squared

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return np.abs(rng.normal(0.0, self.sigma, shape))

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"half-normal with scale {words(self.sigma, feature_names)}"


@dataclass(frozen=True, eq=False, repr=False)
class HalfCauchy(Positive):
    """Cauchy distribution around zero with scale `beta`, cut to the positive half.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.HalfCauchy(beta=2.5).describe()
    'half-Cauchy with median 2.5'
    """

    beta: Any = 1.0

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`."""
        return 0.0

    @property
    def order_at_infinity(self) -> float:
        """See `Positive.order_at_infinity`."""
        return 2.0

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        return np.log(2 / (np.pi * np.asarray(self.beta))) - np.log1p((x / self.beta) ** 2)

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        above = 1 / (1 + (np.asarray(self.beta) / x) ** 2)
        return -2 * above, -4 * above * (1 - above)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return np.abs(self.beta * rng.standard_cauchy(shape))

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"half-Cauchy with median {words(self.beta, feature_names)}"


@dataclass(frozen=True, eq=False, repr=False)
class Exponential(Positive):
    """Exponential distribution with rate `lam`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.Exponential(lam=0.5).describe()
    'exponential with mean 2'
    """

    lam: Any = 1.0

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`."""
        return 0.0

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        return np.log(self.lam) - self.lam * x

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        return -self.lam * x, -self.lam * x

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return rng.standard_exponential(shape) / self.lam

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"exponential with mean {words(1 / np.asarray(self.lam), feature_names)}"


@dataclass(frozen=True, eq=False, repr=False)
class Gamma(Positive):
    """Gamma distribution with shape `alpha` and rate `beta`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.Gamma(alpha=4, beta=2).describe()
    'gamma with mean 2, sd 1'
    """

    alpha: Any
    beta: Any

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`."""
        return float(np.min(self.alpha)) - 1

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        alpha, beta = np.asarray(self.alpha), np.asarray(self.beta)
        return alpha * np.log(beta) - gammaln(alpha) + (alpha - 1) * u - beta * x

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        return self.alpha - 1 - self.beta * x, -self.beta * x

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return rng.standard_gamma(self.alpha, shape) / self.beta

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        mean, sd = self.alpha / np.asarray(self.beta), np.sqrt(self.alpha) / self.beta
        return f"gamma with mean {words(mean, feature_names)}, sd {words(sd)}"


@dataclass(frozen=True, eq=False, repr=False)
class InverseGamma(Positive):
    """Distribution of one over a :class:`Gamma` variable of the same `alpha` and `beta`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.priors.InverseGamma(alpha=3, beta=2).describe()
    'inverse gamma with mode 0.5, shape 3'
    """

    alpha: Any
    beta: Any

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`: faster than every power."""
        return np.inf

    @property
    def order_at_infinity(self) -> float:
        """See `Positive.order_at_infinity`."""
        return float(np.min(self.alpha)) + 1

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        alpha, beta = np.asarray(self.alpha), np.asarray(self.beta)
        return alpha * np.log(beta) - gammaln(alpha) - (alpha + 1) * u - beta / x

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        return self.beta / x - (self.alpha + 1), -self.beta / x

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return self.beta / rng.standard_gamma(self.alpha, shape)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        mode = self.beta / (np.asarray(self.alpha) + 1)
        shape = words(self.alpha)
        return f"inverse gamma with mode {words(mode, feature_names)}, shape {shape}"


@dataclass(frozen=True, eq=False, repr=False)
class Uniform(Positive):
    """Uniform distribution between `lower`, which may be zero, and `upper`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> prior = bg.priors.Uniform(lower=0.1, upper=2.1)
    >>> prior.logpdf([1.0, 3.0]).round(3)
    array([-0.693,   -inf])
    """

    lower: Any = 0.0
    upper: Any = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.all(np.less(self.lower, self.upper)):
            raise InputError(f"Uniform: upper must be above lower, got {self!r}")

    @property
    def order_at_zero(self) -> float:
        """See `Positive.order_at_zero`."""
        return 0.0 if np.any(np.equal(self.lower, 0)) else np.inf

    @property
    def bounds(self) -> tuple[Any, Any]:
        """See `Positive.bounds`."""
        return self.lower, self.upper

    def _logpdf(self, x: Floats, u: Floats) -> Floats:
        return np.asarray(-np.log(np.subtract(self.upper, self.lower)))

    def _log_slopes(self, x: Floats, u: Floats) -> tuple[Any, Any]:
        return 0.0, 0.0

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """See `Prior.sample`."""
        return rng.uniform(self.lower, self.upper, shape)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"uniform from {words(self.lower)} to {words(self.upper, feature_names)}"
