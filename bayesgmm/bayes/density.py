"""The posterior density of a mixture as a sampler wants it: a number and a gradient at a vector.

`Density` ties data, priors and covariance structure together. It has the log density of
`bayesgmm.bayes.model.build_model`'s ``pm.Model`` on the same unconstrained vector, constants
included, but nothing is compiled for it: the formula lies ready in `bayesgmm.bayes.twin`, and this
module only turns the priors into the numbers that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from bayesgmm.bayes import terms, twin
from bayesgmm.bayes.callback import Table
from bayesgmm.bayes.transforms import Index, Layout, Mixture
from bayesgmm.mixture.params import Params
from bayesgmm.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    Fixed,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
    Priors,
    Uniform,
)
from bayesgmm.priors.base import Prior
from bayesgmm.priors.shapes import parameter_shapes
from bayesgmm.priors.squares import OfSquare

Array = npt.NDArray[np.float64]

NAMED = 7  # components of which all orders are gone through
_ROUNDING = 1e-12  # how near to a bound a draw may be; see `Layout.pack`


@dataclass(frozen=True, eq=False)
class Density:
    """Log posterior density of a Gaussian mixture, up to the evidence.

    Parameters
    ----------
    X : array, shape (N, D)
        Data, in the units of the priors.
    n_components : int
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the components' covariances share.
    priors : Priors
        Prior distributions; their parameters may be numbers, or arrays that broadcast to the
        shape of what they describe.
    """

    X: Array
    n_components: int
    covariance_type: str
    priors: Priors
    layout: Layout = field(init=False, repr=False)
    _prior: twin.Prior = field(init=False, repr=False)
    _rows: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        X = np.array(self.X, dtype=np.float64, order="C")
        # compiled code reads a view that may be written: it is compiled for one type only
        object.__setattr__(self, "_rows", X.view())
        X.setflags(write=False)
        shapes = parameter_shapes(self.n_components, X.shape[1], self.covariance_type)
        layout = Layout.of(self.covariance_type, self.n_components, X.shape[1], self.priors)
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "layout", layout)
        object.__setattr__(self, "_prior", _encode(self.priors, layout, shapes["scales"]))

    @property
    def n_dim(self) -> int:
        """Length of the unconstrained vector."""
        return len(self.layout.free)

    @property
    def arguments(self) -> tuple[Array, Layout, twin.Prior]:
        """What the functions of `bayesgmm.bayes.twin` read beside the vector."""
        return self._rows, self.layout, self._prior

    @cached_property
    def table(self) -> Table:
        """What of it can be called without Python."""
        return Table(*self.arguments)

    def value_and_grad(self, x: Array) -> tuple[float, Array]:
        """Log density and its gradient, shape (n_dim,), at a vector, shape (n_dim,).

        Where the density is zero or beyond a float, they are -inf and zeros.
        """
        values, gradients = self.table.log_densities(x.reshape(1, self.n_dim))
        return float(values[0]), gradients[0]

    def log_densities(self, points: Array) -> Array:
        """Log density at many vectors, shape (..., n_dim)."""
        values, _ = self.table.log_densities(points.reshape(-1, self.n_dim))
        return values.reshape(points.shape[:-1])

    def unpack(self, x: Array) -> Mixture:
        """Map unconstrained vectors, shape (..., n_dim), to the mixtures they stand for."""
        return self.layout.unpack(x)

    def pack(self, weights: Array, means: Array, cholesky: Array) -> Array:
        """Map one mixture, shapes (K,), (K, D), (K, D, D), to its vector, shape (n_dim,).

        What the structure shares is pooled, and what it lacks or is fixed is dropped; see
        `Layout.pack`.
        """
        return self.layout.pack(weights, means, cholesky)

    def vectors(self, mixtures: Mixture) -> Array:
        """Map mixtures that were sampled back to their vectors, shape (..., n_dim)."""
        m = mixtures
        with np.errstate(divide="ignore"):  # a weight may be zero, to rounding
            return self.layout.pack(m.weights, m.means, m.cholesky, edge=_ROUNDING)

    def params(self, x: Array) -> Params:
        """Map one vector, shape (n_dim,), to the mixture that it stands for."""
        mixture = self.unpack(x)
        return Params(mixture.weights, mixture.means, mixture.cholesky)

    @cached_property
    def exchangeable(self) -> bool:
        """Whether the names of the components mean nothing; see `Priors.exchangeable`."""
        K, D = self.n_components, self.X.shape[1]
        return self.priors.exchangeable(K, D, self.covariance_type)

    @cached_property
    def namings(self) -> list[Index]:
        """The orders of the components under which the density is the same.

        Only the given one where the priors tell components apart, or where there are more orders
        than those of seven components.
        """
        K = self.n_components
        orders = permutations(range(K)) if self.exchangeable and K <= NAMED else [range(K)]
        return [np.array(order) for order in orders]


def _encode(given: Priors, layout: Layout, shape: tuple[int, ...]) -> twin.Prior:
    """Write the priors as the numbers of `twin.Prior`; ``shape`` is that of the scales."""
    concentration, of_weights = _encode_weights(given.weights, layout.n_components)
    mu, inverse_sigma, of_means = _encode_means(given.means, layout.scale.shape)
    family, scales, of_scales = _encode_scales(given.scales, shape)
    eta, ridge, of_correlations = _encode_correlations(given.correlations, layout)
    constant = float(of_weights + of_means + of_scales + of_correlations)
    return twin.Prior(concentration, mu, inverse_sigma, family, scales, eta, ridge, constant)


def _encode_weights(prior: Dirichlet | Fixed, n_components: int) -> tuple[Array, float]:
    """Return the concentration (K,) and the log constant."""
    if isinstance(prior, Fixed):
        return np.zeros(n_components), 0.0
    a = _fill(prior.a, (n_components,))
    if n_components == 1:
        return a, 0.0
    return a, float(gammaln(a.sum()) - gammaln(a).sum() + np.log(n_components))


def _encode_means(prior: Normal | Fixed, shape: tuple[int, ...]) -> tuple[Array, Array, float]:
    """Return means and inverse standard deviations (K, D), and the log constant."""
    if isinstance(prior, Fixed):
        return np.zeros(shape), np.zeros(shape), 0.0
    mu, sigma = _fill(prior.mu, shape), _fill(prior.sigma, shape)
    return mu, 1 / sigma, float(-(np.log(sigma) + 0.5 * np.log(2 * np.pi)).sum())


def _encode_correlations(prior: LKJ | Fixed, layout: Layout) -> tuple[float, float, float]:
    """Return eta, ridge and the log constant."""
    D = layout.n_features
    if not layout.n_blocks:
        return 1.0, 0.0, 0.0
    if isinstance(prior, Fixed):
        return 0.5 * (1 - D), 0.0, 0.0
    eta = float(prior.eta)
    return eta, float(prior.ridge), layout.n_blocks * _log_lkj_constant(eta, D)


def _encode_scales(given: Prior, shape: tuple[int, ...]) -> tuple[int, Array, float]:
    """Return family, parameters (n_scales, 3) and summed log constants of a prior for scales."""
    prior = given.prior if isinstance(given, OfSquare) else given
    family = terms.POWER
    q = SimpleNamespace(**prior.parameters)
    match prior:
        case Fixed():
            numbers: tuple[Any, ...] = (0.0, 0.0, 1.0)
            constant: Any = 0.0
        case LogNormal():
            family, numbers = terms.LOG_NORMAL, (q.mu, 1 / q.sigma, q.lower)
            constant = -np.log(q.sigma) - 0.5 * np.log(2 * np.pi) - prior.log_kept
        case HalfCauchy():
            family, numbers = terms.HALF_CAUCHY, (1 / q.beta, 0.0, 0.0)
            constant = np.log(2 / np.pi) - np.log(q.beta)
        case Uniform():  # the Jacobian takes the width away
            family, numbers, constant = terms.UNIFORM, (0.0, 0.0, 0.0), 0.0
        case HalfNormal():
            numbers = (1.0, 0.5 / q.sigma**2, 2.0)
            constant = 0.5 * np.log(2 / np.pi) - np.log(q.sigma)
        case Exponential():
            numbers = (1.0, q.lam, 1.0)
            constant = np.log(q.lam)
        case Gamma():
            numbers = (q.alpha, q.beta, 1.0)
            constant = q.alpha * np.log(q.beta) - gammaln(q.alpha)
        case InverseGamma():
            numbers = (-q.alpha, q.beta, -1.0)
            constant = q.alpha * np.log(q.beta) - gammaln(q.alpha)
        case _:
            raise TypeError(f"{given!r} is not a prior for scales")
    parameters = np.stack([_fill(number, shape).ravel() for number in numbers], axis=1)
    return family, parameters, float(_fill(constant, shape).sum())


def _log_lkj_constant(eta: float, n: int) -> float:
    """Log normalising constant of the LKJ density of an (n, n) correlation matrix."""
    k = np.arange(1, n)
    shape = eta + 0.5 * (n - 1)
    return float(((gammaln(shape) - gammaln(shape - 0.5 * k)) - 0.5 * k * np.log(np.pi)).sum())


def _fill(value: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    """Broadcast a parameter to its full shape.

    Always a copy: to numba a read-only array is another type, and another compilation.
    """
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), shape), order="C")
