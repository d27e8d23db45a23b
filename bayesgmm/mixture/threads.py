"""Cores: how many there are for us, and how pieces of work are spread over them.

The kernels hold no lock of Python's, so plain threads run them side by side. Threads live only
as long as the work that they were started for: a pool that stayed would make every later ``fork``
a risk, and starting one takes a tenth of a millisecond.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor


def available_cores() -> int:
    """Count the cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map[T, R](function: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    """Yield the result of each task, in the order of the tasks.

    Parameters
    ----------
    function : callable
        Should spend its time without the GIL.
    tasks : sequence
        Its arguments, one at a time.
    workers : int
        Most threads at work at once; where one is enough, there are no threads.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from builtins.map(function, tasks)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, tasks)
