"""Families of priors: small frozen records by PyMC's names, with PyMC's names for parameters.

A prior knows three things: its log-density, how to draw from it, and how to say itself in words.
It does not need PyMC to do so; `bayesgmm.bayes.model` turns it into a PyMC variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import gammaln, xlogy

from bayesgmm.mixture.errors import InputError

Floats = NDArray[np.float64]


def _as_parameter(value: ArrayLike, label: str, *, positive: bool) -> float | Floats:
    """Return a float or a read-only float64 array, or raise an error that names the parameter."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{label} must be a number or an array of numbers") from None
    if array.size == 0 or not np.all(np.isfinite(array)):
        raise InputError(f"{label} must be finite, got {array.tolist()}")
    if positive and not np.all(array > 0):
        raise InputError(f"{label} must be positive, got {array.tolist()}")
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False, repr=False)
class Prior:
    """Base of the families: parameters are checked, compared and printed in one place.

    Every parameter is a float, or an array that broadcasts to the shape of what it describes:
    ``(component,)``, ``(feature,)`` or ``(component, feature)``. Locations are real, all other
    parameters are positive.
    """

    _locations: ClassVar[frozenset[str]] = frozenset({"mu"})

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            label = f"{type(self).__name__}: {name}"
            checked = _as_parameter(value, label, positive=name not in self._locations)
            object.__setattr__(self, name, checked)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by PyMC's names, a dict of floats and read-only arrays."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        theirs = other.parameters
        return all(np.array_equal(value, theirs[name]) for name, value in self.parameters.items())

    def __hash__(self) -> int:
        values = (np.asarray(value) for value in self.parameters.values())
        return hash((type(self), *((value.shape, *value.ravel().tolist()) for value in values)))

    def __repr__(self) -> str:
        values = {name: np.asarray(value).tolist() for name, value in self.parameters.items()}
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in values.items())})"

    def check_shape(self, shape: tuple[int, ...], what: str) -> None:
        """Raise an InputError unless every parameter broadcasts to `shape`."""
        for name, value in self.parameters.items():
            try:
                fits = np.broadcast_shapes(np.shape(value), shape) == shape
            except ValueError:
                fits = False
            if not fits:
                raise InputError(
                    f"{what}: {name} of {type(self).__name__} has shape {np.shape(value)}, "
                    f"which does not broadcast to {shape}"
                )

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density at `x`, in natural logarithms."""
        raise NotImplementedError

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw an array of the given shape."""
        raise NotImplementedError

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        raise NotImplementedError


class Elementwise(Prior):
    """A family of independent numbers, whose density SciPy knows."""

    @property
    def order_at_zero(self) -> float:
        """The power of x at which the density goes to zero when x does."""
        return np.inf

    def _scipy(self) -> Any:
        raise NotImplementedError

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of every element of `x`, in natural logarithms; the shape of `x`."""
        return self._scipy().logpdf(np.asarray(x, dtype=np.float64))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw an array of the given shape, to which the parameters must broadcast."""
        return np.asarray(self._scipy().rvs(size=shape, random_state=rng))


@dataclass(frozen=True, eq=False, repr=False)
class Normal(Elementwise):
    """Normal distribution with mean `mu` and standard deviation `sigma`."""

    mu: Any = 0.0
    sigma: Any = 1.0

    def _scipy(self) -> Any:
        return stats.norm(self.mu, self.sigma)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"Normal around {words(self.mu, feature_names)}, sd {words(self.sigma)}"


@dataclass(frozen=True, eq=False, repr=False)
class LogNormal(Elementwise):
    """Log-normal distribution: the logarithm has mean `mu` and standard deviation `sigma`."""

    mu: Any = 0.0
    sigma: Any = 1.0

    def _scipy(self) -> Any:
        return stats.lognorm(s=self.sigma, scale=np.exp(self.mu))

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        median = words(np.exp(self.mu), feature_names)
        factor = words(np.exp(stats.norm.ppf(0.975) * np.asarray(self.sigma)))
        return f"log-normal with median {median}, 95% within a factor of {factor}"


@dataclass(frozen=True, eq=False, repr=False)
class HalfNormal(Elementwise):
    """Normal distribution around zero with scale `sigma`, cut to the positive half."""

    sigma: Any = 1.0

    @property
    def order_at_zero(self) -> float:
        """The power of x at which the density goes to zero when x does."""
        return 0.0

    def _scipy(self) -> Any:
        return stats.halfnorm(scale=self.sigma)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"half-normal with scale {words(self.sigma, feature_names)}"


@dataclass(frozen=True, eq=False, repr=False)
class HalfCauchy(Elementwise):
    """Cauchy distribution around zero with scale `beta`, cut to the positive half."""

    beta: Any = 1.0

    @property
    def order_at_zero(self) -> float:
        """The power of x at which the density goes to zero when x does."""
        return 0.0

    def _scipy(self) -> Any:
        return stats.halfcauchy(scale=self.beta)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"half-Cauchy with median {words(self.beta, feature_names)}"


@dataclass(frozen=True, eq=False, repr=False)
class Exponential(Elementwise):
    """Exponential distribution with rate `lam`."""

    lam: Any = 1.0

    @property
    def order_at_zero(self) -> float:
        """The power of x at which the density goes to zero when x does."""
        return 0.0

    def _scipy(self) -> Any:
        return stats.expon(scale=1 / np.asarray(self.lam))

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        return f"exponential with mean {words(1 / np.asarray(self.lam), feature_names)}"


@dataclass(frozen=True, eq=False, repr=False)
class Gamma(Elementwise):
    """Gamma distribution with shape `alpha` and rate `beta`."""

    alpha: Any
    beta: Any

    @property
    def order_at_zero(self) -> float:
        """The power of x at which the density goes to zero when x does."""
        return float(np.min(self.alpha)) - 1

    def _scipy(self) -> Any:
        return stats.gamma(self.alpha, scale=1 / np.asarray(self.beta))

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        mean, sd = self.alpha / np.asarray(self.beta), np.sqrt(self.alpha) / self.beta
        return f"gamma with mean {words(mean, feature_names)}, sd {words(sd)}"


@dataclass(frozen=True, eq=False, repr=False)
class InverseGamma(Elementwise):
    """Distribution of one over a :class:`Gamma` variable of the same `alpha` and `beta`."""

    alpha: Any
    beta: Any

    def _scipy(self) -> Any:
        return stats.invgamma(self.alpha, scale=self.beta)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        mode = self.beta / (np.asarray(self.alpha) + 1)
        shape = words(self.alpha)
        return f"inverse gamma with mode {words(mode, feature_names)}, shape {shape}"


@dataclass(frozen=True, eq=False, repr=False)
class Dirichlet(Prior):
    """Dirichlet distribution of shares that sum to one, with concentration `a`.

    A single number stands for the same concentration in every component.
    """

    a: Any = 1.0

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of shares.

        Parameters
        ----------
        x : (..., K) array_like
            Shares; every row sums to one.

        Returns
        -------
        (...) ndarray
            Density with respect to all shares but the last. Minus infinity outside the simplex.
        """
        shares = np.asarray(x, dtype=np.float64)
        a = np.broadcast_to(self.a, shares.shape[-1:])
        inside = np.all((shares >= 0) & (shares <= 1), axis=-1)
        terms = xlogy(a - 1, np.where(shares >= 0, shares, 0)) - gammaln(a)
        return np.where(inside, terms.sum(-1) + gammaln(a.sum()), -np.inf)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw shares; the last axis of `shape` counts the components."""
        return rng.dirichlet(np.broadcast_to(self.a, shape[-1:]), size=shape[:-1])

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        flat = ": all divisions are equally likely" if np.all(np.asarray(self.a) == 1) else ""
        return f"Dirichlet with concentration {words(self.a)}{flat}"


@dataclass(frozen=True, eq=False, repr=False)
class LKJ(Prior):
    """Distribution of correlation matrices with density proportional to ``det(R)**(eta - 1)``.

    It is written for the lower Cholesky factor of the matrix, as in PyMC. With ``eta=1`` every
    matrix is equally likely, and larger values favour weak correlations. Each correlation of a
    matrix of size D is, on its own, ``2 Beta(b, b) - 1`` with ``b = eta - 1 + D/2``.

    References
    ----------
    Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices
    based on vines and extended onion method. Journal of Multivariate Analysis 100, 1989-2001.
    """

    eta: float = 2.0

    def __post_init__(self) -> None:
        if np.ndim(self.eta) != 0:
            raise InputError("LKJ: eta must be a single number")
        super().__post_init__()

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density of Cholesky factors of correlation matrices.

        Parameters
        ----------
        x : (..., D, D) array_like
            Lower Cholesky factors, rows of length one.

        Returns
        -------
        (...) ndarray
            Density with respect to the elements under the diagonal.
        """
        cholesky = np.asarray(x, dtype=np.float64)
        size = cholesky.shape[-1]
        powers = 2 * self.eta - 2 + size - np.arange(1, size + 1)
        diagonal = np.diagonal(cholesky, axis1=-2, axis2=-1)
        return self._log_constant(size) + xlogy(powers, diagonal)[..., 1:].sum(-1)

    def _log_constant(self, size: int) -> float:
        below = np.arange(1, size)  # row i of the factor is a point of a ball in i dimensions
        terms = gammaln(self.eta + (size - 1) / 2) - gammaln(self.eta + (size - 1 - below) / 2)
        return float(np.sum(terms - below / 2 * np.log(np.pi)))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw Cholesky factors of correlation matrices by the C-vine.

        Column by column, partial correlations are drawn from the beta distributions of
        Lewandowski, Kurowicka and Joe (2009); each uses up a share of what is left of the unit
        length of its row.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        shape : tuple of int
            ``(..., D, D)``.

        Returns
        -------
        (..., D, D) ndarray
            Lower triangular, positive diagonals, rows of length one.
        """
        *batch, size, _ = shape
        cholesky = np.zeros(shape)
        left = np.ones((*batch, size))
        for j in range(size):
            b = self.eta + (size - 2 - j) / 2 if j < size - 1 else 1.0
            partial = 2 * rng.beta(b, b, size=(*batch, size - 1 - j)) - 1
            cholesky[..., j, j] = np.sqrt(left[..., j])
            cholesky[..., j + 1 :, j] = partial * np.sqrt(left[..., j + 1 :])
            left[..., j + 1 :] *= (1 - partial) * (1 + partial)
        return cholesky

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        if self.eta == 1:
            tendency = "all correlation matrices are equally likely"
        else:
            tendency = f"favours {'weak' if self.eta > 1 else 'strong'} correlations"
        return f"LKJ with eta {words(self.eta)}: {tendency}"


def words(value: ArrayLike, names: Sequence[str] = ()) -> str:
    """Write numbers to three digits, once if all are equal, with the features' names if given."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 2:
        if np.all(array == array[0]):
            return words(array[0], names)
        rows = (f"component {k}: {words(row, names)}" for k, row in enumerate(array))
        return "(" + "; ".join(rows) + ")"
    if np.all(array == array.flat[0]) and (array.ndim == 0 or len(names) != array.size):
        return f"{array.flat[0]:.3g}"
    labels = names if len(names) == array.size else ()
    return ", ".join(
        f"{number:.3g}" + (f" ({label})" if label else "")
        for number, label in zip_longest(array.flat, labels)
    )
