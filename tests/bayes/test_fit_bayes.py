"""The Bayesian fit: it converges, says so, and says so when it does not."""

import time
from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.bayes import nuts
from bayesgmm.bayes.labels import count_switches, reference_labels, renamed

ALL = ["full", "tied", "diag", "spherical"]
QUICK = {"draws": 150, "tune": 250, "chains": 2, "random_seed": 1, "progressbar": False}


def test_faithful_converges(bayes):
    d = bayes.diagnostics
    assert (bayes.summary()["r_hat"] < 1.01).all()
    assert d.r_hat_log_likelihood < 1.01
    assert d.r_hat_density < 1.01
    assert d.trustworthy
    assert "nothing speaks against" in repr(bayes)


def test_log_likelihood_of_a_draw_is_that_of_its_parameters(bayes):
    density = bayes.score_samples_draws()
    np.testing.assert_allclose(density.sum("row"), bayes.log_likelihood, rtol=1e-10)


def test_posterior_surrounds_the_maximum(em, bayes):
    table = bg.compare(em, bayes)
    assert (table["difference"].abs() < 1).all()
    assert (bayes.log_likelihood < em.log_likelihood).all()
    inside = table["mle"].between(table["interval_low"], table["interval_high"])
    assert inside.all()


def test_same_seed_same_draws(faithful, em):
    one, other = (bg.fit_bayes(faithful, 2, start=em, **QUICK | {"cores": c}) for c in (1, 2))
    for a, b in zip(one.draws, other.draws, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_fit_says_how_it_was_sampled(monkeypatch, faithful, em, bayes):
    assert bayes.settings["sampler"] == "nutpie"
    assert bayes.settings["route"] == "native"
    assert bayes.settings["interrupted"] is False
    native = bg.fit_bayes(faithful, 2, start=em, **QUICK)
    monkeypatch.setattr(nuts, "_READ", set())
    python = bg.fit_bayes(faithful, 2, start=em, **QUICK)
    assert python.settings["route"] == "python"
    np.testing.assert_array_equal(native.draws.means, python.draws.means)


def test_an_interrupted_fit_knows_how_many_draws_it_has(monkeypatch, faithful, em, capsys):
    looks = iter(range(100_000))

    def interrupted_wait(chain):
        if next(looks) > 200:
            raise KeyboardInterrupt
        time.sleep(0.01)

    monkeypatch.setattr(nuts._Chain, "wait", interrupted_wait)
    fit = bg.fit_bayes(faithful, 2, start=em, **QUICK | {"draws": 10**6})
    assert fit.settings["interrupted"]
    assert fit.settings["draws"] == fit.draws.weights.shape[1] < 10**6
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("covariance_type", ALL)
def test_every_structure_can_be_fitted(faithful, covariance_type):
    fit = bg.fit_bayes(faithful, 2, covariance_type=covariance_type, **QUICK)
    covariances = fit.params.covariances
    if covariance_type == "tied":
        np.testing.assert_allclose(covariances[0], covariances[1])
    elif covariance_type == "diag":
        assert not covariances[:, 0, 1].any()
    elif covariance_type == "spherical":
        np.testing.assert_allclose(covariances[:, 0, 0], covariances[:, 1, 1])
    assert ("correlation" in fit.summary().index.get_level_values("parameter")) == (
        covariance_type in ("full", "tied")
    )
    assert fit.to_datatree()["log_likelihood"]["x"].shape == (2, 150, 272)


@pytest.mark.parametrize(
    "given", [{"weights": bg.priors.Fixed([0.36, 0.64])}, {"ordered": "eruptions"}], ids=str
)
def test_fixed_and_ordered_parameters_can_be_sampled(faithful, em, given):
    priors = replace(bg.Priors.weakly_informative(faithful, 2), **given)
    fit = bg.fit_bayes(faithful, 2, start=em, priors=priors, **QUICK)
    assert fit.diagnostics.max_r_hat < 1.1
    np.testing.assert_allclose(fit.params.means, em.params.means, rtol=0.05)


def test_one_component_has_no_labels(faithful):
    fit = bg.fit_bayes(faithful["waiting"], 1, **QUICK)
    assert (fit.draws.weights == 1).all()
    assert fit.diagnostics.label_switches == 0
    assert np.isfinite(fit.diagnostics.max_r_hat)
    mean, sd = fit.summary().loc[(0, "mean", "waiting"), ["mean", "sd"]]
    assert mean == pytest.approx(faithful["waiting"].mean(), abs=0.5)
    assert sd == pytest.approx(faithful["waiting"].std() / np.sqrt(272), rel=0.3)


def test_relabelling_undoes_random_permutations(bayes):
    rng = np.random.default_rng(0)
    shuffle = rng.permuted(np.broadcast_to([0, 1], bayes.labels.shape), axis=-1)
    shuffled = renamed(bayes.draws, shuffle)
    back = reference_labels(shuffled, bayes.reference)
    for name in bayes.draws._fields:
        restored = getattr(renamed(shuffled, back), name)
        np.testing.assert_array_equal(restored, getattr(bayes.draws, name))
    assert count_switches(back) > 1000


def test_label_free_quantities_do_not_mind_relabelling(bayes):
    swapped = replace(bayes, draws=renamed(bayes.draws, bayes.labels[..., ::-1]))
    np.testing.assert_allclose(swapped.score_samples(), bayes.score_samples(), rtol=1e-12)
    np.testing.assert_allclose(swapped.predict_proba()[:, ::-1], bayes.predict_proba(), rtol=1e-9)


def test_divergences_and_few_draws_are_told(bayes):
    diverging = np.zeros_like(bayes.sample_stats["diverging"])
    diverging[0, :3] = True
    fit = replace(bayes, sample_stats=bayes.sample_stats | {"diverging": diverging})
    assert "3 divergent transition" in repr(fit)
    short = replace(
        bayes,
        draws=type(bayes.draws)(*(a[:, :20] for a in bayes.draws)),
        labels=bayes.labels[:, :20],
        log_likelihood=bayes.log_likelihood[:, :20],
        sample_stats={k: v[:, :20] for k, v in bayes.sample_stats.items()},
    )
    assert "effective draws where 400 are wanted" in repr(short)


def test_ties_keep_the_posterior_finite():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(60, 1)), np.full((40, 1), 0.5)]
    fit = bg.fit_bayes(X, 2, start=two_normals(), **QUICK)
    assert np.isfinite(fit.log_likelihood).all()
    assert fit.draws.scales.min() > 1e-12


def two_normals():
    return bg.Params([0.5, 0.5], [[-0.5], [0.5]], np.full((2, 1, 1), 0.8))


def test_prediction_averages_over_the_draws(bayes):
    new = np.array([[3.0, 65.0], [2.0, 55.0]])
    shares = bayes.predict_proba_draws(new)
    assert shares.dims == ("chain", "draw", "row", "component")
    np.testing.assert_allclose(shares.mean(("chain", "draw")), bayes.predict_proba(new))
    density = np.exp(bayes.score_samples_draws(new)).mean(("chain", "draw"))
    np.testing.assert_allclose(np.log(density), bayes.score_samples(new))


def test_predictive_draws_look_like_the_data(faithful, bayes):
    rows, _ = bayes.sample(20_000, random_seed=0)
    np.testing.assert_allclose(rows.mean(axis=0), faithful.mean(), rtol=0.03)
    np.testing.assert_allclose(np.cov(rows.T), faithful.cov(), rtol=0.1)


def test_row_weights_are_refused(faithful):
    from bayesgmm.mixture.data import as_data

    with pytest.raises(bg.InputError, match="no row weights"):
        bg.fit_bayes(as_data(faithful, np.ones(272)), 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 0}, "draws must be at least 4"),
        ({"tune": -1}, "tune must be"),
        ({"chains": 0}, "chains must be"),
        ({"cores": 0}, "cores must be"),
        ({"target_accept": 1.0}, "target_accept must be between"),
        ({"sampler": "gibbs"}, "sampler must be 'nutpie' or 'pymc'"),
        ({"start": "em"}, "start must be an EMFit or Params"),
    ],
)
def test_bad_settings_are_named(faithful, arguments, message):
    with pytest.raises(bg.InputError, match=message):
        bg.fit_bayes(faithful, 2, **arguments)


def test_priors_that_do_not_fit_are_named(faithful):
    proper = {"scales": bg.priors.LogNormal(0, 1), "correlations": bg.priors.LKJ(2, ridge=0.1)}
    priors = bg.Priors(means=bg.priors.Normal([1, 2, 3], 1), **proper)
    with pytest.raises(bg.InputError, match="means: mu of Normal has shape"):
        bg.fit_bayes(faithful, 2, priors=priors)


def test_priors_that_tell_components_apart_decide_their_names(faithful):
    """Component 0 is believed to have the long waits: that it keeps its name, and stays there."""
    means = bg.priors.Normal([[4.3, 80.0], [2.0, 55.0]], [[0.3, 5.0], [0.3, 5.0]])
    priors = bg.Priors(means=means, scales=bg.priors.LogNormal([-1.0, 1.8], 0.5))
    with pytest.warns(UserWarning, match="LKJ"):
        fit = bg.fit_bayes(faithful, 2, priors=priors, **QUICK)
    assert (fit.draws.means[..., 0, 0] > fit.draws.means[..., 1, 0]).all()
    assert (fit.labels == np.arange(2)).all()
    assert "as the priors tell them apart" in repr(fit)
    with pytest.raises(bg.InputError, match="tell its components apart"):
        fit.relabel("stephens")


@pytest.mark.parametrize("ordered", ["waiting", 1])
def test_means_ascend_where_priors_say_so(faithful, ordered):
    priors = bg.Priors.weakly_informative(faithful, 2)
    fit = bg.fit_bayes(faithful, 2, priors=replace(priors, ordered=ordered), **QUICK)
    assert (np.diff(fit.draws.means[..., 1], axis=-1) > 0).all()


def test_what_is_fixed_stays(faithful):
    priors = replace(bg.Priors.weakly_informative(faithful, 2), weights=bg.priors.Fixed([0.5, 0.5]))
    fit = bg.fit_bayes(faithful, 2, priors=priors, **QUICK)
    assert (fit.draws.weights == 0.5).all()
    assert fit.prior_sensitivity().shape[0] == len(fit.summary())


def test_chains_that_have_not_mixed_run_on(galaxies_fit):
    """Eighty-two galaxies leave four components so free that short chains miss much."""
    assert galaxies_fit.settings["thin"] > 1
    assert galaxies_fit.draws.weights.shape == (4, 250, 4)
    assert f"each the last of {galaxies_fit.settings['thin']}" in repr(galaxies_fit)


@pytest.fixture(scope="module")
def galaxies_fit():
    return bg.fit_bayes(
        bg.load_dataset("galaxies"), 4, draws=250, tune=500, random_seed=1, progressbar=False
    )
