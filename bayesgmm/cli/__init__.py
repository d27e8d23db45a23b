"""The command ``bayesgmm``: mixtures for who does not want to write Python.

What the user asked for goes to stdout, what is going on to stderr. Nothing heavy is imported
before it is needed, so that ``bayesgmm --help`` and a wrong file name are answered at once. Each
command has a module; `inputs` reads what it is given, `words` says how things go and how they
end, `machine` writes for programs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from bayesgmm import __version__
from bayesgmm.cli.compare import compare
from bayesgmm.cli.datasets import datasets
from bayesgmm.cli.diagnose import diagnose
from bayesgmm.cli.select import select
from bayesgmm.cli.words import EXIT_CODES

app = typer.Typer(
    help="Gaussian mixtures with error bars: EM and PyMC fits of one model, side by side.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (compare, select, diagnose, datasets):
    app.command(epilog=EXIT_CODES)(command)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bayesgmm {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    pass
