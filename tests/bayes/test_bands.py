"""Densities and memberships with an interval at every point."""

import numpy as np
import pytest
from naive import responsibilities
from posteriors import each, fit_of, random_draws
from scipy.integrate import trapezoid
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.bayes import predictive
from bayesgmm.bayes.bands import marginal


def fit(D=3, K=2, seed=0, **options):
    rng = np.random.default_rng(seed)
    return fit_of(4 * rng.normal(size=(30, D)), random_draws(rng, 2, 11, K, D), **options)


def marginal_densities(points, draws, columns):
    """Density of some features in every draw, (S, M), from the covariances' own blocks."""
    out = []
    for weights, means, cholesky in each(draws):
        blocks = (cholesky @ np.swapaxes(cholesky, 1, 2))[:, columns][:, :, columns]
        parts = zip(weights, means[:, columns], blocks, strict=True)
        out.append(sum(w * multivariate_normal.pdf(points, m, c) for w, m, c in parts))
    return np.reshape(out, (-1, len(points)))


@pytest.mark.parametrize("columns", [[1], [0, 2], [2, 0], [0, 1, 2]])
def test_band_is_that_of_the_draws(columns):
    f, points = fit(), 4 * np.random.default_rng(1).normal(size=(9, len(columns)))
    band = f.density([f"x{j}" for j in columns], points=points, level=0.8)
    every = marginal_densities(points, f.draws, columns)
    np.testing.assert_allclose(band.mean, every.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(band.low, np.quantile(every, 0.1, axis=0), rtol=1e-9)
    np.testing.assert_allclose(band.high, np.quantile(every, 0.9, axis=0), rtol=1e-9)


def test_all_features_give_the_predictive_density():
    f = fit()
    band = f.density(points=f.data.rows())
    np.testing.assert_allclose(band.mean, np.exp(f.score_samples()))


def test_a_pair_integrates_to_its_margin():
    f = fit(D=2)
    pair, one = f.density(n_points=150), f.density("x0", n_points=150)
    np.testing.assert_array_equal(pair.points[:, 0, 0], one.points[:, 0])
    wide = np.linspace(-60, 60, 4001)
    at = np.column_stack([np.full(4001, pair.points[70, 0, 0]), wide])
    integral = trapezoid(f.density(points=at).mean, wide)
    assert integral == pytest.approx(one.mean[70], rel=1e-5)
    assert trapezoid(f.density("x1", points=wide).mean, wide) == pytest.approx(1, abs=1e-6)


def test_grid_goes_beyond_the_rows_and_into_a_table():
    f = fit(D=2)
    band = f.density(["x1", "x0"], n_points=20)
    assert band.points.shape == (20, 20, 2)
    assert band.mean.shape == (20, 20)
    assert (band.points.min(axis=(0, 1)) < f.data.values.min(axis=0)[::-1]).all()
    assert (band.points.max(axis=(0, 1)) > f.data.values.max(axis=0)[::-1]).all()
    table = band.to_dataframe()
    assert list(table.columns) == ["x1", "x0", "mean", "low", "high"]
    assert (table["low"] <= table["high"]).all()
    row = table.iloc[37]
    again = f.density(["x1", "x0"], points=[[row["x1"], row["x0"]]])
    assert again.mean[0] == pytest.approx(row["mean"])


def test_marginal_of_all_features_in_order_is_the_same():
    draws = fit().draws
    assert marginal(draws, [0, 1, 2]) is draws
    back = marginal(marginal(draws, [2, 0, 1]), [1, 2, 0])
    for one, other in zip(back, draws, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)


def test_blocks_do_not_change_a_band(monkeypatch):
    f = fit(D=2)
    whole = f.density(n_points=30), f.predict_proba_interval()
    monkeypatch.setattr(predictive, "NUMBERS", 22 * 7)
    np.testing.assert_allclose(f.density(n_points=30).high, whole[0].high, rtol=1e-14)
    np.testing.assert_allclose(f.predict_proba_interval(), whole[1], atol=1e-14)


def test_memberships_have_intervals():
    f, X = fit(), 4 * np.random.default_rng(3).normal(size=(6, 3))
    found = f.predict_proba_interval(X, level=0.5)
    assert found.dims == ("row", "component", "statistic")
    np.testing.assert_allclose(found.sel(statistic="mean"), f.predict_proba(X))
    every = [responsibilities(X, *params) for params in each(f.draws)]
    np.testing.assert_allclose(
        found.sel(statistic="low"), np.quantile(every, 0.25, axis=0), atol=1e-9
    )
    np.testing.assert_allclose(
        found.sel(statistic="high"), np.quantile(every, 0.75, axis=0), atol=1e-9
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no grid of 3 features"),
        ({"features": "x7"}, "there is no feature 'x7'; there are x0, x1, x2"),
        ({"features": ["x0", "x0"]}, "different names"),
        ({"features": []}, "at least one"),
        ({"features": "x0", "level": 0}, "level must be between 0 and 1"),
        ({"features": "x0", "n_points": 1}, "n_points must be from 2"),
        ({"features": ["x0", "x1"], "n_points": 10_000}, "n_points must be from 2 to 1000"),
        ({"features": "x0", "points": [[0.0, 1.0]]}, r"shape \(M, 1\)"),
        ({"features": "x0", "points": [np.nan]}, "finite"),
        ({"features": "x0", "points": ["a"]}, "not numbers"),
    ],
)
def test_bad_arguments_of_a_density_are_named(arguments, message):
    with pytest.raises(bg.InputError, match=message):
        fit().density(**arguments)
