"""Progress of an EM fit: nothing for quick ones, one changing line for those that take time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 1.0  # seconds


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
            from rich.console import Console

            status = Console(stderr=True).status("")
            status.start()
        if status is not None:
            status.update(f"{title}: {words}")

    try:
        yield report
    finally:
        if status is not None:
            status.stop()
