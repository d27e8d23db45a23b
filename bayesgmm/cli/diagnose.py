"""``bayesgmm diagnose``: whether a saved posterior is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from bayesgmm.cli.options import Json, Quiet
from bayesgmm.cli.words import NOT_TRUSTED, Progress, errors_in_one_line, print_headline, stdout
from bayesgmm.mixture.errors import InputError
from bayesgmm.report.writing import digits, known

if TYPE_CHECKING:
    import rich.table

    from bayesgmm.bayes.result import BayesFit


def diagnose(
    fit: Annotated[str, typer.Argument(metavar="FIT", help="A saved Bayesian fit, .nc or .zarr.")],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say whether the draws of a saved posterior can be trusted.

    Prints the verdict, and a table of quantities that do not depend on what the components are
    called: where the chains disagree about these, they disagree about the mixture itself.

    Exits with 3 if something speaks against the draws.

    For example:

    bayesgmm diagnose out/bayes.nc

    bayesgmm diagnose out/bayes.nc --quiet && echo trustworthy
    """
    with errors_in_one_line():
        posterior = _posterior(fit)
    if json:
        _print_json(posterior, fit)
    elif not quiet:
        console = stdout()
        print_headline(console, posterior.headline())
        console.print()
        console.print(_table(posterior))
    problems = posterior.diagnostics.problems
    for problem in problems if quiet or json else ():
        Progress(quiet).warning(problem)
    if problems:
        raise typer.Exit(NOT_TRUSTED)


def _posterior(path: str) -> BayesFit:
    from bayesgmm.bayes.result import BayesFit
    from bayesgmm.loading import load

    fit = load(path)
    if not isinstance(fit, BayesFit):
        raise InputError(
            f"{path!r} holds an EM fit, which has no draws: name a saved Bayesian fit, such as "
            "the bayes.nc that compare leaves"
        )
    return fit


def _print_json(fit: BayesFit, path: str) -> None:
    from bayesgmm.cli.machine import judged, print_json, records

    print_json(
        "diagnose",
        {
            "fit": path,
            "diagnostics": judged(fit.diagnostics),
            "label_free": records(fit.label_free_summary().reset_index()),
            "places": [
                {"chains": chains, "label_free": records(mode.label_free_summary().reset_index())}
                for chains, mode in zip(fit.diagnostics.groups, fit.modes, strict=True)
            ],
        },
    )


def _table(fit: BayesFit) -> rich.table.Table:
    """Lay out the label-free quantities; of several modes, the mean in each."""
    import numpy as np
    from rich import box
    from rich.table import Table

    from bayesgmm.bayes.diagnostics import chains_in_words

    pooled = fit.label_free_summary()
    groups = fit.diagnostics.groups
    several = len(groups) > 1
    of_each = [mode.label_free_summary() for mode in fit.modes]
    names = [f"mean, {chains_in_words(chains)}" for chains in groups] if several else ["mean", "sd"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("quantity")
    for name in (*names, "R-hat", "ESS bulk", "ESS tail"):
        table.add_column(name, justify="right")
    means = np.column_stack([each["mean"] for each in of_each])
    sds = np.column_stack([each["sd"] for each in of_each])
    for i, quantity in enumerate(pooled.index):
        written = digits(sds[i].min())
        shown = means[i] if several else [means[i, 0], sds[i, 0]]
        table.add_row(
            escape(str(quantity)),
            *(known(value, written) for value in shown),
            known(pooled["r_hat"].iloc[i], ".3f"),
            known(pooled["ess_bulk"].iloc[i], ".0f"),
            known(pooled["ess_tail"].iloc[i], ".0f"),
        )
    return table
