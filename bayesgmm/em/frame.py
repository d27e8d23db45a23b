"""The units in which EM climbs, where neither origin nor units of the rows matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.em.points import Points
from bayesgmm.em.starts import scatter_for
from bayesgmm.mixture.params import Params, covariances, full_factor
from bayesgmm.mixture.structures import Structure, factor

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
        """Bring parameters into these units and the structure: pool what it shares.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is singular in these units.
        """
        weights, means = params.weights, (params.means - self.shift) / self.unit
        scatter = weights[:, None, None] * covariances(params.cholesky / self.unit[:, None])
        found = self.structure.covariances(weights, scatter_for(self.structure, scatter))
        return Points(weights[None], means[None], factor(found)[None])

    def params(self, point: Points) -> Params:
        """Bring a point back into the user's units."""
        cholesky = self.unit[:, None] * full_factor(point.factor[0])
        return Params(point.weights[0], self.shift + self.unit * point.means[0], cholesky)
