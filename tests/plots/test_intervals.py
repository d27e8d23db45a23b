"""The picture of the intervals shows the tables' own numbers."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection

import bayesgmm as bg

METHODS = ["EM, information", "EM, sandwich", "EM, bootstrap", "posterior"]


@pytest.fixture(scope="module")
def boot(em):
    return em.bootstrap(30, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def short(em, faithful):
    settings = {"chains": 2, "draws": 100, "tune": 200, "random_seed": 1, "progressbar": False}
    return bg.fit_bayes(faithful, 2, start=em, **settings)


def drawn(ax):
    """Estimate, low and high of each method and parameter, in standard errors."""
    bars = [c for c in ax.collections if isinstance(c, LineCollection)]
    points = [line for line in ax.lines if line.get_label() in METHODS]
    found = {}
    for bar, line in zip(bars, points, strict=True):
        ends = np.array(bar.get_segments())[:, :, 0]
        found[line.get_label()] = np.column_stack([line.get_xdata(), ends])
    return found


def test_what_is_drawn_are_the_tables(em, short, boot):
    panels = bg.plot_intervals(em, short, boot)
    assert len(panels) == 2
    sandwich = em.confidence_intervals(kind="sandwich").assign(mle=em.estimates)
    tables = {
        "EM, information": em.summary()[["mle", "ci_low", "ci_high"]],
        "EM, sandwich": sandwich[["mle", "low", "high"]],
        "EM, bootstrap": boot.summary()[["mle", "ci_low", "ci_high"]],
        "posterior": short.summary()[["mean", "interval_low", "interval_high"]],
    }
    estimate, se = em.summary()["mle"], em.summary()["se"]
    for k, ax in enumerate(panels):
        found = drawn(ax)
        assert list(found) == METHODS
        for name, table in tables.items():
            expected = table.sub(estimate, axis=0).div(se, axis=0).loc[k]
            np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-12)


def test_components_are_in_the_order_of_the_posterior(em, short):
    turned = replace(em, params=em.params.permuted([1, 0]))
    for mine, theirs in zip(
        bg.plot_intervals(turned, short), bg.plot_intervals(em, short), strict=True
    ):
        for name, values in drawn(theirs).items():
            np.testing.assert_allclose(drawn(mine)[name], values, rtol=1e-6, atol=1e-6)


def test_every_line_has_its_name_estimate_and_error(em):
    ax = bg.plot_intervals(em)[0]
    lines = [label.get_text() for label in ax.get_yticklabels()]
    table = em.summary().loc[0]
    assert len(lines) == len(table) == 6
    for line, ((parameter, feature), row) in zip(lines, table.iterrows(), strict=True):
        name = f"{parameter} {feature}".strip()
        assert line == f"{name}\n{row['mle']:.3g} ({row['se']:.2g})"


def test_intervals_of_one_parameter_do_not_overlap(em, short, boot):
    ax = bg.plot_intervals(em, short, boot)[0]
    heights = np.sort(
        np.concatenate([ln.get_ydata() for ln in ax.lines if ln.get_label() in METHODS])
    )
    assert np.diff(heights).min() > 0.1
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # as the table: the first on top


def test_some_parameters_only(em):
    ax = bg.plot_intervals(em, parameters=["weight", "sd"])[1]
    words = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    assert words == ["weight", "sd", "sd"]


@pytest.fixture(scope="module")
def bounded(faithful, short):
    """A mode on a bound of its prior, without standard errors."""
    priors = replace(short.priors, scales=bg.priors.Uniform(0.01, [0.3, 9.0]))
    return bg.fit_em(faithful, 2, priors=priors, random_seed=1)


def test_without_standard_errors_the_posterior_is_the_unit(bounded, short):
    panels = bg.plot_intervals(bounded, short)
    title = panels[0].figure.get_suptitle()
    assert "no intervals of EM" in title
    low, high = short.summary()["interval_low"], short.summary()["interval_high"]
    width = ((high - low) / short.summary()["sd"]).loc[0]
    *_, posterior = [c for c in panels[0].collections if isinstance(c, LineCollection)]
    ends = np.array(posterior.get_segments())[:, :, 0]
    np.testing.assert_allclose(np.diff(ends)[:, 0], width, rtol=1e-9)
    assert "posterior sds" in panels[0].get_xlabel()


def test_a_mode_has_intervals_in_its_own_standard_errors(faithful, short):
    mode = bg.fit_em(faithful, 2, priors=short.priors, random_seed=1)
    ax = bg.plot_intervals(mode, short)[0]
    assert "standard errors" in ax.get_xlabel()
    table = mode.summary().loc[0]
    expected = table[["mode", "ci_low", "ci_high"]].sub(table["mode"], axis=0)
    found = drawn(ax)
    assert list(found) == ["EM, information", "posterior"]
    np.testing.assert_allclose(
        found["EM, information"], expected.div(table["se"], axis=0), rtol=1e-9, atol=1e-12
    )


def test_nothing_to_draw_is_told(faithful, bounded):
    with pytest.raises(bg.InputError, match=r"nothing to draw: .*bound of its prior"):
        bg.plot_intervals(bounded)
    diagonal = bg.fit_em(faithful, 2, covariance_type="diag", random_seed=1)
    with pytest.raises(bg.InputError, match="no such parameters"):
        bg.plot_intervals(diagonal, parameters="correlation")


def test_single_component_has_no_weight_to_estimate(faithful):
    ax = bg.plot_intervals(bg.fit_em(faithful, 1))[0]
    assert not any("weight" in label.get_text() for label in ax.get_yticklabels())


def test_bad_arguments_are_told(em, short, boot, faithful):
    other = bg.fit_em(faithful, 3, random_seed=1)
    with pytest.raises(bg.InputError, match="another fit"):
        bg.plot_intervals(other, boot=boot)
    with pytest.raises(bg.InputError, match="among weight, mean, sd, correlation"):
        bg.plot_intervals(em, parameters="variance")
    with pytest.raises(bg.InputError, match="by fit_em"):
        bg.plot_intervals(short)
    with pytest.raises(bg.InputError, match=r"em\.bootstrap"):
        bg.plot_intervals(em, boot=short)
    with pytest.raises(bg.InputError, match="different"):
        bg.plot_intervals(other, short)
