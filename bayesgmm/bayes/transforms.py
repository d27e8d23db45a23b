"""Where the parameters of a mixture lie in one unconstrained vector.

A sampler moves freely in a vector of real numbers; a mixture has weights that sum to one, positive
scales, and correlations that must fit together. This module holds the map between the two. It is
PyMC's own map, number for number, so that a point here is a point of the ``pm.Model``:

- weights (K): their logarithms, shifted to sum to zero, without the last (K - 1 numbers);
- means (K, D): themselves; along a feature in which they are to ascend, the first, and logarithms
  of the steps from each to the next;
- scales: their logarithms, each free scale once; logarithms of variances or precisions where the
  prior is stated for them; logarithms of the distance to a lower bound, where a prior has one; log
  odds between the bounds of a uniform prior;
- correlations: row ``i`` of the Cholesky factor of a correlation matrix has unit length, so it is
  ``(y, 1) / |(y, 1)|`` for free numbers ``y``, i of them.

The four covariance structures differ only in *which* number each component reads, and that is what
`Layout` writes down, as arrays of indices: no code below asks for the structure's name. Blocks that
are held fixed have their place among these numbers, too, but a sampler only sees the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors import Fixed, Priors, Uniform
from bayesgmm.priors.shapes import parameter_dims, parameter_shapes
from bayesgmm.priors.squares import OfSquare

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_EDGE = 1e-3  # how near to a bound a starting point may be: see `Layout.pack`


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

    def take(self, index: Any) -> Mixture:
        """Return some of the mixtures, chosen along the leading axes as NumPy does."""
        return Mixture(*(array[index] for array in self))

    def in_one_row(self) -> Mixture:
        """Return mixtures of leading axes (chain, draw) with all chains along one axis."""
        return Mixture(*(array.reshape(-1, *array.shape[2:]) for array in self))


class Layout(NamedTuple):
    """Which numbers each component reads, what they stand for, and which of them are free.

    Parameters
    ----------
    scale : array of int, shape (K, D)
        Position of each standard deviation among the scales.
    block : array of int, shape (K,)
        Which correlation matrix each component uses; all -1 where there is none.
    spiral : array of int, shape (D, D)
        Position of entry (i, j), i > j, within one block of D (D - 1) / 2 numbers.
    power : float
        A standard deviation is this power of the number whose logarithm, or log odds, is given:
        1, or 1/2 and -1/2 for variances and precisions.
    lower, width : array, shape (n_scales,) or (0,)
        Lower bounds of these numbers, and distances to the upper bounds, which may be infinite.
        Empty without bounds.
    ordered : int
        The feature in which the means ascend, or -1.
    free : array of int, shape (n_dim,)
        Position of the numbers that are not fixed.
    template : array, shape (n_all,)
        All numbers; those that are free are zero.
    """

    scale: Index
    block: Index
    spiral: Index
    power: float
    lower: Array
    width: Array
    ordered: int
    free: Index
    template: Array

    @classmethod
    def of(cls, covariance_type: str, n_components: int, n_features: int, priors: Priors) -> Layout:
        """Lay out ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"`` components.

        Raises
        ------
        InputError
            If the covariance type is none of the four, a prior does not fit its parameters, or
            nothing is free.
        """
        shapes = parameter_shapes(n_components, n_features, covariance_type)
        priors.check_shapes(shapes)
        K, D = n_components, n_features
        dims = parameter_dims(covariance_type, n_features)
        owners = dims["scales"]
        sizes = (K if "component" in owners else 1, D if "feature" in owners else 1)
        positions = np.arange(np.prod(sizes), dtype=np.int64).reshape(sizes)
        scale = np.array(np.broadcast_to(positions, (K, D)), order="C")
        correlated = dims.get("correlations_cholesky", ())
        only = np.full(K, 0 if correlated else -1, dtype=np.int64)
        block = np.arange(K) if "component" in correlated else only
        power, lower, width = _scale_map(priors, shapes["scales"])
        column = priors.ordered_column
        ordered = -1 if column is None else column
        nothing = np.empty(0, dtype=np.int64), np.empty(0)
        bare = cls(scale, block, _spiral(D), power, lower, width, ordered, *nothing)
        return bare._holding(priors, shapes)

    def _holding(self, priors: Priors, shapes: dict[str, tuple[int, ...]]) -> Layout:
        """Fill in `free` and `template`: which numbers the priors fix, and at what."""
        blocks = (priors.weights, priors.means, priors.scales, priors.correlations)
        values = [
            np.broadcast_to(prior.value, shape) if isinstance(prior, Fixed) else None
            for prior, shape in zip(blocks, shapes.values(), strict=False)
        ]
        values += [None] * (4 - len(values))  # a structure without correlations
        weights, means, scales, correlations = values
        parts = [np.zeros(size) for size in self.sizes]
        if weights is not None:
            parts[0] = self._weight_numbers(weights)
        if means is not None:
            parts[1] = means.ravel()
        if scales is not None:
            parts[2] = np.log(scales).ravel()
        if correlations is not None:
            factors = np.linalg.cholesky(correlations).reshape(self.n_blocks, *self.spiral.shape)
            parts[3] = self._correlation_numbers(factors).ravel()
        held = [np.full(len(part), v is not None) for part, v in zip(parts, values, strict=True)]
        free = np.flatnonzero(~np.concatenate(held))
        if not len(free):
            raise InputError("every parameter is fixed: nothing is left to estimate")
        return self._replace(free=free, template=np.concatenate(parts))

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
        """Number of different scales."""
        return int(self.scale.max()) + 1

    @property
    def n_blocks(self) -> int:
        """Number of different correlation matrices."""
        return int(self.block.max()) + 1

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """How many numbers weights, means, scales and correlations take, free or not."""
        K, D = self.scale.shape
        return K - 1, K * D, self.n_scales, self.n_blocks * (D * (D - 1) // 2)

    def split(self, x: Array) -> list[Array]:
        """Cut all numbers, shape (..., n_all), into weights, means, scales and correlations."""
        return np.split(x, np.cumsum(self.sizes)[:-1], axis=-1)

    def unpack(self, x: Array) -> Mixture:
        """Map unconstrained vectors, shape (..., n_dim), to mixtures."""
        weights, means, scales, correlations = self.split(self.filled(x))
        lead, (K, D) = x.shape[:-1], self.scale.shape
        blocks = correlations.reshape(*lead, self.n_blocks, D * (D - 1) // 2)
        return self.expand(
            _softmax(weights),
            self._means(means.reshape(*lead, K, D)),
            np.exp(self._log_scales(scales)),
            _factors(blocks, self.spiral),
        )

    def spread(self, scales: Array) -> Array:
        """Say how far a step of one standard deviation is, for each number, shape (n_dim,).

        Parameters
        ----------
        scales : array, shape (K, D)
            Standard deviations of the components: the unit of their means. All other numbers are
            logarithms, log odds or correlations, whose unit is one.
        """
        units = self.split(np.ones(len(self.template)))
        of_means = np.array(scales)
        if self.ordered >= 0:
            of_means[1:, self.ordered] = 1.0
        units[1] = of_means.ravel()
        return np.asarray(np.concatenate(units)[self.free])

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

    def pack(self, weights: Array, means: Array, cholesky: Array, edge: float = _EDGE) -> Array:
        """Map mixtures to their unconstrained vectors, shape (..., n_dim).

        What the structure shares is pooled: a shared scale is the root of the mean variance, a
        shared correlation matrix the first component's. What it lacks or is fixed is dropped;
        scales are brought within their bounds, and components into the order that is asked for.

        Parameters
        ----------
        weights : array, shape (..., K)
            Positive mixing proportions.
        means : array, shape (..., K, D)
            Component means.
        cholesky : array, shape (..., K, D, D)
            Lower Cholesky factors of the covariances.
        edge : float
            How near scales may be to a bound, as a share of the range between two or of a lower
            one, and ordered means to one another, in standard deviations.
        """
        if self.ordered >= 0:
            order = np.argsort(means[..., self.ordered], axis=-1, kind="stable")
            weights = np.take_along_axis(weights, order, -1)
            means = np.take_along_axis(means, order[..., None], -2)
            cholesky = np.take_along_axis(cholesky, order[..., None, None], -3)
        lead = weights.shape[:-1]
        variances = np.square(cholesky).sum(axis=-1)
        shared = self.scale.ravel() == np.arange(self.n_scales)[:, None]
        pooled = variances.reshape(*lead, -1) @ (shared / shared.sum(axis=1, keepdims=True)).T
        first = np.searchsorted(self.block, np.arange(self.n_blocks))
        parts = (
            self._weight_numbers(weights),
            self._mean_numbers(means, np.sqrt(variances), edge),
            self._scale_numbers(0.5 * np.log(pooled), edge),
            self._correlation_numbers(cholesky[..., first, :, :]),
        )
        numbers = [part.reshape(*lead, -1) for part in parts]
        return np.asarray(np.concatenate(numbers, axis=-1)[..., self.free])

    def renamed(self, x: Array, order: Index) -> Array:
        """Map vectors, shape (..., n_dim), to those of the mixtures with components in an order.

        The map is linear and changes no volume. The means must not be ordered.
        """
        weights, means, scales, correlations = (part.copy() for part in self.split(self.filled(x)))
        lead, (K, D) = x.shape[:-1], self.scale.shape
        weights = np.concatenate([weights, -weights.sum(axis=-1, keepdims=True)], axis=-1)
        means = means.reshape(*lead, K, D)[..., order, :]
        scales[..., self.scale] = scales[..., self.scale[order]]
        if self.n_blocks:
            blocks = correlations.reshape(*lead, self.n_blocks, -1)
            blocks[..., self.block, :] = blocks[..., self.block[order], :]
        parts = (weights[..., order[:-1]], means.reshape(*lead, K * D), scales, correlations)
        return np.asarray(np.concatenate(parts, axis=-1)[..., self.free])

    def filled(self, x: Array) -> Array:
        """Put vectors, shape (..., n_dim), among the fixed numbers: shape (..., n_all)."""
        full = np.array(np.broadcast_to(self.template, (*x.shape[:-1], len(self.template))))
        full[..., self.free] = x
        return full

    def _weight_numbers(self, weights: Array) -> Array:
        logs = np.log(weights)
        return np.asarray(logs[..., :-1] - logs.mean(axis=-1, keepdims=True))

    def _mean_numbers(self, means: Array, scales: Array, edge: float) -> Array:
        if self.ordered < 0:
            return means
        numbers = means.copy()
        steps = np.diff(means[..., self.ordered], axis=-1)
        # means that tie still need a step
        least = edge * scales[..., 1:, self.ordered]
        numbers[..., 1:, self.ordered] = np.log(np.maximum(steps, least))
        return numbers

    def _means(self, numbers: Array) -> Array:
        if self.ordered < 0:
            return numbers
        means = numbers.copy()
        means[..., 1:, self.ordered] = np.exp(numbers[..., 1:, self.ordered])
        means[..., self.ordered] = means[..., self.ordered].cumsum(axis=-1)
        return means

    def _scale_numbers(self, log_scales: Array, edge: float) -> Array:
        logs = log_scales / self.power
        if not len(self.width):
            return np.asarray(logs)
        height = np.exp(logs) - self.lower
        if np.isinf(self.width).all():
            return np.asarray(np.log(np.maximum(height, edge * self.lower)))
        share = np.clip(height / self.width, edge, 1 - edge)
        return np.asarray(np.log(share) - np.log1p(-share))

    def _log_scales(self, numbers: Array) -> Array:
        if not len(self.width):
            return np.asarray(self.power * numbers)
        with np.errstate(divide="ignore"):
            lower = np.log(self.lower)
        if np.isinf(self.width).all():
            height = numbers
        else:
            height = np.log(self.width) - np.logaddexp(0.0, -numbers)
        return np.asarray(self.power * np.logaddexp(lower, height))

    def _correlation_numbers(self, factors: Array) -> Array:
        """Free numbers of factors (..., n_blocks, D, D), whose rows may have any length."""
        rows, columns = np.tril_indices(self.n_features, -1)
        y = factors / np.diagonal(factors, axis1=-2, axis2=-1)[..., None]
        numbers = np.empty((*factors.shape[:-2], len(rows)))
        numbers[..., self.spiral[rows, columns]] = y[..., rows, columns]
        return numbers


def _scale_map(priors: Priors, shape: tuple[int, ...]) -> tuple[float, Array, Array]:
    """Return `Layout.power`, `Layout.lower` and `Layout.width`."""
    prior = priors.scales
    power, stated = (prior.power, prior.prior) if isinstance(prior, OfSquare) else (1.0, prior)
    if isinstance(stated, Fixed) or not (isinstance(stated, Uniform) or np.any(stated.bounds[0])):
        return power, np.empty(0), np.empty(0)
    lower, upper = (np.array(np.broadcast_to(end, shape)).ravel() for end in stated.bounds)
    return power, lower, upper - lower


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
