"""Prior beside posterior, and rows among predictions."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg


def curves(drawn, variable, **where):
    return [line.get_data() for line in drawn.get_target(variable, where).lines]


def area(x, y):
    return np.trapezoid(y, x)


def middle(x, y):
    return np.trapezoid(x * y, x) / area(x, y)


def test_posterior_density_is_where_the_posterior_is(galaxies_fits):
    _, bayes = galaxies_fits
    drawn = bg.plot_prior_posterior(bayes)
    for k in range(3):
        prior, posterior = curves(drawn, "means", component=k, feature="velocity")
        draws = bayes.draws.means[..., k, 0]
        assert posterior[0].min() >= draws.min() - 3 * draws.std()
        assert middle(*posterior) == pytest.approx(draws.mean(), abs=draws.std())
        assert np.ptp(prior[0]) > np.ptp(posterior[0])
        assert area(*prior) == pytest.approx(1, abs=0.1)
        assert area(*posterior) == pytest.approx(1, abs=0.1)


def test_prior_and_posterior_differ_in_colour_and_in_line(galaxies_fits):
    _, bayes = galaxies_fits
    drawn = bg.plot_prior_posterior(bayes, var_names="weights")
    one, other = drawn.get_target("weights", {"component": 0}).lines
    assert one.get_linestyle() == "--"
    assert other.get_linestyle() == "-"
    assert one.get_color() != other.get_color()
    figure = drawn.get_viz("figure")
    assert "should not be trusted" in figure.get_suptitle()
    words = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert words == ["prior", "posterior"]


def test_predictions_have_a_panel_for_each_feature(iris_fits):
    _, bayes = iris_fits
    drawn = bg.plot_ppc(bayes, num_samples=20)
    figure = drawn.get_viz("figure")
    assert [ax.get_title() for ax in figure.axes] == list(bayes.feature_names)
    for column, ax in enumerate(figure.axes):
        assert len(ax.lines) == 21
        dark = ax.lines[-1]
        assert dark.get_linewidth() > 2 * ax.lines[0].get_linewidth()
        rows = bayes.data.values[:, column]
        assert middle(*dark.get_data()) == pytest.approx(rows.mean(), abs=0.2 * rows.std())


def test_predictions_look_like_the_rows(galaxies_fits):
    _, bayes = galaxies_fits
    drawn = bg.plot_ppc(bayes, num_samples=10)
    (ax,) = drawn.get_viz("figure").axes
    rows = bayes.data.values[:, 0]
    for line in ax.lines[:-1]:
        assert middle(*line.get_data()) == pytest.approx(rows.mean(), abs=rows.std())


def test_each_correlation_is_drawn_once_and_no_constant(iris_fits):
    _, bayes = iris_fits
    drawn = bg.plot_prior_posterior(bayes, var_names=["correlations", "means"])
    titles = [ax.get_title() for ax in drawn.get_viz("figure").axes if ax.get_title()]
    pairs = [f"{a}, {b}" for a, b in combinations(bayes.feature_names, 2)]
    expected = {f"correlations\n{k}, {pair}" for k in range(2) for pair in pairs}
    assert {title for title in titles if "correlations" in title} == expected
    assert len(titles) == 12 + 8
    _, posterior = curves(
        drawn,
        "correlations",
        **{"component": 1, "pair of correlations": "sepal_width, petal_width"},
    )
    draws = bayes.to_datatree(["posterior"])["posterior"]["correlations"]
    draws = draws.sel(component=1, feature="petal_width", feature_bis="sepal_width")
    assert middle(*posterior) == pytest.approx(float(draws.mean()), abs=float(draws.std()) / 4)


@pytest.fixture(scope="module")
def single():
    """A single component, of features that are called as ArviZ's dimensions are."""
    names = ["chain", "row", "draw", "sample", "feature"]
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(50, 5)), columns=names)
    options = {"draws": 50, "tune": 100, "chains": 2, "thin": 1, "progressbar": False}
    return bg.fit_bayes(rows, 1, covariance_type="diag", random_seed=1, **options)


def test_features_may_be_called_as_dimensions_are(single):
    drawn = bg.plot_ppc(single, num_samples=5)
    titles = [ax.get_title() for ax in drawn.get_viz("figure").axes if ax.get_title()]
    expected = ["feature chain", "feature row", "feature draw", "feature sample", "feature"]
    assert titles == expected


def test_what_cannot_vary_is_left_out(single):
    figure = bg.plot_prior_posterior(single).get_viz("figure")
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert len(titles) == 10
    assert not any("weights" in title for title in titles)
    with pytest.raises(bg.InputError, match="nothing to draw: weights cannot vary"):
        bg.plot_prior_posterior(single, var_names="weights")
