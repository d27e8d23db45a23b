"""The picture of a density shows the fit's own band, beside EM's density and the rows."""

import naive
import numpy as np
import pytest
from matplotlib.collections import LineCollection

import bayesgmm as bg


def drawn(ax):
    """Lines by their labels."""
    return {line.get_label(): np.array(line.get_data()) for line in ax.lines}


def limits(ax):
    """Lower and upper limit of the band at its points."""
    (band,) = [c for c in ax.collections if c.get_label() == "posterior, 95 % band"]
    corners = band.get_paths()[0].vertices
    points = np.unique(corners[:, 0])
    ends = [np.sort(corners[corners[:, 0] == x, 1]) for x in points]
    return points, np.array([(low[0], low[-1]) for low in ends]).T


@pytest.mark.parametrize("feature", [None, "petal_width"])
def test_band_and_mean_are_those_of_the_fit(iris_fits, feature):
    _, bayes = iris_fits
    ax = bg.plot_density(bayes, feature=feature)
    x, mean = drawn(ax)["posterior mean"]
    band = bayes.density(feature or "sepal_length", points=x)
    np.testing.assert_array_equal(mean, band.mean)
    points, (low, high) = limits(ax)
    np.testing.assert_array_equal(points, x)
    np.testing.assert_array_equal(low, band.low)
    np.testing.assert_array_equal(high, band.high)
    assert ax.get_xlabel() == (feature or "sepal_length")


def test_em_is_drawn_where_it_is_given(iris_fits):
    em, bayes = iris_fits
    assert set(drawn(bg.plot_density(bayes))) == {"posterior mean"}
    ax = bg.plot_density(bayes, em, feature="petal_length")
    x, density = drawn(ax)["EM"]
    p = em.params
    alone = np.sqrt(p.covariances[:, 2, 2])[:, None, None]
    oracle = np.exp(naive.log_density(x[:, None], p.weights, p.means[:, [2]], alone))
    np.testing.assert_allclose(density, oracle, rtol=1e-10)
    assert ax.get_title().startswith("EM and posterior: density, K = 2")


def test_rows_are_a_histogram_of_area_one_and_a_rug(galaxies_fits):
    _, bayes = galaxies_fits
    ax = bg.plot_density(bayes)
    assert sum(bar.get_width() * bar.get_height() for bar in ax.patches) == pytest.approx(1)
    (rug,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    places = [segment[0, 0] for segment in rug.get_segments()]
    np.testing.assert_array_equal(places, bayes.data.values[:, 0])
    assert "should not be trusted" in ax.get_title()


def test_all_densities_are_drawn_beyond_the_rows(galaxies_fits):
    em, bayes = galaxies_fits
    lines = drawn(bg.plot_density(bayes, em))
    low, high = bayes.data.values.min(), bayes.data.values.max()
    for x, _ in lines.values():
        assert x.min() < low < high < x.max()


def test_bad_arguments_are_told(iris_fits, galaxies_fits):
    em, bayes = iris_fits
    with pytest.raises(bg.InputError, match="a fit by fit_bayes, not EMFit"):
        bg.plot_density(em)
    with pytest.raises(bg.InputError, match="em must be a fit by fit_em, not BayesFit"):
        bg.plot_density(bayes, bayes)
    with pytest.raises(bg.InputError, match="different"):
        bg.plot_density(bayes, galaxies_fits[0])
    with pytest.raises(bg.InputError, match="no feature 'petals'"):
        bg.plot_density(bayes, feature="petals")
    with pytest.raises(bg.InputError, match="feature must be one name"):
        bg.plot_density(bayes, feature=("petal_length", "petal_width"))
