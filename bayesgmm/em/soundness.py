"""Which maxima can be believed.

The likelihood of a mixture is unbounded where a component shrinks onto few rows. An ascent into
such a place is cut off as collapsed; a maximum near by, of a component that is narrow on only a few
rows more, is spurious (McLachlan and Peel 2000, section 3.10).

References
----------
McLachlan, G. and Peel, D. (2000). Finite Mixture Models. Wiley, New York.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.em.climb import Ascent, Reason
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.params import full_factor

Array = npt.NDArray[np.float64]

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


def is_sound(ascent: Ascent, n_rows: int, objective: Objective) -> bool:
    """Whether every component rests on more rows than could make the likelihood unbounded.

    Parameters
    ----------
    ascent : Ascent
        What it has come to.
    n_rows : int
        Number of different rows; see `distinct_rows`.
    objective : Objective
        What was climbed. With priors, or one component, only a collapse is unsound. A ridge
        bounds a component on few rows, too, but still by far more than the rows deserve.
    """
    if ascent.reason is Reason.COLLAPSED:
        return False
    point = ascent.point
    least = objective.structure.singular_rows(objective.n_directions) + 1
    rows = point.weights[0] * n_rows
    only = point.weights.shape[1] == 1
    if least == 1 or only or objective.penalty is not None:
        return True
    if (rows >= _FEW * least).all():
        return True
    if (rows < least + 0.5).any():
        return False
    return not ((_narrowness(point) < _NARROW) & (rows < _FEW * least)).any()


def _narrowness(point: Points) -> Array:
    """Least standard deviation of each component, relative to that within all components."""
    cholesky = full_factor(point.factor[0])
    covariances = cholesky @ cholesky.transpose(0, 2, 1)
    within = np.linalg.cholesky(np.tensordot(point.weights[0], covariances, axes=1))
    relative = np.linalg.solve(within, cholesky)
    least: Array = np.linalg.svd(relative, compute_uv=False).min(axis=1)
    return least
