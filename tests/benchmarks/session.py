"""How long a user waits: Old Faithful, two components, from a new process to both answers.

Every time is taken in a process of its own. "Cold" has no compiled code on disk, "warm" finds it
there. With ``--peer``, the same posterior by a mixture written by hand in PyMC (``pm.Mixture`` of
``MvNormal``, LKJ covariances, ``pm.sample`` with four chains of 1000 after 1000) is timed too.

Run it with ``python tests/benchmarks/session.py [--peer]``.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time

OURS = """
import json, time
began = time.perf_counter()
def lap(name, since):
    times[name] = time.perf_counter() - since
times = {}
import bayesgmm as bg
bg.fit_em
lap("import for EM", began)
faithful = bg.load_dataset("faithful")
since = time.perf_counter()
em = bg.fit_em(faithful, 2, random_seed=1, progressbar=False)
lap("first fit_em", since)
since = time.perf_counter()
bg.fit_em(faithful, 2, random_seed=1, progressbar=False)
lap("second fit_em", since)
since = time.perf_counter()
bg.fit_bayes
bayes = bg.fit_bayes(faithful, 2, start=em, random_seed=1, progressbar=False)
lap("first fit_bayes", since)
since = time.perf_counter()
bayes.diagnostics
lap("diagnostics", since)
lap("whole process", began)
since = time.perf_counter()
bg.fit_bayes(faithful, 2, start=em, random_seed=2, progressbar=False)
lap("second fit_bayes", since)
print(json.dumps(times))
"""

PEER = """
import json, time
began = time.perf_counter()
import bayesgmm as bg, numpy as np, pymc as pm
X = bg.load_dataset("faithful").to_numpy()
with pm.Model():
    weights = pm.Dirichlet("weights", np.ones(2))
    means = pm.Normal("means", X.mean(0), 2.5 * X.std(0), shape=(2, 2))
    parts = []
    for k in range(2):
        sd = pm.LogNormal.dist(np.log(X.std(0)) - np.log(2) / 2, 0.5, shape=2)
        chol, _, _ = pm.LKJCholeskyCov(f"chol{k}", n=2, eta=2.0, sd_dist=sd)
        parts.append(pm.MvNormal.dist(means[k], chol=chol))
    pm.Mixture("x", weights, parts, observed=X)
    pm.sample(1000, tune=1000, chains=4, random_seed=1, progressbar=False)
print(json.dumps({"whole process": time.perf_counter() - began}))
"""


def timed(program: str, caches: str) -> dict[str, float]:
    """Run a program whose last line is its times, with compiled code in a folder of its own."""
    compiled = {"NUMBA_CACHE_DIR": caches, "PYTENSOR_FLAGS": f"base_compiledir={caches}"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | compiled,
        capture_output=True,
        text=True,
        check=True,
    )
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def main() -> None:
    versions = ("bayesgmm", "pymc", "nutpie", "numba", "numpy")
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions))
    programs = {"bayesgmm": OURS} | ({"PyMC by hand": PEER} if "--peer" in sys.argv else {})
    for name, program in programs.items():
        with tempfile.TemporaryDirectory() as caches:
            cold, *warm = (timed(program, caches) for _ in range(4))
        print(f"\n{name:18}{'cold':>10}{'warm':>10}   seconds; warm is the median of three")
        for lap in cold:
            print(f"{lap:18}{cold[lap]:10.2f}{sorted(w[lap] for w in warm)[1]:10.2f}")
    print(time.strftime("\n%Y-%m-%d"), f"{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
