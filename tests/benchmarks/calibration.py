"""Is the posterior right? Simulation-based calibration of `fit_bayes`.

Parameters are drawn from priors, rows from the parameters, and the posterior of the rows is
sampled under the same priors. If the sampler, the density and everything between them is right,
the rank of the true value of any quantity among its draws is uniform (Talts et al. 2018). Labels
mean nothing here, so the quantities are label-free or ordered: the log-likelihood, the log density
at a point, the weights in descending order, the means of the first feature in ascending order, and
the largest standard deviation; and, where there are correlations, the largest determinant of a
correlation matrix.

For each, the table gives the probability that ranks which are uniform stray as far from the
diagonal as these do, by the simultaneous band of Säilynoja et al. (2022), and the share of all
these probabilities below 5 %, which should be about that. The picture shows all of them.

Run it with ``python tests/benchmarks/calibration.py [--simulations 500] [--picture FILE]``.

References
----------
Säilynoja, T., Bürkner, P.-C. and Vehtari, A. (2022). Graphical test for discrete uniformity and
its applications in goodness-of-fit evaluation and multiple sample comparison. Statistics and
Computing 32, 32.

Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating Bayesian
inference algorithms with simulation-based calibration. arXiv:1804.06788.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import numpy as np
import pandas as pd
from scipy.stats import binom

import bayesgmm as bg
from bayesgmm.bayes.transforms import Layout, Mixture
from bayesgmm.mixture.likelihood import log_density
from bayesgmm.mixture.params import Params
from bayesgmm.priors import LKJ, Dirichlet, LogNormal, Normal

ROWS, RANKED = 60, 63
PRIORS = bg.Priors(
    weights=Dirichlet(2.0),
    means=Normal(0.0, 3.0),
    scales=LogNormal(0.0, 0.5),
    correlations=LKJ(2.0),
)
CASES = list(itertools.product((2, 3), (1, 2), ("full", "tied", "diag", "spherical")))


def ranks(case: tuple[int, int, str], seed: int) -> dict[str, int]:
    """Rank of the truth among the draws of one simulated data set's posterior."""
    n_components, n_features, covariance_type = case
    rng = np.random.default_rng(seed)
    truth = drawn(rng, n_components, n_features, covariance_type)
    rows, _ = rows_of(truth, rng)
    warnings.simplefilter("ignore", UserWarning)  # EM may find no sound maximum of such rows
    fit = bg.fit_bayes(
        rows,
        n_components,
        covariance_type=covariance_type,
        priors=PRIORS,
        draws=300,
        tune=400,
        thin=4,  # one run for all, instead of longer ones where the first has not mixed
        cores=1,
        random_seed=seed,
        progressbar=False,
    )
    flat = Mixture(*(a.reshape(-1, *a.shape[2:]) for a in fit.draws))
    chosen = np.linspace(0, len(flat.weights) - 1, RANKED).round().astype(int)
    point = np.zeros((1, n_features))
    true = quantities(truth, rows, point)
    some = [
        quantities(Params(flat.weights[i], flat.means[i], flat.cholesky[i]), rows, point)
        for i in chosen
    ]
    return {name: sum(one[name] < value for one in some) for name, value in true.items()}


def drawn(rng: np.random.Generator, n_components: int, n_features: int, kind: str) -> Params:
    """Draw a mixture from the priors."""
    free = PRIORS.sample(rng, n_components, n_features, kind)
    layout = Layout.of(kind, n_components, n_features, PRIORS)
    factors = free.get("correlations_cholesky", np.empty(0))
    factors = factors.reshape(layout.n_blocks, n_features, n_features)
    mixture = layout.expand(free["weights"], free["means"], free["scales"].ravel(), factors)
    return Params(mixture.weights, mixture.means, mixture.cholesky)


def rows_of(truth: Params, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows from a mixture."""
    labels = rng.choice(truth.n_components, size=ROWS, p=truth.weights)
    noise = rng.standard_normal((ROWS, truth.n_features, 1))
    return truth.means[labels] + (truth.cholesky[labels] @ noise)[..., 0], labels


def quantities(params: Params, rows: np.ndarray, point: np.ndarray) -> dict[str, float]:
    """Evaluate what does not depend on labels."""
    found = {
        "log-likelihood": log_density(rows, params).sum(),
        "log density at 0": log_density(point, params)[0],
        "largest sd": params.scales.max(),
    }
    for k, weight in enumerate(np.sort(params.weights)[::-1][:-1]):
        found[f"weight {k + 1}"] = weight
    for k, mean in enumerate(np.sort(params.means[:, 0])):
        found[f"mean {k + 1}"] = mean
    if params.n_features > 1 and params.correlations[:, 0, 1].any():
        found["determinant"] = np.linalg.det(params.correlations).max()
    return {name: float(value) for name, value in found.items()}


def probability(observed: np.ndarray) -> float:
    """Share of uniform ranks that stray further from the diagonal than these."""
    uniform = reference(len(observed))
    return float((uniform <= furthest(observed[None])[0]).mean())


@cache
def reference(n: int, replicates: int = 4000) -> np.ndarray:
    """How far uniform ranks stray."""
    return furthest(np.random.default_rng(0).integers(0, RANKED + 1, size=(replicates, n)))


def furthest(samples: np.ndarray) -> np.ndarray:
    """Least pointwise tail probability of the empirical distribution function, (replicates,)."""
    n, steps = samples.shape[1], np.arange(RANKED)
    below = (samples[:, None, :] <= steps[:, None]).sum(axis=2)
    share = (steps + 1) / (RANKED + 1)
    tails = np.minimum(binom.cdf(below, n, share), binom.sf(below - 1, n, share))
    return 2 * tails.min(axis=1)


def picture(tables: dict[str, pd.DataFrame], path: str) -> None:
    """Draw the difference between each quantity's empirical distribution and the uniform one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 12), layout="constrained")
    axes = figure.subplots(4, len(CASES) // 4, sharex=True, sharey=True)
    places = (np.arange(RANKED) + 1) / (RANKED + 1)
    for ax, (name, table) in zip(axes.ravel(), tables.items(), strict=False):
        n = len(table)
        cut = np.quantile(reference(n), 0.05) / 2
        for end in (cut, 1 - cut):
            ax.plot(places, binom.ppf(end, n, places) / n - places, color="0.6", lw=1)
        for quantity in table:
            below = (table[quantity].to_numpy()[:, None] <= np.arange(RANKED)).mean(axis=0)
            ax.plot(places, below - places, lw=0.8, label=quantity)
        ax.set_title(name, fontsize="small")
    axes[0, 0].legend(fontsize="xx-small")
    figure.supxlabel("rank, as a share")
    figure.supylabel("empirical distribution function less the uniform one (grey: 95 % band)")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=500)
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    began = time.perf_counter()
    tables, rows = {}, {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, case in enumerate(CASES):
            seeds = range(10**6 * number, 10**6 * number + arguments.simulations)
            found = list(pool.map(partial(ranks, case), seeds, chunksize=10))
            name = "K = {}, D = {}, {}".format(*case)
            tables[name] = table = pd.DataFrame(found)
            rows[name] = {quantity: probability(table[quantity].to_numpy()) for quantity in table}
            chances = ", ".join(f"{quantity} {p:.3f}" for quantity, p in rows[name].items())
            print(f"{name}: {chances}", flush=True)
            if arguments.picture:  # of as many cases as there are
                picture(tables, arguments.picture)
    found = pd.DataFrame(rows).T
    every = found.stack().dropna().to_numpy()
    print(
        f"\n{arguments.simulations} simulations of {ROWS} rows each; {len(every)} quantities, "
        f"{(every < 0.05).mean():.1%} with a probability below 5 %, the smallest {every.min():.4f} "
        f"(the smallest of so many uniform numbers is below {1 - 0.05 ** (1 / len(every)):.4f} in "
        f"95 of 100 cases); {time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
