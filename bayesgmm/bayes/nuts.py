"""Draw from a `Density` with NUTS, by nutpie.

Every chain is a nutpie sampler of its own, with a seed made from the user's seed and the chain's
number. That is what lets each chain start exactly where it is told to, and what makes the draws
the same however many chains run at a time: nutpie asks for the starting points of the chains of
one sampler without saying which chain is asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.density import Density
from bayesgmm.em.progress import console
from bayesgmm.mixture.compilation import announce_compilation
from bayesgmm.mixture.errors import FitError, InputError

Array = npt.NDArray[np.float64]

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


class Draws(NamedTuple):
    """What a sampler brings home.

    Parameters
    ----------
    unconstrained : array, shape (chains, draws, n_dim)
        Points of the density; `Density.unpack` makes mixtures of them.
    stats : dict of str to array, shape (chains, draws)
        How the sampler fared, under PyMC's names: ``diverging``, ``energy``, ``tree_depth``,
        ``step_size``, ``acceptance_rate``, ``n_steps``, ``lp`` and a few more.
    """

    unconstrained: Array
    stats: dict[str, npt.NDArray[Any]]


def sample(
    density: Density,
    starts: Array,
    *,
    draws: int = 1000,
    tune: int = 1000,
    cores: int = 1,
    target_accept: float = 0.8,
    seed: int | None = None,
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
    cores : int
        How many chains run at a time; the draws do not depend on it.
    target_accept : float
        Acceptance rate that the step size is tuned to.
    seed : int, optional
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
    """
    starts = np.ascontiguousarray(starts, dtype=np.float64)
    _check_starts(density, starts)
    chains = [_Chain(density, start) for start in starts]
    tune = max(tune, 1)  # nutpie cannot do without
    options = {"draws": draws, "tune": tune, "target_accept": target_accept}
    children = np.random.SeedSequence(seed).spawn(len(chains))
    seeds = [int(child.generate_state(1, np.uint64)[0]) for child in children]
    launches = [partial(_launch, *pair, options) for pair in zip(chains, seeds, strict=True)]
    with _progress(progressbar, chains, draws + tune) as report:
        traces = _run(launches, cores, report)
    return _collect(traces)


class _Chain:
    """One chain, as nutpie's threads see it: what to evaluate, and where to report."""

    def __init__(self, density: Density, start: Array) -> None:
        self.density = density
        self.start = start
        self.finished = 0
        self.divergences = 0
        self.error: Exception | None = None

    def evaluate(self, x: Array) -> tuple[float, Array]:
        # nutpie would bring the process down with an exception; a wall only stops the chain.
        try:
            return self.density.value_and_grad(x)
        except Exception as error:
            self.error = error
            return -np.inf, np.zeros_like(x)

    def report(self, chains: list[Any]) -> None:
        self.finished = sum(chain.finished_draws for chain in chains)
        self.divergences = sum(chain.divergences for chain in chains)


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


def _launch(chain: _Chain, seed: int, options: dict[str, Any]) -> tuple[_Chain, Any]:
    """Start one chain in the background."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    n_dim = chain.density.n_dim
    model = from_pyfunc(
        ndim=n_dim,
        make_logp_fn=lambda: chain.evaluate,
        make_expand_fn=lambda _seed1, _seed2, _chain: lambda x: {"x": x},
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(n_dim,)],
        expanded_names=["x"],
        make_initial_point_fn=lambda _seed: chain.start,
    )
    sampler = nutpie.sample(
        model,
        **options,
        chains=1,
        cores=1,
        seed=seed,
        save_warmup=False,
        blocking=False,
        progress_bar=False,
        progress_callback=chain.report,
    )
    return chain, sampler


def _run(
    launches: Sequence[Callable[[], tuple[_Chain, Any]]], cores: int, report: Callable[[], None]
) -> list[Any]:
    """Keep up to `cores` chains running until all are done; stop them all if anything happens."""
    waiting = dict(enumerate(launches))
    running: dict[int, tuple[_Chain, Any]] = {}
    traces: dict[int, Any] = {}
    try:
        while waiting or running:
            while waiting and len(running) < max(cores, 1):
                number = min(waiting)
                running[number] = waiting.pop(number)()
            for number, (chain, sampler) in list(running.items()):
                with suppress(TimeoutError):
                    traces[number] = sampler.wait(timeout=_PATIENCE)
                    del running[number]
                if chain.error is not None:
                    raise FitError(f"the density broke down in chain {number}") from chain.error
            report()
    finally:
        for _, sampler in running.values():
            sampler.cancel()
    return [traces[number] for number in sorted(traces)]


def _collect(traces: list[Any]) -> Draws:
    x = np.concatenate([trace["posterior"]["x"].to_numpy() for trace in traces])
    stats = {
        name: np.concatenate([trace["sample_stats"][theirs].to_numpy() for trace in traces])
        for name, theirs in _STATISTICS.items()
    }
    return Draws(x, stats)


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
