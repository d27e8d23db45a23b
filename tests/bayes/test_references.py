"""Posteriors that others have computed: every mean, sd and quantile, within Monte Carlo error."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from arviz_stats.base import array_stats

import bayesgmm as bg
from bayesgmm.priors import LKJ, Dirichlet, HalfNormal, Normal, Priors

FOLDER = Path(__file__).parent / "references"
ERRORS = 4


def reference(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def check(expected, draws):
    """Compare summaries of draws, arrays (chain, draw) by name, in units of the combined error."""
    axes = {"chain_axis": 0, "draw_axis": 1}
    quantiles = {"q05": 0.05, "q50": 0.5, "q95": 0.95}
    for name, array in draws.items():
        found = {
            "mean": (array.mean(), array_stats.mcse(array, **axes, method="mean")),
            "sd": (array.std(), array_stats.mcse(array, **axes, method="sd")),
        }
        for key, prob in quantiles.items():
            error = array_stats.mcse(array, **axes, method="quantile", prob=prob)
            found[key] = (np.quantile(array, prob), error)
        for key, (value, error) in found.items():
            theirs = expected[name]
            combined = np.hypot(error, theirs[f"mcse_{key}"])
            assert abs(value - theirs[key]) < ERRORS * combined, (name, key, value, theirs[key])


def test_low_dimensional_mixture_of_posteriordb():
    known = reference("low_dim_gauss_mix")
    priors = Priors(weights=Dirichlet(5.0), means=Normal(0.0, 2.0), scales=HalfNormal(2.0))
    fit = bg.fit_bayes(known["y"], 2, priors=priors, random_seed=1, progressbar=False)
    weights, means, scales, _ = fit.draws
    check(
        known["parameters"],
        {
            "mu[0]": means[..., 0, 0],
            "mu[1]": means[..., 1, 0],
            "sigma[0]": scales[..., 0, 0],
            "sigma[1]": scales[..., 1, 0],
            "theta": weights[..., 0],
        },
    )


def test_faithful_under_the_priors_of_the_reference(faithful):
    known = reference("faithful_lkj_k2")
    X = pd.DataFrame((faithful - faithful.mean()) / faithful.std(ddof=0))
    priors = Priors(
        weights=Dirichlet(1.0),
        means=Normal(0.0, 2.5),
        scales=HalfNormal(1.0),
        correlations=LKJ(2.0),
    )
    with warnings.catch_warnings():  # that these priors and such data are improper, strictly
        warnings.filterwarnings("ignore", "at least .* lie|.* rows tie in", UserWarning)
        fit = bg.fit_bayes(X, 2, priors=priors, random_seed=1, progressbar=False)
    weights, means, scales, factors = fit.draws
    draws = {}
    for k in range(2):
        draws[f"weights[{k}]"] = weights[..., k]
        draws[f"corr[{k}]"] = factors[..., k, 1, 0]
        for d in range(2):
            draws[f"means[{k},{d}]"] = means[..., k, d]
            draws[f"sds[{k},{d}]"] = scales[..., k, d]
    check(known["parameters"], draws)
