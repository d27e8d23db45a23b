"""The default prior of the scales leaves no spurious mode on rounded data."""

import numpy as np
import pytest
from scipy.optimize import minimize

import bayesgmm as bg
from bayesgmm.bayes.density import Density
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
