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

import math

import numpy as np
import numpy.typing as npt

from bayesgmm.em.vectors import Parts, inverses, parts, whiten, with_covariances
from bayesgmm.mixture.compilation import jit_inner, jit_part

Array = npt.NDArray[np.float64]

PAIRS = 5  # steps remembered: older ones tell of a curvature that is no longer there
_POINT, _IMAGE, _MADE, _FOUND = range(4)  # of a record
_LEAST_CURVATURE = 1e-8  # a pair with less of it tells nothing
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
    records: Array, n_records: int, point: Parts, centre: Array, step: Array
) -> tuple[float, float, bool]:
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
    step : array, shape (P,)
        Overwritten with the change of the expected statistics.

    Returns
    -------
    slope : float
        How fast the log-likelihood of one row rises along it.
    stretch : float
        Its length in units of EM's own step.
    informed : bool
        Whether anything was known of the curvature.
    """
    # the recursion, on coefficients: [steps, changes of the gradient, gradient] are 2 M + 1
    M = min(n_records - 1, PAIRS)
    n, P, B = 2 * M + 1, records.shape[2], point.blocks.shape[1]
    whitened, statistics, change = np.empty((n, P)), np.empty((n, P)), np.empty(P)
    inverse, half = inverses(point.blocks), np.empty(point.blocks.shape[2])
    for j in range(n):
        i = j if j < M else j - M
        here = records[(n_records - 1 - M + i) % (PAIRS + 1)]
        after = records[(n_records - M + i) % (PAIRS + 1)]
        for p in range(P):
            if j < M:
                change[p] = after[_POINT, p] - here[_POINT, p]
                statistics[j, p] = after[_MADE, p] - here[_MADE, p]
            else:
                change[p] = here[_IMAGE, p] - here[_POINT, p]
                statistics[j, p] = here[_FOUND, p] - here[_MADE, p]
                if j < n - 1:
                    change[p] -= after[_IMAGE, p] - after[_POINT, p]
                    statistics[j, p] -= after[_FOUND, p] - after[_MADE, p]
        there = parts(whitened[j], centre, B)
        whiten(parts(change, centre, B), point.weights, inverse, half, there)
    products = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            products[i, j] = products[j, i] = _dot(whitened[i], whitened[j])
    shares = np.empty(n)
    informed = _recursion(products, M, shares)
    for p in range(P):
        step[p] = 0.0
    for j in range(n):
        for p in range(P):
            step[p] += shares[j] * statistics[j, p]
    squared = 0.0
    for i in range(n):
        squared += shares[i] * _dot(products[i], shares)
    own = max(products[n - 1, n - 1], _TINY)
    return _dot(products[n - 1], shares), math.sqrt(max(squared, 0.0) / own), informed


@jit_part
def _recursion(products: Array, M: int, shares: Array) -> bool:
    """Write the coefficients of the direction; tell whether any pair was of use."""
    taken, informed = np.empty(M), False
    for j in range(2 * M):
        shares[j] = 0.0
    shares[2 * M] = 1.0
    for i in range(M - 1, -1, -1):
        curvature = products[i, M + i]
        taken[i] = 0.0
        if curvature > _LEAST_CURVATURE * products[i, i]:
            informed = True
            taken[i] = _dot(products[i], shares) / curvature
        shares[M + i] = -taken[i]
    for i in range(M):
        curvature, excess = products[i, M + i], 0.0
        if curvature > _LEAST_CURVATURE * products[i, i]:
            excess = _dot(products[M + i], shares) / curvature
        shares[i] = taken[i] - excess
    return informed


@jit_inner
def _dot(one: Array, other: Array) -> float:
    total = 0.0
    for i in range(len(other)):
        total += one[i] * other[i]
    return total
