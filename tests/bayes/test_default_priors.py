"""The default prior of the scales leaves no spurious mode on rounded data."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

import bayesgmm as bg
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.modes import find_modes, weighed
from bayesgmm.priors import LogNormal, Priors


def mode_from_the_ties(data, em, priors):
    """Climb from a narrow third component on the most frequent waiting time."""
    X = data.to_numpy()
    values, counts = np.unique(X[:, 1], return_counts=True)
    tied = X[X[:, 1] == values[counts.argmax()]]
    density = Density(X, 3, "full", priors)
    start = density.pack(
        np.r_[0.95 * em.params.weights, 0.05],
        np.vstack([em.params.means, tied.mean(axis=0)]),
        np.concatenate([em.params.cholesky, [np.diag([tied[:, 0].std(), 0.01])]]),
    )

    def negative(x):
        value, gradient = density.value_and_grad(x)
        return -value, -gradient

    top = minimize(negative, start, jac=True, method="BFGS", options={"maxiter": 2000})
    return density.unpack(top.x)


def test_no_mode_sits_on_tied_rows_by_default(faithful, em):
    priors = Priors.weakly_informative(faithful, 3)
    mode = mode_from_the_ties(faithful, em, priors)
    assert mode.scales[:, 1].min() > 1  # minutes: the rounding of the data


def test_flowers_that_were_rounded_alike_are_no_component_by_default():
    iris = bg.load_dataset("iris").select_dtypes("number")
    X = iris.to_numpy()
    tied = X[:, 3] == 0.2
    groups = [tied, ~tied & (X[:, 2] < 2.5), X[:, 2] > 2.5]
    spread = [np.cov(X[g].T, bias=True) + np.diag([0.0, 0.0, 0.0, 1e-6]) for g in groups]
    centres = [X[g].mean(axis=0) for g in groups]
    spike = bg.Params([g.mean() for g in groups], centres, np.linalg.cholesky(spread))
    species = bg.fit_em(iris, 3, random_seed=1, progressbar=False).params
    default = Priors.weakly_informative(iris, 3)
    assert default.scales.lower == pytest.approx(0.1 / np.sqrt(12))

    def sds(priors):
        density = Density(X, 3, "full", priors)
        weightiest = weighed(density, find_modes(density, [spike, species]))[0]
        return density.unpack(weightiest.point).scales[:, 3]

    assert sds(default).min() > 0.08
    without = replace(default, scales=LogNormal(default.scales.mu, 0.5))
    assert sds(without).min() < 1e-3


def test_features_without_ties_are_not_taken_to_be_rounded():
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 1] = np.round(X[:, 1], 1)
    X[:, 2] = np.sign(X[:, 2])  # a step as wide as the data: half the median is narrower
    scales = Priors.weakly_informative(X, 2).scales
    median = np.exp(scales.mu)
    np.testing.assert_allclose(scales.lower, [0, 0.1 / np.sqrt(12), median[2] / 2], rtol=1e-12)


def test_a_wider_prior_would_leave_one(faithful, em):
    default = Priors.weakly_informative(faithful, 3)
    wider = Priors(means=default.means, scales=LogNormal(default.scales.mu, 0.75))
    assert mode_from_the_ties(faithful, em, wider).scales[:, 1].min() < 0.01


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_default_priors_move_and_stretch_with_the_data(faithful, factor):
    X = faithful.to_numpy()
    one, other = (Priors.weakly_informative(x, 2) for x in (X, 5 + factor * X))
    np.testing.assert_allclose(other.means.mu, 5 + factor * one.means.mu, rtol=1e-9)
    np.testing.assert_allclose(other.means.sigma, factor * one.means.sigma, rtol=1e-9)
    np.testing.assert_allclose(other.scales.mu, np.log(factor) + one.scales.mu, rtol=1e-9)


def test_posterior_moves_and_stretches_with_the_data(faithful, em):
    quick = {"draws": 300, "tune": 300, "chains": 2, "random_seed": 1, "progressbar": False}
    near = bg.fit_bayes(faithful, 2, **quick).summary()
    far = bg.fit_bayes(1e6 * faithful + 1e8, 2, **quick).summary()
    where = near.index.get_level_values("parameter")
    scale = np.where(where.isin(["mean", "sd"]), 1e6, 1.0)
    shift = np.where(where == "mean", 1e8, 0.0)
    error = 5 * np.hypot(scale * near["mcse_mean"], far["mcse_mean"])
    assert (np.abs(far["mean"] - (shift + scale * near["mean"])) < error).all()
