"""How often 95 % confidence intervals cover the truth, for well-separated components.

For two and three components in one and two dimensions, samples of 500 rows are drawn from a known
mixture and fitted by EM from the truth; components are relabelled to it. The table gives the
share of intervals that hold the true value, by kind of parameter and of standard error, and what
simulation alone makes of a true 95 %.

Run it with ``python tests/benchmarks/interval_coverage.py [--replicates 1000]``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

import bayesgmm as bg
from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import align
from bayesgmm.results.rows import parameter_values

LEVEL, ROWS = 0.95, 500
KINDS = ("information", "sandwich")


def truth(n_components: int, n_features: int) -> Params:
    """Components five or more standard deviations apart, unequal in size, spread and tilt."""
    weights = np.array([0.4, 0.6] if n_components == 2 else [0.3, 0.45, 0.25])
    k = np.arange(n_components)
    means = np.column_stack([6.0 * k, 5.0 * (-1.0) ** k])[:, :n_features]
    covariances = np.stack([[[1 + 0.3 * i, 0.5 - 0.4 * i], [0.5 - 0.4 * i, 1.0]] for i in k])
    return Params.from_covariances(weights, means, covariances[:, :n_features, :n_features])


def sample(params: Params, rng: np.random.Generator) -> np.ndarray:
    """Draw rows from the mixture."""
    labels = rng.choice(params.n_components, size=ROWS, p=params.weights)
    noise = rng.standard_normal((ROWS, params.n_features, 1))
    return params.means[labels] + (params.cholesky[labels] @ noise)[..., 0]


def covered(params: Params, replicates: int, seed: int) -> pd.DataFrame:
    """Share of intervals that hold the truth, by kind of parameter and of standard error."""
    rng = np.random.default_rng(seed)
    p, hits = params, []
    correlated = p.n_features > 1
    true = parameter_values(p.weights, p.means, p.scales, p.correlations, correlated)
    for _ in range(replicates):
        rows = sample(params, rng)
        fit = bg.fit_em(rows, params.n_components, start=params, progressbar=False)
        fit = replace(fit, params=align(fit.params, params))
        intervals = {kind: fit.confidence_intervals(LEVEL, kind=kind) for kind in KINDS}
        hits.append(
            pd.DataFrame({k: i["low"].le(true) & i["high"].ge(true) for k, i in intervals.items()})
        )
    return pd.concat(hits).groupby("parameter", sort=False).mean()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args().replicates
    began = time.perf_counter()
    warnings.simplefilter("error")  # none of these fits may fail, silently or not
    tables = {
        (k, d): covered(truth(k, d), replicates, seed=10 * k + d) for k in (2, 3) for d in (1, 2)
    }
    table = pd.concat(tables, names=["K", "D", "parameter"])
    print(table.to_string(float_format="{:.3f}".format))
    error = np.sqrt(LEVEL * (1 - LEVEL) / replicates)
    print(
        f"\n{replicates} samples of {ROWS} rows, intervals of {LEVEL:.0%}; one interval's share "
        f"has a simulation error of {error:.3f}, and the mean over components less"
    )
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
