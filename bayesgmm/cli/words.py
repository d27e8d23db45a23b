"""What the command says, and with which code it ends."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from bayesgmm.mixture.errors import FitError, InputError
from bayesgmm.report.writing import is_warning

FAILED, BAD_INPUT, NOT_TRUSTED = 1, 2, 3
EXIT_CODES = (
    "Exit codes: 0 all is well; 1 the fit or the disk failed; 2 the input cannot be used; 3 the "
    "draws cannot be trusted (diagnose, and compare --strict)."
)
_WIDTH = 100  # where nobody watches: a pipe, a log


class Progress:
    """What is going on, on stderr, with the time that each stage took."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def __call__(self, words: str) -> None:
        """Say something, unless only warnings are wanted."""
        if not self.quiet:
            self._console.print(words, markup=False)

    def warning(self, words: str) -> None:
        """Say what must be known, however quiet it is."""
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
def errors_in_one_line() -> Iterator[None]:
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
        raise typer.Exit(BAD_INPUT if isinstance(error, InputError) else FAILED) from None


def stdout() -> Console:
    """Return where results go, of a width that does not depend on who is not there to see it."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def print_headline(console: Console, lines: Sequence[str]) -> None:
    """Print what a result says of itself, with warnings in red."""
    console.print()
    for line in lines:
        console.print(line, style=_mood(line), markup=False, soft_wrap=True)


def print_files(console: Console, written: dict[Path, str]) -> None:
    """Print what is in which file."""
    console.print()
    width = max(len(str(path)) for path in written)
    for path, words in written.items():
        console.print(f"{path!s:{width}}  {words}", markup=False, soft_wrap=True)


def _mood(line: str) -> str:
    if is_warning(line):
        return "bold red"
    return "green" if "nothing speaks against" in line else ""
