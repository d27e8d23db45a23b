"""Progress of an EM fit: nothing for quick ones, one changing line for those that take time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PATIENCE = 1.0  # seconds


def console() -> Console:
    """Where progress is shown: stderr, so that stdout keeps results; in a notebook, a widget.

    A notebook without ipywidgets can show no line that changes, and gets the last one alone.
    """
    from rich.console import Console

    chosen = Console(stderr=True)
    if chosen.is_jupyter and find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False, force_terminal=False)
    return chosen


@contextmanager
def reporter(title: str, show: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that says what is going on, once it has been going on for a while."""
    if not show:
        yield lambda words: None
        return
    began = time.monotonic()
    status = None

    def report(words: str) -> None:
        nonlocal status
        if status is None and time.monotonic() - began > PATIENCE:
            status = console().status("")
            status.start()
        if status is not None:
            status.update(f"{title}: {words}")

    try:
        yield report
    finally:
        if status is not None:
            status.stop()


@contextmanager
def counter(title: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many more are done; in time, it shows them in a bar."""
    if not show:
        yield lambda more: None
        return
    began, done = time.monotonic(), 0
    bar: Progress | None = None

    def advance(more: int) -> None:
        nonlocal bar, done
        done += more
        if bar is None and done < total and time.monotonic() - began > PATIENCE:
            bar = _started(title, total)
        if bar is not None:
            bar.update(bar.task_ids[0], completed=done)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def _started(title: str, total: int) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=console())
    bar.add_task(title, total=total)
    bar.start()
    return bar
