"""The picture of a selection shows the table's own numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import bayesgmm as bg
from bayesgmm.mixture.structures import STRUCTURES
from bayesgmm.plots.selection import _style


@pytest.fixture(scope="module")
def selection(faithful):
    return bg.select(
        faithful, [1, 2], covariance_types=["EII", "tied", "full"], n_starts=1, random_seed=1
    )


@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_a_line_for_each_structure_shows_its_criterion(selection, criterion):
    ax = bg.plot_selection(selection, criterion=criterion)
    lines = {line.get_label(): line for line in ax.lines}
    for label, name in (("EII", "EII"), ("tied (EEE)", "tied"), ("full (VVV)", "full")):
        rows = selection.table[selection.table["covariance_type"] == name]
        x, y = lines[label].get_data()
        np.testing.assert_array_equal(x, rows["n_components"])
        np.testing.assert_array_equal(y, rows[criterion])
    assert criterion.upper() in ax.get_ylabel()


def test_the_ring_is_around_the_lowest_value_which_is_within_the_picture(selection):
    ax = bg.plot_selection(selection)
    (ring,) = [line for line in ax.lines if line.get_label() == "_best"]
    (x,), (y,) = ring.get_data()
    assert (x, y) == (selection.best.n_components, selection.best.bic)
    low, high = ax.get_ylim()
    assert low < y < high


def test_all_structures_can_be_told_apart_in_grey():
    looks = set()
    for name in STRUCTURES:
        style = _style(name)
        looks.add((style["marker"], "markerfacecolor" in style, str(style["linestyle"])))
    assert len(looks) == len(STRUCTURES) == 14


def test_colours_are_shared_by_structures_that_differ_in_volume_alone():
    colours = {name: to_rgb(_style(name)["color"]) for name in STRUCTURES}
    assert colours["EVV"] == colours["full"]
    assert len(set(colours.values())) == 7


def test_candidates_that_are_not_scored_leave_a_gap():
    rows = np.random.default_rng(3).normal(size=(8, 2))
    options = {"covariance_types": ["full"], "n_starts": 2, "random_seed": 1}
    ax = bg.plot_selection(bg.select(rows, [1, 4], **options))
    drawn = ax.lines[0].get_ydata()
    assert np.isfinite(drawn[0])
    assert np.isnan(drawn[1])


def test_it_draws_where_it_is_told(selection):
    ax = plt.subplots()[1]
    assert bg.plot_selection(selection, ax=ax) is ax


def test_an_unknown_criterion_is_told(selection):
    with pytest.raises(bg.InputError, match="hic"):
        bg.plot_selection(selection, criterion="hic")
