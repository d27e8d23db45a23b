"""One table as an array: what pandas, polars, Arrow and NumPy hold, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError

Floats = npt.NDArray[np.floating[Any]]


def read_table(X: Any, first_row: int = 0) -> tuple[Floats, tuple[str, ...]]:
    """Read an array, a column or a frame.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), or a data frame or column of pandas, polars and the like
        Numbers. One dimension is taken as one feature.
    first_row : int
        Number of its first row, for messages.

    Returns
    -------
    values : array, shape (N, D)
        float32 if that is what `X` holds, else float64; may share its memory.
    names : tuple of str, length D
        Column names; ``x0, x1, ...`` where there are none.

    Raises
    ------
    InputError
        If it is not a table of numbers: missing and infinite ones are numbers here.
    """
    if not is_frame(X):
        values = _matrix(X, first_row)
        return values, _default_names(X, values.shape[1])
    names = tuple(str(name) for name in column_names(X))
    _check_names(names)
    columns = [_column(X[name], str(name), first_row) for name in column_names(X)]
    return np.column_stack(columns) if columns else np.empty((len(X), 0)), names


def is_frame(X: Any) -> bool:
    """Whether `X` has named columns."""
    return hasattr(X, "columns") and hasattr(X, "__getitem__") and not isinstance(X, np.ndarray)


def column_names(X: Any) -> list[Any]:
    """List the names of a frame's columns; in Arrow's tables `columns` are the columns."""
    return list(X.column_names if library(X) == "pyarrow" else X.columns)


def library(X: Any) -> str:
    """Name the package that `X` comes from."""
    return type(X).__module__.split(".")[0]


def _check_names(names: tuple[str, ...]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"column names must differ, but {repeated[0]!r} occurs more than once")


def _column(column: Any, name: str, first_row: int) -> Floats:
    if hasattr(column, "to_numpy") and hasattr(column, "isna") and not _is_plain(column):
        column = column.astype(object).where(column.notna(), np.nan).to_numpy()
    return numbers(np.asarray(column), f"column {name!r}", first_row)


def _is_plain(column: Any) -> bool:
    """Whether NumPy knows the column's type; pandas has types of its own, with missing values."""
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf"


def _matrix(X: Any, first_row: int) -> Floats:
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
    return numbers(array if array.ndim == 2 else array[:, None], "the array", first_row)


def _default_names(X: Any, n_features: int) -> tuple[str, ...]:
    name = getattr(X, "name", None)
    if n_features == 1 and isinstance(name, str) and name:
        return (name,)
    return tuple(f"x{i}" for i in range(n_features))


def numbers(array: npt.NDArray[Any], where: str, first_row: int = 0) -> Floats:
    """Return an array of numbers as float32 if it is that, else as float64.

    Raises
    ------
    InputError
        If it holds anything but numbers; `where` says what it is, in the user's words.
    """
    remedy = "choose the numeric columns, or encode this one as numbers"
    if array.dtype.kind in "biuf":
        return array if array.dtype == np.float32 else np.asarray(array, dtype=np.float64)
    if array.dtype.kind == "O":
        for row, value in enumerate(array.ravel(), first_row):
            if isinstance(value, str):
                raise InputError(f"{where} holds text ({value!r} at row {row}): {remedy}")
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    kind = "text" if array.dtype.kind in "SUT" else f"values of type {array.dtype}"
    raise InputError(f"{where} holds {kind}, not numbers: {remedy}")
