"""Where the parameters of a mixture lie in one unconstrained vector.

A sampler moves freely in a vector of real numbers; a mixture has weights that sum to one, positive
scales, and correlations that must fit together. This module holds the map between the two. It is
PyMC's own map, number for number, so that a point here is a point of the ``pm.Model``:

- weights (K): their logarithms, shifted to sum to zero, without the last (K - 1 numbers);
- means (K, D): themselves;
- scales: their logarithms, each free scale once;
- correlations: row ``i`` of the Cholesky factor of a correlation matrix has unit length, so it is
  ``(y, 1) / |(y, 1)|`` for free numbers ``y``, i of them.

The four covariance structures differ only in *which* free number each component reads, and that
is what `Layout` writes down, as arrays of indices: no code below asks for the structure's name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.priors.shapes import parameter_dims

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


class Mixture(NamedTuple):
    """Parameters of one mixture, or of many along leading axes (chains, draws).

    Parameters
    ----------
    weights : array, shape (..., K)
        Mixing proportions.
    means : array, shape (..., K, D)
        Component means.
    scales : array, shape (..., K, D)
        Standard deviations; shared ones are repeated.
    correlations_cholesky : array, shape (..., K, D, D)
        Lower Cholesky factors of the correlation matrices; shared ones are repeated.
    """

    weights: Array
    means: Array
    scales: Array
    correlations_cholesky: Array

    @property
    def cholesky(self) -> Array:
        """Lower Cholesky factors of the covariances, shape (..., K, D, D)."""
        return self.scales[..., None] * self.correlations_cholesky


class Layout(NamedTuple):
    """Which free numbers each component reads.

    Parameters
    ----------
    scale : array of int, shape (K, D)
        Position of each standard deviation among the free scales.
    block : array of int, shape (K,)
        Which free correlation matrix each component uses; all -1 where there is none.
    spiral : array of int, shape (D, D)
        Position of entry (i, j), i > j, within one block of D (D - 1) / 2 free numbers.
    """

    scale: Index
    block: Index
    spiral: Index

    @classmethod
    def of(cls, covariance_type: str, n_components: int, n_features: int) -> Layout:
        """Lay out ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"`` components.

        Raises
        ------
        InputError
            If the covariance type is none of the four.
        """
        K, D = n_components, n_features
        dims = parameter_dims(covariance_type, n_features)
        owners = dims["scales"]
        free = (K if "component" in owners else 1, D if "feature" in owners else 1)
        positions = np.arange(np.prod(free), dtype=np.int64).reshape(free)
        scale = np.array(np.broadcast_to(positions, (K, D)), order="C")
        correlated = dims.get("correlations_cholesky", ())
        only = np.full(K, 0 if correlated else -1, dtype=np.int64)
        block = np.arange(K) if "component" in correlated else only
        return cls(scale, block, _spiral(n_features))

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return int(self.scale.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.scale.shape[1])

    @property
    def n_scales(self) -> int:
        """Number of free scales."""
        return int(self.scale.max()) + 1

    @property
    def n_blocks(self) -> int:
        """Number of free correlation matrices."""
        return int(self.block.max()) + 1

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """How many numbers weights, means, scales and correlations take, in that order."""
        K, D = self.scale.shape
        return K - 1, K * D, self.n_scales, self.n_blocks * (D * (D - 1) // 2)

    def split(self, x: Array) -> list[Array]:
        """Cut vectors, shape (..., n_dim), into weights, means, scales and correlations."""
        return np.split(x, np.cumsum(self.sizes)[:-1], axis=-1)

    def unpack(self, x: Array) -> Mixture:
        """Map unconstrained vectors, shape (..., n_dim), to mixtures."""
        weights, means, log_scales, correlations = self.split(x)
        lead, (K, D) = x.shape[:-1], self.scale.shape
        blocks = correlations.reshape(*lead, self.n_blocks, D * (D - 1) // 2)
        return self.expand(
            _softmax(weights),
            means.reshape(*lead, K, D),
            np.exp(log_scales),
            _factors(blocks, self.spiral),
        )

    def expand(self, weights: Array, means: Array, scales: Array, factors: Array) -> Mixture:
        """Repeat what the components share.

        Parameters
        ----------
        weights : array, shape (..., K)
            Mixing proportions.
        means : array, shape (..., K, D)
            Component means.
        scales : array, shape (..., n_scales)
            Free standard deviations.
        factors : array, shape (..., n_blocks, D, D)
            Free Cholesky factors of correlation matrices.
        """
        if self.n_blocks:
            repeated = factors[..., self.block, :, :]
        else:
            repeated = np.broadcast_to(np.eye(self.n_features), (*means.shape, self.n_features))
        return Mixture(weights, means, scales[..., self.scale], np.ascontiguousarray(repeated))

    def pack(self, weights: Array, means: Array, cholesky: Array) -> Array:
        """Map one mixture to its unconstrained vector, shape (n_dim,).

        What the structure shares is pooled: a shared scale is the root of the mean variance, a
        shared correlation matrix the first component's. What it lacks is dropped.

        Parameters
        ----------
        weights : array, shape (K,)
            Positive mixing proportions.
        means : array, shape (K, D)
            Component means.
        cholesky : array, shape (K, D, D)
            Lower Cholesky factors of the covariances.
        """
        logs = np.log(weights)
        variances = np.square(cholesky).sum(axis=-1)
        pooled = np.bincount(self.scale.ravel(), variances.ravel())
        pooled /= np.bincount(self.scale.ravel())
        first = np.searchsorted(self.block, np.arange(self.n_blocks))
        D = self.n_features
        rows, columns = np.tril_indices(D, -1)
        correlations = np.empty((self.n_blocks, D * (D - 1) // 2))
        # A row of a covariance's factor is a multiple of (y, 1).
        y = cholesky[first] / np.diagonal(cholesky[first], axis1=-2, axis2=-1)[..., None]
        correlations[:, self.spiral[rows, columns]] = y[:, rows, columns]
        parts = (logs[:-1] - logs.mean(), means, 0.5 * np.log(pooled), correlations)
        return np.concatenate([np.ravel(part) for part in parts])


def _softmax(free: Array) -> Array:
    """Map the free numbers, shape (..., K - 1), to weights, shape (..., K)."""
    logs = np.concatenate([free, -free.sum(axis=-1, keepdims=True)], axis=-1)
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _factors(blocks: Array, spiral: Index) -> Array:
    """Map blocks of free numbers, shape (..., P), to correlation factors, shape (..., D, D)."""
    D = spiral.shape[0]
    rows, columns = np.tril_indices(D, -1)
    factors = np.zeros((*blocks.shape[:-1], D, D))
    factors[..., rows, columns] = blocks[..., spiral[rows, columns]]
    factors[..., np.arange(D), np.arange(D)] = 1.0
    return np.asarray(factors / np.linalg.norm(factors, axis=-1, keepdims=True))


def _spiral(n_features: int) -> Index:
    """Say where PyMC's ``CholeskyCorrTransform`` puts each free number.

    The strictly lower triangle is the lower triangle of a square of side D - 1. That square is
    filled row by row with the numbers that follow the first D - 1, then with all of them
    backwards.
    """
    side = n_features - 1
    order = np.arange(n_features * side // 2)
    square = np.concatenate([order[side:], order[::-1]]).reshape(side, side)
    spiral = np.full((n_features, n_features), -1)
    spiral[1:, :-1] = np.where(np.tri(side, dtype=bool), square, -1)
    return spiral
