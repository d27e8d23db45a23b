"""All features two by two: the grid shows what the single pictures show."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

import bayesgmm as bg

FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_every_pair_and_every_feature_has_a_panel(iris_fits):
    em, _ = iris_fits
    panels = bg.plot_pairs(em)
    assert panels.shape == (4, 4)
    for j, i in combinations(range(4), 2):
        assert panels[j, i] is None
        clouds = [c for c in panels[i, j].collections if isinstance(c, PathCollection)]
        drawn = np.concatenate([cloud.get_offsets() for cloud in clouds])
        order = np.argsort(em.predict(), kind="stable")
        np.testing.assert_array_equal(drawn, em.data.values[order][:, [j, i]])


def test_grid_shows_what_a_single_picture_shows(iris_fits):
    panels = bg.plot_pairs(*iris_fits)
    for i, j in ((3, 1), (2, 2)):
        features = tuple(dict.fromkeys((FEATURES[j], FEATURES[i])))
        alone = bg.plot_comparison(*iris_fits, features=features)
        assert len(panels[i, j].lines) == len(alone.lines)
        for mine, theirs in zip(panels[i, j].lines, alone.lines, strict=True):
            np.testing.assert_array_equal(mine.get_data(), theirs.get_data())


def test_names_are_at_the_edges(iris_fits):
    panels = bg.plot_pairs(iris_fits[1])
    assert [ax.get_xlabel() for ax in panels[-1]] == list(FEATURES)
    assert [ax.get_ylabel() for ax in panels[1:, 0]] == list(FEATURES[1:])
    assert panels[1, 0].get_xlabel() == ""
    assert panels[3, 1].get_ylabel() == ""


def test_a_column_has_one_scale_which_shows_all_rows(iris_fits):
    em, _ = iris_fits
    panels = bg.plot_pairs(*iris_fits)
    for j in range(4):
        limits = {panels[i, j].get_xlim() for i in range(j, 4)}
        assert len(limits) == 1
        ((low, high),) = limits
        assert low < em.data.values[:, j].min()
        assert high > em.data.values[:, j].max()
    for i in range(1, 4):
        assert {panels[i, j].get_ylim() for j in range(i)} == {panels[i, 0].get_ylim()}
        low, high = panels[i, 0].get_ylim()
        assert low < em.data.values[:, i].min() < em.data.values[:, i].max() < high


def test_one_legend_names_everything_once(iris_fits):
    figure = bg.plot_pairs(*iris_fits)[0, 0].figure
    (legend,) = figure.legends
    assert set(texts(legend)) == {
        *("150 rows", "EM (ellipses hold 95 %)", "posterior draws"),
        *("posterior mean", "posterior, 95 % band"),
    }
    assert len(texts(legend)) == 5
    assert "EM and posterior, K = 2" in figure.get_suptitle()


def test_no_two_entries_of_the_legend_look_alike(iris_fits):
    for fit in iris_fits:
        (legend,) = bg.plot_pairs(fit)[0, 0].figure.legends
        lines = [line for line in legend.get_lines() if line.get_xdata().size]
        looks = [(line.get_color(), line.get_linestyle(), line.get_linewidth()) for line in lines]
        assert len(looks) == len(set(looks)) > 0


def test_one_feature_is_a_density_over_a_histogram(galaxies_fits):
    panels = bg.plot_pairs(*galaxies_fits)
    (ax,) = panels.ravel()
    assert ax.get_xlabel() == "velocity"
    assert len([c for c in ax.collections if isinstance(c, LineCollection)]) == 1  # the rug
    assert "EM" in texts(ax.get_legend())
    assert "should not be trusted" in ax.figure.get_suptitle()


def test_features_are_shown_in_the_order_that_is_asked_for(iris_fits):
    panels = bg.plot_pairs(iris_fits[0], features=("petal_width", "sepal_length"))
    assert panels.shape == (2, 2)
    assert panels[1, 0].get_xlabel() == "petal_width"
    assert panels[1, 0].get_ylabel() == "sepal_length"


def test_bad_arguments_are_told(iris_fits, galaxies_fits):
    em, bayes = iris_fits
    with pytest.raises(bg.InputError, match="no feature 'petals'"):
        bg.plot_pairs(em, features=("petals",))
    with pytest.raises(bg.InputError, match="at least one"):
        bg.plot_pairs(em, features=("petal_width",) * 2)
    with pytest.raises(bg.InputError, match="a fit by fit_em, then one by fit_bayes"):
        bg.plot_pairs(bayes, em)
    with pytest.raises(bg.InputError, match="different"):
        bg.plot_pairs(em, galaxies_fits[1])
    with pytest.raises(bg.InputError, match="takes a fit, not int"):
        bg.plot_pairs(3)
