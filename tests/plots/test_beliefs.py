"""Prior beside posterior, and rows among predictions."""

import numpy as np
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
