"""The units in which EM climbs, where neither origin nor units of the rows matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.em.points import Points
from bayesgmm.em.starts import scatter_for
from bayesgmm.mixture.params import Params
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
        inside = params.rescaled(-self.shift / self.unit, 1 / self.unit)
        scatter = inside.weights[:, None, None] * inside.covariances
        found = self.structure.covariances(inside.weights, scatter_for(self.structure, scatter))
        return Points(inside.weights[None], inside.means[None], factor(found)[None])

    def params(self, point: Points) -> Params:
        """Bring a point back into the user's units."""
        return point.params.rescaled(self.shift, self.unit)
