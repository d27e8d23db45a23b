"""Points of the parameter space, many at a time, and the expected statistics between them.

EM climbs from many starts in lockstep, so every array here has a leading axis of S mixtures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.params import Params, covariances, full_factor
from bayesgmm.mixture.stats import Stats

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Points:
    """Parameters of S mixtures as the kernels see them.

    Parameters
    ----------
    weights : array, shape (S, K)
    means : array, shape (S, K, D)
    factor : array, shape (S, K, D, D), or (S, K, D)
        Lower Cholesky factors, or standard deviations of diagonal covariances.
    """

    weights: Array
    means: Array
    factor: Array

    @property
    def diagonal(self) -> bool:
        """Whether covariances are diagonal."""
        return self.factor.ndim == 3

    @property
    def covariances(self) -> Array:
        """Covariances in the shape of `factor`: matrices, or variances."""
        return np.square(self.factor) if self.diagonal else covariances(self.factor)

    @property
    def smallest(self) -> Array:
        """Smallest conditional standard deviation of each mixture, shape (S,)."""
        lower = self.factor
        diagonal = lower if self.diagonal else np.diagonal(lower, axis1=2, axis2=3)
        return diagonal.min(axis=(1, 2))

    @property
    def params(self) -> Params:
        """The mixture, if there is a single one."""
        return Params(self.weights[0], self.means[0], full_factor(self.factor[0]))

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, mixtures: Any) -> Points:
        """Give some of the mixtures: those of a slice, a mask or a list of indices."""
        return Points(self.weights[mixtures], self.means[mixtures], self.factor[mixtures])

    @classmethod
    def concatenated(cls, parts: Sequence[Points]) -> Points:
        """Put mixtures of the same shape together."""
        return cls(
            np.concatenate([part.weights for part in parts]),
            np.concatenate([part.means for part in parts]),
            np.concatenate([part.factor for part in parts]),
        )

    def replaced(self, chosen: BoolArray, others: Points) -> Points:
        """Return these points, but where `chosen`, shape (S,), the others."""
        if chosen.all():
            return others
        return Points(
            *(
                np.where(chosen.reshape(-1, *[1] * (mine.ndim - 1)), theirs, mine)
                for mine, theirs in zip(_arrays(self), _arrays(others), strict=True)
            )
        )


def _arrays(points: Points) -> tuple[Array, Array, Array]:
    return points.weights, points.means, points.factor


def centred(stats: Stats, shift: Array) -> Stats:
    """Centre statistics at ``centre + shift`` that are centred at some `centre`.

    Parameters
    ----------
    stats : Stats
        Of S mixtures.
    shift : array, shape (S, K, D)
        How far the centre moves.
    """
    moved = stats.counts[..., None] * shift
    sums = stats.sums - moved
    if stats.scatter.ndim == 3:
        scatter = stats.scatter - shift * (2 * stats.sums - moved)
    else:
        cross = shift[..., :, None] * stats.sums[..., None, :]
        square = shift[..., :, None] * moved[..., None, :]
        scatter = stats.scatter - cross - np.swapaxes(cross, -1, -2) + square
    return Stats(stats.log_likelihood, stats.counts, sums, scatter)


def flattened(parts: Stats | Points) -> Array:
    """Write expected statistics, or points, as vectors (S, P): statistics may be stretched."""
    if isinstance(parts, Points):
        arrays = _arrays(parts)
    else:
        arrays = (parts.counts, parts.sums, parts.scatter)
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def unflattened(vectors: Array, like: Points) -> Stats:
    """Read statistics that `flattened` wrote, for mixtures shaped as `like`."""
    return Stats(np.full(len(vectors), np.nan), *_cut(vectors, like))


def pointed(vectors: Array, like: Points) -> Points:
    """Read points that `flattened` wrote, shaped as `like`."""
    return Points(*_cut(vectors, like))


def _cut(vectors: Array, like: Points) -> tuple[Array, Array, Array]:
    n, (k, d) = len(vectors), like.means.shape[1:]
    after = k + k * d
    return (
        vectors[:, :k].copy(),
        vectors[:, k:after].reshape(n, k, d),
        vectors[:, after:].reshape(n, *like.factor.shape[1:]),
    )
