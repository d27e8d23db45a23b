"""The pictures show the fits' own numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import naive
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from scipy.stats import chi2, norm

import bayesgmm as bg
from bayesgmm.plots import line, plane, style
from bayesgmm.plots.view import view

PETALS = ("petal_width", "petal_length")  # not in the order of the columns


def line_called(ax, label):
    (found,) = [drawn for drawn in ax.lines if drawn.get_label() == label]
    return found


def curves_of(drawn):
    """Closed curves, (K, points, 2), of a line that NaN breaks."""
    x, y = drawn.get_data()
    ends = np.flatnonzero(np.isnan(x))
    return np.array([part[~np.isnan(part[:, 0])] for part in np.split(np.c_[x, y], ends)[:-1]])


def posterior_curves(ax):
    (drawn,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    return np.array(drawn.get_segments())


def mahalanobis_squared(points, mean, covariance):
    away = points - mean
    return np.einsum("nd,de,ne->n", away, np.linalg.inv(covariance), away)


def words_in(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def numbers_in(ax):
    return {text.get_text(): np.array(text.xy) for text in ax.texts}


@pytest.mark.parametrize(("label", "which"), [("EM, 95 % ellipse", 0), ("posterior mean", 1)])
def test_ellipses_hold_95_percent_of_each_component(iris_fits, label, which):
    params = iris_fits[which].params
    ax = bg.plot_comparison(*iris_fits, features=PETALS)
    curves = curves_of(line_called(ax, label))
    assert len(curves) == params.n_components
    for curve, mean, covariance in zip(curves, params.means, params.covariances, strict=True):
        distance = mahalanobis_squared(curve, mean[[3, 2]], covariance[np.ix_([3, 2], [3, 2])])
        np.testing.assert_allclose(distance, chi2.ppf(0.95, df=2))
        np.testing.assert_allclose(curve[:-1].mean(axis=0), mean[[3, 2]])


def test_thin_ellipses_are_centred_at_draws(iris_fits):
    _, bayes = iris_fits
    ax = bg.plot_comparison(*iris_fits, features=PETALS)
    centres = posterior_curves(ax)[:, :-1].mean(axis=1)
    drawn = bayes.draws.means[..., [3, 2]].reshape(-1, 2)
    assert len(centres) == plane._N_DRAWS * bayes.n_components
    nearest = np.abs(centres[:, None] - drawn).max(axis=-1).min(axis=1)
    assert nearest.max() < 1e-12


def test_draws_come_from_all_chains(iris_fits):
    _, bayes = iris_fits
    shown = np.array([params.weights for params in view(bayes).draws(10)])
    found = (bayes.draws.weights[:, :, None] == shown).all(axis=-1).any(axis=1)
    assert found.sum(axis=1).tolist() == [5, 5]


def test_no_more_draws_are_shown_than_there_are(iris_fits):
    assert len(view(iris_fits[1]).draws(10**6)) == 200


def test_points_are_the_rows(iris_fits):
    em, _ = iris_fits
    ax = bg.plot_comparison(*iris_fits, features=PETALS)
    (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    np.testing.assert_array_equal(points.get_offsets(), em.data.values[:, [3, 2]])


def test_rows_and_estimates_are_inside_the_axes_and_most_of_the_draws(iris_fits):
    em, bayes = iris_fits
    ax = bg.plot_comparison(em, bayes, features=PETALS)
    rows = em.data.values[:, [3, 2]]
    estimates = [curves_of(line_called(ax, n)) for n in ("EM, 95 % ellipse", "posterior mean")]
    inside = [within(ax, points) for points in (rows, *estimates)]
    assert all(each.all() for each in inside)
    assert within(ax, posterior_curves(ax)).mean() > 0.95


def within(ax, points):
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    return ((points >= [left, bottom]) & (points <= [right, top])).all(axis=-1)


def test_components_have_their_numbers_at_their_means(iris_fits):
    _, bayes = iris_fits
    numbers = numbers_in(bg.plot_comparison(*iris_fits))
    assert set(numbers) == {"0", "1"}
    for k in range(2):
        np.testing.assert_allclose(numbers[str(k)], bayes.params.means[k, :2])


def test_axes_and_legend_name_what_is_drawn(iris_fits):
    ax = bg.plot_comparison(*iris_fits)
    assert ax.get_xlabel() == "sepal_length"
    assert ax.get_ylabel() == "sepal_width"
    assert words_in(ax) == ["150 rows", "EM, 95 % ellipse", "posterior draws", "posterior mean"]
    assert "K = 2, full" in ax.get_title()


def test_em_and_posterior_differ_in_line_style_and_in_grey(iris_fits):
    ax = bg.plot_comparison(*iris_fits)
    em, mean = line_called(ax, "EM, 95 % ellipse"), line_called(ax, "posterior mean")
    assert em.get_linestyle() == "-"
    assert mean.get_linestyle() == "--"
    assert em.get_linewidth() > mean.get_linewidth()
    assert abs(grey(em.get_color()) - grey(mean.get_color())) > 0.2


def grey(colour):
    return np.dot(plt.matplotlib.colors.to_rgb(colour), [0.299, 0.587, 0.114])


def test_one_feature_is_drawn_as_densities(galaxies_fits):
    em, _ = galaxies_fits
    ax = bg.plot_comparison(*galaxies_fits)
    x, y = line_called(ax, "EM").get_data()
    p = em.params
    oracle = np.exp(naive.log_density(x[:, None], p.weights, p.means, p.cholesky))
    np.testing.assert_allclose(y, oracle, rtol=1e-10)
    assert ax.get_xlabel() == "velocity"
    assert words_in(ax) == ["82 rows", "EM", "posterior, 95 % band", "posterior mean"]


def test_posterior_density_is_that_of_the_predictions(galaxies_fits):
    _, bayes = galaxies_fits
    ax = bg.plot_comparison(*galaxies_fits)
    x, y = line_called(ax, "posterior mean").get_data()
    np.testing.assert_allclose(y, np.exp(bayes.score_samples(x[:, None])), rtol=1e-10)


def test_band_holds_95_percent_of_the_draws_at_each_point(galaxies_fits):
    _, bayes = galaxies_fits
    ax = bg.plot_comparison(*galaxies_fits)
    (band,) = [c for c in ax.collections if c.get_label() == "posterior, 95 % band"]
    corners = band.get_paths()[0].vertices
    middle = np.median(bayes.data.values)
    x = corners[np.abs(corners[:, 0] - middle).argmin(), 0]
    low, high = np.sort(corners[corners[:, 0] == x, 1])
    drawn = np.exp(bayes.score_samples_draws(np.array([x]))).to_numpy().ravel()
    np.testing.assert_allclose([low, high], np.quantile(drawn, [0.025, 0.975]), rtol=1e-10)


def test_histogram_and_rug_are_of_the_rows(galaxies_fits):
    ax = bg.plot_comparison(*galaxies_fits)
    area = sum(bar.get_width() * bar.get_height() for bar in ax.patches)
    assert area == pytest.approx(1)
    (rug,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert len(rug.get_segments()) == 82


def test_one_of_several_features_has_its_marginal_density(iris_fits):
    em, _ = iris_fits
    ax = bg.plot_comparison(*iris_fits, features="petal_width")
    x, y = line_called(ax, "EM").get_data()
    p = em.params
    marginal = norm.pdf(x[:, None], p.means[:, 3], p.scales[:, 3]) @ p.weights
    np.testing.assert_allclose(y, marginal, rtol=1e-10)


def test_weights_of_rows_count_in_the_histogram():
    rows, weights = np.array([0.0, 1.0, 2.0, 3.0, 3.5]), np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    fit = bg.fit_em(rows, 1, sample_weight=weights)
    bars = bg.plot_fit(fit).patches
    assert bars[-1].get_height() == 0
    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1)


@pytest.mark.parametrize("which", [0, 1])
def test_one_fit_colours_each_row_by_its_component(iris_fits, which):
    fit = iris_fits[which]
    ax = bg.plot_fit(fit)
    clouds = [c for c in ax.collections if isinstance(c, PathCollection)]
    for k, cloud in enumerate(clouds):
        np.testing.assert_array_equal(
            cloud.get_offsets(), fit.data.values[fit.predict() == k][:, :2]
        )
    assert words_in(ax)[:2] == ["component 0", "component 1"]


def test_one_fit_shows_only_its_own_method(iris_fits):
    em, bayes = iris_fits
    assert words_in(bg.plot_fit(em))[2:] == ["EM, 95 % ellipse"]
    assert words_in(bg.plot_fit(bayes))[2:] == ["posterior draws", "posterior mean"]


def test_one_fit_of_one_feature_stacks_the_components(galaxies_fits):
    em, _ = galaxies_fits
    ax = bg.plot_fit(em)
    shares = np.bincount(em.predict(), minlength=3) / em.data.n_rows
    areas = [sum(bar.get_width() * bar.get_height() for bar in bars) for bars in ax.containers]
    np.testing.assert_allclose(areas, shares)


def test_components_differ_in_colour_and_marker():
    looks = [style.component_style(k) for k in range(7)]
    assert len({look["color"] for look in looks}) == len({look["marker"] for look in looks}) == 7
    assert style.component_style(7) == looks[0]


def test_doubtful_draws_are_marked(iris_fits, galaxies_fits):
    for em, bayes in (iris_fits, galaxies_fits):
        marked = "should not be trusted" in bg.plot_comparison(em, bayes).get_title()
        assert marked == (not bayes.diagnostics.trustworthy)
        assert "trusted" not in bg.plot_fit(em).get_title()


def test_some_draws_here_are_doubtful(galaxies_fits):
    assert not galaxies_fits[1].diagnostics.trustworthy


def test_given_axes_are_drawn_on_without_pyplot(iris_fits):
    ax = Figure().subplots()
    assert bg.plot_comparison(*iris_fits, ax=ax) is ax
    assert plt.get_fignums() == []


def test_picture_can_be_saved_with_every_warning_an_error(iris_fits, tmp_path):
    ax = bg.plot_comparison(*iris_fits)
    ax.figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.parametrize("values", [np.r_[np.zeros(99), 1e9], np.arange(5.0), np.r_[1e8, 1e8 + 1]])
def test_number_of_bins_stays_within_reason(values):
    assert 10 <= line._n_bins(values, bg.Params([1.0], [[0.0]], [[[1e-9]]])) <= 100
    assert line._n_bins(values, bg.Params([1.0], [[0.0]], [[[1e12]]])) == 10


def test_bins_are_narrow_enough_for_the_narrowest_component():
    """Two thirds of the rows within a hundredth of the range: bars are as high as the density."""
    u = norm.ppf((np.arange(300) + 0.5) / 300)
    fit = bg.fit_em(np.r_[0.1 * u, 0.1 * u, 5 + u], 2, random_seed=1)
    ax = bg.plot_fit(fit)
    highest = line_called(ax, "EM").get_ydata().max()
    assert max(bar.get_height() for bar in ax.patches) == pytest.approx(highest, rel=0.15)


def test_a_component_without_rows_asks_for_no_narrow_bins():
    values = np.linspace(-2, 2, 50)
    alone = bg.Params([1.0], [[0.0]], [[[1.0]]])
    empty = bg.Params([1 - 1e-12, 1e-12], [[0.0], [1.0]], [[[1.0]], [[0.01]]])
    assert line._n_bins(values, empty) == line._n_bins(values, alone)


def test_wild_draws_do_not_squeeze_the_picture(iris_fits):
    em, bayes = iris_fits
    means = bayes.draws.means.copy()
    means[0, 0] += 1e3  # of which the ellipses are drawn
    wild = replace(bayes, draws=bayes.draws._replace(means=means))
    vars(wild)["params"] = bayes.params
    for ax in (bg.plot_fit(wild), bg.plot_comparison(em, wild), bg.plot_pairs(wild)[3, 0]):
        assert posterior_curves(ax).max() > 900
        assert np.ptp(ax.get_xlim()) < 10 > np.ptp(ax.get_ylim())


@pytest.mark.parametrize("features", [None, ("petal_length", "sepal_width"), "petal_width"])
def test_view_has_the_covariances_of_its_features(iris_fits, features):
    em, _ = iris_fits
    seen = view(em, features)
    columns = [em.feature_names.index(name) for name in seen.features]
    expected = em.params.covariances[:, columns][:, :, columns]
    np.testing.assert_allclose(seen.params.covariances, expected, rtol=1e-12)
    assert seen.draws(10) == ()


def test_nearly_collinear_features_can_be_seen():
    factor = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 1, 1e-9]]])
    params = bg.Params(np.ones(1), np.zeros((1, 3)), factor)
    fit = SimpleNamespace(
        params=params,
        data=SimpleNamespace(
            feature_names=("a", "b", "c"), values=np.zeros((2, 3)), row_weights=np.empty(0)
        ),
    )
    cholesky = view(fit, ("c", "b")).params.cholesky[0]
    np.testing.assert_allclose(cholesky, [[1, 0], [1, 1e-9]], rtol=1e-6)


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical"])
def test_every_structure_can_be_drawn(faithful, covariance_type):
    fit = bg.fit_em(faithful, 2, covariance_type=covariance_type, random_seed=1)
    ax = bg.plot_fit(fit)
    assert covariance_type in ax.get_title()
    assert len(curves_of(line_called(ax, "EM, 95 % ellipse"))) == 2


def test_unknown_feature_is_named(iris_fits):
    with pytest.raises(bg.InputError, match="no feature 'petals'; the features are sepal_length"):
        bg.plot_comparison(*iris_fits, features=("petals", "sepal_length"))


@pytest.mark.parametrize(
    "features", [(), ("sepal_length",) * 2, ("sepal_length", "sepal_width", "petal_length")]
)
def test_one_or_two_different_features_are_drawn(iris_fits, features):
    with pytest.raises(bg.InputError, match="one name or two different ones"):
        bg.plot_fit(iris_fits[0], features=features)


def test_fits_must_be_of_one_mixture(iris_fits, galaxies_fits):
    with pytest.raises(bg.InputError, match="the two fits have different"):
        bg.plot_comparison(iris_fits[0], galaxies_fits[1])


def test_fits_must_come_in_order(iris_fits):
    em, bayes = iris_fits
    with pytest.raises(bg.InputError, match="a fit by fit_em, then one by fit_bayes"):
        bg.plot_comparison(bayes, em)
