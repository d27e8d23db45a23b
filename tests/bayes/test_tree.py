"""The labelled posterior: PyMC's and ArviZ's own functions work on it."""

from dataclasses import replace

import arviz as az
import numpy as np
import pymc as pm
import pytest
from pytensor.compile.mode import Mode

import bayesgmm as bg
from bayesgmm.bayes.sensitivity import prior_sensitivity
from bayesgmm.priors import Fixed, HalfNormal, LogNormal, Normal, Precision, Priors
from bayesgmm.priors import Gamma as GammaPrior

ALL = ["full", "tied", "diag", "spherical"]
QUICK = {"draws": 20, "tune": 100, "chains": 2, "random_seed": 1, "progressbar": False}
PLAIN = {"progressbar": False, "compile_kwargs": {"mode": Mode(linker="py", optimizer=None)}}


def small_fit(covariance_type, **options):
    X = bg.load_dataset("faithful").iloc[:60]
    return bg.fit_bayes(X, 2, covariance_type=covariance_type, **QUICK | options)


def check_with_pymc(fit):
    tree, model = fit.to_datatree(), fit.model
    with model:
        drawn = pm.sample_posterior_predictive(tree, random_seed=1, **PLAIN)
    assert drawn["posterior_predictive"]["x"].dims == ("chain", "draw", "row", "feature")
    quiet = {"extend_inferencedata": False, **PLAIN}
    likelihood = pm.stats.compute_log_likelihood(tree, model=model, **quiet)
    np.testing.assert_allclose(likelihood["x"], fit.log_likelihood, rtol=1e-10)
    prior = pm.stats.compute_log_prior(tree, model=model, **quiet)
    assert set(tree["log_prior"].data_vars) == set(prior.data_vars)
    for name, theirs in prior.data_vars.items():
        assert tree["log_prior"][name].dims == theirs.dims
        np.testing.assert_allclose(tree["log_prior"][name], theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("covariance_type", ALL)
def test_pymc_takes_the_posterior_of_every_structure(covariance_type):
    check_with_pymc(small_fit(covariance_type))


def test_pymc_takes_a_posterior_of_precisions():
    priors = Priors(means=Normal([3.5, 70.0], [2.0, 30.0]), scales=Precision(GammaPrior(2, 1)))
    check_with_pymc(small_fit("tied", priors=priors))


def swapped_priors(bayes):
    """The same draws under other priors: enough for the groups of the prior."""
    return replace(
        bayes,
        priors=Priors(
            weights=Fixed([0.3, 0.7]),
            means=bayes.priors.means,
            scales=HalfNormal([1.0, 10.0]),
            correlations=Fixed([[1.0, 0.5], [0.5, 1.0]]),
            ordered="waiting",
        ),
    )


def test_prior_groups_know_what_is_fixed_and_ordered(bayes):
    tree = swapped_priors(bayes).to_datatree(["prior", "prior_predictive", "log_prior"])
    prior = tree["prior"]
    np.testing.assert_array_equal(prior["weights"].sel(component=0), 0.3)
    np.testing.assert_allclose(prior["correlations"][..., 0, 1], 0.5)
    assert (prior["means"].sel(feature="waiting").diff("component") > 0).all()
    assert tree["prior_predictive"]["x"].shape == (1, 500, 272, 2)
    assert set(tree["log_prior"].data_vars) == {"means", "scales"}


def test_arviz_tells_prior_sensitivity(bayes):
    found = az.psense(bayes.to_datatree(), group="prior", var_names=["weights", "means", "scales"])
    table = prior_sensitivity(bayes)
    assert table.index.equals(bayes.summary().index)
    component, feature = 1, "waiting"
    mine = table.loc[(component, "sd", feature), "prior"]
    theirs = float(found["scales"].sel(component=component, feature=feature))
    assert mine == pytest.approx(theirs, abs=1e-6)


def test_a_prior_that_conflicts_is_seen(caplog):
    x = bg.load_dataset("faithful")["waiting"]
    quick = {"draws": 500, "tune": 300, "chains": 2, "random_seed": 1, "progressbar": False}
    scale = (0, "sd", "waiting")
    vague, conflicting = (
        prior_sensitivity(bg.fit_bayes(x, 1, priors=priors, **quick)).loc[scale]
        for priors in (
            Priors(means=Normal(70, 30), scales=LogNormal(np.log(13), 2.0)),
            Priors(means=Normal(70, 30), scales=LogNormal(np.log(3), 0.1)),
        )
    )
    assert vague["prior"] < 0.05 < conflicting["prior"]
    assert conflicting["diagnosis"] == "potential prior-data conflict"
    assert not [record for record in caplog.records if record.name.startswith("arviz")]


def test_a_hundred_copies_of_one_row_leave_the_posterior_finite():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 2)), np.full((100, 2), 0.5)])
    start = bg.Params([0.5, 0.5], [[-0.1, 0.0], [0.5, 0.5]], np.stack([np.eye(2)] * 2))
    fit = bg.fit_bayes(X, 2, start=start, **QUICK)
    assert np.isfinite(fit.log_likelihood).all()
    assert np.isfinite(fit.draws.cholesky).all()
