"""In what steps the values of a feature were written down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.data import Data

Array = npt.NDArray[np.float64]

_SAME = 1e-9  # of the range: two values that are nearer were one before some arithmetic


def rounding(data: Data) -> Array:
    """Find the smallest gap between the values of each feature, shape (D,).

    It is 0 where no two rows tie, for then there is no sign of any rounding.
    """
    return np.array([_step(column) for column in data.rows().T])


def _step(column: Array) -> float:
    gaps = np.diff(np.sort(column))
    told_apart = gaps > _SAME * gaps.sum()
    if told_apart.all():
        return 0.0
    return float(f"{gaps[told_apart].min():.9g}")  # 0.1, not the 0.09999999999999964 of 2.3 - 2.2
