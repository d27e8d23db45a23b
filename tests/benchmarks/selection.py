"""A whole grid beside mclust's: fourteen structures, one to nine components.

Two comparisons. *The same work*: one ascent a model from the same partition, mclust's by
hierarchical clustering, which is not timed. mclust stops when a step of EM gains less than 1e-5
of the log-likelihood; ours, by EM alone and with quasi-Newton steps, when less than that is
estimated to be left, which takes longer and gets further. Here, neither side sets aside what
collapses onto few rows: gains of hundreds are that. *The whole thing*: `select`, which searches
for the best maximum of every model and does set them aside, beside ``mclustBIC``, which climbs
once.

Run it with ``python tests/benchmarks/selection.py [faithful] [iris]``. It needs Rscript with
mclust, and says so where there is none.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesgmm as bg
from bayesgmm.em.climb import PLAIN, Ascent, climb
from bayesgmm.em.objective import Objective
from bayesgmm.em.shares import from_responsibilities
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.structures import STRUCTURES

MOST = 9
REPEATS = 5  # of the ascents, on either side; the least time counts
PEER = """
suppressMessages(library(mclust))
X <- read.csv(commandArgs(TRUE)[1])
start <- hc(X, modelName = "VVV", use = mclust.options("hcUse"))
partitions <- hclass(start, 1:{most})
invisible(mclustBIC(X, G = 1:2, initialization = list(hcPairs = start), verbose = FALSE))
whole <- system.time(bic <- mclustBIC(X, G = 1:{most}, verbose = FALSE))[["user.self"]]
ascents <- min(replicate({repeats}, system.time(
  mclustBIC(X, G = 1:{most}, initialization = list(hcPairs = start), verbose = FALSE)
)[["user.self"]]))
cat(whole, ascents, "\\n")
write.csv(partitions, row.names = FALSE)
cat("---\\n")
df <- sapply(colnames(bic), function(m) sapply(1:{most}, function(k) nMclustParams(m, ncol(X), k)))
write.csv((bic[, ] + df * log(nrow(X))) / 2, row.names = FALSE)
"""


def peer(rows: pd.DataFrame) -> tuple[float, float, np.ndarray, pd.DataFrame]:
    """Give mclust's times, its partitions (N, most) and its log-likelihoods."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "rows.csv"), Path(folder, "peer.R")
        rows.to_csv(data, index=False)
        script.write_text(PEER.format(most=MOST, repeats=REPEATS))
        command = ["Rscript", str(script), str(data)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    times, rest = out.split("\n", 1)
    partitions, likelihoods = rest.split("---\n")
    whole, ascents = (float(word) for word in times.split())
    labels = pd.read_csv(io.StringIO(partitions)).to_numpy()
    table = pd.read_csv(io.StringIO(likelihoods))
    table.index = pd.RangeIndex(1, MOST + 1)
    return whole, ascents, labels, table


def one_ascent_each(
    data: Data, labels: np.ndarray, theirs: pd.DataFrame, **how: int
) -> tuple[float, int, pd.DataFrame]:
    """Climb once a model from mclust's partition; give seconds, sweeps and log-likelihoods."""
    tolerances = 1e-5 * theirs.abs().ffill()
    values, sweeps, began = np.empty((MOST, len(STRUCTURES))), 0, time.process_time()
    shift, spread = data.moments()
    partitions = [np.unique(column, return_inverse=True)[1] for column in labels.T]
    shares = [np.eye(k)[partition] for k, partition in enumerate(partitions, 1)]
    for j, structure in enumerate(STRUCTURES.values()):
        unit = structure.units(spread)
        rows, offset = data.standardised(shift, unit), data.log_density_shift(unit)
        objective = Objective(rows, structure)
        for k, tol in tolerances[structure.code].items():
            start = Ascent(from_responsibilities(rows, shares[k - 1], structure))
            (end,) = climb(objective, [start], tol=tol, max_steps=10_000, **how)
            values[k - 1, j] = end.value + offset
            sweeps += len(end.history)
    taken = time.process_time() - began
    codes = [structure.code for structure in STRUCTURES.values()]
    return taken, sweeps, pd.DataFrame(values, theirs.index, codes)


def compare(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Count where the log-likelihoods differ, among models that both have."""
    gain = (ours - theirs).to_numpy()
    both = np.isfinite(gain)
    only = np.isfinite(ours.to_numpy()) & ~np.isfinite(theirs.to_numpy())
    return (
        f"ours higher by > 0.01: {(gain[both] > 0.01).sum()}, lower: {(gain[both] < -0.01).sum()}, "
        f"of {both.sum()} (most {gain[both].max():.2f}, least {gain[both].min():.2f}); "
        f"ours alone: {only.sum()}"
    )


def report(name: str) -> None:
    rows = bg.load_dataset(name).select_dtypes("number")
    bg.select(rows, [1, 2], random_seed=1, progressbar=False)  # compiles and warms up
    whole, ascents, labels, theirs = peer(rows)
    ways = {"EM alone": {"plain_steps": PLAIN}, "quasi-Newton": {}}
    once = {
        way: min(
            (one_ascent_each(as_data(rows), labels, theirs, **how) for _ in range(REPEATS)),
            key=lambda found: found[0],
        )
        for way, how in ways.items()
    }
    began = time.process_time()
    selection = bg.select(rows, range(1, MOST + 1), random_seed=1, progressbar=False)
    full = time.process_time() - began
    scored = selection.table.dropna(subset="bic")
    best = scored.pivot(index="n_components", columns="code", values="log_likelihood")
    best = best.reindex(index=theirs.index, columns=theirs.columns)
    print(f"\n{name}, {len(rows)} rows, 14 structures, K = 1 to {MOST}; seconds")
    for way, (taken, sweeps, table) in once.items():
        print(
            f"one ascent a model, {way}: ours {taken:.2f} for {sweeps} sweeps, "
            f"mclust {ascents:.2f}: {taken / ascents:.2f} times"
        )
        print("   ", compare(table[theirs.columns], theirs))
    print(f"select {full:.1f}, mclustBIC {whole:.2f}: {full / whole:.0f} times")
    print("   ", compare(best, theirs))
    print("log-likelihoods, mclust's above ours")
    both = pd.concat({"mclust": theirs, "ours": best}).swaplevel().sort_index(kind="stable")
    print(both.to_string(float_format="{:.2f}".format))
    print("\n".join(selection.headline()))


def main() -> None:
    check = ["Rscript", "-e", "library(mclust)"]
    if not shutil.which("Rscript") or subprocess.run(check, capture_output=True).returncode:
        print("skipped: this benchmark needs Rscript with the package mclust")
        return
    for name in sys.argv[1:] or ["faithful", "iris"]:
        report(name)


if __name__ == "__main__":
    main()
