"""The command ``bayesgmm``: fit one table both ways, without writing Python.

What the user asked for goes to stdout, what is going on to stderr. Nothing heavy is imported
before it is needed, so that ``bayesgmm --help`` and a wrong file name are answered at once.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from math import floor, isfinite, log10, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from bayesgmm import __version__
from bayesgmm.mixture.errors import FitError, InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from bayesgmm.bayes.result import BayesFit
    from bayesgmm.em.result import EMFit

_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)
_WIDTH = 100  # where nobody watches: a pipe, a log

app = typer.Typer(
    help="Gaussian mixtures with error bars: EM and PyMC fits of one model, side by side.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


@app.command()
def datasets() -> None:
    """List the data sets that are shipped."""
    from rich.table import Table

    from bayesgmm.datasets import DATASETS

    table = Table("name", "rows", "features", "what it is", "source", box=None, pad_edge=False)
    for name, known in DATASETS.items():
        table.add_row(name, str(known.n_rows), str(len(known.features)), known.about, known.source)
    _stdout().print(table)


@app.command()
def compare(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A .csv or .parquet file, or a shipped data set.")
    ],
    n_components: Annotated[
        int, typer.Option("--n-components", "-k", help="Number of components.")
    ],
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to fit, as in a,b; by default all.", show_default=False),
    ] = None,
    covariance_type: Annotated[str, typer.Option(help="full, tied, diag or spherical.")] = "full",
    draws: Annotated[int, typer.Option(min=4, help="Draws of each chain to keep.")] = 1000,
    tune: Annotated[int, typer.Option(min=0, help="Adaptation steps before them.")] = 1000,
    chains: Annotated[int, typer.Option(min=1, help="Number of chains.")] = 4,
    target_accept: Annotated[
        float,
        typer.Option(min=0.01, max=0.999, help="Acceptance rate to tune the step size to."),
    ] = 0.9,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="The same seed gives the same numbers.", show_default="drawn, and said"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Fit a mixture by EM and by PyMC's NUTS, and put the two side by side.

    Prints a table, and writes into the folder --out:

    comparison.csv, the table in full; comparison.png, a picture;

    em.nc and bayes.nc, the fits, which bayesgmm.load gets back.

    For example:

    bayesgmm compare faithful -k 2

    bayesgmm compare my.csv --columns a,b -k 3 --out results
    """
    with _errors_in_one_line():
        say = _Progress(quiet)
        frame = _rows(data, columns, say)
        folder = _folder(out)
        em, bayes = _fit_both(
            frame,
            n_components,
            say,
            covariance_type=covariance_type,
            seed=seed,
            draws=draws,
            tune=tune,
            chains=chains,
            target_accept=target_accept,
        )
        written = _write(em, bayes, folder, say)
        if not quiet:
            _report(em, bayes, written)
        for problem in bayes.diagnostics.problems if quiet else ():
            say.warning(problem)


class _Progress:
    """What is going on, on stderr, with the time that each stage took."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def __call__(self, words: str) -> None:
        if not self.quiet:
            self._console.print(words, markup=False)

    def warning(self, words: str) -> None:
        self._console.print(f"[bold red]Warning:[/] {escape(words)}")

    @contextmanager
    def stage(self, words: str) -> Iterator[None]:
        """Say what begins, then how long it took; turn Python's warnings into lines."""
        self(f"{words} ...")
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_, **__: self.warning(str(message))
            yield
        self(f"  done in {time.perf_counter() - began:.1f} s")


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Exit with 2 where the input is to blame, with 1 where the fit or the disk is.

    A bug of ours is neither, and still shows its traceback.
    """
    try:
        yield
    except (InputError, FitError, OSError) as error:
        message = " ".join(str(error).split())
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"[bold red]Error:[/] {escape(message)}"
        )
        raise typer.Exit(2 if isinstance(error, InputError) else 1) from None


def _folder(out: Path) -> Path:
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


def _rows(data: str, columns: str | None, say: _Progress) -> pd.DataFrame:
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
        return select_columns(frame, [name.strip() for name in columns.split(",")])
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


def _fit_both(
    frame: pd.DataFrame,
    n_components: int,
    say: _Progress,
    *,
    covariance_type: str,
    seed: int | None,
    **sampling: Any,
) -> tuple[EMFit, BayesFit]:
    from bayesgmm.em.fit import fit_em

    kind: dict[str, Any] = {"covariance_type": covariance_type, "progressbar": not say.quiet}
    plural = "" if n_components == 1 else "s"
    with say.stage(f"EM, {n_components} {covariance_type} component{plural}"):
        em = fit_em(frame, n_components, random_seed=seed, **kind)
    seed = em.settings["random_seed"]
    chains, draws, tune = (sampling[name] for name in ("chains", "draws", "tune"))
    with say.stage(f"NUTS, {chains} chains of {tune} + {draws} draws, seed {seed}"):
        from bayesgmm.bayes.fit import fit_bayes

        bayes = fit_bayes(frame, n_components, start=em, random_seed=seed, **kind, **sampling)
    return em, bayes


def _write(em: EMFit, bayes: BayesFit, folder: Path, say: _Progress) -> dict[Path, str]:
    """Write the results, and say what is in which file."""
    from matplotlib.figure import Figure

    from bayesgmm.plots import plot_comparison
    from bayesgmm.results.comparison import compare as side_by_side

    with say.stage(f"writing to {folder}"):
        side_by_side(em, bayes).to_csv(folder / "comparison.csv", index=False)
        figure = Figure(figsize=(7.2, 5.0), layout="constrained")  # no pyplot: no window, no state
        plot_comparison(em, bayes, ax=figure.add_subplot())
        figure.savefig(folder / "comparison.png", dpi=200)
        em.save(folder / "em.nc")
        bayes.save(folder / "bayes.nc")
    return {
        folder / "comparison.csv": "the table, in full",
        folder / "comparison.png": "the rows and both fits",
        folder / "em.nc": "the EM fit, for bayesgmm.load",
        folder / "bayes.nc": "the Bayesian fit, for bayesgmm.load",
    }


def _report(em: EMFit, bayes: BayesFit, written: dict[Path, str]) -> None:
    from bayesgmm.results.comparison import compare as side_by_side

    console = _stdout()
    console.print()
    console.print(_table(side_by_side(em, bayes)))
    for fit in (em, bayes):
        console.print()
        for line in fit.headline():
            console.print(line, style=_mood(line), markup=False, soft_wrap=True)
    console.print()
    width = max(len(str(path)) for path in written)
    for path, words in written.items():
        console.print(f"{path!s:{width}}  {words}", markup=False, soft_wrap=True)


def _table(comparison: pd.DataFrame) -> Table:
    """Lay the comparison out for a terminal of 100 columns."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title="Maximum likelihood and posterior, side by side",
        title_justify="left",
        caption="s.e.: standard error of EM. sd, interval: of the posterior, 95 %, equal tails.\n"
        "ESS: effective draws, the smaller of bulk and tail.\n"
        "shift: how far EM lies above the posterior mean, in posterior sds.",
        caption_justify="left",
    )
    table.add_column("parameter")
    for name in ("EM", "s.e.", "mean", "sd", "interval", "R-hat", "ESS", "shift"):
        table.add_column(name, justify="right", no_wrap=True)
    for component, rows in comparison.groupby("component"):
        table.add_section()
        table.add_row(f"component {component}", style="bold")
        for row in rows.itertuples(index=False):
            table.add_row(*_cells(row))
    return table


def _cells(row: Any) -> list[str]:
    digits = _digits(row.sd)
    ess = min(row.ess_bulk, row.ess_tail) if isfinite(row.r_hat) else nan
    numbers = [_known(value, digits) for value in (row.mle, row.se, row.mean, row.sd)]
    return [
        escape(f"  {row.parameter} {row.feature}".rstrip()),
        *numbers,
        f"{row.interval_low:{digits}} to {row.interval_high:{digits}}",
        _known(row.r_hat, ".3f"),
        _known(ess, ".0f"),
        _known(row.difference, "+.2f"),
    ]


def _known(value: float, digits: str) -> str:
    """Format a number; what is constant, such as the weight of a single component, has none."""
    return f"{value:{digits}}" if isfinite(value) else "-"


def _digits(sd: float) -> str:
    """Choose the format that shows two digits of the standard deviation."""
    if not 1e-5 < sd < 1e7:
        return ".4g"
    return f".{max(0, 1 - floor(log10(sd)))}f"


def _mood(line: str) -> str:
    if "WARNING" in line or "NOT converged" in line:
        return "bold red"
    return "green" if "nothing speaks against" in line else ""


def _stdout() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)
