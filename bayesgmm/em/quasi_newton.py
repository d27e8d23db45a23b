"""Quasi-Newton steps for EM: many fewer sweeps of the data where components overlap.

EM is scaled gradient ascent: its step is the gradient of the log-likelihood, divided by the
information that complete data would hold. Where much of that information is missing, the step
is too short, by the same factor again and again, and what one step after another changes in the
gradient tells by how much. The curvature begins as that of EM, as Lange (1995) proposed, but half
as strong, as if half of the information were missing. So where nothing has been learnt, a step is
twice that of EM: the bound below which steps, taken again and again, converge however much is
missing (Redner and Walker 1984). It learns from pairs of steps and changes by the update of
Broyden, Fletcher, Goldfarb and Shanno; or, where the log-likelihood curves upward, as on the
plateaus between two ways to share out the rows, by the symmetric update of rank one, which can say
so (Nocedal and Wright 2006, chapter 6). Of the quadratic that results, the step goes to the
highest point within reach (their chapter 4): a longer one would lead where it no longer holds.

Two descriptions of a step are kept side by side. Inner products are taken between changes of the
parameters, in units of their complete-data standard errors at the current point: there the
information is the identity, and the curvature symmetric. The step itself is made of expected
statistics, of which an M-step makes parameters: so it never leaves the covariance structure, and
no structure needs code of its own.

References
----------
Lange, K. (1995). A quasi-Newton acceleration of the EM algorithm. Statistica Sinica 5, 1-18.

Nocedal, J. and Wright, S. J. (2006). Numerical Optimization, second edition. Springer.

Redner, R. A. and Walker, H. F. (1984). Mixture densities, maximum likelihood and the EM
algorithm. SIAM Review 26, 195-239.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bayesgmm.em.vectors import Parts, inverses, parts, whiten, with_covariances
from bayesgmm.mixture.compilation import jit_inner, jit_part

Array = npt.NDArray[np.float64]

PAIRS = 4  # steps remembered, ...
_ANYHOW = 2  # ... of which so many count even if they were long
_NEARBY = 0.05  # else so much of a way, in complete-data standard deviations of a single row
_POINT, _IMAGE, _MADE, _FOUND = range(4)  # of a record
_UNKNOWN = 0.5  # curvature where no pair has told of it, as a share of that of complete data
_NEW = 1e-3  # squared sine of its angle to those before, from which a vector adds an axis
_LEAST_CURVATURE = 1e-3  # along a step, from which the update keeps all curvatures positive
_LEAST_COSINE = 1e-8  # between a step and what it taught: less is noise
_TRIALS, _CLOSE = 30, 0.7  # steps tried until one is as long as this share of the reach
_TINY = float(np.finfo(np.float64).tiny)


@jit_part
def remember(
    records: Array, i: int, point: Parts, image: Parts, made: Array, found: Array, centre: Array
) -> None:
    """Write the i-th record; see `direction`. The mixtures have factors."""
    record, n_blocks = records[i % (PAIRS + 1)], point.blocks.shape[1]
    with_covariances(point, parts(record[_POINT], centre, n_blocks))
    with_covariances(image, parts(record[_IMAGE], centre, n_blocks))
    for p in range(len(made)):
        record[_MADE, p], record[_FOUND, p] = made[p], found[p]


@jit_part
def direction(
    records: Array,
    n_records: int,
    point: Parts,
    centre: Array,
    reach: float,
    step: Array,
) -> tuple[float, float, float]:
    """Write where to go from the point of the last record.

    Parameters
    ----------
    records : array, shape (PAIRS + 1, 4, P)
        The latest points of an ascent: the parameters of each and of its EM image, and the
        expected statistics which it was made of and which the rows returned for it. The i-th
        record is in row ``i % (PAIRS + 1)``.
    n_records : int
        How many there have been, at least one.
    point : Parts
        The last point, with factors.
    centre : array, shape (K, D)
        Gives the shapes.
    reach : float
        Longest step, in units of EM's own.
    step : array, shape (P,)
        Overwritten with the change of the expected statistics.

    Returns
    -------
    slope : float
        How fast the log-likelihood of one row rises along it.
    gain : float
        How much it is expected to rise.
    stretch : float
        Its length in units of EM's own step.
    """
    most = 2 * min(n_records - 1, PAIRS) + 1
    n, P, B, way = 1, records.shape[2], point.blocks.shape[1], 0.0
    # the gradient, then changes of it and steps, the latest first
    whitened, statistics, change = np.empty((most, P)), np.empty((most, P)), np.empty(P)
    inverse, half = inverses(point.blocks), np.empty(point.blocks.shape[2])
    changes = parts(change, centre, B)
    for j in range(most):
        i = n_records - 1 - (j + 1) // 2
        here, after = records[i % (PAIRS + 1)], records[(i + 1) % (PAIRS + 1)]
        is_step = j > 0 and j % 2 == 0
        for p in range(P):
            if is_step:
                change[p] = after[_POINT, p] - here[_POINT, p]
                statistics[j, p] = after[_MADE, p] - here[_MADE, p]
            else:
                change[p] = here[_IMAGE, p] - here[_POINT, p]
                statistics[j, p] = here[_FOUND, p] - here[_MADE, p]
                if j > 0:
                    change[p] -= after[_IMAGE, p] - after[_POINT, p]
                    statistics[j, p] -= after[_FOUND, p] - after[_MADE, p]
        there = parts(whitened[j], centre, B)
        whiten(changes, point.weights, inverse, half, there)
        if is_step:
            n, way = j + 1, way + math.sqrt(_dot(whitened[j], whitened[j]))
            if way > _NEARBY and j >= 2 * _ANYHOW:
                break
    axes, curvature, shares = np.empty((n, n)), np.empty((n, n)), np.empty(n)
    orthogonalise(whitened[:n], axes)
    teach(axes, curvature)
    slope, gain, stretch = highest(curvature, axes[0], reach, shares)
    for j in range(n - 1, -1, -1):  # of the axes, then of the vectors
        for i in range(j + 1, n):
            shares[j] -= axes[i, j] * shares[i]
        shares[j] = shares[j] / axes[j, j] if axes[j, j] > 0.0 else 0.0
    for p in range(P):
        step[p] = 0.0
    for j in range(n):
        for p in range(P):
            step[p] += shares[j] * statistics[j, p]
    return slope, gain, stretch


@jit_part
def orthogonalise(vectors: Array, out: Array) -> None:
    """Write vectors (n, P) in orthogonal axes, shape (n, n): the first is along the first of them.

    A vector that adds no axis has a diagonal of 0.
    """
    n = len(vectors)
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
        whole = left = _dot(vectors[i], vectors[i])
        for j in range(i):
            if out[j, j] > 0.0:
                value = _dot(vectors[i], vectors[j])
                for m in range(j):
                    value -= out[i, m] * out[j, m]
                out[i, j] = value / out[j, j]
                left -= out[i, j] * out[i, j]
        if left > _NEW * whole:
            out[i, i] = math.sqrt(left)


@jit_part
def teach(axes: Array, curvature: Array) -> None:
    """Write the curvature that changes of the gradient, in odd rows, and the steps below tell of.

    In the axes in which they are given. The latest, which come first, it fits exactly.
    """
    n, seen = len(axes), np.empty(len(axes))
    for i in range(n):
        for j in range(n):
            curvature[i, j] = _UNKNOWN if i == j else 0.0
    for pair in range(n // 2, 0, -1):
        change, step = axes[2 * pair - 1], axes[2 * pair]
        for i in range(n):
            seen[i] = _dot(curvature[i], step)
        expected, found, length = _dot(seen, step), _dot(change, step), _dot(step, step)
        if expected > 0.0 and found > _LEAST_CURVATURE * length:
            for i in range(n):
                for j in range(n):
                    curvature[i, j] += change[i] * change[j] / found - seen[i] * seen[j] / expected
            continue
        for i in range(n):
            seen[i] = change[i] - seen[i]
        taught = _dot(seen, step)
        if abs(taught) > _LEAST_COSINE * math.sqrt(_dot(seen, seen) * length):
            for i in range(n):
                for j in range(n):
                    curvature[i, j] += seen[i] * seen[j] / taught


@jit_part
def highest(
    curvature: Array, slope: Array, reach: float, step: Array
) -> tuple[float, float, float]:
    """Write the step to the highest point of a quadratic, or to the highest within reach.

    It is Newton's, once a multiple of the identity is added to the curvature.

    Parameters
    ----------
    curvature : array, shape (n, n)
        Symmetric; what the slope loses along a step.
    slope : array, shape (n,)
        At the beginning.
    reach : float
        Longest step, in lengths of the slope; it is used up to `_CLOSE`.
    step : array, shape (n,)
        Overwritten.

    Returns
    -------
    slope, gain, stretch : float
        See `direction`.
    """
    lower, shift, low, high, short = np.empty(curvature.shape), 0.0, 0.0, np.inf, False
    own, stretch = max(math.sqrt(_dot(slope, slope)), _TINY), np.inf
    for _ in range(_TRIALS):
        short = False
        if _newton(curvature, shift, slope, lower, step):
            stretch = math.sqrt(_dot(step, step)) / own
            short = stretch <= reach
        if short and (shift == 0.0 or stretch >= _CLOSE * reach):
            break
        if short:
            high = shift
        else:
            low = shift
        # where no curvature is negative, one over the reach is enough
        shift = 0.5 * (low + high) if high < np.inf else max(4.0 * shift, 1.0 / reach)
    for i in range(len(step)):
        step[i] = step[i] if short else 0.0
    rise = _dot(slope, step)
    return rise, 0.5 * (rise + shift * (stretch * own) ** 2), stretch


@jit_part
def _newton(curvature: Array, shift: float, slope: Array, lower: Array, step: Array) -> bool:
    """Write the step to the top of a quadratic; tell whether it has one."""
    n = len(slope)
    for i in range(n):
        step[i] = slope[i]
        for j in range(i + 1):
            value = curvature[i, j] + (shift if i == j else 0.0)
            for m in range(j):
                value -= lower[i, m] * lower[j, m]
            if j < i:
                lower[i, j] = value / lower[j, j]
                step[i] -= lower[i, j] * step[j]
            elif value > 0.0:
                lower[i, i] = math.sqrt(value)
            else:
                return False
        step[i] /= lower[i, i]
    for i in range(n - 1, -1, -1):
        for m in range(i + 1, n):
            step[i] -= lower[m, i] * step[m]
        step[i] /= lower[i, i]
    return True


@jit_inner
def _dot(one: Array, other: Array) -> float:
    total = 0.0
    for i in range(len(other)):
        total += one[i] * other[i]
    return total
