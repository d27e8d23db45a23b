"""What a fit of many rows takes: time and resident memory, from a float32 file mapped to memory.

    python tests/benchmarks/memory.py [--rows 10000000]

Each size is fitted in a process of its own, which reports its peak of anonymous memory: that is
what it holds beyond the map, whose pages the system may drop at any time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

D, K = 8, 10
FIT = """
import sys, threading, time, warnings
import numpy as np
import bayesgmm as bg

def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

bg.fit_em(np.random.default_rng(0).normal(size=(1000, {d})), 2, n_starts=2)  # compiles
X = np.memmap(sys.argv[1], np.float32, "r").reshape(-1, {d})
before, peak, done = anonymous(), [0.0], threading.Event()

def watch():
    while not done.wait(0.02):
        peak[0] = max(peak[0], anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
began = time.perf_counter()
em = bg.fit_em(X, {k}, random_seed=0, progressbar=False)
took = time.perf_counter() - began
done.set()
watcher.join()
print(f"{{len(X):10}} rows {{took:8.1f}} s  {{em.n_iter:4}} sweeps of all rows"
      f"  {{1e9 * took / len(X):8.0f}} ns a row  {{peak[0] - before:6.0f}} MB more at the peak"
      f"  ({{anonymous():.0f}} MB held, imports included)  {{em.reason}}")
"""


def write(path: Path, n: int) -> None:
    """Write rows of K separated components, a million at a time."""
    rng = np.random.default_rng(0)
    means = 3 * rng.normal(size=(K, D))
    with path.open("wb") as file:
        for first in range(0, n, 10**6):
            size = min(10**6, n - first)
            rows = means[rng.integers(K, size=size)] + rng.normal(size=(size, D))
            file.write(rows.astype(np.float32).tobytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10**7)
    most = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        for n in [n for n in (10**5, 10**6, 10**7) if n <= most]:
            path = Path(folder, "rows.f32")
            write(path, n)
            program = [sys.executable, "-c", FIT.format(d=D, k=K), str(path)]
            subprocess.run(program, check=True)
