"""Draw from a density with NUTS, by nutpie.

Every chain is a nutpie sampler of its own, with a seed made from the user's seed and the chain's
number. That is what lets each chain start exactly where it is told to, and what makes the draws
the same however many chains run at a time: nutpie asks for the starting points of the chains of
one sampler without saying which chain is asking. A sampler costs a millisecond.

There are two routes to one and the same draws. ``"native"`` hands nutpie compiled code
(`bayesgmm.bayes.native`), and chains run in parallel; it leans on parts of nutpie that are not
public, so it is taken only with versions whose source has been read. ``"python"`` hands it a
Python function: several times slower on small data, but sure to work, and with any density.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.density import Density
from bayesgmm.bayes.native import Model
from bayesgmm.em.progress import console
from bayesgmm.mixture.compilation import announce_compilation
from bayesgmm.mixture.errors import FitError, InputError

Array = npt.NDArray[np.float64]

LEAST_DRAWS = 4  # of each chain: R-hat splits every chain in two

# PyMC's names of the statistics, and nutpie's.
_STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "energy_error": "energy_error",
    "tree_depth": "depth",
    "reached_max_treedepth": "maxdepth_reached",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "step_size_bar": "step_size_bar",
    "acceptance_rate": "mean_tree_accept",
    "lp": "logp",
}
_PATIENCE = 0.01  # seconds to wait for one chain before looking at the next
_BUSY = 20_000  # numbers (N K D) from which compiled code takes long enough to free the others
_REPORTS = 100  # milliseconds between a chain's reports
# Their ``src/pymc.rs``, which says what the addresses mean, was read; a wrong guess would crash.
_READ = {"0.16.10", "0.16.11"}
_NEEDED = ("LogpFunc", "ExpandFunc", "PyVariable", "PyMcModel", "PySampler")


class Draws(NamedTuple):
    """What a sampler brings home.

    Parameters
    ----------
    unconstrained : array, shape (chains, draws, n_dim)
        Points of the density; `Density.unpack` makes mixtures of them.
    stats : dict of str to array, shape (chains, draws)
        How the sampler fared, under PyMC's names: ``diverging``, ``energy``, ``tree_depth``,
        ``step_size``, ``acceptance_rate``, ``n_steps``, ``lp`` and a few more.
    route : str
        How nutpie was given the density: ``"native"`` or ``"python"``.
    """

    unconstrained: Array
    stats: dict[str, npt.NDArray[Any]]
    route: str


def route_for(density: Density) -> str:
    """Choose the route: ``"native"`` for a `Density`, if this nutpie is one that we know."""
    from nutpie import _lib

    known = importlib.metadata.version("nutpie") in _READ
    able = all(hasattr(_lib, name) for name in _NEEDED) and hasattr(_lib.PySampler, "from_pymc")
    return "native" if known and able and isinstance(density, Density) else "python"


def sample(
    density: Density,
    starts: Array,
    *,
    draws: int = 1000,
    tune: int = 1000,
    cores: int | None = None,
    target_accept: float = 0.8,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> Draws:
    """Run one chain from each starting point.

    Parameters
    ----------
    density : Density
        What to draw from.
    starts : array, shape (chains, n_dim)
        Where each chain starts.
    draws, tune : int
        Draws to keep, and adaptation steps before them, of each chain.
    cores : int, optional
        How many chains run at a time; the draws do not depend on it. By default all, so that
        they get on evenly; on the Python route one if the data are so small that chains would
        mostly wait for each other.
    target_accept : float
        Acceptance rate that the step size is tuned to.
    random_seed : int, optional
        The same seed gives the same draws.
    progressbar : bool
        Whether to show progress.

    Raises
    ------
    InputError
        If a start has not the density's length, the density there is zero, or an element of its
        gradient is.
    FitError
        If the density raises an exception on the way.
    KeyboardInterrupt
        If the user interrupts before every chain has four draws. Later than that, the draws that
        all chains have are kept, and a line on stderr says how many.
    """
    starts = np.ascontiguousarray(starts, dtype=np.float64)
    _check_starts(density, starts)
    route = route_for(density)
    chains = [_Chain(density, start, route) for start in starts]
    tune = max(tune, 1)  # nutpie cannot do without
    options = {"draws": draws, "tune": tune, "target_accept": target_accept}
    cores = cores or _default_cores(density, len(chains), route)
    children = np.random.SeedSequence(random_seed).spawn(len(chains))
    seeds = [int(child.generate_state(1, np.uint64)[0]) for child in children]
    with _progress(progressbar, chains, draws + tune) as report:
        interrupted = _run(chains, seeds, options, cores, report)
    kept = _collect(chains)
    if interrupted:
        print(
            f"bayesgmm: interrupted; kept the {kept[0].shape[1]} of {draws} draws that every "
            "chain has",
            file=sys.stderr,
        )
    return Draws(*kept, route)


class _Chain:
    """One chain, as nutpie's threads see it: what to evaluate, and where to report.

    Parameters
    ----------
    density : Density
        What to draw from.
    start : array, shape (n_dim,)
        Where to start.
    route : str
        How to give it to nutpie.
    """

    def __init__(self, density: Density, start: Array, route: str) -> None:
        self.density = density
        self.start = start
        self.n_dim = density.n_dim
        self.route = route
        self.finished = 0
        self.divergences = 0
        self.error: Exception | None = None
        self.sampler: Any = None
        self.trace: Any = None

    def launch(self, seed: int, options: dict[str, Any]) -> None:
        """Start in the background."""
        import nutpie

        self.sampler = nutpie.sample(
            Model(self.density, self.start) if self.route == "native" else self._model(),
            **options,
            chains=1,
            cores=1,
            seed=seed,
            blocking=False,
            progress_bar=False,
            progress_callback=self._report,
            progress_rate=_REPORTS,
            return_raw_trace=True,
        )

    def wait(self) -> None:
        """Take the draws if they are ready before long."""
        with suppress(TimeoutError):
            self.trace = self.sampler.wait(timeout=_PATIENCE)

    def stop(self) -> None:
        """Stop, and take the draws there are; they may come before or after the end of tuning."""
        if self.sampler is not None and self.trace is None:
            self.trace = self.sampler.abort()

    @cached_property
    def draws(self) -> tuple[Array, dict[str, npt.NDArray[Any]]]:
        """The draws after tuning, shape (draws, n_dim), and their statistics (draws,)."""
        import pyarrow

        if self.trace is None:
            return np.empty((0, self.n_dim)), {name: np.empty(0) for name in _STATISTICS}
        (points,), (stats,) = self.trace.get_arrow_trace()

        def column(batch: Any, name: str) -> Any:
            return pyarrow.array(batch.column(name))

        tuned = int(column(stats, "tuning").to_numpy(zero_copy_only=False).sum())
        x = column(points, "x").flatten().to_numpy().reshape(-1, self.n_dim)[tuned:]
        named = {
            name: column(stats, theirs).to_numpy(zero_copy_only=False)[tuned:]
            for name, theirs in _STATISTICS.items()
        }
        return x, named

    def _model(self) -> Any:
        from nutpie.compiled_pyfunc import from_pyfunc

        return from_pyfunc(
            ndim=self.n_dim,
            make_logp_fn=lambda: self._evaluate,
            make_expand_fn=lambda _seed1, _seed2, _chain: lambda x: {"x": x},
            expanded_dtypes=[np.dtype(np.float64)],
            expanded_shapes=[(self.n_dim,)],
            expanded_names=["x"],
            make_initial_point_fn=lambda _seed: self.start,
        )

    def _evaluate(self, x: Array) -> tuple[float, Array]:
        # nutpie would bring the process down with an exception; a wall only stops the chain.
        try:
            return self.density.value_and_grad(x)
        except Exception as error:
            self.error = error
            return -np.inf, np.zeros_like(x)

    def _report(self, chains: list[Any]) -> None:
        self.finished = sum(chain.finished_draws for chain in chains)
        self.divergences = sum(chain.divergences for chain in chains)


def _default_cores(density: Density, chains: int, route: str) -> int:
    if route == "native":
        return chains
    busy = isinstance(density, Density) and density.X.size * density.n_components >= _BUSY
    return (os.cpu_count() or 1) if busy else 1


def _check_starts(density: Density, starts: Array) -> None:
    if starts.ndim != 2 or starts.shape[1] != density.n_dim:
        raise InputError(f"starts must have shape (chains, {density.n_dim}), not {starts.shape}")
    with announce_compilation():
        points = [density.value_and_grad(start) for start in starts]
    for chain, (value, gradient) in enumerate(points):
        if not np.isfinite(value):
            raise InputError(f"the density is zero at the start of chain {chain}")
        if not gradient.all():  # nutpie takes its first step sizes from the gradient
            raise InputError(f"the start of chain {chain} is stationary: jitter it a little")


def _run(
    chains: Sequence[_Chain],
    seeds: Sequence[int],
    options: dict[str, Any],
    cores: int,
    report: Callable[[], None],
) -> bool:
    """Keep up to `cores` chains running until all are done; return whether the user stopped them.

    If anything else happens, all are stopped.
    """
    waiting = list(enumerate(chains))[::-1]
    running: dict[int, _Chain] = {}
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                number, chain = waiting.pop()
                chain.launch(seeds[number], options)
                running[number] = chain
            for number, chain in list(running.items()):
                chain.wait()
                if chain.error is not None:
                    raise FitError(f"the density broke down in chain {number}") from chain.error
                if chain.trace is not None:
                    del running[number]
            report()
    except KeyboardInterrupt:
        for chain in chains:
            chain.stop()
        if min(len(chain.draws[0]) for chain in chains) < LEAST_DRAWS:
            raise
        return True
    finally:
        for chain in running.values():
            chain.stop()
    return False


def _collect(chains: Sequence[_Chain]) -> tuple[Array, dict[str, npt.NDArray[Any]]]:
    """Put together the draws that every chain has."""
    points, stats = zip(*[chain.draws for chain in chains], strict=True)
    common = min(map(len, points))
    named = {name: np.stack([one[name][:common] for one in stats]) for name in _STATISTICS}
    return np.stack([x[:common] for x in points]), named


@contextmanager
def _progress(show: bool, chains: list[_Chain], length: int) -> Iterator[Callable[[], None]]:
    """Give a function that shows how far the chains, each of a given length, are."""
    if not show:
        yield lambda: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    words = TextColumn("{task.completed:,}/{task.total:,} draws, {task.fields[bad]} divergences")
    columns = "{task.description}", BarColumn(), words, TimeElapsedColumn()
    with Progress(*columns, console=console()) as bar:
        task = bar.add_task("Sampling", total=length * len(chains), bad=0)

        def report() -> None:
            bad = sum(chain.divergences for chain in chains)
            bar.update(task, completed=sum(chain.finished for chain in chains), bad=bad)

        yield report
