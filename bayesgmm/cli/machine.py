"""Results for programs: one JSON object, with all digits; what is not known is null."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from bayesgmm import __version__

if TYPE_CHECKING:
    import pandas as pd

    from bayesgmm.bayes.diagnostics import Diagnostics


def print_json(command: str, found: Mapping[str, Any]) -> None:
    """Print what a command found."""
    whole = {"command": command, "version": __version__, **found}
    typer.echo(json.dumps(_plain(whole), allow_nan=False, ensure_ascii=False))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table as a list with an object for each row."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def judged(found: Diagnostics) -> dict[str, Any]:
    """Give the diagnostics, with the verdict."""
    words = {"verdict": found.kind, "trustworthy": found.trustworthy, "problems": found.problems}
    return {**words, **asdict(found)}


def _plain(value: Any) -> Any:
    """Turn NumPy's values and ours into those of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inside) for key, inside in value.items()}
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(inside) for inside in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
