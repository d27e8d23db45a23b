"""Every picture is drawn where the user says, and says what is wrong with where."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import bayesgmm as bg


@pytest.fixture(scope="module")
def path(faithful):
    return bg.em_path(faithful, 2, n_iter=6, random_seed=1)


@pytest.fixture(scope="module")
def pictures(iris_fits, path, faithful):
    """Every picture that takes axes, and how many it takes."""
    em, bayes = iris_fits
    quantities = len(bayes.label_free_summary())
    selection = bg.select(faithful, [1, 2], covariance_types=["EEE"], n_starts=1, random_seed=1)
    similarity = bayes.similarity(), bayes.partition().labels
    return {
        "fit": (1, lambda ax: bg.plot_fit(em, ax=ax)),
        "comparison": (1, lambda ax: bg.plot_comparison(em, bayes, ax=ax)),
        "density": (1, lambda ax: bg.plot_density(bayes, em, ax=ax)),
        "responsibilities": (1, lambda ax: bg.plot_responsibilities(bayes, ax=ax)),
        "uncertainty": (1, lambda ax: bg.plot_uncertainty(bayes, ax=ax)),
        "similarity": (1, lambda ax: bg.plot_similarity(*similarity, ax=ax)),
        "selection": (1, lambda ax: bg.plot_selection(selection, ax=ax)),
        "intervals": (2, lambda ax: bg.plot_intervals(em, bayes, ax=ax)),
        "label_free": (quantities, lambda ax: bg.plot_label_free(bayes, ax=ax)),
        "em_path": (3, lambda ax: bg.plot_em_path(path, frames=2, ax=ax)),
    }


NAMES = ["fit", "comparison", "density", "responsibilities", "uncertainty", "similarity"]
NAMES += ["selection", "intervals", "label_free", "em_path"]


@pytest.mark.parametrize("name", NAMES)
def test_given_axes_are_drawn_on_and_come_back(pictures, name, tmp_path):
    n, draw = pictures[name]
    figure = Figure(figsize=(4 * n, 4), layout="constrained")
    axes = np.array([figure.add_subplot(1, n, place + 1) for place in range(n)])
    found = draw(axes[0] if n == 1 else axes)
    assert list(np.atleast_1d(found)) == list(axes)
    assert all(ax.has_data() for ax in axes)
    assert plt.get_fignums() == []
    assert figure.get_suptitle() == ""  # the figure may hold other pictures
    assert figure.legends == []
    figure.savefig(tmp_path / "picture.png", dpi=30)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_axes_are_told(pictures, name):
    n, draw = pictures[name]
    figure = Figure()
    axes = [figure.add_subplot(1, n + 1, place + 1) for place in range(n + 1)]
    panels = "1 panel, and ax has 2" if n == 1 else f"{n} panels, and ax has {n + 1}"
    with pytest.raises(bg.InputError, match=f"this picture has {panels}: give it as many"):
        draw(axes)
    with pytest.raises(bg.InputError, match="ax must be Matplotlib axes, not str"):
        draw("left")
    with pytest.raises(bg.InputError, match="ax must be Matplotlib axes, not Figure"):
        draw(figure)


def test_nested_and_flat_axes_are_the_same(path):
    for axes in (plt.subplots(2, 2)[1], list(plt.subplots(1, 4)[1])):
        panels = bg.plot_em_path(path, frames=3, ax=axes)
        assert list(panels) == list(np.ravel(axes))
        scales = {(ax.get_xlim(), ax.get_ylim()) for ax in panels[:-1]}
        assert len(scales) == 1
        assert [ax.get_xlabel() for ax in panels] == ["eruptions"] * 3 + ["iteration"]


def test_single_axes_do_for_a_single_panel(faithful):
    one = bg.fit_em(faithful, 1)
    ax = plt.subplots()[1]
    assert list(bg.plot_intervals(one, ax=ax)) == [ax]
    assert "95 % intervals, K = 1" in ax.get_title()


def test_title_and_legend_are_in_the_first_of_given_panels(galaxies_fits):
    em, bayes = galaxies_fits
    axes = plt.subplots(1, 3, figsize=(12, 4))[1]
    bg.plot_intervals(em, bayes, ax=axes)
    words = axes[0].get_title().replace("\n", " ")
    assert words.startswith("95 % intervals, K = 3, full covariances these draws should not be")
    assert words.endswith("component 0")
    assert axes[1].get_title() == "component 1"
    names = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert names == ["EM, information", "EM, sandwich", "posterior"]
    assert axes[1].get_legend() is None


def test_legend_of_given_intervals_hides_none_of_them(em):
    axes = plt.subplots(1, 2, figsize=(9, 5))[1]
    bg.plot_intervals(em, ax=axes)
    figure = axes[0].figure
    figure.draw_without_rendering()
    legend = axes[0].get_legend().get_window_extent()
    first = axes[0].transData.transform((0, 0))[1]
    assert legend.y0 > first
    assert axes[0].get_ylim() == axes[1].get_ylim()


def test_pairs_in_given_axes_show_what_a_new_figure_shows(iris_fits):
    figure = Figure(figsize=(9, 9), layout="constrained")
    given = figure.subplots(4, 4)
    mine, theirs = bg.plot_pairs(*iris_fits, ax=given), bg.plot_pairs(*iris_fits)
    figure.draw_without_rendering()
    for i in range(4):
        for j in range(4):
            if j > i:
                assert mine[i, j] is None
                assert given[i, j] is not None
                assert not given[i, j].axison
                continue
            assert mine[i, j] is given[i, j]
            assert mine[i, j].get_xlim() == theirs[i, j].get_xlim()
            for one, other in zip(mine[i, j].lines, theirs[i, j].lines, strict=True):
                np.testing.assert_array_equal(one.get_data(), other.get_data())
    corner = given[0, 3]
    assert "posterior mean" in [text.get_text() for text in corner.get_legend().get_texts()]
    assert corner.get_title().replace("\n", " ").startswith("EM and posterior, K = 2, full")
    with pytest.raises(bg.InputError, match=r"16 panels, and ax has 4.*subplots\(4, 4\)"):
        bg.plot_pairs(*iris_fits, ax=given[0])


def test_animation_runs_in_given_axes(path, tmp_path):
    figure, axes = plt.subplots(1, 3, figsize=(9, 3))
    animation = bg.animate_em_path(path, ax=axes[:2])
    animation.save(tmp_path / "em.gif", writer="pillow", dpi=20)
    assert axes[0].get_title() == f"iteration {path.n_iter}"
    assert axes[1].get_ylabel() == "log-likelihood"
    assert not axes[2].has_data()
    assert figure.axes == list(axes)
    with pytest.raises(bg.InputError, match="2 panels, and ax has 3"):
        bg.animate_em_path(path, ax=axes)


HOSTILE = ("$x_1$ \\alpha^2", "µ_{ß} → \\frac{a}{b} $y$", "100\\% $", "a\\$b_c")


@pytest.fixture(scope="module")
def hostile(iris_fits):
    return [replace(fit, data=replace(fit.data, feature_names=HOSTILE)) for fit in iris_fits]


def formulas_with_names(figure):
    """Texts of the figure that hold a name and would not be drawn as they stand."""
    found = [text for text in figure.findobj(match=plt.Text) if text.get_visible()]
    named = [text for text in found if any(name in text.get_text() for name in HOSTILE)]
    assert named
    return [t.get_text() for t in named if t.get_parse_math() or t.get_usetex()]


@pytest.mark.parametrize(
    "draw",
    [
        lambda em, bayes: bg.plot_fit(em),
        lambda em, bayes: bg.plot_fit(bayes, features=HOSTILE[3]),
        bg.plot_comparison,
        lambda em, bayes: bg.plot_density(bayes, em, feature=HOSTILE[1]),
        lambda em, bayes: bg.plot_pairs(em, bayes)[0, 0],
        lambda em, bayes: bg.plot_intervals(em, bayes)[0],
        lambda em, bayes: bg.plot_uncertainty(em),
        lambda em, bayes: bg.plot_uncertainty(em, features=HOSTILE[0]),
        lambda em, bayes: bg.plot_trace(bayes).get_viz("figure").axes[0],
        lambda em, bayes: bg.plot_rank(bayes).get_viz("figure").axes[0],
        lambda em, bayes: (
            bg.plot_prior_posterior(bayes, var_names="means").get_viz("figure").axes[0]
        ),
        lambda em, bayes: bg.plot_ppc(bayes, num_samples=5).get_viz("figure").axes[0],
        lambda em, bayes: bg.plot_em_path(
            bg.em_path(em.data, 2, n_iter=2, random_seed=1), frames=2
        )[0],
        lambda em, bayes: bg.plot_similarity(np.eye(4), HOSTILE),
    ],
)
def test_names_are_written_as_they_stand(hostile, draw, tmp_path):
    figure = draw(*hostile).figure
    figure.savefig(tmp_path / "picture.png", dpi=40)  # what is a broken formula would raise here
    assert formulas_with_names(figure) == []


def test_a_name_that_would_be_a_broken_formula_is_drawn_letter_by_letter(hostile):
    """As wide as its letters are, dollars and all."""
    ax = bg.plot_fit(hostile[0])
    ax.figure.draw_without_rendering()
    label = ax.xaxis.label
    assert label.get_text() == HOSTILE[0]
    width = label.get_window_extent().width
    plain = ax.text(0, 0, HOSTILE[0].replace("$", "S"), fontproperties=label.get_fontproperties())
    assert width == pytest.approx(plain.get_window_extent().width, rel=0.05)
