"""When a posterior has no finite integral: rows that tie, are equal or lie on one plane.

A component that takes m rows to itself, and whose covariance C becomes singular on them, brings
``det(C)**(-(m - 1) / 2)`` to the integral once its mean is averaged over. Whether that is too
much depends on how fast the priors fall off where C is singular.

*Scales.* Rows that tie in one feature allow its standard deviation s to vanish: ``s**(1 - m)``
against a prior density like ``s**order``, which is integrable only if ``m < order + 2``. Under
spherical covariances m equal rows of D features bring ``s**(D (1 - m))``; under tied ones all N
rows must have only u <= K values in the feature, and bring ``s**(u - N)``.

*Correlations.* Rows that span r < D dimensions, askew to the axes of the features, allow the
smallest eigenvalue t of a correlation matrix to vanish. LKJ(eta) has a density like
``t**(eta - 1)`` there, and the null direction must come within ``sqrt(t)`` of each of the r
dimensions: the integral is that of ``t**(eta - 1 + r/2 - (m - 1)/2)``, which is finite only if
``m < 2 eta + 1 + r``. For equal rows, r = 0; for a hyperplane, r = D - 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.data import Data
from bayesgmm.mixture.structures import get_structure
from bayesgmm.priors.families import Positive
from bayesgmm.priors.fixed import Fixed
from bayesgmm.priors.joint import LKJ

Array = npt.NDArray[np.float64]

_ROWS, _BASES = 2000, 50  # looked at in a search for lines, and through how many of them
_SAME_ANGLE = 11  # decimals
_SCALES_CURE = "LogNormal and InverseGamma never do"
_RIDGE_CURE = "a ridge, as in LKJ(2, ridge=0.1), never does"


def warnings_of(scales: Positive | Fixed, correlations: LKJ | Fixed | None) -> list[str]:
    """Say in general which rows would make the posterior improper, a line for either prior.

    Of a single feature there are no correlations.
    """
    found = []
    if np.isfinite(scales.order_at_zero):
        found.append(
            f"this prior of the scales leaves the posterior improper where "
            f"{_least_tied(scales.order_at_zero)} or more rows tie in a feature; {_SCALES_CURE}"
        )
    if isinstance(correlations, LKJ) and not correlations.ridge:
        power = 2 * correlations.eta
        found.append(
            f"where {_at_least(power + 1)} or more rows are equal, or {power:g} + D or more lie "
            "on one oblique line or plane of the D features, LKJ without a ridge leaves the "
            "posterior of full covariances improper"
        )
    return found


def problems_with(
    scales: Positive | Fixed,
    correlations: LKJ | Fixed,
    data: Data,
    n_components: int,
    covariance_type: str,
) -> tuple[str, ...]:
    """Find such rows in the data; see `Priors.problems`."""
    structure = get_structure(covariance_type).name
    rows = data.rows()
    found: list[str] = []
    if np.isfinite(scales.order_at_zero):
        found += _tied_rows(rows, scales.order_at_zero, n_components, structure, data.feature_names)
    correlated = structure == "full" and data.n_features > 1
    if correlated and isinstance(correlations, LKJ) and not correlations.ridge:
        found += _flat_rows(rows, correlations.eta, n_components, data.feature_names)
    return tuple(found)


def _at_least(count: float) -> int:
    """Smallest whole number that is not below `count`."""
    return int(np.ceil(count))


def _least_tied(order: float) -> int:
    return max(2, _at_least(order + 2))


def _tied_rows(
    rows: Array, order: float, n_components: int, structure: str, names: tuple[str, ...]
) -> Iterator[str]:
    n, d = rows.shape
    if structure == "spherical":
        m = _largest_count(rows, n_components)
        if m > 1 and d * (m - 1) >= order + 1:
            yield (
                f"{m} rows are equal, and this prior of the scales leaves the posterior "
                f"improper; {_SCALES_CURE}"
            )
        return
    if structure == "tied":
        for name, column in zip(names, rows.T, strict=True):
            distinct = len(np.unique(column))
            if distinct <= n_components and n - distinct >= order + 1:
                yield (
                    f"{name} has only {distinct} value(s), and this prior of the scales leaves the "
                    f"posterior improper; {_SCALES_CURE}"
                )
        return
    tied = [_largest_count(column[:, None], n_components) for column in rows.T]
    worst = int(np.argmax(tied))
    if tied[worst] >= _least_tied(order):
        yield (
            f"{tied[worst]} rows tie in {names[worst]}, and this prior of the scales leaves the "
            f"posterior improper from {_least_tied(order)} on; {_SCALES_CURE}"
        )


def _largest_count(rows: Array, n_components: int) -> int:
    """Most rows that are equal and that one component can have to itself."""
    counts = np.unique(rows, axis=0, return_counts=True)[1]
    if n_components == 1 and len(counts) > 1:
        return 1  # the only component has them all
    return int(counts.max())


def _flat_rows(rows: Array, eta: float, n_components: int, names: tuple[str, ...]) -> Iterator[str]:
    n, d = rows.shape
    m, least = _largest_count(rows, n_components), _at_least(2 * eta + 1)
    if m > 1 and m >= least:
        yield (
            f"{m} rows are equal, and LKJ({eta:g}) leaves the posterior improper from {least} on; "
            f"{_RIDGE_CURE}"
        )
    least = _at_least(2 * eta + d)
    needed = least if n_components > 1 else max(n, least)  # one component has all rows
    for i, j in combinations(range(d), 2):
        m = _rows_on_a_line(rows[:, i], rows[:, j])
        if m >= needed:
            yield (
                f"at least {m} rows lie on one line of {names[i]} and {names[j]}, and LKJ({eta:g}) "
                f"leaves the posterior improper from {least} on; {_RIDGE_CURE}"
            )
            return


def _rows_on_a_line(x: Array, y: Array) -> int:
    """Most rows found on one oblique line, among some of the lines through some of the rows."""
    some = np.unique(np.linspace(0, len(x) - 1, _ROWS).astype(int))
    x, y = x[some], y[some]
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = x / np.ptp(x), y / np.ptp(y)
    most = 0
    for base in np.unique(np.linspace(0, len(x) - 1, _BASES).astype(int)):
        dx, dy = x - x[base], y - y[base]
        oblique = (dx != 0) & (dy != 0)
        if not oblique.any():
            continue
        angles = np.round(np.arctan(dy[oblique] / dx[oblique]), _SAME_ANGLE)
        equal = int(((dx == 0) & (dy == 0)).sum())
        most = max(most, equal + int(np.unique(angles, return_counts=True)[1].max()))
    return most
