"""Which maxima can be believed.

The likelihood of a mixture is unbounded where a component shrinks onto few rows. An ascent into
such a place is cut off as collapsed; a maximum near by, of a component that is narrow on only a few
rows more, is spurious (McLachlan and Peel 2000, section 3.10).

References
----------
McLachlan, G. and Peel, D. (2000). Finite Mixture Models. Wiley, New York.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bayesgmm.em.climb import Ascent, Reason
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.params import covariances

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_COLLAPSED = 1e-7  # a standard deviation, relative to that of all rows, as good as zero
_NARROW = 0.05  # spurious: a standard deviation, relative to that within components, below this ...
_FEW = 3  # ... on fewer than so many times the rows that could make it vanish
_FEW_ROWS = 5000  # up to so many, copies are looked for


def narrowest(data: Data) -> float:
    """Return the conditional standard deviation below which a component has collapsed."""
    try:
        lower = np.linalg.cholesky(data.covariance())
    except np.linalg.LinAlgError:  # a feature depends on the others
        return 0.0
    return _COLLAPSED * float(np.diagonal(lower).min())


def distinct_rows(data: Data) -> int:
    """Count rows; copies do not count where rows are few, as they tell nothing of a covariance."""
    return data.n_rows if data.n_rows > _FEW_ROWS else data.n_distinct


def are_sound(
    ascents: Sequence[Ascent], n_rows: int | Sequence[int], objective: Objective
) -> BoolArray:
    """Whether every component rests on more rows than could make the likelihood unbounded.

    Parameters
    ----------
    ascents : sequence of Ascent, length S
        What they have come to.
    n_rows : int, or sequence of int
        Number of different rows, the same for all or of each; see `distinct_rows`.
    objective : Objective
        What was climbed. With priors, or one component, only a collapse is unsound. A ridge
        bounds a component on few rows, too, but still by far more than the rows deserve.

    Returns
    -------
    array of bool, shape (S,)
    """
    sound = np.array([ascent.reason is not Reason.COLLAPSED for ascent in ascents], np.bool_)
    least = objective.structure.singular_rows(objective.n_directions) + 1
    if least == 1 or objective.penalty is not None or not sound.any():
        return sound
    points = Points.concatenated([ascent.point for ascent in ascents])
    if points.weights.shape[1] == 1:
        return sound
    rows = points.weights * np.reshape(n_rows, (-1, 1))
    sound &= (rows >= least + 0.5).all(axis=1)
    few = rows < _FEW * least
    doubtful = sound & few.any(axis=1)
    if doubtful.any():
        narrow = _narrowness(points[doubtful]) < _NARROW
        sound[doubtful] = ~(narrow & few[doubtful]).any(axis=1)
    return sound


def _narrowness(points: Points) -> Array:
    """Least standard deviation of each component, relative to that within all components."""
    factor, unit = points.factor, np.eye(points.means.shape[2])
    cholesky = factor[..., None] * unit if points.diagonal else factor
    weighted = points.weights[..., None, None] * covariances(cholesky)
    within = np.linalg.cholesky(weighted.sum(axis=1, keepdims=True))
    relative = np.linalg.solve(within, cholesky)
    least: Array = np.linalg.svd(relative, compute_uv=False).min(axis=-1)
    return least
