"""Quasi-Newton steps for EM: many fewer sweeps of the data where components overlap.

EM is scaled gradient ascent: its step is the gradient of the log-likelihood, divided by the
information that complete data would hold. Where much of that information is missing, the step
is too short, by the same factor again and again, and what one step after another changes in the
gradient tells by how much. The limited-memory BFGS recursion (Nocedal 1980) turns that into a
better step; it begins with EM's own, as Lange (1995) proposed, so that EM is what is left when
nothing has been learnt.

Two descriptions of a step are kept side by side. Inner products are taken between changes of the
parameters, in units of their complete-data standard errors at the current point: there the
information is the identity, and the recursion symmetric. The step itself is made of expected
statistics, of which an M-step makes parameters: so it never leaves the covariance structure, and
no structure needs code of its own.

References
----------
Lange, K. (1995). A quasi-Newton acceleration of the EM algorithm. Statistica Sinica 5, 1-18.

Nocedal, J. (1980). Updating quasi-Newton matrices with limited storage. Mathematics of
Computation 35, 773-782.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.em.points import Points

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_PAIRS = 5  # steps remembered: older ones tell of a curvature that is no longer there
_LEAST_CURVATURE = 1e-8  # a pair with less of it tells nothing


@dataclass(frozen=True, eq=False)
class Direction:
    """Where to go from S points.

    Attributes
    ----------
    step : array, shape (S, P)
        Change of the expected statistics.
    slope : array, shape (S,)
        How fast the log-likelihood of one row rises along it.
    stretch : array, shape (S,)
        Length in units of EM's own step.
    informed : array of bool, shape (S,)
        Whether anything was known of the curvature.
    """

    step: Array
    slope: Array
    stretch: Array
    informed: BoolArray

    def __getitem__(self, chosen: BoolArray) -> Direction:
        """Give some of the directions."""
        return Direction(
            self.step[chosen], self.slope[chosen], self.stretch[chosen], self.informed[chosen]
        )


class Memory:
    """The latest points of S ascents, with EM's answers to them.

    A record holds, for each ascent, the parameters of a point and of its EM image, and the
    expected statistics which the point was made of and which the rows returned: four vectors of
    the same length P.
    """

    def __init__(self, n_ascents: int, length: int) -> None:
        self._records = np.zeros((_PAIRS + 1, n_ascents, 4, length))
        self._empty = np.ones(n_ascents, dtype=np.bool_)

    def keep(self, chosen: BoolArray) -> None:
        """Forget all ascents but these."""
        self._records, self._empty = self._records[:, chosen], self._empty[chosen]

    def add(self, chosen: BoolArray, point: Array, image: Array, made: Array, found: Array) -> None:
        """Add a record for each of the chosen ascents."""
        record = np.stack([point, image, made, found], axis=1)
        first, later = chosen & self._empty, chosen & ~self._empty
        self._records[:, first] = record[first]  # no change from one to the next: no pair yet
        self._records[:-1, later] = self._records[1:, later]
        self._records[-1, later] = record[later]
        self._empty[first] = False

    def direction(self, points: Points) -> Direction:
        """Give the direction from the points of the last records."""
        point, image, made, found = np.moveaxis(self._records, 2, 0)
        gap, left = image - point, found - made
        known = whitened(
            np.concatenate([point[1:] - point[:-1], gap[:-1] - gap[1:], gap[-1:]]), points
        )
        # the recursion, on coefficients: [steps, changes of the gradient, gradient] are 2 M + 1
        known = np.moveaxis(known, 0, 1)
        products = known @ np.swapaxes(known, 1, 2)
        m, last = _PAIRS, 2 * _PAIRS
        pairs = np.arange(m)
        curvature = products[:, pairs, m + pairs]
        usable = curvature > _LEAST_CURVATURE * products[:, pairs, pairs]
        inverse = np.where(usable, 1 / np.where(usable, curvature, 1.0), 0.0)
        shares = np.zeros((len(products), last + 1))
        shares[:, last] = 1.0
        taken = np.zeros_like(inverse)
        for i in reversed(range(m)):
            taken[:, i] = inverse[:, i] * _dot(products[:, i], shares)
            shares[:, m + i] = -taken[:, i]
        for i in range(m):
            shares[:, i] = taken[:, i] - inverse[:, i] * _dot(products[:, m + i], shares)
        statistics = np.concatenate([made[1:] - made[:-1], left[:-1] - left[1:], left[-1:]])
        step = (shares[:, None] @ np.moveaxis(statistics, 0, 1))[:, 0]
        towards = _dot(products[:, last], shares)
        squared = _dot(shares, (products @ shares[..., None])[..., 0])
        stretch = np.sqrt(np.maximum(squared, 0.0) / np.maximum(products[:, last, last], _TINY))
        return Direction(step, towards, stretch, usable.any(axis=1))


_TINY = float(np.finfo(np.float64).tiny)


def parameters(points: Points) -> Array:
    """Write weights, means and covariances as vectors, shape (S, P)."""
    n = len(points)
    parts = (points.weights, points.means, points.covariances)
    return np.concatenate([part.reshape(n, -1) for part in parts], axis=1)


def whitened(changes: Array, points: Points) -> Array:
    """Measure changes of the parameters by what complete data would tell of them.

    Parameters
    ----------
    changes : array, shape (..., S, P)
        Differences of `parameters`.
    points : Points
        Of S mixtures, about which they are.

    Returns
    -------
    array, shape (..., S, P)
        Of which the squared length is the squared change in standard errors from one row.
    """
    lead, (k, d) = changes.shape[:-1], points.means.shape[1:]
    root = np.sqrt(points.weights)
    weights = changes[..., :k] / root
    means = changes[..., k : k + k * d].reshape(*lead, k, d)
    spread = changes[..., k + k * d :].reshape(*lead, *points.factor.shape[1:])
    if points.diagonal:
        means, spread = means / points.factor, spread / np.square(points.factor)
        spread = spread * (root / np.sqrt(2))[..., None]
    else:
        inverse = np.linalg.inv(points.factor)
        means = (inverse @ means[..., None])[..., 0]
        spread = inverse @ spread @ np.swapaxes(inverse, -1, -2)
        spread = spread * (root / np.sqrt(2))[..., None, None]
    means = means * root[..., None]
    return np.concatenate([weights, means.reshape(*lead, -1), spread.reshape(*lead, -1)], axis=-1)


def _dot(one: Array, other: Array) -> Array:
    product: Array = np.einsum("...p,...p->...", one, other)
    return product
