"""``bayesgmm select``: how many components, and which covariance structure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayesgmm.cli import inputs
from bayesgmm.cli.options import Columns, Json, Out, Quiet, Seed, Table
from bayesgmm.cli.words import (
    Progress,
    errors_in_one_line,
    print_files,
    print_headline,
    stdout,
)
from bayesgmm.report.writing import is_warning

if TYPE_CHECKING:
    import rich.table

    from bayesgmm.selection.result import Selection

_SHOWN = 10  # candidates in the table


def select(
    data: Table,
    n_components: Annotated[
        str,
        typer.Option("--n-components", "-k", help="Numbers of components, as in 1:9 or 2,3,5."),
    ] = "1:9",
    columns: Columns = None,
    criterion: Annotated[str, typer.Option(help="bic, icl or aic: lower is better.")] = "bic",
    covariance_types: Annotated[
        str | None,
        typer.Option(
            help="Structures to try, as in full,tied,VEV.", show_default="all that there are"
        ),
    ] = None,
    seed: Seed = None,
    out: Out = Path("out"),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose the number of components and the covariance structure.

    Fits every candidate by EM and ranks them by an information criterion. Prints the best ten,
    and writes into the folder --out:

    selection.csv, a row for each candidate; selection.png, a picture.

    For example:

    bayesgmm select faithful

    bayesgmm select my.csv --columns a,b -k 1:5 --covariance-types full,tied --criterion icl

    bayesgmm select my.csv --quiet --json > selection.json
    """
    with errors_in_one_line():
        say = Progress(quiet)
        numbers = inputs.whole_numbers(n_components)
        types = None if covariance_types is None else inputs.names(covariance_types)
        rows = inputs.rows(data, columns, say)
        folder = inputs.folder(out)

        from bayesgmm.em.arguments import chosen_seed
        from bayesgmm.selection.choose import select as choose

        seed = chosen_seed(seed)
        asked: dict[str, Any] = {"criterion": criterion, "random_seed": seed}
        with say.stage(f"selection, {len(numbers)} number(s) of components, seed {seed}"):
            found = choose(
                rows, numbers, covariance_types=types, progressbar=not say.quiet, **asked
            )
        written = _write(found, folder, say)
    if json:
        _print_json(found, written, data, seed)
    elif not quiet:
        console = stdout()
        console.print()
        console.print(_best(found))
        print_headline(console, found.headline())
        print_files(console, written)
    for line in found.headline() if quiet or json else ():
        if is_warning(line):
            say.warning(line.strip().removeprefix("WARNING: "))


def _write(found: Selection, folder: Path, say: Progress) -> dict[Path, str]:
    from matplotlib.figure import Figure

    from bayesgmm.plots import plot_selection

    with say.stage(f"writing to {folder}"):
        found.table.to_csv(folder / "selection.csv", index=False)
        figure = Figure(figsize=(8.4, 5.0), layout="constrained")  # no pyplot: no window, no state
        plot_selection(found, ax=figure.add_subplot())
        figure.savefig(folder / "selection.png", dpi=200)
    return {
        folder / "selection.csv": "a row for each candidate",
        folder / "selection.png": "the criterion against the number of components",
    }


def _print_json(found: Selection, written: dict[Path, str], source: str, seed: int) -> None:
    from bayesgmm.cli.machine import print_json, records

    best = found.best
    print_json(
        "select",
        {
            "data": {"source": source, "rows": best.data.n_rows, "columns": best.feature_names},
            "criterion": found.criterion,
            "best": records(found.ranked.head(1))[0],
            "candidates": records(found.table),
            "seed": seed,
            "files": [str(path) for path in written],
        },
    )


def _best(found: Selection) -> rich.table.Table:
    """Lay out the best candidates for a terminal of 100 columns."""
    from rich import box
    from rich.table import Table

    from bayesgmm.selection.result import CRITERIA, label

    best = found.ranked.head(_SHOWN)
    title = f"The best {len(best)} of {len(found.table)} candidates, by {found.criterion.upper()}"
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=title,
        title_justify="left",
        caption="K: number of components. behind: the criterion less that of the best.",
        caption_justify="left",
    )
    names = ("", "K", "covariances", "log-likelihood", "parameters")
    for name in (*names, *(name.upper() for name in CRITERIA), "behind"):
        table.add_column(name, justify="left" if name == "covariances" else "right", no_wrap=True)
    values = best[found.criterion]
    for rank, (row, value) in enumerate(zip(best.to_dict("records"), values, strict=True), 1):
        table.add_row(
            str(rank),
            str(row["n_components"]),
            label(row["covariance_type"], row["code"]),
            f"{row['log_likelihood']:.2f}",
            str(row["n_parameters"]),
            *(f"{row[name]:.2f}" for name in CRITERIA),
            f"{value - values.iloc[0]:.2f}",
        )
    return table
