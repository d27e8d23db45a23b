"""The pictures of allocations show the fit's own probabilities."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.patches import StepPatch

import bayesgmm as bg


def heights(ax):
    """Heights of the strip's pieces, (N, K)."""
    patches = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    return np.column_stack([p.get_data().values - p.get_data().baseline for p in patches])


@pytest.mark.parametrize("which", [0, 1])
def test_strip_holds_every_probability(iris_fits, galaxies_fits, which):
    for fits in (iris_fits, galaxies_fits):
        fit = fits[which]
        drawn, shares = heights(bg.plot_responsibilities(fit)), fit.predict_proba()
        np.testing.assert_allclose(drawn.sum(axis=1), 1)
        np.testing.assert_allclose(
            np.sort(drawn, axis=0), np.sort(shares, axis=0), rtol=1e-9, atol=1e-12
        )


def test_rows_are_grouped_and_the_surest_come_first(galaxies_fits):
    drawn = heights(bg.plot_responsibilities(galaxies_fits[1]))
    labels, surest = drawn.argmax(axis=1), drawn.max(axis=1)
    assert (np.diff(labels) >= 0).all()
    for k in np.unique(labels):
        assert np.diff(surest[labels == k]).max() <= 1e-12


def own_tops(ax):
    """Where the lowest piece of every column ends, and which component it is of."""
    pieces = [patch.get_data() for patch in ax.patches if isinstance(patch, StepPatch)]
    tops = np.column_stack([p.values for p in pieces])
    lowest = np.column_stack([p.baseline for p in pieces]).argmin(axis=1)
    return tops[np.arange(len(tops)), lowest], lowest


@pytest.mark.parametrize("which", [0, 1])
def test_most_probable_component_is_at_the_bottom_of_its_column(galaxies_fits, which):
    ax = bg.plot_responsibilities(galaxies_fits[which])
    tops, own = own_tops(ax)
    np.testing.assert_allclose(tops, heights(ax).max(axis=1), atol=1e-12)
    np.testing.assert_array_equal(own, heights(ax).argmax(axis=1))


def test_bars_are_the_intervals_of_the_most_probable_component(iris_fits, galaxies_fits):
    for _, bayes in (iris_fits, galaxies_fits):
        ax = bg.plot_responsibilities(bayes)
        (bars,) = [c for c in ax.collections if isinstance(c, LineCollection)]
        drawn = np.array(bars.get_segments())
        tops, _ = own_tops(ax)
        found = np.column_stack([tops, drawn[:, 0, 1], drawn[:, 1, 1]])
        shares = bayes.predict_proba_draws().to_numpy().reshape(-1, *heights(ax).shape)
        own = shares.mean(axis=0).argmax(axis=1)
        mine = shares[:, np.arange(len(own)), own]
        expected = np.column_stack([mine.mean(axis=0), *np.quantile(mine, [0.025, 0.975], axis=0)])
        for table in (found, expected):
            table[:] = table[np.lexsort(table.round(9).T)]
        np.testing.assert_allclose(found, expected, atol=1e-9)
        np.testing.assert_array_equal(drawn[:, 0, 0], np.arange(len(own)) + 0.5)


def test_bars_do_not_touch_and_em_has_none(galaxies_fits):
    em, bayes = galaxies_fits
    ax = bg.plot_responsibilities(bayes)
    (bars,) = ax.collections
    column = ax.get_window_extent().width / ax.figure.dpi * 72 / bayes.data.n_rows
    assert bars.get_linewidth()[0] < column / 2
    assert not bg.plot_responsibilities(em).collections


def test_groups_have_the_numbers_of_their_components(galaxies_fits):
    em, _ = galaxies_fits
    ax = bg.plot_responsibilities(em)
    ends = np.bincount(em.predict()).cumsum()
    places = {text.get_text(): text.xy[0] for text in ax.texts}
    assert list(places) == ["0", "1", "2"]
    for k, end in enumerate(ends):
        begin = ends[k - 1] if k else 0
        assert begin < places[str(k)] < end
    assert "82 rows" in ax.get_xlabel()


def test_points_grow_and_darken_with_the_uncertainty(iris_fits):
    _, bayes = iris_fits
    ax = bg.plot_uncertainty(bayes, features=("petal_length", "petal_width"))
    (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    uncertainty = 1 - bayes.predict_proba().max(axis=1)
    order = np.argsort(uncertainty)
    np.testing.assert_array_equal(points.get_offsets(), bayes.data.values[order][:, [2, 3]])
    np.testing.assert_allclose(points.get_array(), uncertainty[order])
    assert (np.diff(points.get_sizes()) >= 0).all()
    shades = points.cmap(points.norm(points.get_array()))[:, :3].mean(axis=1)
    assert (np.diff(shades) <= 0).all()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("petal_length", "petal_width")


def test_one_feature_has_its_uncertainty_upwards(galaxies_fits):
    em, _ = galaxies_fits
    ax = bg.plot_uncertainty(em)
    drawn = np.concatenate([np.column_stack(line.get_data()) for line in ax.lines])
    expected = np.column_stack([em.data.values[:, 0], 1 - em.predict_proba().max(axis=1)])
    np.testing.assert_allclose(
        drawn[np.lexsort(drawn.T)], expected[np.lexsort(expected.T)], rtol=1e-12
    )
    assert ax.get_xlabel() == "velocity"


def test_a_single_component_is_certain(faithful):
    fit = bg.fit_em(faithful, 1)
    (points,) = [c for c in bg.plot_uncertainty(fit).collections if isinstance(c, PathCollection)]
    assert not points.get_array().any()
    assert (heights(bg.plot_responsibilities(fit)) == 1).all()


@pytest.mark.parametrize("plot", [bg.plot_responsibilities, bg.plot_uncertainty])
def test_given_axes_and_doubts(galaxies_fits, plot):
    ax = plt.subplots()[1]
    assert plot(galaxies_fits[1], ax=ax) is ax
    assert "should not be trusted" in ax.get_title()


def test_unknown_feature_is_told(iris_fits):
    with pytest.raises(bg.InputError, match="no feature 'petals'"):
        bg.plot_uncertainty(iris_fits[0], features="petals")
