"""Data as the kernels want it, and the checks that turn bad input into a clear message.

Whatever a user holds (an array, a pandas or polars frame, a column) becomes one `Data`: float64
rows with named features and optional row weights. Nothing is dropped, filled or rounded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Data:
    """Checked rows of finite numbers.

    Parameters
    ----------
    values : array, shape (N, D)
        The rows, float64, in the user's units.
    feature_names : tuple of str, length D
        Column names; ``x0, x1, ...`` where the input had none.
    row_weights : array, shape (N,) or (0,)
        Nonnegative weights; empty means that every row counts once.
    """

    values: Array
    feature_names: tuple[str, ...]
    row_weights: Array
    origin: Array = field(default_factory=lambda: np.empty(0))
    unit: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.origin.size:
            object.__setattr__(self, "origin", np.zeros(self.n_features))
            object.__setattr__(self, "unit", np.ones(self.n_features))

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return len(self.values)

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.values.shape[1])

    @property
    def total_weight(self) -> float:
        """Sum of the row weights: N where there are none."""
        return float(self.row_weights.sum()) if self.row_weights.size else float(self.n_rows)

    def moments(self) -> tuple[Array, Array]:
        """Weighted mean and standard deviation of each feature, each of shape (D,).

        Computed from differences to the first row, so that an offset common to all rows costs no
        digits.
        """
        weights = self.row_weights if self.row_weights.size else None
        origin = self.values[0]
        centred = self.values - origin
        mean = np.average(centred, axis=0, weights=weights)
        variance = np.average(np.square(centred - mean), axis=0, weights=weights)
        return origin + mean, np.sqrt(variance)

    def covariance(self) -> Array:
        """Weighted covariance of the rows, shape (D, D), dividing by the total weight."""
        weights = self.row_weights if self.row_weights.size else None
        centred = self.values - self.moments()[0]
        return np.atleast_2d(np.cov(centred, rowvar=False, ddof=0, aweights=weights))

    def count_distinct_rows(self, enough: int) -> int:
        """Count different rows among those of positive weight, until there are `enough`."""
        values = self.values[self.row_weights > 0] if self.row_weights.size else self.values
        size = 1000  # to sort a million rows, where a thousand will do, would take seconds
        while (count := len(np.unique(values[:size], axis=0))) < enough and size < len(values):
            size *= 10
        return count

    def standardised(self, shift: Array, unit: Array) -> Data:
        """Return ``(values - shift) / unit`` with the same names and weights."""
        return Data((self.values - shift) / unit, self.feature_names, self.row_weights)

    def take(self, rows: npt.NDArray[np.intp]) -> Data:
        """Return the data of these rows only."""
        weights = self.row_weights[rows] if self.row_weights.size else self.row_weights
        return Data(np.ascontiguousarray(self.values[rows]), self.feature_names, weights)

    def log_density_shift(self, unit: Array) -> float:
        """Log-likelihood in the user's units less that of rows divided by `unit`."""
        return -self.total_weight * float(np.log(unit).sum())


def as_data(X: Any, sample_weight: npt.ArrayLike | None = None) -> Data:
    """Check rows and weights, and bring them into the form that the kernels take.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), or a data frame or column of pandas, polars and the like
        Finite numbers. One dimension is taken as one feature.
    sample_weight : array, shape (N,), optional
        Nonnegative weights of the rows: a row of weight two counts as two equal rows.

    Returns
    -------
    Data

    Raises
    ------
    InputError
        If there are no rows or columns; if a column holds text, missing or infinite values
        (named, with the first such row); or if weights do not fit the rows.
    """
    if isinstance(X, Data):
        data = X
        return (
            data if sample_weight is None else _data(data.values, data.feature_names, sample_weight)
        )
    if _is_frame(X):
        names = tuple(str(name) for name in _column_names(X))
        _check_names(names)
        columns = [_column(X[name], str(name)) for name in _column_names(X)]
        values = np.column_stack(columns) if columns else np.empty((len(X), 0))
    else:
        values = _matrix(X)
        names = _default_names(X, values.shape[1])
    return _data(values, names, sample_weight)


def select_columns(X: Any, names: Sequence[str]) -> Any:
    """Return the named columns of a frame, in this order; anything else as it is.

    Raises
    ------
    InputError
        If a frame lacks one of the columns.
    """
    if not _is_frame(X):
        return X
    found = _column_names(X)
    have = [str(name) for name in found]
    missing = [name for name in names if name not in have]
    if missing:
        raise InputError(f"there is no column {missing[0]!r}; the columns are {', '.join(have)}")
    wanted = [found[have.index(name)] for name in names]
    return X.select(wanted) if _library(X) == "pyarrow" else X[wanted]


def _data(values: Array, names: tuple[str, ...], sample_weight: npt.ArrayLike | None) -> Data:
    if values.shape[1] == 0:
        raise InputError("the data have no columns: give at least one feature")
    if values.shape[0] == 0:
        raise InputError("the data have no rows")
    _check_finite(values, names)
    return Data(np.ascontiguousarray(values), names, _row_weights(sample_weight, values.shape[0]))


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and hasattr(X, "__getitem__") and not isinstance(X, np.ndarray)


def _column_names(X: Any) -> list[Any]:
    """List the names of a frame's columns; in Arrow's tables `columns` are the columns."""
    return list(X.column_names if _library(X) == "pyarrow" else X.columns)


def _library(X: Any) -> str:
    return type(X).__module__.split(".")[0]


def _check_names(names: tuple[str, ...]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"column names must differ, but {repeated[0]!r} occurs more than once")


def _column(column: Any, name: str) -> Array:
    if hasattr(column, "to_numpy") and hasattr(column, "isna"):
        column = column.astype(object).where(column.notna(), np.nan).to_numpy()
    return _numbers(np.asarray(column), f"column {name!r}")


def _matrix(X: Any) -> Array:
    if isinstance(X, np.ma.MaskedArray) and np.ma.getmaskarray(X).any():
        raise InputError("the array has masked values: drop or fill them first")
    try:
        array = np.asarray(X)
    except ValueError:
        raise InputError("the rows must all have the same number of columns") from None
    if array.ndim not in (1, 2):
        raise InputError(
            f"the data must have one or two dimensions, (rows,) or (rows, features), "
            f"not shape {array.shape}"
        )
    return _numbers(array if array.ndim == 2 else array[:, None], "the array")


def _default_names(X: Any, n_features: int) -> tuple[str, ...]:
    name = getattr(X, "name", None)
    if n_features == 1 and isinstance(name, str) and name:
        return (name,)
    return tuple(f"x{i}" for i in range(n_features))


def _numbers(array: npt.NDArray[Any], where: str) -> Array:
    remedy = "choose the numeric columns, or encode this one as numbers"
    if array.dtype.kind in "biuf":
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind == "O":
        for row, value in enumerate(array.ravel()):
            if isinstance(value, str):
                raise InputError(f"{where} holds text ({value!r} at row {row}): {remedy}")
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    kind = "text" if array.dtype.kind in "SUT" else f"values of type {array.dtype}"
    raise InputError(f"{where} holds {kind}, not numbers: {remedy}")


def _check_finite(values: Array, names: tuple[str, ...]) -> None:
    if np.isfinite(values).all():
        return
    for name, column in zip(names, values.T, strict=True):
        for bad, kind in ((np.isnan(column), "missing (NaN)"), (np.isinf(column), "infinite")):
            if bad.any():
                count, first = int(bad.sum()), int(np.argmax(bad))
                raise InputError(
                    f"column {name!r} has {count} {kind} value{'s' if count > 1 else ''}, "
                    f"the first at row {first}: drop those rows or fill them in first"
                )


def _row_weights(sample_weight: npt.ArrayLike | None, n_rows: int) -> Array:
    if sample_weight is None:
        return np.empty(0)
    weights = _numbers(np.asarray(sample_weight), "sample_weight")
    if weights.shape != (n_rows,):
        raise InputError(
            f"sample_weight must have one weight a row, shape ({n_rows},), not {weights.shape}"
        )
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"sample_weight must be nonnegative and finite, but row {row} has {weights[row]:g}"
        )
    if not weights.any():
        raise InputError("sample_weight is zero for every row: nothing is left to fit")
    return np.ascontiguousarray(weights)
