"""Covariance structures: what the components' covariances may share.

Each structure answers three questions: which covariances maximise the expected log-likelihood,
given the scatter of each component about its own mean; how many free numbers they hold; and
which rescaling of the features it survives. A `factor` is what the kernels take: lower Cholesky
factors (K, D, D), or standard deviations (K, D) where every covariance is diagonal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError

Array = npt.NDArray[np.float64]


class Structure(ABC):
    """How the covariances of the components are tied together."""

    name: ClassVar[str]
    diagonal: ClassVar[bool] = False

    @abstractmethod
    def factor(self, counts: Array, scatter: Array) -> Array:
        """Maximum likelihood covariances as a factor.

        Parameters
        ----------
        counts : array, shape (K,)
            Expected rows of each component, all positive.
        scatter : array, shape (K, D, D), or (K, D) for a diagonal structure
            Scatter of each component about its own mean.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite: the component has collapsed.
        """

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return the number of free covariance parameters."""

    @abstractmethod
    def singular_rows(self, n_features: int) -> int:
        """Return how many distinct rows can make one component's covariance singular."""

    def units(self, scales: Array) -> Array:
        """Units (D,) in which features may be measured without leaving the structure."""
        return scales


class Full(Structure):
    """Every component has a covariance matrix of its own."""

    name = "full"

    def factor(self, counts: Array, scatter: Array) -> Array:
        """See `Structure.factor`."""
        return np.linalg.cholesky(scatter / counts[:, None, None])

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """See `Structure.n_parameters`."""
        return n_components * n_features * (n_features + 1) // 2

    def singular_rows(self, n_features: int) -> int:
        """See `Structure.singular_rows`."""
        return n_features


class Tied(Structure):
    """All components share one covariance matrix."""

    name = "tied"

    def factor(self, counts: Array, scatter: Array) -> Array:
        """See `Structure.factor`."""
        shared = np.linalg.cholesky(scatter.sum(axis=0) / counts.sum())
        return np.repeat(shared[None], len(counts), axis=0)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """See `Structure.n_parameters`."""
        return n_features * (n_features + 1) // 2

    def singular_rows(self, n_features: int) -> int:
        """See `Structure.singular_rows`."""
        return 0


class Diag(Structure):
    """Every component has standard deviations of its own; features are uncorrelated within it."""

    name = "diag"
    diagonal = True

    def factor(self, counts: Array, scatter: Array) -> Array:
        """See `Structure.factor`."""
        return _positive_root(scatter / counts[:, None])

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """See `Structure.n_parameters`."""
        return n_components * n_features

    def singular_rows(self, n_features: int) -> int:
        """See `Structure.singular_rows`."""
        return 1


class Spherical(Structure):
    """Every component is round: one standard deviation for all features."""

    name = "spherical"
    diagonal = True

    def factor(self, counts: Array, scatter: Array) -> Array:
        """See `Structure.factor`."""
        n_features = scatter.shape[1]
        round_scale = _positive_root(scatter.mean(axis=1) / counts)
        return np.repeat(round_scale[:, None], n_features, axis=1)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """See `Structure.n_parameters`."""
        return n_components

    def singular_rows(self, n_features: int) -> int:
        """See `Structure.singular_rows`."""
        return 1

    def units(self, scales: Array) -> Array:
        """See `Structure.units`: a circle stays one only if all features share a unit."""
        return np.full_like(scales, np.sqrt(np.mean(np.square(scales))))


STRUCTURES: dict[str, Structure] = {s.name: s for s in (Full(), Tied(), Diag(), Spherical())}


def get_structure(covariance_type: str) -> Structure:
    """Look a structure up by scikit-learn's name for it.

    Raises
    ------
    InputError
        If there is no such structure.
    """
    try:
        return STRUCTURES[covariance_type]
    except (KeyError, TypeError):
        names = ", ".join(repr(name) for name in STRUCTURES)
        raise InputError(
            f"covariance_type must be one of {names}, not {covariance_type!r}"
        ) from None


def n_parameters(structure: Structure, n_components: int, n_features: int) -> int:
    """Count the free parameters of a whole mixture: weights, means and covariances."""
    means = n_components * n_features
    return n_components - 1 + means + structure.n_parameters(n_components, n_features)


def _positive_root(variances: Array) -> Array:
    if not (variances > 0).all():
        raise np.linalg.LinAlgError("a variance is not positive")
    return np.sqrt(variances)
