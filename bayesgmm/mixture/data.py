"""Data as the kernels want them, and the checks that turn bad input into a clear message.

Whatever a user holds (an array, a frame, a column, a Parquet file, batches) becomes one `Data`:
rows with named features and optional row weights. Nothing is dropped, filled or rounded here, and
what is large stays where it is: no step makes a second copy of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.sources import is_batched, is_path, row_groups, spool
from bayesgmm.mixture.tables import (
    Floats,
    column_names,
    is_frame,
    library,
    numbers,
    read_table,
)

Array = npt.NDArray[np.float64]

_CHUNK = 2**17  # numbers, a megabyte
_LARGE = 64 * 2**20  # bytes; arrays of the user that are smaller are copied


def _empty() -> Array:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Data:
    """Checked rows of finite numbers: ``(values - origin) / unit``.

    Parameters
    ----------
    values : array, shape (N, D)
        float64 or float32, C-contiguous, in the user's units; may be mapped from a file.
    feature_names : tuple of str, length D
        Column names; ``x0, x1, ...`` where the input had none.
    row_weights : array, shape (N,) or (0,)
        Nonnegative weights; empty means that every row counts once.
    origin, unit : array, shape (D,)
        Where the rows count from and in what unit: by default zeros and ones.
    """

    values: Floats
    feature_names: tuple[str, ...]
    row_weights: Array
    origin: Array = field(default_factory=_empty)
    unit: Array = field(default_factory=_empty)
    _standardised: dict[tuple[bytes, bytes], Data] = field(
        default_factory=dict, init=False, repr=False
    )

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

    def rows(self, start: int = 0, stop: int | None = None) -> Array:
        """Return rows `start` to `stop` in their units: a new float64 array."""
        rows = np.subtract(np.asarray(self.values[start:stop]), self.origin, dtype=np.float64)
        return np.multiply(rows, 1 / self.unit, out=rows)

    def chunks(self) -> Iterator[slice]:
        """Cut the rows into pieces of about a megabyte."""
        return pieces(self.n_rows, max(1, _CHUNK // self.n_features))

    def moments(self) -> tuple[Array, Array]:
        """Weighted mean and standard deviation of each feature, each of shape (D,).

        Computed from differences to the first row, so that an offset common to all rows costs no
        digits.
        """
        return self._moments

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        first = self.rows(0, 1)[0]
        mean = first + self._average(lambda x: x - first)
        return mean, np.sqrt(self._average(lambda x: np.square(x - mean)))

    def _average(self, of_rows: Callable[[Array], Array]) -> Array:
        """Weighted average of a function that maps rows (n, D) to rows."""
        total = np.zeros(self.n_features)
        for chunk in self.chunks():
            terms, weights = of_rows(self.rows(chunk.start, chunk.stop)), self.row_weights[chunk]
            total += weights @ terms if weights.size else terms.sum(axis=0)
        return total / self.total_weight

    def covariance(self) -> Array:
        """Weighted covariance of the rows, shape (D, D), dividing by the total weight."""
        return self._covariance

    @cached_property
    def _covariance(self) -> Array:
        mean, total = self.moments()[0], np.zeros((self.n_features, self.n_features))
        for chunk in self.chunks():
            centred = self.rows(chunk.start, chunk.stop) - mean
            if self.row_weights.size:
                centred *= np.sqrt(self.row_weights[chunk, None])
            total += centred.T @ centred
        return total / self.total_weight

    def count_distinct_rows(self, enough: int) -> int:
        """Count different rows among those of positive weight, until there are `enough`."""
        distinct = np.empty((0, self.n_features))
        for chunk in self.chunks():
            values = self.values[chunk]
            if self.row_weights.size:
                values = values[self.row_weights[chunk] > 0]
            distinct = np.unique(np.concatenate([distinct, values]), axis=0)
            if len(distinct) >= enough:
                break
        return len(distinct)

    @cached_property
    def n_distinct(self) -> int:
        """How many different rows of positive weight there are."""
        return self.count_distinct_rows(self.n_rows)

    def counted(self, most: int) -> Data | None:
        """Return the different rows, with the sum of their weights; None if more than `most`."""
        rows, weights = np.empty((0, self.n_features), self.values.dtype), np.empty(0)
        for chunk in self.chunks():
            ones = np.ones(chunk.stop - chunk.start)
            added = self.row_weights[chunk] if self.row_weights.size else ones
            both = np.concatenate([rows, self.values[chunk]])
            rows, which = np.unique(both, axis=0, return_inverse=True)
            weights = np.bincount(which.ravel(), np.concatenate([weights, added]))
            if len(rows) > most:
                return None
        return replace(self, values=rows, row_weights=weights)

    def standardised(self, shift: Array, unit: Array) -> Data:
        """Return the data whose rows are ``(rows - shift) / unit``; they share the values.

        The same for the same arguments, as much is known of them once they have been used.
        """
        key = shift.tobytes(), unit.tobytes()
        if key not in self._standardised:
            origin = self.origin + self.unit * shift
            self._standardised[key] = replace(self, origin=origin, unit=self.unit * unit)
        return self._standardised[key]

    def take(self, rows: npt.NDArray[np.intp]) -> Data:
        """Return the data of these rows only."""
        weights = self.row_weights[rows] if self.row_weights.size else self.row_weights
        return replace(self, values=np.asarray(self.values[rows]), row_weights=weights)

    def distinct(self) -> Data:
        """Return each row of positive weight once, in ascending order, with its total weight.

        Whatever is made of these does not depend on the order of the rows, and copies of a row
        are the same as a weight.
        """
        return self._distinct

    @cached_property
    def _distinct(self) -> Data:
        weights = self.row_weights if self.row_weights.size else np.ones(self.n_rows)
        values, which = np.unique(self.values[weights > 0], axis=0, return_inverse=True)
        totals = np.bincount(which.ravel(), weights[weights > 0])
        totals = np.empty(0) if (totals == 1).all() else totals
        return replace(self, values=values, row_weights=totals)

    def log_density_shift(self, unit: Array) -> float:
        """Log-likelihood in the user's units less that of rows divided by `unit`."""
        return -self.total_weight * float(np.log(unit).sum())


def pieces(n_rows: int, size: int) -> Iterator[slice]:
    """Cut rows into consecutive pieces of a size, of which the last may be smaller."""
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def as_data(X: Any, sample_weight: npt.ArrayLike | None = None) -> Data:
    """Check rows and weights, and bring them into the form that the kernels take.

    Small arrays are copied. A C-contiguous float64 or float32 array that is mapped from a file
    (`numpy.memmap`), or larger than 64 MiB, is not: it is shared, so leave it as it is while
    anything made from it is in use.

    Parameters
    ----------
    X : array, frame, path or iterator
        Finite numbers: an array of shape (N, D) or (N,), where one dimension is taken as one
        feature; a data frame or column of pandas, polars and the like; the path of a Parquet
        file; or an iterator over arrays or frames with the same columns. Files and batches are
        read piece by piece into a temporary file, and never need to fit into memory.
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
        if sample_weight is None:
            return X
        return replace(X, row_weights=_row_weights(sample_weight, X.n_rows))
    if is_path(X) or is_batched(X):
        values, names = spool(row_groups(X) if is_path(X) else X)
    else:
        values, names = read_table(X)
    if values.shape[1] == 0:
        raise InputError("the data have no columns: give at least one feature")
    if values.shape[0] == 0:
        raise InputError("the data have no rows")
    _check_finite(values, names)
    return Data(_kept(values), names, _row_weights(sample_weight, values.shape[0]))


def select_columns(X: Any, names: Sequence[str]) -> Any:
    """Return the named columns of a frame, file or batches of frames, in this order.

    Arrays, which have no names, are returned as they are.

    Raises
    ------
    InputError
        If a frame lacks one of the columns.
    """
    if is_path(X):
        return (select_columns(table, names) for table in row_groups(X, names))
    if is_batched(X):
        return (select_columns(batch, names) for batch in X)
    if not is_frame(X):
        return X
    found = column_names(X)
    have = [str(name) for name in found]
    missing = [name for name in names if name not in have]
    if missing:
        raise InputError(f"there is no column {missing[0]!r}; the columns are {', '.join(have)}")
    wanted = [found[have.index(name)] for name in names]
    return X.select(wanted) if library(X) == "pyarrow" else X[wanted]


def _kept(values: Floats) -> Floats:
    """Share what is large or mapped; copy what is small, so that its owner may go on with it."""
    if values.nbytes > _LARGE or _is_mapped(values):
        return np.ascontiguousarray(values)
    return np.array(values, dtype=np.float64, order="C")


def _is_mapped(values: Any) -> bool:
    while isinstance(values, np.ndarray):
        if isinstance(values, np.memmap):
            return True
        values = values.base
    return False


def _check_finite(values: Floats, names: tuple[str, ...]) -> None:
    for rows in pieces(len(values), max(1, _CHUNK // len(names))):
        if not np.isfinite(values[rows]).all():
            _raise_not_finite(values, names)


def _raise_not_finite(values: Floats, names: tuple[str, ...]) -> None:
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
    weights = np.asarray(numbers(np.asarray(sample_weight), "sample_weight"), np.float64)
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
    return weights.copy()
