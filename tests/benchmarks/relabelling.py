"""What relabelling takes: time and resident memory, for many draws and rows.

    python tests/benchmarks/relabelling.py [--draws 4000] [--rows 10000]

The draws scatter around a mixture as those of a posterior do, and each has its components in
random order. One mixture has separated components, the other overlapping ones, for which Stephens'
algorithm needs more rounds. Memory is the peak of anonymous pages while the method works, and how
much of it the method added.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable

import numpy as np

import bayesgmm as bg
from bayesgmm.bayes.labels.renaming import renamed
from bayesgmm.bayes.labels.stephens import steps
from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import as_data

CHAINS, D, K = 4, 2, 5


def posterior(n_draws: int, n_rows: int, distance: float) -> BayesFit:
    """Draws around the truth, with spreads of the size that so many rows leave."""
    rng = np.random.default_rng(0)
    batch, spread = (CHAINS, n_draws // CHAINS), np.sqrt(K / n_rows) * (1 + 3 / distance**2)
    means = distance * rng.normal(size=(K, D))
    X = means[rng.integers(K, size=n_rows)] + rng.normal(size=(n_rows, D))
    correlation = np.tanh(spread * rng.normal(size=(*batch, K)))
    factors = np.zeros((*batch, K, D, D))
    factors[..., 0, 0] = 1.0
    factors[..., 1, 0], factors[..., 1, 1] = correlation, np.sqrt(1 - correlation**2)
    weights = np.exp(spread * rng.normal(size=(*batch, K)))
    draws = Mixture(
        weights / weights.sum(axis=-1, keepdims=True),
        means + spread * rng.normal(size=(*batch, K, D)),
        np.exp(spread * rng.normal(size=(*batch, K, D))),
        factors,
    )
    shuffle = rng.permuted(np.broadcast_to(np.arange(K), (*batch, K)), axis=-1)
    data = as_data(X)
    return BayesFit(
        data=data,
        covariance_type="full",
        priors=bg.Priors.weakly_informative(data, K, "full"),
        draws=renamed(draws, shuffle),
        labels=np.broadcast_to(np.arange(K), (*batch, K)).copy(),
        log_likelihood=np.zeros(batch),
        sample_stats={"lp": np.zeros(batch), "diverging": np.zeros(batch, dtype=bool)},
        reference=bg.Params(np.full(K, 1 / K), means, np.tile(np.eye(D), (K, 1, 1))),
    )


def anonymous() -> float:
    """Megabytes of memory that this process holds for itself."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def measured(what: str, function: Callable[[], object]) -> None:
    """Print how long a function takes, and the memory at its peak."""
    before, peak, done = anonymous(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    said = function()
    took = time.perf_counter() - began
    done.set()
    watcher.join()
    print(f"  {what:16} {took:7.2f} s  {peak[0]:5.0f} MB at the peak, {peak[0] - before:4.0f} more")
    if isinstance(said, str):
        print(f"  {said}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--rows", type=int, default=10_000)
    asked = parser.parse_args()
    posterior(CHAINS, 100, 4.0).label_agreement()  # compiles
    for name, distance in (("separated", 4.0), ("overlapping", 0.7)):
        fit = posterior(asked.draws, asked.rows, distance)
        print(f"{name}: {asked.draws} draws, {asked.rows} rows, D = {D}, K = {K}")
        for method in ("reference", "ecr", "stephens", "ordered:0"):
            measured(method, lambda fit=fit, method=method: fit.relabel(method))
        measured("label_agreement", lambda fit=fit: repr(fit.label_agreement()).split("\n")[1])
        named = fit.relabel("reference").draws.in_one_row()
        print(f"  Stephens' algorithm took {len(list(steps(fit.data, named)))} rounds", flush=True)


if __name__ == "__main__":
    main()
