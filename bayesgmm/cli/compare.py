"""``bayesgmm compare``: fit one table both ways."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from bayesgmm.cli import inputs
from bayesgmm.cli.options import Columns, Json, Out, Quiet, Seed, Table
from bayesgmm.cli.words import (
    NOT_TRUSTED,
    Progress,
    errors_in_one_line,
    print_files,
    print_headline,
    stdout,
)
from bayesgmm.report.writing import digits, known

if TYPE_CHECKING:
    import pandas as pd
    import rich.table

    from bayesgmm.bayes.result import BayesFit
    from bayesgmm.em.result import EMFit
    from bayesgmm.report.places import Place


def compare(
    data: Table,
    n_components: Annotated[
        int, typer.Option("--n-components", "-k", help="Number of components.")
    ],
    columns: Columns = None,
    covariance_type: Annotated[str, typer.Option(help="full, tied, diag or spherical.")] = "full",
    draws: Annotated[int, typer.Option(min=4, help="Draws of each chain to keep.")] = 1000,
    tune: Annotated[int, typer.Option(min=0, help="Adaptation steps before them.")] = 1000,
    chains: Annotated[int, typer.Option(min=1, help="Number of chains.")] = 4,
    target_accept: Annotated[
        float,
        typer.Option(min=0.01, max=0.999, help="Acceptance rate to tune the step size to."),
    ] = 0.9,
    thin: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep every so many draws, of chains that are as many times as long.",
            show_default="1, or more if chains have not mixed",
        ),
    ] = None,
    seed: Seed = None,
    out: Out = Path("out"),
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 if the draws cannot be trusted.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a mixture by EM and by PyMC's NUTS, and put the two side by side.

    Prints a table, and writes into the folder --out:

    report.html, all about the two fits in one page;

    comparison.csv, the table in full; comparison.png, a picture;

    em.nc and bayes.nc, the fits, which bayesgmm.load gets back.

    For example:

    bayesgmm compare faithful -k 2

    bayesgmm compare my.csv --columns a,b -k 3 --out results

    bayesgmm compare my.csv -k 3 --strict --quiet --json > results.json
    """
    with errors_in_one_line():
        say = Progress(quiet)
        rows = inputs.rows(data, columns, say)
        folder = inputs.folder(out)
        em, bayes = _fit_both(
            rows,
            n_components,
            say,
            covariance_type=covariance_type,
            seed=seed,
            draws=draws,
            tune=tune,
            chains=chains,
            target_accept=target_accept,
            thin=thin,
        )
        from bayesgmm.report.places import places

        found = places(em, bayes)
        written = _write(em, bayes, found, folder, data, say)
    if json:
        _print_json(em, bayes, found, written, data)
    elif not quiet:
        _print_all(em, bayes, found, written)
    for problem in bayes.diagnostics.problems if quiet or json else ():
        say.warning(problem)
    if strict and not bayes.diagnostics.trustworthy:
        raise typer.Exit(NOT_TRUSTED)


def _fit_both(
    rows: pd.DataFrame,
    n_components: int,
    say: Progress,
    *,
    covariance_type: str,
    seed: int | None,
    **sampling: Any,
) -> tuple[EMFit, BayesFit]:
    from bayesgmm.em.fit import fit_em

    kind: dict[str, Any] = {"covariance_type": covariance_type, "progressbar": not say.quiet}
    plural = "" if n_components == 1 else "s"
    with say.stage(f"EM, {n_components} {covariance_type} component{plural}"):
        em = fit_em(rows, n_components, random_seed=seed, **kind)
    seed = em.settings["random_seed"]
    chains, draws, tune = (sampling[name] for name in ("chains", "draws", "tune"))
    with say.stage(f"NUTS, {chains} chains of {tune} + {draws} draws, seed {seed}"):
        from bayesgmm.bayes.fit import fit_bayes

        bayes = fit_bayes(rows, n_components, start=em, random_seed=seed, **kind, **sampling)
    return em, bayes


def _write(
    em: EMFit,
    bayes: BayesFit,
    found: tuple[Place, ...],
    folder: Path,
    source: str,
    say: Progress,
) -> dict[Path, str]:
    """Write the results, and say what is in which file."""
    from bayesgmm.report.page import write_report
    from bayesgmm.report.pictures import draw_places
    from bayesgmm.report.places import one_table

    with say.stage(f"writing to {folder}"):
        one_table(found).to_csv(folder / "comparison.csv", index=False)
        draw_places(em, found).savefig(folder / "comparison.png", dpi=200)
        em.save(folder / "em.nc")
        bayes.save(folder / "bayes.nc")
        write_report(em, bayes, folder / "report.html", source=source)
    return {
        folder / "report.html": "all of this in one page",
        folder / "comparison.csv": "the table, in full",
        folder / "comparison.png": "the rows and both fits",
        folder / "em.nc": "the EM fit, for bayesgmm.load",
        folder / "bayes.nc": "the Bayesian fit, for bayesgmm.load and bayesgmm diagnose",
    }


def _print_json(
    em: EMFit,
    bayes: BayesFit,
    found: tuple[Place, ...],
    written: dict[Path, str],
    source: str,
) -> None:
    from bayesgmm.cli.machine import judged, print_json, records

    numbers = ("log_likelihood", "n_parameters", "bic", "aic", "icl", "converged", "sound")
    print_json(
        "compare",
        {
            "data": {"source": source, "rows": em.data.n_rows, "columns": em.feature_names},
            "n_components": em.n_components,
            "covariance_type": bayes.covariance_type,
            "em": {**{name: getattr(em, name) for name in numbers}, "settings": em.settings},
            "bayes": {
                "diagnostics": judged(bayes.diagnostics),
                "priors": bayes.known_priors.to_dict(),
                "settings": bayes.settings,
            },
            "places": [
                {"chains": place.chains, "comparison": records(place.comparison)} for place in found
            ],
            "files": [str(path) for path in written],
        },
    )


def _print_all(
    em: EMFit, bayes: BayesFit, found: tuple[Place, ...], written: dict[Path, str]
) -> None:
    console = stdout()
    for place in found:
        console.print()
        console.print(_table(place))
    for fit in (em, bayes):
        print_headline(console, fit.headline())
    print_files(console, written)


def _table(place: Place) -> rich.table.Table:
    """Lay the comparison out for a terminal of 100 columns."""
    from rich import box
    from rich.table import Table

    alone = f": {place.name} alone, one of several modes" if place.name else ""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=f"Maximum likelihood and posterior, side by side{alone}",
        title_justify="left",
        caption="s.e.: standard error of EM. sd, interval: of the posterior, 95 %, equal tails.\n"
        "ESS: effective draws, the smaller of bulk and tail.\n"
        "shift: how far EM lies above the posterior mean, in posterior sds.",
        caption_justify="left",
    )
    table.add_column("parameter")
    for name in ("EM", "s.e.", "mean", "sd", "interval", "R-hat", "ESS", "shift"):
        table.add_column(name, justify="right", no_wrap=True)
    for component, rows in place.comparison.groupby("component"):
        table.add_section()
        table.add_row(f"component {component}", style="bold")
        for row in rows.itertuples(index=False):
            table.add_row(*_cells(row))
    return table


def _cells(row: Any) -> list[str]:
    written = digits(row.sd)
    ess = min(row.ess_bulk, row.ess_tail) if row.sd > 0 else nan
    numbers = [known(value, written) for value in (row.mle, row.se, row.mean, row.sd)]
    return [
        escape(f"  {row.parameter} {row.feature}".rstrip()),
        *numbers,
        f"{row.interval_low:{written}} to {row.interval_high:{written}}",
        known(row.r_hat, ".3f"),
        known(ess, ".0f"),
        known(row.difference, "+.2f"),
    ]
