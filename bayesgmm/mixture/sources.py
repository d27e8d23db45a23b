"""Data that come in pieces: Parquet files and batches, gathered in a temporary file.

A piece at a time is in memory. The rows go into a file that is mapped into memory, so that the
system keeps of it what there is room for, and fits read it like any array. The file is in the
system's folder for temporary files (``TMPDIR`` chooses another) and goes when nothing refers to
the rows any more.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.tables import Floats, read_table


def is_path(X: Any) -> bool:
    """Whether `X` names a file."""
    return isinstance(X, str | Path)


def is_batched(X: Any) -> bool:
    """Whether `X` is an iterator over batches."""
    return isinstance(X, Iterator)


def row_groups(path: str | Path, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Yield the row groups of a Parquet file, as tables of some columns or of all.

    Raises
    ------
    InputError
        If it is not a Parquet file, or pyarrow is not there to read it.
    """
    if Path(path).suffix != ".parquet":
        raise InputError(
            f"cannot read {str(path)!r}: a path must end in '.parquet'; read other files "
            "first, for instance with pandas.read_csv"
        )
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise InputError(
            "Parquet files need pyarrow: install it with pip install 'bayesgmm[parquet]'"
        ) from None
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ArrowInvalid) as error:
        raise InputError(f"cannot read {str(path)!r}: {error}") from error
    with file:
        for i in range(file.num_row_groups):
            yield file.read_row_group(i, columns=columns)


def spool(batches: Iterable[Any]) -> tuple[Floats, tuple[str, ...]]:
    """Gather batches of rows in a temporary file.

    Parameters
    ----------
    batches : iterable of array or data frame
        Tables with the same columns in the same order, and of the same type.

    Returns
    -------
    values : numpy.memmap, shape (N, D)
        All rows, mapped. The file is removed with the last reference to them.
    names : tuple of str, length D
        Column names.

    Raises
    ------
    InputError
        If a batch is not a table of numbers, or not like the first; rows are counted through.
    """
    descriptor, path = tempfile.mkstemp(prefix="bayesgmm-", suffix=".rows")
    try:
        with os.fdopen(descriptor, "wb") as file:
            n_rows, dtype, names = _write(batches, file)
        mapped = np.memmap(path, dtype, "r", shape=(n_rows, len(names)))
    except BaseException:
        _remove(path)
        raise
    weakref.finalize(mapped, _remove, path)
    return mapped, names


def _write(batches: Iterable[Any], file: Any) -> tuple[int, Any, tuple[str, ...]]:
    """Write all batches; return how many rows there were, of which type and with what names."""
    n_rows, first = 0, None
    for number, batch in enumerate(batches):
        values, names = read_table(batch, n_rows)
        kind = values.dtype, names
        first = first or kind
        if kind != first:
            raise InputError(
                f"batch {number} has {_described(*kind)}, but batch 0 has {_described(*first)}: "
                "all batches must be alike"
            )
        np.ascontiguousarray(values).tofile(file)
        n_rows += len(values)
    if first is None or n_rows == 0:
        raise InputError("the data have no rows")
    if not first[1]:
        raise InputError("the data have no columns: give at least one feature")
    return n_rows, *first


def _described(dtype: Any, names: tuple[str, ...]) -> str:
    return f"{len(names)} column(s) of {dtype} ({', '.join(names)})"


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
