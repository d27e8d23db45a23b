"""What holds of every EM fit, whatever the data."""

import naive
import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg

ALL = ["diag", "full", "spherical", "tied"]
FAITHFUL = bg.load_dataset("faithful").to_numpy()


def fit(X, n_components=2, **options):
    return bg.fit_em(X, n_components, **({"random_seed": 5} | options))


def assert_same(one, other, shift=0.0, scale=1.0, rtol=1e-6):
    """The second mixture is that of ``shift + scale * x`` where x follows the first."""
    np.testing.assert_allclose(other.params.weights, one.params.weights, rtol=rtol)
    np.testing.assert_allclose(other.params.means - shift, scale * one.params.means, rtol=rtol)
    expected = scale**2 * one.params.covariances
    small = rtol * np.abs(expected).max()
    np.testing.assert_allclose(other.params.covariances, expected, rtol=rtol, atol=small)


@pytest.mark.parametrize("covariance_type", ALL)
def test_reported_loglik_is_that_of_the_returned_parameters(covariance_type):
    em = fit(FAITHFUL, covariance_type=covariance_type)
    p = em.params
    oracle = naive.log_density(FAITHFUL, p.weights, p.means, p.cholesky).sum()
    assert em.log_likelihood == pytest.approx(oracle, rel=1e-10)
    assert em.score() * len(FAITHFUL) == pytest.approx(oracle, rel=1e-10)


@pytest.mark.parametrize("covariance_type", ALL)
@pytest.mark.parametrize("shift", [1e8, -1e8])
def test_fit_is_equivariant_to_translation(covariance_type, shift):
    X = FAITHFUL + shift - shift  # what is left of the data at that distance
    em, moved = (fit(x, covariance_type=covariance_type) for x in (X, X + shift))
    assert_same(em, moved, shift=shift)
    assert moved.log_likelihood == pytest.approx(em.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("covariance_type", ALL)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_fit_is_equivariant_to_scale(covariance_type, scale):
    em, scaled = (fit(x, covariance_type=covariance_type) for x in (FAITHFUL, FAITHFUL * scale))
    assert_same(em, scaled, scale=scale)
    jacobian = -FAITHFUL.size * np.log(scale)
    assert scaled.log_likelihood == pytest.approx(em.log_likelihood + jacobian, rel=1e-10)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_features_may_have_units_of_their_own(covariance_type):
    units = np.array([1e-9, 1e9])
    em, other = (fit(x, covariance_type=covariance_type) for x in (FAITHFUL, FAITHFUL * units))
    np.testing.assert_allclose(other.params.means, em.params.means * units, rtol=1e-6)
    np.testing.assert_allclose(other.params.correlations, em.params.correlations, atol=1e-6)


@pytest.mark.parametrize("covariance_type", ALL)
def test_doubling_every_row_is_doubling_weights(covariance_type):
    doubled = fit(np.repeat(FAITHFUL, 2, axis=0), covariance_type=covariance_type)
    weighted = fit(
        FAITHFUL, covariance_type=covariance_type, sample_weight=np.full(len(FAITHFUL), 2.0)
    )
    assert_same(doubled, weighted)
    for name in ("log_likelihood", "bic", "aic", "icl"):
        assert getattr(weighted, name) == pytest.approx(getattr(doubled, name), rel=1e-9)


def test_a_row_of_weight_zero_is_no_row():
    weights = np.ones(len(FAITHFUL))
    weights[::3] = 0
    assert_same(fit(FAITHFUL[weights > 0]), fit(FAITHFUL, sample_weight=weights))


def test_order_of_rows_does_not_matter():
    order = np.random.default_rng(0).permutation(len(FAITHFUL))
    assert_same(fit(FAITHFUL), fit(FAITHFUL[order]))


def test_order_of_components_in_a_start_does_not_matter():
    start = fit(FAITHFUL).params
    moved = fit(FAITHFUL, start=start.permuted([1, 0]))
    assert_same(fit(FAITHFUL, start=start), moved)


def test_components_are_returned_by_ascending_mean_of_the_first_feature():
    means = fit(bg.load_dataset("iris").iloc[:, :4], 3).params.means
    assert (np.diff(means[:, 0]) > 0).all()


def test_a_start_at_the_maximum_stays_there():
    em = fit(FAITHFUL)
    again = fit(FAITHFUL, start=em.params)
    assert again.n_iter < 10
    assert again.log_likelihood == pytest.approx(em.log_likelihood, abs=1e-7)


def test_same_seed_same_fit_and_no_seed_is_told():
    one, other = fit(FAITHFUL, 3), fit(FAITHFUL, 3)
    np.testing.assert_array_equal(one.params.cholesky, other.params.cholesky)
    drawn = bg.fit_em(FAITHFUL, 3, n_starts=5)
    again = bg.fit_em(FAITHFUL, 3, n_starts=5, random_seed=drawn.settings["random_seed"])
    np.testing.assert_array_equal(drawn.params.means, again.params.means)


def test_criteria_are_their_formulas():
    em = fit(FAITHFUL)
    assert em.n_parameters == 1 + 4 + 6
    assert em.bic == pytest.approx(-2 * em.log_likelihood + 11 * np.log(272))
    assert em.aic == pytest.approx(-2 * em.log_likelihood + 22)
    shares = em.predict_proba()
    entropy = -np.sum(shares * np.log(np.maximum(shares, 1e-300)))
    assert em.icl == pytest.approx(em.bic + 2 * entropy)


def test_a_component_that_collapses_is_never_preferred():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(100, 2)), np.full((5, 2), 0.7)])
    em = fit(X, 2)
    assert em.sound
    assert em.params.scales.min() > 1e-3


def test_a_fit_with_nothing_but_collapses_says_so():
    X = np.repeat([[0.0, 1.0], [5.0, 2.0], [1.0, 9.0]], 30, axis=0)
    with pytest.warns(UserWarning, match="very few rows"):
        em = fit(X, 3)
    assert not em.sound
    assert "WARNING" in repr(em)


def test_too_few_iterations_are_told():
    with pytest.warns(UserWarning, match="max_iter"):
        em = fit(FAITHFUL, 4, max_iter=3, n_starts=2)
    assert not em.converged
    assert "NOT converged" in repr(em)


def test_frames_of_any_kind_give_the_same_fit():
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns = {"a": FAITHFUL[:, 0], "b": FAITHFUL[:, 1]}
    plain = fit(FAITHFUL)
    for frame in (pd.DataFrame(columns), polars.DataFrame(columns), arrow.table(columns)):
        named = fit(frame)
        assert named.feature_names == ("a", "b")
        np.testing.assert_array_equal(named.params.means, plain.params.means)
        np.testing.assert_array_equal(named.predict(frame[:3]), plain.predict()[:3])


def test_one_column_may_be_one_dimensional():
    galaxies = bg.load_dataset("galaxies")
    one, other = fit(galaxies, 3), fit(galaxies["velocity"], 3)
    assert one.feature_names == other.feature_names == ("velocity",)
    np.testing.assert_array_equal(one.params.means, other.params.means)


def test_many_rows_are_searched_on_a_part_and_fitted_on_all():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-3, 1, (12_000, 1)), rng.normal(3, 2, (8_000, 1))])
    em = fit(X, 2)
    assert em.data.n_rows == 20_000
    np.testing.assert_allclose(em.params.weights, [0.6, 0.4], atol=0.01)
    np.testing.assert_allclose(em.params.scales.ravel(), [1, 2], atol=0.05)


def test_prediction_finds_columns_by_name():
    frame = pd.DataFrame(FAITHFUL, columns=["a", "b"])
    em = fit(frame)
    turned = frame[["b", "a"]].assign(other="text")
    np.testing.assert_array_equal(em.predict_proba(turned), em.predict_proba(FAITHFUL))
    with pytest.raises(bg.InputError, match="no column 'b'"):
        em.predict(frame[["a"]])
    with pytest.raises(bg.InputError, match="3 feature"):
        em.predict(np.zeros((2, 3)))


def test_samples_follow_the_mixture():
    em = fit(FAITHFUL)
    rows, labels = em.sample(40_000, random_seed=1)
    share = em.params.weights[1]
    assert labels.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 40_000))
    second = rows[labels == 1]
    np.testing.assert_allclose(np.cov(second.T), em.params.covariances[1], rtol=0.05)
