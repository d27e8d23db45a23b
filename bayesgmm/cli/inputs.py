"""What the command is given: tables, their columns, ranges of numbers, folders."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesgmm.cli.words import Progress
from bayesgmm.mixture.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)
_RANGE = re.compile(r"(\d+):(\d+)|\d+(,\d+)*")


def names(text: str) -> list[str]:
    """Split ``a, b`` into names."""
    return [name.strip() for name in text.split(",")]


def whole_numbers(text: str) -> list[int]:
    """Read ``1:9``, which is one to nine, or ``2,3,5``."""
    matched = _RANGE.fullmatch(text.replace(" ", ""))
    if matched is None:
        raise InputError(f"-k {text!r} is not understood: write 1:9 for one to nine, or 2,3,5")
    if matched[1]:
        first, last = int(matched[1]), int(matched[2])
        if first > last:
            raise InputError(f"-k {text!r} is empty: write {last}:{first}")
        return list(range(first, last + 1))
    return [int(number) for number in matched[0].split(",")]


def folder(out: Path) -> Path:
    """Make the folder for the results, before anything takes time."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"--out {str(out)!r} is a file, or lies below one: name a folder"
        ) from None
    except OSError as error:
        raise InputError(f"cannot make the folder {str(out)!r}: {error.strerror}") from None
    return out


def rows(data: str, columns: str | None, say: Progress) -> pd.DataFrame:
    """Read the table and choose its columns."""
    from bayesgmm.datasets import DATASETS, load_dataset

    path = Path(data)
    if path.is_file():
        frame = _choose(_read(path), columns)
    elif data in DATASETS:
        frame, label = load_dataset(data), DATASETS[data].label
        if columns is None and label is not None:
            frame = frame.drop(columns=label)
            say(f"{data}: column {label!r} tells the groups and is left out")
        frame = _choose(frame, columns)
    else:
        raise InputError(_no_such_data(path))
    say(f"{data}: {len(frame)} rows of {', '.join(map(str, frame.columns))}")
    return frame


def _no_such_data(path: Path) -> str:
    from bayesgmm.datasets import dataset_names

    known = dataset_names()
    close = get_close_matches(path.name.lower(), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f" (there are {', '.join(known)})"
    if path.is_dir():
        return f"{str(path)!r} is a folder: name a .csv or .parquet file in it"
    if path.suffix or len(path.parts) > 1:
        return f"there is no file {str(path)!r}"
    return f"there is neither a file nor a data set {str(path)!r}{hint}"


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    readers: dict[str, Any] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"cannot read {str(path)!r}: only .csv and .parquet files are understood")
    try:
        frame: pd.DataFrame = readers[path.suffix.lower()](path)
    except ImportError:
        raise InputError(
            f"reading {str(path)!r} needs pyarrow: install 'bayesgmm[parquet]'"
        ) from None
    except (ValueError, OSError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise InputError(f"cannot read {str(path)!r}: {error}") from None
    return frame


def _choose(frame: pd.DataFrame, columns: str | None) -> pd.DataFrame:
    """Take the named columns, or all of them if all can be fitted."""
    from bayesgmm.mixture.data import select_columns

    if columns is not None:
        return select_columns(frame, names(columns))
    if all(_NUMBER.fullmatch(str(name)) for name in frame.columns):
        raise InputError("the first line holds numbers, but should name the columns: add names")
    numeric = [str(name) for name in frame.select_dtypes("number")]
    named = [name for name in numeric if not name.startswith("Unnamed: ")]
    if not named:
        raise InputError(f"no column holds numbers; the columns are {', '.join(map(str, frame))}")
    choice = f"choose with --columns from {', '.join(named)}"
    for name in map(str, frame.columns):
        if name not in numeric:
            raise InputError(f"column {name!r} does not hold numbers: {choice}")
        if name not in named:
            raise InputError(f"there is a column without a name, perhaps row numbers: {choice}")
    return frame
