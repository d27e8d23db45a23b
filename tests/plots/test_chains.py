"""Chains before and after relabelling, and what relabelling cannot touch."""

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.bayes.labels import renamed
from bayesgmm.plots.style import chain_colors


@pytest.fixture(scope="module")
def switching(galaxies_fits):
    """Draws whose components the sampler called otherwise, at random."""
    _, bayes = galaxies_fits
    rng = np.random.default_rng(1)
    shape = bayes.labels.shape
    labels = rng.permuted(np.broadcast_to(np.arange(3), shape), axis=-1)
    return replace(bayes, labels=labels)


def traces(drawn, variable, **where):
    """Lines (chain, draw) of a panel."""
    axes = drawn.get_target(variable, where)
    return np.array([line.get_ydata() for line in axes.lines if len(line.get_xdata()) > 2])


def test_traces_are_the_draws_under_either_name(switching):
    for relabelled in (True, False):
        drawn = bg.plot_trace(switching, relabelled=relabelled)
        draws = (switching if relabelled else switching.as_sampled()).draws
        for k in range(3):
            np.testing.assert_array_equal(
                traces(drawn, "weights", component=k), draws.weights[..., k]
            )
            np.testing.assert_array_equal(
                traces(drawn, "means", component=k, feature="velocity"), draws.means[..., k, 0]
            )


def titles(drawn):
    figure = drawn.get_viz("figure")
    return figure.get_suptitle(), [ax.get_title() for ax in figure.axes]


@pytest.mark.parametrize("plot", [bg.plot_trace, bg.plot_rank])
def test_titles_say_what_is_drawn(iris_fits, plot):
    _, bayes = iris_fits
    whole, single = titles(plot(bayes, var_names="means", coords={"component": [0]}))
    assert "after relabelling" in whole
    assert single == [f"means\n0, {name}" for name in bayes.feature_names]
    assert "before relabelling" in titles(plot(bayes, relabelled=False, var_names="weights"))[0]
    assert "before relabelling" in titles(plot(bayes.as_sampled(), var_names="weights"))[0]


def test_rank_plots_differ_where_labels_do(switching):
    lines = []
    for relabelled in (True, False):
        drawn = bg.plot_rank(switching, relabelled=relabelled, var_names="weights")
        axes = drawn.get_target("weights", {"component": 0})
        lines.append(max(np.abs(line.get_ydata()).max() for line in axes.lines))
    assert lines[0] != lines[1]


def test_label_free_traces_are_the_draws(galaxies_fits):
    _, bayes = galaxies_fits
    panels = bg.plot_label_free(bayes)
    table = bayes.label_free_summary()
    assert len(panels) == len(table)
    for ax, (name, row) in zip(panels, table.iterrows(), strict=True):
        drawn = np.array([line.get_ydata() for line in ax.lines])
        np.testing.assert_array_equal(drawn, bayes.label_free_draws[name])
        verdict = "constant" if np.isnan(row["r_hat"]) else f"R-hat {row['r_hat']:.3f}"
        assert ax.get_title() == f"{name}\n{verdict}"
    np.testing.assert_array_equal(panels[0].lines[1].get_ydata(), bayes.log_likelihood[1])
    assert str(bayes.diagnostics.kind) in panels[0].figure.get_suptitle()


def test_label_free_traces_do_not_depend_on_labels(galaxies_fits):
    _, bayes = galaxies_fits
    labels = np.broadcast_to([2, 0, 1], bayes.labels.shape)
    turned = replace(bayes, draws=renamed(bayes.draws, labels))
    for mine, theirs in zip(bg.plot_label_free(turned), bg.plot_label_free(bayes), strict=True):
        for one, other in zip(mine.lines, theirs.lines, strict=True):
            np.testing.assert_allclose(one.get_ydata(), other.get_ydata(), rtol=1e-9)


def test_chains_differ_in_colour_and_the_first_four_in_grey():
    from matplotlib.colors import to_rgb

    greys = [np.dot(to_rgb(color), [0.299, 0.587, 0.114]) for color in chain_colors(4)]
    assert np.diff(greys).min() > 0.05
    assert len(set(chain_colors(7))) == 7
    assert chain_colors(8)[7] == chain_colors(1)[0]


@pytest.mark.parametrize(
    "plot",
    [bg.plot_trace, bg.plot_rank, bg.plot_label_free, bg.plot_prior_posterior, bg.plot_ppc],
)
def test_only_posteriors_have_chains(galaxies_fits, plot):
    with pytest.raises(bg.InputError, match="a fit by fit_bayes, not EMFit"):
        plot(galaxies_fits[0])
