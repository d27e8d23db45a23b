"""Standard errors and intervals: closed forms, equivariance, and when there are none."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.em.uncertainty import Uncertainty

KINDS = ["information", "sandwich"]
ALL = ["full", "tied", "diag", "spherical"]
RNG = np.random.default_rng(7)
X = np.concatenate(
    [
        RNG.normal(0, 1, (60, 2)) @ [[1, 0.4], [0, 0.8]],
        RNG.normal(0, 1, (90, 2)) @ [[0.5, -0.3], [0, 1.5]] + [3, 2],
    ]
)


def fit(rows=X, n_components=2, **options):
    return bg.fit_em(rows, n_components, random_seed=0, **options)


def errors(em, kind="information"):
    return em.standard_errors(kind)["se"]


def errors_of(parameter, em, kind="information"):
    return errors(em, kind).xs(parameter, level="parameter").to_numpy()


@pytest.fixture(scope="module", params=ALL)
def any_fit(request):
    return fit(covariance_type=request.param)


def test_one_gaussian_has_textbook_standard_errors():
    em = fit(n_components=1)
    p, n = em.params, len(X)
    rho = p.correlations[0, 0, 1]
    np.testing.assert_allclose(errors_of("mean", em), p.scales[0] / np.sqrt(n), rtol=1e-12)
    np.testing.assert_allclose(errors_of("sd", em), p.scales[0] / np.sqrt(2 * n), rtol=1e-8)
    np.testing.assert_allclose(errors_of("correlation", em), (1 - rho**2) / np.sqrt(n), rtol=1e-8)
    assert errors_of("weight", em) == 0
    assert em.confidence_intervals().loc[(0, "weight", "")].tolist() == [1, 1]


def test_one_aligned_gaussian_has_textbook_standard_errors():
    em = fit(n_components=1, covariance_type="diag")
    p, n = em.params, len(X)
    np.testing.assert_allclose(errors_of("mean", em), p.scales[0] / np.sqrt(n), rtol=1e-12)
    np.testing.assert_allclose(errors_of("sd", em), p.scales[0] / np.sqrt(2 * n), rtol=1e-8)


def test_sandwich_of_one_gaussian_is_by_the_moments():
    """Huber's variance of a mean is that of the information; of an sd, by the fourth moment."""
    em = fit(n_components=1)
    p, n = em.params, len(X)
    z = (X - p.means[0]) / p.scales[0]
    by_moments = p.scales[0] * np.sqrt((np.mean(z**4, axis=0) - 1) / (4 * n))
    np.testing.assert_allclose(errors_of("sd", em, "sandwich"), by_moments, rtol=1e-8)
    np.testing.assert_allclose(errors_of("mean", em, "sandwich"), errors_of("mean", em))


@pytest.mark.parametrize("other", ["diag", "spherical"])
def test_structures_that_mean_the_same_in_one_dimension_agree(other):
    full, same = fit(X[:, :1]), fit(X[:, :1], covariance_type=other)
    for kind in KINDS:
        pd.testing.assert_series_equal(errors(full, kind), errors(same, kind), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_relabelling_permutes(any_fit, kind):
    turned = replace(any_fit, params=any_fit.params.permuted([1, 0]))
    first = errors(any_fit, kind).rename(index={0: 1, 1: 0}, level="component")
    pd.testing.assert_series_equal(errors(turned, kind), first, rtol=1e-9, check_like=True)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_move_with_the_origin_and_the_units(any_fit, kind):
    common = any_fit.covariance_type == "spherical"
    unit = np.array([1e3, 1e3]) if common else np.array([1e-9, 1e9])
    moved = fit(5 * unit + unit * X, covariance_type=any_fit.covariance_type)
    scale = {"": 1, "x0": unit[0], "x1": unit[1], "x0, x1": 1}
    expected = errors(any_fit, kind) * errors(any_fit, kind).index.map(lambda row: scale[row[2]])
    np.testing.assert_allclose(errors(moved, kind), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_weight_two_is_two_rows(any_fit, kind):
    covariance = any_fit.uncertainty(kind).covariance.to_numpy()
    start, covariance_type = any_fit.params, any_fit.covariance_type
    for doubled in (
        fit(np.repeat(X, 2, axis=0), start=start, covariance_type=covariance_type),
        fit(start=start, covariance_type=covariance_type, sample_weight=np.full(len(X), 2.0)),
    ):
        again = doubled.uncertainty(kind).covariance.to_numpy()
        np.testing.assert_allclose(again, covariance / 2, rtol=1e-4, atol=1e-9)


def test_covariance_is_labelled_both_ways_and_agrees_with_the_errors(any_fit):
    covariance = any_fit.covariance_of_estimates
    assert covariance.index.equals(any_fit.summary().index)
    assert covariance.columns.equals(covariance.index)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), errors(any_fit))
    weights = [(0, "weight", ""), (1, "weight", "")]
    first, second = covariance.loc[weights, weights].to_numpy()
    np.testing.assert_allclose(first, -second)  # the weights sum to one


def test_intervals_are_symmetric_where_the_parameter_has_no_bounds(any_fit):
    links = {
        "weight": lambda p: np.log(p / (1 - p)),
        "mean": lambda p: p,
        "sd": np.log,
        "correlation": np.arctanh,
    }
    interval, table = any_fit.confidence_intervals(0.9), any_fit.standard_errors()
    h = 1e-6
    for (_, parameter, _), row in table.join(interval).iterrows():
        link, mle = links[parameter], row["mle"]
        slope = (link(mle + h) - link(mle - h)) / (2 * h)
        reach = 1.6448536 * row["se"] * slope
        assert link(row["high"]) - link(mle) == pytest.approx(reach, rel=1e-5)
        assert link(mle) - link(row["low"]) == pytest.approx(reach, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_respect_bounds(kind):
    em = fit(X[::12], covariance_type="full")
    interval = em.confidence_intervals(0.9999, kind=kind)
    low, high = interval["low"], interval["high"]
    parameter = interval.index.get_level_values("parameter")
    assert (low[parameter == "weight"] > 0).all()
    assert (high[parameter == "weight"] < 1).all()
    assert (low[parameter == "sd"] > 0).all()
    assert (low[parameter == "correlation"] > -1).all()
    assert (high[parameter == "correlation"] < 1).all()


def test_a_higher_level_gives_wider_intervals(any_fit):
    narrow, wide = any_fit.confidence_intervals(0.5), any_fit.confidence_intervals(0.95)
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()
    summary = any_fit.summary()
    assert summary["ci_low"].equals(wide["low"])
    assert summary["se"].equals(errors(any_fit))


def test_replicates_give_their_quantiles_and_their_covariance(any_fit):
    estimates = any_fit.summary()["mle"]
    draws = estimates.to_numpy() + np.random.default_rng(0).normal(size=(999, len(estimates)))
    found = Uncertainty.from_replicates(estimates, draws)
    np.testing.assert_allclose(found.standard_errors, draws.std(axis=0, ddof=1))
    below = (draws < found.intervals(0.8)["low"].to_numpy()).mean(axis=0)
    np.testing.assert_allclose(below, 0.1, atol=0.002)


def assert_none(em, why):
    assert why in em.uncertainty().problem
    assert em.summary()[["se", "ci_low", "ci_high"]].isna().all(axis=None)
    assert em.summary()["mle"].notna().all()
    for ask in (em.standard_errors, em.confidence_intervals):
        for kind in KINDS:
            with pytest.warns(UserWarning, match=re.escape(why)):
                assert ask(kind=kind).drop(columns="mle", errors="ignore").isna().all(axis=None)
    with pytest.warns(UserWarning, match=re.escape(why)):
        assert em.covariance_of_estimates.isna().all(axis=None)
    if em.sound:
        assert f"no standard errors: {em.uncertainty().problem}" in repr(em)


@pytest.mark.parametrize("covariance_type", ALL)
def test_duplicated_components_have_no_standard_errors(covariance_type):
    one = fit(n_components=1, covariance_type=covariance_type).params
    twice = bg.Params([0.4, 0.6], one.means[[0, 0]], one.cholesky[[0, 0]])
    em = fit(start=twice, covariance_type=covariance_type)
    assert_none(em, "components may be the same" if covariance_type != "tied" else "are the same")


def test_an_ascent_that_stopped_early_has_no_standard_errors():
    start = bg.Params([0.5, 0.5], [[0, 0], [2, 0]], [np.eye(2)] * 2)
    with pytest.warns(UserWarning, match="not converged"):
        em = fit(start=start, max_iter=3)
    assert_none(em, "EM stopped too early")


def test_collapsed_fits_have_no_standard_errors():
    spike = bg.Params([0.02, 0.98], [X[0], X.mean(axis=0)], [1e-3 * np.eye(2), np.eye(2)])
    with pytest.warns(UserWarning, match="very few rows"):
        em = fit(start=spike)
    assert_none(em, "so few rows")


def test_arguments_that_mean_nothing_are_named(any_fit):
    with pytest.raises(bg.InputError, match="'information' or 'sandwich', not 'bootstrapp'"):
        any_fit.standard_errors("bootstrapp")
    for level in (0, 1, 95):
        with pytest.raises(bg.InputError, match="level must be between 0 and 1"):
            any_fit.confidence_intervals(level)


def test_representations_do_not_wait_for_costly_errors(monkeypatch):
    em = fit(covariance_type="tied")
    monkeypatch.setattr("bayesgmm.em.result._COSTLY", 10.0)
    assert "ci_low" not in repr(em)
    assert "standard_errors()" in em._repr_html_()
    em.standard_errors()
    assert "ci_low" in repr(em)  # it is known by now
