"""The units in which EM climbs, where neither origin nor units of the rows matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.em.points import Points
from bayesgmm.em.starts import scatter_for
from bayesgmm.mixture.params import Params, covariances, full_factor
from bayesgmm.mixture.structures import Structure, factorise

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """Units: ``(x - shift) / unit``.

    Parameters
    ----------
    shift, unit : array, shape (D,)
        In the user's units.
    structure : Structure
        What the covariances share.
    """

    shift: Array
    unit: Array
    structure: Structure

    def point(self, params: Params) -> Points:
        """Bring a single mixture into these units: see `points`."""
        return self.points([params])[0]

    def points(self, mixtures: Sequence[Params]) -> list[Points]:
        """Bring mixtures of one size into these units and the structure: pool what it shares.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is singular in these units.
        """
        if not mixtures:
            return []
        weights = np.stack([params.weights for params in mixtures])
        means = np.stack([params.means for params in mixtures])
        cholesky = np.stack([params.cholesky for params in mixtures]) / self.unit[:, None]
        scatter = weights[..., None, None] * covariances(cholesky)
        found = self.structure.covariances(weights, scatter_for(self.structure, scatter))
        factor, proper = factorise(found)
        if not proper.all():
            raise np.linalg.LinAlgError("a covariance is not positive definite")
        points = Points(weights, (means - self.shift) / self.unit, factor)
        return [points[i : i + 1] for i in range(len(points))]

    def params(self, point: Points) -> Params:
        """Bring a point back into the user's units."""
        cholesky = self.unit[:, None] * full_factor(point.factor[0])
        return Params(point.weights[0], self.shift + self.unit * point.means[0], cholesky)
