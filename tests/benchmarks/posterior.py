"""The posterior of Old Faithful, two components: how long, and how many effective draws a second.

    python tests/benchmarks/posterior.py [--peers]

First ours: a second call of `fit_bayes` (4 chains of 1000 after 1000) and its parts, the sampling
alone by both routes and by one core or all, and the gradient against its number of rows. With
``--peers``, also the gradient of a graph of stock PyMC, and whole samplings, compilation not
counted where it can be told apart, by stock PyMC (``pm.Mixture`` of ``MvNormal``, LKJ), NumPyro
and R's bayesm (a Gibbs sampler, with its own conjugate priors; one chain as long as our four, the
first half left out). A peer that is not installed is said to be missing.

Effective draws are the least, over all parameters after relabelling, of the bulk effective sample
size. Peers are relabelled by their means of the first feature.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from arviz_stats.base import array_stats

import bayesgmm as bg
from bayesgmm.bayes import nuts
from bayesgmm.bayes.density import Density

REPEATS = 5
X = bg.load_dataset("faithful").to_numpy()
PRIORS = bg.Priors.weakly_informative(X, 2)


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of some calls after the first."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def effective(weights, means, covariances) -> float:
    """Least effective sample size of (chain, draw, ...) arrays, in the order of first means."""
    order = np.argsort(means[..., 0], axis=-1)
    least = np.inf
    for values in (weights, means, covariances):
        index = order.reshape(order.shape + (1,) * (values.ndim - 3))
        values = np.take_along_axis(values, index, axis=2)
        values = values.reshape(*values.shape[:2], -1)
        ess = array_stats.ess(values, chain_axis=0, draw_axis=1, method="bulk")
        least = min(least, np.nanmin(ess))
    return float(least)


def line(name: str, took: float, ess: float, unit: float | None) -> float:
    """Print a sampler's time, effective draws and speed; return the speed."""
    speed = ess / took
    ratio = f"{unit / speed:10.1f}" if unit else f"{'':10}"
    print(f"{name:44}{took:10.2f}{ess:10.0f}{speed:12.0f}{ratio}")
    return speed


def ours() -> float:
    """Time `fit_bayes` and the sampling alone; return effective draws a second of the call."""
    em = bg.fit_em(X, 2, random_seed=1, progressbar=False)
    call = seconds(lambda: bg.fit_bayes(X, 2, random_seed=1, progressbar=False))
    fit = bg.fit_bayes(X, 2, random_seed=1, progressbar=False)
    draws = fit.draws
    ess = effective(draws.weights, draws.means, draws.cholesky @ draws.cholesky.mT)
    speed = line("fit_bayes, whole call", call, ess, None)
    density = Density(X, 2, "full", PRIORS)
    p = em.params
    centre = density.pack(p.weights, p.means, p.cholesky)
    starts = centre + 0.05 * np.random.default_rng(1).normal(size=(4, density.n_dim))
    known = nuts._READ
    for route, cores in (("native", 4), ("native", 1), ("python", 1)):
        nuts._READ = known if route == "native" else set()
        settings = {"cores": cores, "target_accept": 0.9, "random_seed": 1, "progressbar": False}
        took = seconds(lambda settings=settings: nuts.sample(density, starts, **settings))
        line(f"sampling alone, {route} route, {cores} at a time", took, ess, speed)
    nuts._READ = known
    for part, work in {
        "EM": lambda: bg.fit_em(X, 2, random_seed=1, progressbar=False),
        "diagnostics": lambda: replace(fit).diagnostics,
    }.items():
        print(f"  of which, or after it: {part:21}{seconds(work):10.2f}")
    return speed


def gradients(peers: bool) -> None:
    """Time a gradient against the number of rows; at ten thousand rows against stock PyMC."""
    print(f"\n{'gradient, D = 2, K = 3':44}{'µs':>10}{'ns a row':>10}")
    rng = np.random.default_rng(0)
    for n in (10**3, 10**4, 10**5, 10**6):
        rows = rng.normal(size=(n, 2)) + 3 * rng.integers(3, size=(n, 1))
        density = Density(rows, 3, "full", bg.Priors.weakly_informative(rows, 3))
        points = np.full((max(1, 10**6 // n), density.n_dim), 0.1)
        took = seconds(lambda d=density, x=points: d.log_densities(x)) / len(points)
        print(f"{f'  {n} rows':44}{1e6 * took:10.1f}{1e9 * took / n:10.2f}")
        if n == 10**4 and peers:
            stock = stock_gradient(rows)
            print(f"{'  the same by stock PyMC':44}{1e6 * stock:10.1f}{stock / took:9.1f} x")


def stock_model(rows, n_components):
    """Write the mixture as a user of PyMC would."""
    import pymc as pm

    D = rows.shape[1]
    with pm.Model() as model:
        weights = pm.Dirichlet("weights", np.ones(n_components))
        shape = (n_components, D)
        means = pm.Normal("means", rows.mean(0), 2.5 * rows.std(0), shape=shape)
        parts = []
        for k in range(n_components):
            sd = pm.LogNormal.dist(np.log(rows.std(0)) - np.log(n_components) / D, 0.5, shape=D)
            chol, _, _ = pm.LKJCholeskyCov(f"chol{k}", n=D, eta=2.0, sd_dist=sd)
            pm.Deterministic(f"cov{k}", chol @ chol.T)
            parts.append(pm.MvNormal.dist(means[k], chol=chol))
        pm.Mixture("x", weights, parts, observed=rows)
    return model


def stock_gradient(rows) -> float:
    """Time the log density and gradient of the stock model, as PyMC gives them to a sampler."""
    model = stock_model(rows, 3)
    evaluate = model.logp_dlogp_function(ravel_inputs=True)
    evaluate.set_extra_values({})
    x = np.concatenate([np.ravel(v) for v in model.initial_point().values()])
    return seconds(lambda: evaluate(x))


def by_pymc():
    """Sample the stock model; compilation counts, but once before with every cache cold."""
    import pymc as pm

    def sample():
        with stock_model(X, 2):
            return pm.sample(1000, tune=1000, chains=4, random_seed=1, progressbar=False)

    sample()
    began = time.perf_counter()
    posterior = sample()["posterior"]
    took = time.perf_counter() - began
    covariances = np.stack([posterior[f"cov{k}"].to_numpy() for k in range(2)], axis=2)
    return took, posterior["weights"].to_numpy(), posterior["means"].to_numpy(), covariances


NUMPYRO = """
import sys, time
import numpy as np, jax, jax.numpy as jnp, numpyro, numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS
numpyro.enable_x64()
numpyro.set_host_device_count(4)
X = np.load(sys.argv[1])
def model(X):
    w = numpyro.sample("weights", dist.Dirichlet(jnp.ones(2)))
    with numpyro.plate("k", 2):
        m = numpyro.sample("means", dist.Normal(X.mean(0), 2.5 * X.std(0)).to_event(1))
        loc = jnp.log(X.std(0)) - np.log(2) / 2
        s = numpyro.sample("scales", dist.LogNormal(loc, 0.5 * np.ones(2)).to_event(1))
        c = numpyro.sample("corr", dist.LKJCholesky(2, 2.0))
    L = numpyro.deterministic("L", s[..., None] * c)
    parts = dist.MultivariateNormal(m, scale_tril=L)
    numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(w), parts), obs=X)
mcmc = MCMC(NUTS(model, target_accept_prob=0.9), num_warmup=1000, num_samples=1000, num_chains=4,
            progress_bar=False)
mcmc.run(jax.random.PRNGKey(0), jnp.asarray(X))
jax.block_until_ready(mcmc.get_samples()["weights"])
began = time.perf_counter()
mcmc.run(jax.random.PRNGKey(1), jnp.asarray(X))
jax.block_until_ready(mcmc.get_samples()["weights"])
took = time.perf_counter() - began
d = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
np.savez(sys.argv[2], took=took, weights=d["weights"], means=d["means"],
         covariances=d["L"] @ np.swapaxes(d["L"], -1, -2))
"""

BAYESM = """
suppressMessages(library(bayesm))
args <- commandArgs(TRUE); y <- as.matrix(read.csv(args[1], header=FALSE)); set.seed(1)
invisible(capture.output({
began <- proc.time()[3]
out <- rnmixGibbs(Data=list(y=y), Prior=list(ncomp=2), Mcmc=list(R=8000, keep=1, nprint=0))
took <- proc.time()[3] - began}))
kept <- 4001:8000
draws <- t(sapply(kept, function(i) {
  parts <- out$nmix$compdraw[[i]]
  c(out$nmix$probdraw[i, ], parts[[1]]$mu, parts[[2]]$mu,
    as.vector(crossprod(solve(parts[[1]]$rooti))),
    as.vector(crossprod(solve(parts[[2]]$rooti))))}))
write.table(rbind(rep(took, ncol(draws)), draws), args[2], row.names=FALSE, col.names=FALSE)
"""


def by_numpyro(python: str, folder: Path):
    """Sample with NumPyro, compiled before; in a Python that has it."""
    np.save(folder / "x.npy", X)
    arguments = [str(folder / "x.npy"), str(folder / "draws.npz")]
    subprocess.run([python, "-c", NUMPYRO, *arguments], check=True, capture_output=True)
    found = np.load(folder / "draws.npz")
    return float(found["took"]), found["weights"], found["means"], found["covariances"]


def by_bayesm(folder: Path):
    """Sample with R's bayesm; its one chain is cut into four."""
    np.savetxt(folder / "x.csv", X, delimiter=",")
    (folder / "run.R").write_text(BAYESM)
    arguments = [str(folder / "run.R"), str(folder / "x.csv"), str(folder / "draws.txt")]
    subprocess.run(["Rscript", *arguments], check=True, capture_output=True)
    table = np.loadtxt(folder / "draws.txt")
    took, draws = table[0, 0], table[1:].reshape(4, 1000, 14)
    covariances = draws[..., 6:].reshape(4, 1000, 2, 2, 2)
    means = draws[..., 2:6].reshape(4, 1000, 2, 2)
    return float(took), draws[..., :2], means, covariances


def has_bayesm() -> bool:
    """Whether R is there, and bayesm in it."""
    if shutil.which("Rscript") is None:
        return False
    ask = ["Rscript", "-e", "library(bayesm)"]
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0


def main() -> None:
    """Print the tables."""
    peers = "--peers" in sys.argv
    print(f"{'':44}{'seconds':>10}{'ess':>10}{'ess / s':>12}{'call / it':>10}")
    speed = ours()
    if peers:
        python = os.environ.get("NUMPYRO_PYTHON", sys.executable if find_spec("numpyro") else "")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            line_of = {"stock PyMC, caches warm": by_pymc}
            if python:
                line_of["NumPyro, compiled before"] = lambda: by_numpyro(python, folder)
            else:
                print("NumPyro is missing: set NUMPYRO_PYTHON to a Python that has it")
            if has_bayesm():
                line_of["bayesm (Gibbs; other priors)"] = lambda: by_bayesm(folder)
            else:
                print("R's bayesm is missing")
            for title, sample in line_of.items():
                took, *draws = sample()
                line(title, took, effective(*draws), speed)
    gradients(peers)
    print(time.strftime("\n%Y-%m-%d"), f"{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
