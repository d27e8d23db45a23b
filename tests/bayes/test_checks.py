"""Posterior predictive checks: calm where the model is true, loud where it is not."""

import numpy as np
import pytest
from posteriors import fit_of, random_draws
from scipy.stats import kurtosis, skew

import bayesgmm as bg
from bayesgmm.bayes import checks
from bayesgmm.bayes.transforms import Mixture

COLUMNS = ["observed", "replicated", "interval_low", "interval_high", "tail_probability"]


def gaussian_posterior(X, draws=400, seed=0):
    """Draws from about the posterior of one Gaussian, independent features."""
    rng, (N, D) = np.random.default_rng(seed), X.shape
    shape = (2, draws // 2, 1, D)
    scales = X.std(axis=0) * np.sqrt(N / rng.chisquare(N - 1, size=shape))
    means = X.mean(axis=0) + scales / np.sqrt(N) * rng.normal(size=shape)
    identity = np.broadcast_to(np.eye(D), (*shape, D))
    return fit_of(X, Mixture(np.ones(shape[:3]), means, scales, identity), "diag")


def test_summaries_are_the_textbooks():
    rows = np.random.default_rng(0).exponential(size=(40, 2))
    expected = [rows.mean(0), rows.std(0), skew(rows), kurtosis(rows, fisher=False)]
    expected += [rows.min(0), rows.max(0), [np.corrcoef(rows.T)[0, 1]]]
    np.testing.assert_allclose(checks.summaries(rows[None])[0], np.concatenate(expected))


def test_rows_of_the_model_are_not_extreme():
    rows = np.random.default_rng(4).normal(size=(200, 2))
    table = gaussian_posterior(rows).predictive_check()
    assert list(table.columns) == COLUMNS
    assert table["tail_probability"].between(0.01, 0.99).all()
    between = table["observed"].between(table["interval_low"], table["interval_high"])
    assert between.mean() > 0.8
    assert table.loc[("mean", "x0"), "tail_probability"] == pytest.approx(0.5, abs=0.1)


def test_heavy_tails_are_told():
    rows = np.random.default_rng(1).standard_t(3, size=(400, 1))
    table = gaussian_posterior(rows).predictive_check()
    assert table.loc[("kurtosis", "x0"), "tail_probability"] < 0.01
    largest = table.loc[["min", "max"], "tail_probability"]
    assert ((largest < 0.01) | (largest > 0.99)).any()
    assert 0.05 < table.loc[("mean", "x0"), "tail_probability"] < 0.95


def test_correlation_that_the_model_lacks_is_told():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 2)) @ np.array([[1.0, 0.7], [0.0, 0.7]])
    table = gaussian_posterior(rows).predictive_check()
    assert table.loc[("correlation", "x0, x1"), "tail_probability"] < 0.01


def test_own_statistics_and_blocks(monkeypatch):
    fit = gaussian_posterior(np.random.default_rng(0).normal(size=(50, 2)))
    own = {"rows beyond 2": lambda rows: (np.abs(rows) > 2).mean(), "one": lambda rows: 1}
    table = fit.predictive_check(own, draws=100)
    assert list(table.index) == ["rows beyond 2", "one"]
    assert table.loc["one", "tail_probability"] == 0.5  # it cannot vary, so it is not extreme
    assert table.equals(fit.predictive_check(own, draws=100))
    assert not table.equals(fit.predictive_check(own, draws=100, random_seed=9))
    monkeypatch.setattr(checks, "NUMBERS", 700)
    again = fit.predictive_check(own, draws=100)
    assert again.shape == (2, 5)
    assert again["replicated"].iloc[0] == pytest.approx(table["replicated"].iloc[0], abs=0.02)


def test_bad_statistics_are_named():
    rng = np.random.default_rng(0)
    fit = fit_of(rng.normal(size=(20, 2)), random_draws(rng, 1, 4, 2, 2))
    with pytest.raises(bg.InputError, match="'mean' must turn rows"):
        fit.predictive_check({"mean": lambda rows: rows.mean(axis=0)})
    with pytest.raises(bg.InputError, match="draws must be at least 1"):
        fit.predictive_check(draws=0)
