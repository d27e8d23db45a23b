"""The posterior density of a mixture as a sampler wants it: a number and a gradient at a vector.

`Density` ties data, priors and covariance structure together. It has the log density of
`bayesgmm.bayes.model.build_model`'s ``pm.Model`` on the same unconstrained vector, constants
included, but nothing is compiled for it: the formula lies ready in `bayesgmm.bayes.twin`, and this
module only turns the priors into the numbers that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from bayesgmm.bayes import twin
from bayesgmm.bayes.transforms import Layout, Mixture
from bayesgmm.mixture.kernels import compile_kernels
from bayesgmm.priors import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Priors,
)
from bayesgmm.priors.base import Prior
from bayesgmm.priors.shapes import parameter_shapes

Array = npt.NDArray[np.float64]


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
        compile_kernels()
        X = np.array(self.X, dtype=np.float64, order="C")
        # compiled code reads a view that may be written: it is compiled for one type only
        object.__setattr__(self, "_rows", X.view())
        X.setflags(write=False)
        layout = Layout.of(self.covariance_type, self.n_components, X.shape[1])
        shapes = parameter_shapes(self.n_components, X.shape[1], self.covariance_type)
        self.priors.check_shapes(shapes)
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "layout", layout)
        object.__setattr__(self, "_prior", _encode(self.priors, layout, shapes["scales"]))

    @property
    def n_dim(self) -> int:
        """Length of the unconstrained vector."""
        return sum(self.layout.sizes)

    @property
    def arguments(self) -> tuple[Array, Layout, twin.Prior]:
        """What the functions of `bayesgmm.bayes.twin` read beside the vector."""
        return self._rows, self.layout, self._prior

    def value_and_grad(self, x: Array) -> tuple[float, Array]:
        """Log density and its gradient, shape (n_dim,), at a vector, shape (n_dim,).

        Where the density is zero or beyond a float, they are -inf and zeros.
        """
        gradient = np.empty_like(x)
        evaluate = twin.log_density_full if self.layout.n_blocks else twin.log_density_diag
        return evaluate(x, *self.arguments, gradient), gradient

    def unpack(self, x: Array) -> Mixture:
        """Map unconstrained vectors, shape (..., n_dim), to the mixtures they stand for."""
        return self.layout.unpack(x)

    def pack(self, weights: Array, means: Array, cholesky: Array) -> Array:
        """Map one mixture, shapes (K,), (K, D), (K, D, D), to its vector, shape (n_dim,).

        What the structure shares is pooled, and what it lacks is dropped.
        """
        return self.layout.pack(weights, means, cholesky)


def _encode(given: Priors, layout: Layout, shape: tuple[int, ...]) -> twin.Prior:
    """Write the priors as the numbers of `twin.Prior`; ``shape`` is that of the free scales."""
    K, D = layout.n_components, layout.n_features
    concentration = _fill(given.weights.a, (K,))
    mu, sigma = _fill(given.means.mu, (K, D)), _fill(given.means.sigma, (K, D))
    family, scales, constant = _encode_scales(given.scales, shape)
    eta = float(given.correlations.eta) if layout.n_blocks else 1.0
    constant += -(np.log(sigma) + 0.5 * np.log(2 * np.pi)).sum()
    constant += layout.n_blocks * _log_lkj_constant(eta, D)
    if K > 1:
        constant += gammaln(concentration.sum()) - gammaln(concentration).sum() + np.log(K)
    return twin.Prior(concentration, mu, sigma, family, scales, eta, float(constant))


def _encode_scales(prior: Prior, shape: tuple[int, ...]) -> tuple[int, Array, float]:
    """Return family, parameters (n_scales, 3) and summed log constants of a prior for scales."""
    family = twin.POWER
    q = SimpleNamespace(**prior.parameters)
    match prior:
        case LogNormal():
            family, terms = twin.LOG_NORMAL, (q.mu, 1 / q.sigma, 0.0)
            constant = -np.log(q.sigma) - 0.5 * np.log(2 * np.pi)
        case HalfCauchy():
            family, terms = twin.HALF_CAUCHY, (1 / q.beta, 0.0, 0.0)
            constant = np.log(2 / np.pi) - np.log(q.beta)
        case HalfNormal():
            terms = (1.0, 0.5 / q.sigma**2, 2.0)
            constant = 0.5 * np.log(2 / np.pi) - np.log(q.sigma)
        case Exponential():
            terms = (1.0, q.lam, 1.0)
            constant = np.log(q.lam)
        case Gamma():
            terms = (q.alpha, q.beta, 1.0)
            constant = q.alpha * np.log(q.beta) - gammaln(q.alpha)
        case InverseGamma():
            terms = (-q.alpha, q.beta, -1.0)
            constant = q.alpha * np.log(q.beta) - gammaln(q.alpha)
        case _:
            raise TypeError(f"{prior!r} is not a prior for scales")
    parameters = np.stack([_fill(term, shape).ravel() for term in terms], axis=1)
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
