"""The parameters of a Gaussian mixture, in the user's units: what EM and Bayes both speak."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Params:
    """Weights, means and covariance factors of a mixture of K Gaussians in D dimensions.

    Parameters
    ----------
    weights : array, shape (K,)
        Mixing proportions: nonnegative, summing to one.
    means : array, shape (K, D)
        Component means, in the units of the data.
    cholesky : array, shape (K, D, D)
        Lower Cholesky factor of each component's covariance, with a positive diagonal.

    Raises
    ------
    InputError
        If shapes disagree, a number is not finite, weights are not proportions, or a factor is
        not lower triangular with a positive diagonal.

    Examples
    --------
    Two components in one dimension, with standard deviations 1 and 2; as a place to climb from:

    >>> import bayesgmm as bg
    >>> params = bg.Params([0.5, 0.5], [[10.0], [20.0]], [[[1.0]], [[2.0]]])
    >>> params.covariances.ravel()
    array([1., 4.])
    >>> fit = bg.fit_em(bg.load_dataset("galaxies"), n_components=2, start=params)
    >>> fit.params.n_components
    2

    Where covariances are at hand and not their factors, `from_covariances` takes them:

    >>> same = bg.Params.from_covariances([0.5, 0.5], [[10.0], [20.0]], [[[1.0]], [[4.0]]])
    >>> (same.cholesky == params.cholesky).all()
    np.True_
    """

    weights: Array
    means: Array
    cholesky: Array

    def __post_init__(self) -> None:
        for name in ("weights", "means", "cholesky"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if not np.isfinite(array).all():
                raise InputError(f"{name} must be finite numbers")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        _check_shapes(self.weights, self.means, self.cholesky)
        if (self.weights < 0).any() or abs(self.weights.sum() - 1) > 1e-8:
            raise InputError(f"weights must be nonnegative and sum to one, not {self.weights}")
        if (self._diagonal <= 0).any() or self.cholesky[:, _above_diagonal(self.n_features)].any():
            raise InputError("cholesky must be lower triangular with a positive diagonal")

    @classmethod
    def from_covariances(
        cls, weights: npt.ArrayLike, means: npt.ArrayLike, covariances: npt.ArrayLike
    ) -> Params:
        """Build parameters from covariance matrices, shape (K, D, D).

        Raises
        ------
        InputError
            If a covariance is not positive definite.
        """
        try:
            cholesky = np.linalg.cholesky(np.asarray(covariances, dtype=np.float64))
        except np.linalg.LinAlgError:
            raise InputError("every covariance must be a positive definite matrix") from None
        return cls(np.asarray(weights), np.asarray(means), cholesky)

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return int(self.means.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.means.shape[1])

    @property
    def covariances(self) -> Array:
        """Component covariances, shape (K, D, D)."""
        return covariances(self.cholesky)

    @property
    def scales(self) -> Array:
        """Component standard deviations of each feature, shape (K, D), in its units."""
        return scales(self.cholesky)

    @property
    def correlations(self) -> Array:
        """Component correlation matrices, shape (K, D, D)."""
        return correlations(self.cholesky)

    @property
    def factor(self) -> Array:
        """For the kernels: (K, D) standard deviations if all are diagonal, else `cholesky`."""
        return self.cholesky if np.tril(self.cholesky, -1).any() else self._diagonal

    @property
    def _diagonal(self) -> Array:
        return np.diagonal(self.cholesky, axis1=1, axis2=2)

    def permuted(self, order: npt.ArrayLike) -> Params:
        """Return the same mixture with its components in another order.

        Parameters
        ----------
        order : sequence of int, length K
            Old label of each new component.
        """
        order = np.asarray(order)
        return Params(self.weights[order], self.means[order], self.cholesky[order])

    def rescaled(self, shift: Array, scale: Array) -> Params:
        """Return the mixture of ``shift + scale * x`` where `x` follows this one.

        Parameters
        ----------
        shift, scale : array, shape (D,)
            In the new units; `scale` is positive.
        """
        cholesky = scale[:, None] * self.cholesky
        return Params(self.weights, shift + scale * self.means, cholesky)

    def __repr__(self) -> str:
        return f"Params(n_components={self.n_components}, n_features={self.n_features})"


def covariances(cholesky: Array) -> Array:
    """Covariance matrices of lower Cholesky factors, both of shape (..., D, D)."""
    return cholesky @ np.swapaxes(cholesky, -1, -2)


def scales(cholesky: Array) -> Array:
    """Give the standard deviations (..., D) of lower Cholesky factors (..., D, D)."""
    deviations: Array = np.sqrt(np.square(cholesky).sum(axis=-1))
    return deviations


def correlations(cholesky: Array) -> Array:
    """Correlation matrices of lower Cholesky factors, both of shape (..., D, D)."""
    matrices = covariances(cholesky / scales(cholesky)[..., None])
    diagonal = np.arange(matrices.shape[-1])
    matrices[..., diagonal, diagonal] = 1.0  # rounding would leave 1 - 1e-16
    return matrices


def full_factor(factor: Array) -> Array:
    """Cholesky factors (K, D, D) of a factor that may be (K, D) standard deviations."""
    if factor.ndim == 3:
        return factor
    return factor[:, :, None] * np.eye(factor.shape[1])


@functools.cache
def _above_diagonal(size: int) -> npt.NDArray[np.bool_]:
    return np.triu(np.ones((size, size), np.bool_), 1)


def _check_shapes(weights: Array, means: Array, cholesky: Array) -> None:
    if means.ndim != 2 or 0 in means.shape:
        raise InputError(f"means must have shape (n_components, n_features), not {means.shape}")
    k, d = means.shape
    if weights.shape != (k,):
        raise InputError(f"weights must have shape ({k},) like means, not {weights.shape}")
    if cholesky.shape != (k, d, d):
        raise InputError(f"cholesky must have shape ({k}, {d}, {d}), not {cholesky.shape}")
