"""Where to begin: starting points of several kinds, because each kind misses some maxima.

K-means alone favours round, separated clusters and never finds a narrow component inside a wide
one; random centres do; random partitions find what overlaps. Starts therefore rotate through
these kinds, and `search` adds others that need ascents of their own. A partition becomes a point
by one M-step, shrunk towards the pooled covariance by D + 1 pseudo-rows, so that a small part of
it cannot begin collapsed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from bayesgmm.em.points import Points
from bayesgmm.em.shares import from_responsibilities
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import Structure, factor

Array = npt.NDArray[np.float64]

_APART = 0.8  # of the halves of a component, from its mean, in its standard deviations
_KMEANS_STEPS = 10
_CENTRE_VARIANCE = (0.02, 0.5)  # of a component that starts at a row, as a share of the overall one


class Starts:
    """Starting points of several kinds, for one set of rows.

    Parameters
    ----------
    data : Data
        Standardised rows.
    n_components : int
        Number of components, K.
    structure : Structure
        What the covariances share.
    rng : numpy.random.Generator
        Source of the random choices.
    ridge : float
        Added to variances, if the rows cannot determine covariances.
    """

    def __init__(
        self,
        data: Data,
        n_components: int,
        structure: Structure,
        rng: np.random.Generator,
        ridge: float = 0.0,
    ) -> None:
        self.data, self.n_components, self.structure, self.rng = data, n_components, structure, rng
        self._values, self._ridge = data.rows(), ridge
        self._covariance = data.covariance() + ridge * np.eye(data.n_features)
        tiny = 1e-8 * np.trace(self._covariance)  # collinear features do no harm in a mere start
        lower = np.linalg.cholesky(self._covariance + tiny * np.eye(data.n_features))
        self._row_weights = data.row_weights if data.row_weights.size else np.ones(data.n_rows)
        self._white = self._values @ np.linalg.inv(lower).T

    def __iter__(self) -> Iterator[Points]:
        """Yield starting points for ever, rotating through the kinds."""
        kinds = (
            self.from_kmeans,
            self.from_centres,
            self.from_whitened_kmeans,
            self.from_neighbours,
            self.from_centres,
            self.from_chance,
        )
        return (kind() for kind in cycle(kinds))

    def from_kmeans(self) -> Points:
        """Start from a k-means partition with k-means++ seeds (Arthur and Vassilvitskii 2007)."""
        return self._from_partition(self._kmeans(self._values))

    def from_whitened_kmeans(self) -> Points:
        """Start from k-means on rows whose overall covariance is made the identity."""
        return self._from_partition(self._kmeans(self._white))

    def from_centres(self) -> Points:
        """Start small components at rows far apart, their common size drawn at random."""
        low, high = np.log(_CENTRE_VARIANCE)
        size = np.exp(self.rng.uniform(low, high))
        centres = self._spread_rows(self._white)
        scatter = np.repeat(size * self._covariance[None], self.n_components, axis=0)
        ones = np.ones(self.n_components)
        found = self.structure.covariances(ones, scatter_for(self.structure, scatter))
        weights = ones / self.n_components
        return Points(weights[None], self._values[centres][None], factor(found)[None])

    def from_neighbours(self) -> Points:
        """Start from rows drawn at random, each with the covariance of so many rows around it.

        How many is drawn, too, between the least and all: components of very different sizes,
        narrow ones within wide ones, are found this way.
        """
        white, k = self._white, self.n_components
        most = len(white)
        least = min(2 * (self.data.n_features + 1), most)
        shares = np.zeros((most, k))
        for j in range(k):
            size = int(np.exp(self.rng.uniform(np.log(least), np.log(most))))
            distance = np.square(white - white[self.rng.integers(most)]).sum(axis=1)
            shares[np.argpartition(distance, size - 1)[:size], j] = 1 / size
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
        return self._from_shares(shares)

    def from_chance(self) -> Points:
        """Start from responsibilities drawn at random, as if nothing were known of the rows."""
        shares = self.rng.dirichlet(np.full(self.n_components, 0.3), self.data.n_rows)
        return self._from_shares(shares)

    def _kmeans(self, values: Array) -> npt.NDArray[np.intp]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty cluster is no harm in a mere start
            seeds = values[self._spread_rows(values)]
            return kmeans2(values, seeds, iter=_KMEANS_STEPS, minit="matrix")[1].astype(np.intp)

    def _spread_rows(self, values: Array) -> npt.NDArray[np.intp]:
        """Rows far apart: each drawn by weight times squared distance to those before."""
        chosen: list[int] = []
        nearest = np.ones(len(values))
        for _ in range(self.n_components):
            likely = np.cumsum(self._row_weights * nearest)
            if not likely[-1] > 0:  # every row is one of those
                likely = np.arange(1.0, len(values) + 1)
            place = self.rng.random()
            chosen.append(int(np.searchsorted(likely / likely[-1], place, side="right")))
            distance = np.square(values - values[chosen[-1]]).sum(axis=1)
            nearest = np.minimum(nearest, distance) if len(chosen) > 1 else distance
        return np.array(chosen)

    def _from_partition(self, labels: npt.NDArray[np.intp]) -> Points:
        return self._from_shares(np.eye(self.n_components)[labels])

    def _from_shares(self, shares: Array) -> Points:
        return from_responsibilities(self.data, shares, self.structure, self._ridge)


def halved(params: Params) -> list[Params]:
    """Cut each component in turn into two along its longest axis.

    Weight, mean and covariance of the two together are those of the one; the axis is that of the
    correlation matrix, so that units do not matter. Without correlations, it is that of the
    feature in which the component is widest, relative to the whole mixture.
    """
    found, unit = [], np.eye(params.n_features)
    for k in range(params.n_components):
        direction, length = _longest_axis(params, k)
        step = _APART * length * params.scales[k] * direction
        whitened = np.linalg.solve(params.cholesky[k], step)
        whitened *= _APART / np.linalg.norm(whitened)  # as it is, but for rounding
        left = np.linalg.cholesky(unit - np.outer(whitened, whitened))
        cholesky = params.cholesky[[*range(params.n_components), k]]
        cholesky[[k, -1]] = params.cholesky[k] @ left
        weights = np.append(params.weights, 0.0)
        weights[[k, -1]] = params.weights[k] / 2
        means = np.concatenate([params.means, params.means[[k]]])
        means[k] -= step
        means[-1] += step
        found.append(Params(weights, means, cholesky))
    return found


def _longest_axis(params: Params, k: int) -> tuple[Array, float]:
    """Direction and length, in standard deviations of the features within the component."""
    unit = np.eye(params.n_features)
    if np.array_equal(params.correlations[k], unit):
        centred = params.means - params.weights @ params.means
        overall = params.weights @ (np.square(params.scales) + np.square(centred))
        return unit[np.argmax(params.scales[k] / np.sqrt(overall))], 1.0
    values, vectors = np.linalg.eigh(params.correlations[k])
    return vectors[:, -1], float(np.sqrt(values[-1]))


def shrunk(params: Params) -> list[Params]:
    """Leave each component of a mixture out in turn; its rows then go to the others."""
    found = []
    for k in range(params.n_components):
        kept = np.arange(params.n_components) != k
        weights = params.weights[kept]
        found.append(Params(weights / weights.sum(), params.means[kept], params.cholesky[kept]))
    return found


def scatter_for(structure: Structure, scatter: Array) -> Array:
    """Keep of full scatter matrices (..., K, D, D) what the structure's M-step takes."""
    return np.diagonal(scatter, axis1=-2, axis2=-1) if structure.diagonal else scatter
