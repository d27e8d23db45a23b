"""One ascent: from a starting point to a maximum of the likelihood.

Every iteration is an E-step (the kernel's sweep) and an M-step (closed form). An ascent ends on
an E-step, so that the reported log-likelihood is that of the returned parameters. It ends when
what is still to be gained, by Aitken's extrapolation of the geometric gains of EM (Böhning et
al. 1994), is below the tolerance; a small gain alone proves nothing, because EM crosses plateaus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import estep
from bayesgmm.mixture.stats import Stats
from bayesgmm.mixture.structures import Structure, factor

Array = npt.NDArray[np.float64]

_STEADY_GAINS = 3  # Aitken's ratio must have settled for this many iterations
_ROUNDING = 8 * np.finfo(np.float64).eps


class Reason(StrEnum):
    """Why an ascent ended."""

    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    COLLAPSED = "collapsed"


@dataclass(frozen=True, eq=False)
class Point:
    """A point of the parameter space as the kernels see it; see `mixture.likelihood.estep`."""

    weights: Array
    means: Array
    factor: Array


@dataclass(frozen=True, eq=False)
class Ascent:
    """How far an ascent has come, and why it stopped there.

    `history` holds the log-likelihood after every E-step, in the units of the data it was given;
    its last entry is that of `point`, once there has been an E-step at all.
    """

    point: Point
    history: Array = field(default_factory=lambda: np.empty(0))
    reason: Reason = Reason.MAX_ITER

    @property
    def log_likelihood(self) -> float:
        """Total log-likelihood at `point`."""
        return float(self.history[-1])


def mstep(point: Point, stats: Stats, structure: Structure) -> Point:
    """Maximise the expected log-likelihood, given statistics centred at ``point.means``.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a component has lost its rows or its covariance is singular.
    """
    counts = stats.counts
    if not (counts > 0).all():
        raise np.linalg.LinAlgError("a component has no rows left")
    step = stats.sums / counts[:, None]
    if structure.diagonal:
        scatter = stats.scatter - counts[:, None] * np.square(step)
    else:
        scatter = stats.scatter - counts[:, None, None] * step[:, :, None] * step[:, None, :]
    factors = factor(structure.covariances(counts, scatter))
    return Point(counts / counts.sum(), point.means + step, factors)


def climb(
    data: Data,
    ascent: Ascent,
    structure: Structure,
    tol: float,
    max_iter: int,
    narrowest: float = 0.0,
) -> Ascent:
    """Continue an ascent by EM iterations.

    Parameters
    ----------
    data : Data
        The rows.
    ascent : Ascent
        Where to go on from.
    structure : Structure
        What the covariances share.
    tol : float
        Stop when the log-likelihood still to be gained is estimated to be below this.
    max_iter : int
        Most M-steps.
    narrowest : float
        A component whose Cholesky factor has a diagonal entry below this has collapsed.

    Returns
    -------
    Ascent
    """
    path, point, steady = list(ascent.history[:-1]), ascent.point, 0
    for step in range(max_iter + 1):
        stats = estep(data, point.weights, point.means, point.factor)
        path.append(stats.log_likelihood)
        steady = steady + 1 if _little_remains(path, tol) else 0
        if steady == _STEADY_GAINS:
            return Ascent(point, np.array(path), Reason.CONVERGED)
        if step == max_iter:
            break
        try:
            moved = mstep(point, stats, structure)
        except np.linalg.LinAlgError:
            return Ascent(point, np.array(path), Reason.COLLAPSED)
        if _smallest_diagonal(moved.factor) < narrowest:
            return Ascent(point, np.array(path), Reason.COLLAPSED)
        point = moved
    return Ascent(point, np.array(path), Reason.MAX_ITER)


def _little_remains(path: list[float], tol: float) -> bool:
    """Whether Aitken's extrapolation leaves less than `tol` to be gained, or rounding rules."""
    if len(path) < 3:
        return False
    gain, previous = path[-1] - path[-2], path[-2] - path[-3]
    rounding = _ROUNDING * abs(path[-1])
    if abs(gain) <= rounding and abs(previous) <= rounding:
        return True
    return 0 < gain < previous and gain * gain / (previous - gain) < tol


def _smallest_diagonal(factor: Array) -> float:
    diagonal = factor if factor.ndim == 2 else np.diagonal(factor, axis1=1, axis2=2)
    return float(diagonal.min())
