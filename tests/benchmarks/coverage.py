"""How often 95 % confidence intervals cover the truth, for well-separated components.

For two and three components in one and two dimensions, samples of 500 rows are drawn from a known
mixture and fitted by EM from the truth; components are relabelled to it. The table gives the
share of intervals that hold the true value, by kind of parameter and of standard error, and what
simulation alone makes of a true 95 %.

Run it with ``python tests/benchmarks/coverage.py [--replicates 1000]``.
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


def reported(fit: bg.EMFit, params: Params) -> pd.Series:
    """Parameters in the rows of a fit's tables."""
    return replace(fit, params=params).summary()["mle"]


def covered(params: Params, replicates: int, seed: int) -> pd.DataFrame:
    """Share of intervals that hold the truth, and of fits without any, by kind of parameter."""
    rng = np.random.default_rng(seed)
    kept = []
    for _ in range(replicates):
        rows = sample(params, rng)
        fit = bg.fit_em(rows, params.n_components, start=params, progressbar=False)
        fit = replace(fit, params=align(fit.params, params))
        true = reported(fit, params)
        for kind in KINDS:
            interval = fit.confidence_intervals(LEVEL, kind=kind)
            inside = (interval["low"] <= true) & (true <= interval["high"])
            inside = inside.where(interval["low"].notna())
            kept.append(inside.groupby("parameter").mean().rename(kind))
    table = pd.concat(kept, axis=1).T.groupby(level=0)
    return table.mean().T.join(table.agg(lambda x: x.isna().mean()).T.add_prefix("none, "))


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
