"""What both fits answer: tables, labelled data, files, and what each looks like."""

import warnings

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.results.alignment import align, assignments

ROWS = ["weight", "mean", "mean", "sd", "sd", "correlation"]


def test_both_summaries_have_the_same_rows(em, bayes):
    assert em.summary().index.equals(bayes.summary().index)
    assert list(em.summary().index.get_level_values("parameter")) == 2 * ROWS
    p = em.params
    table = em.summary()["mle"]
    assert table[0, "weight", ""] == p.weights[0]
    assert table[1, "mean", "waiting"] == p.means[1, 1]
    assert table[1, "sd", "eruptions"] == pytest.approx(np.sqrt(p.covariances[1, 0, 0]))
    assert table[0, "correlation", "eruptions, waiting"] == pytest.approx(p.correlations[0, 0, 1])


def test_posterior_summary_is_that_of_the_draws(bayes):
    row = bayes.summary().loc[(1, "mean", "waiting")]
    draws = bayes.draws.means[..., 1, 1]
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["interval_low"] == pytest.approx(np.quantile(draws, 0.025))
    assert bayes.params.means[1, 1] == pytest.approx(draws.mean())


def test_comparison_aligns_components(em, bayes):
    from dataclasses import replace

    turned = replace(em, params=em.params.permuted([1, 0]))
    pd.testing.assert_frame_equal(bg.compare(turned, bayes), bg.compare(em, bayes), rtol=1e-9)


def test_comparison_shows_how_sure_either_fit_is(em, bayes):
    table = bg.compare(em, bayes).set_index(["component", "parameter", "feature"])
    maximum = ["mle", "se", "ci_low", "ci_high"]
    posterior = ["mean", "sd", "interval_low", "interval_high"]
    assert list(table.columns)[:8] == [*maximum, *posterior]
    pd.testing.assert_frame_equal(table[maximum], em.summary())
    pd.testing.assert_frame_equal(table[posterior], bayes.summary()[posterior])
    np.testing.assert_allclose(table["se"], table["sd"], rtol=0.25)  # Bernstein and von Mises


def test_comparison_refuses_what_cannot_be_compared(faithful, em, bayes):
    with pytest.raises(bg.InputError, match="fit by fit_em and then one by fit_bayes"):
        bg.compare(bayes, em)
    three = bg.fit_em(faithful, 3, random_seed=0)
    with pytest.raises(bg.InputError, match="numbers of components: 3 and 2"):
        bg.compare(three, bayes)
    tied = bg.fit_em(faithful, 2, covariance_type="tied", random_seed=0)
    with pytest.raises(bg.InputError, match="covariance types"):
        bg.compare(tied, bayes)
    half = bg.fit_em(faithful[:136], 2, random_seed=0)
    with pytest.raises(bg.InputError, match="different rows"):
        bg.compare(half, bayes)


def test_alignment_finds_any_permutation():
    rng = np.random.default_rng(0)
    X = bg.load_dataset("iris").iloc[:, :4]
    reference = bg.fit_em(X, 3, random_seed=0).params
    for _ in range(6):
        shuffled = reference.permuted(rng.permutation(3))
        np.testing.assert_array_equal(align(shuffled, reference).means, reference.means)


def test_alignment_does_not_mind_the_units(em):
    p, units = em.params, np.array([1e-6, 1e6])
    other = p.permuted([1, 0])
    order = assignments(other.weights, other.means, other.cholesky, p)
    far = other.rescaled(np.array([5.0, -3.0]), units)
    reference = p.rescaled(np.array([5.0, -3.0]), units)
    again = assignments(far.weights, far.means, far.cholesky, reference)
    np.testing.assert_array_equal(order, again)


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("kind", ["em", "bayes", "weighted"])
def test_saved_fits_come_back_number_for_number(request, faithful, tmp_path, kind, suffix):
    if kind == "weighted":
        weights = np.linspace(1, 2, 272)
        fit = bg.fit_em(faithful, 2, sample_weight=weights, random_seed=0)
    else:
        fit = request.getfixturevalue(kind)
    path = tmp_path / f"fit.{suffix}"
    fit.save(path)
    fit.save(path)  # what is there is replaced
    back = bg.load(path)
    assert type(back) is type(fit)
    assert repr(back) == repr(fit)
    assert back.settings == fit.settings
    assert back.summary().equals(fit.summary())
    np.testing.assert_array_equal(back.data.values, fit.data.values)
    np.testing.assert_array_equal(back.data.row_weights, fit.data.row_weights)
    np.testing.assert_array_equal(back.params.cholesky, fit.params.cholesky)
    np.testing.assert_array_equal(back.predict_proba(), fit.predict_proba())


def test_saved_draws_are_exact(bayes, tmp_path):
    bayes.save(tmp_path / "b.nc")
    back = bg.load(tmp_path / "b.nc")
    assert back.priors == bayes.priors
    assert str(back.priors) == str(bayes.priors)
    assert back.diagnostics == bayes.diagnostics
    for name, values in bayes.sample_stats.items():
        np.testing.assert_array_equal(back.sample_stats[name], values)
        assert back.sample_stats[name].dtype == values.dtype
    for mine, theirs in zip(bayes.draws, back.draws, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_files_that_cannot_be_used_are_named(em, tmp_path):
    with pytest.raises(bg.InputError, match=r"ends in '\.nc'"):
        em.save(tmp_path / "fit.pkl")
    with pytest.raises(bg.InputError, match="no folder"):
        em.save(tmp_path / "nowhere" / "fit.nc")
    with pytest.raises(bg.InputError, match="no such file"):
        bg.load(tmp_path / "fit.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(bg.InputError, match="not a saved fit"):
        bg.load(tmp_path / "text.nc")


def test_datatree_has_arvizs_names(bayes):
    tree = bayes.to_datatree()
    assert set(tree.children) == {
        "posterior",
        "sample_stats",
        "log_prior",
        "observed_data",
        "log_likelihood",
        "posterior_predictive",
        "prior",
        "prior_predictive",
    }
    posterior = tree["posterior"]
    batch = ("chain", "draw")
    assert posterior["weights"].dims == (*batch, "component")
    assert posterior["means"].dims == (*batch, "component", "feature")
    assert posterior["scales"].dims == (*batch, "component", "feature")
    for name in ("correlations", "covariances"):
        assert posterior[name].dims == (*batch, "component", "feature", "feature_bis")
    assert list(posterior["feature"].values) == ["eruptions", "waiting"]
    outer = posterior["scales"].values[..., None] * posterior["scales"].values[..., None, :]
    expected = outer * posterior["correlations"].values
    np.testing.assert_allclose(posterior["covariances"].values, expected, rtol=1e-12)
    assert tree["observed_data"]["x"].dims == ("row", "feature")
    assert tree["posterior_predictive"]["x"].dims == (*batch, "row", "feature")
    assert "diverging" in tree["sample_stats"]


def test_estimate_is_not_called_a_posterior(em):
    tree = em.to_datatree()
    assert "posterior" not in tree.children
    np.testing.assert_array_equal(tree["estimate"]["means"].values, em.params.means)
    assert tree["em"]["history"].values[-1] == em.log_likelihood


def test_groups_can_be_chosen(bayes):
    assert set(bayes.to_datatree(["posterior"]).children) == {"posterior"}
    with pytest.raises(bg.InputError, match="no group 'posteriors'"):
        bayes.to_datatree(["posteriors"])


def test_arviz_takes_the_tree_as_it_takes_any(bayes):
    import arviz as az

    tree = bayes.to_datatree()
    names = ["weights", "means", "scales"]
    summary = az.summary(tree, var_names=names, round_to="none")
    assert len(summary) == 2 + 4 + 4
    assert (summary["r_hat"] < 1.01).all()
    loo = az.loo(tree)
    assert (loo.pareto_k.values < 0.7).all()
    # the published value for its prior, on standardised data; the priors differ a little
    jacobian = 272 * np.log(bayes.data.values.std(axis=0)).sum()
    assert loo.elpd + jacobian == pytest.approx(-396.9, abs=1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ's and Matplotlib's own
        az.plot_forest(tree, var_names=names)
        az.plot_trace_dist(tree, var_names=["weights"])


def test_large_groups_are_not_built_unasked(bayes, monkeypatch):
    monkeypatch.setattr("bayesgmm.bayes.tree._LARGEST_GROUP", 1000)
    with pytest.raises(bg.InputError, match=r"group 'log_likelihood' would hold 1\.1e"):
        bayes.to_datatree()
    bayes.to_datatree(["posterior", "sample_stats"])


def test_prior_draws_are_of_the_priors(bayes):
    prior = bayes.to_datatree(["prior"])["prior"]
    means = prior["means"].sel(feature="waiting").values.ravel()
    mu, sigma = bayes.priors.means.mu[1], bayes.priors.means.sigma[1]
    assert means.mean() == pytest.approx(mu, abs=4 * sigma / np.sqrt(means.size))
    assert means.std() == pytest.approx(sigma, rel=0.1)


def test_representations_speak(em, bayes):
    assert "log-likelihood -1130.264 with 11 parameters" in repr(em)
    assert "converged after" in repr(em)
    assert "best of 48 starts" in repr(em)
    assert "no chain ever switched labels" in repr(bayes)
    for fit in (em, bayes):
        assert fit._repr_html_().startswith("<b>")
        assert "waiting" in fit._repr_html_()


def test_seeds_of_numpy_are_seeds(faithful, em, tmp_path):
    fit = bg.fit_em(faithful, 2, random_seed=np.int64(1))
    np.testing.assert_array_equal(fit.params.means, em.params.means)
    fit.save(tmp_path / "fit.nc")
    assert bg.load(tmp_path / "fit.nc").settings["random_seed"] == 1
