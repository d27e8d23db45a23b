"""What data must have before a mixture can be fitted to them, said in the user's words."""

from __future__ import annotations

import numpy as np

from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.structures import Structure

_LARGEST = 1e100  # of a standard deviation: its powers must be numbers, too
_COLLINEAR = 1e-7  # share of a feature's spread that the features before it leave unexplained


def check_n_components(n_components: int) -> None:
    """Raise an InputError unless `n_components` is a whole number of at least one."""
    if isinstance(n_components, bool) or not isinstance(n_components, int | np.integer):
        raise InputError(f"n_components must be a whole number, not {n_components!r}")
    if n_components < 1:
        raise InputError(f"n_components must be at least 1, not {n_components}")


def check_fit(data: Data, n_components: int, structure: Structure) -> None:
    """Raise an InputError if no mixture of this kind can be fitted to these rows.

    Raises
    ------
    InputError
        If there are fewer distinct rows than components, a feature is constant, or features
        are collinear where covariances are free.
    """
    check_rows(data, n_components)
    problem = undetermined(data, structure)
    if problem:
        raise InputError(problem)


def check_rows(data: Data, n_components: int) -> None:
    """Raise an InputError if no mixture of any kind can be fitted to these rows.

    Raises
    ------
    InputError
        If there are fewer distinct rows than components, or a feature is constant.
    """
    check_n_components(n_components)
    if n_components > data.n_rows:
        raise InputError(
            f"n_components = {n_components} is more than the {data.n_rows} row(s) of data"
        )
    _check_spread(data)
    distinct = data.count_distinct_rows(n_components)
    if n_components > distinct:
        raise InputError(
            f"n_components = {n_components} is more than the {distinct} distinct row(s) of data"
        )


def _check_spread(data: Data) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        spreads = data.moments()[1]
    for name, first, spread in zip(data.feature_names, data.rows(0, 1)[0], spreads, strict=True):
        if not spread < _LARGEST:
            raise InputError(f"column {name!r} has numbers too large to square: change its unit")
        if not spread > 0:
            raise InputError(
                f"column {name!r} is constant ({first:g}), as far as can be told, in all rows that "
                "count: it says nothing about components, so drop it"
            )


def undetermined(data: Data, structure: Structure) -> str:
    """Say why the rows cannot determine covariances of this kind, and what to do about it.

    Returns
    -------
    str
        Empty if they can.
    """
    if structure.diagonal:
        return ""
    distinct = data.count_distinct_rows(data.n_features + 1)
    if distinct <= data.n_features:
        return (
            f"{distinct} distinct row(s) cannot determine a {structure.name} covariance of "
            f"{data.n_features} features: use covariance_type 'diag' or 'spherical', fewer "
            "features or more rows"
        )
    shift, spread = data.moments()
    correlation = data.standardised(shift, spread).covariance()
    for j in range(1, data.n_features):
        beta = np.linalg.lstsq(correlation[:j, :j], correlation[:j, j])[0]
        if correlation[j, j] - correlation[:j, j] @ beta < _COLLINEAR**2:
            return (
                f"column {data.feature_names[j]!r} is a linear combination of the columns before "
                "it: drop it, or use covariance_type 'diag' or 'spherical'"
            )
    return ""
