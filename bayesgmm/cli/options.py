"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Table = Annotated[
    str, typer.Argument(metavar="DATA", help="A .csv or .parquet file, or a shipped data set.")
]
Columns = Annotated[
    str | None, typer.Option(help="Columns to fit, as in a,b; by default all.", show_default=False)
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0, help="The same seed gives the same numbers.", show_default="drawn, and said"
    ),
]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, with all digits, and no table.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")]
