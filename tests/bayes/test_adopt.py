"""Draws from elsewhere become a fit like any other."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from pytensor.compile.mode import Mode

import bayesgmm as bg
from bayesgmm.bayes import stock
from bayesgmm.bayes.adopt import mixture_of
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.labels import renamed
from bayesgmm.bayes.transforms import Mixture

ALL = ["full", "tied", "diag", "spherical"]
MATRICES = ("correlations_cholesky", "correlations", "covariances")


@pytest.fixture(scope="module")
def short(faithful, em):
    """Two short chains by nutpie."""
    quick = {"draws": 40, "tune": 200, "chains": 2, "progressbar": False}
    return bg.fit_bayes(faithful, 2, start=em, random_seed=1, **quick)


@pytest.fixture(scope="module")
def tree(short):
    """The same draws as another sampler might bring them, under one name or the other."""
    rng = np.random.default_rng(0)
    shuffle = rng.permuted(np.broadcast_to([0, 1], short.labels.shape), axis=-1)
    draws = renamed(short.draws, shuffle)
    matrices = draws.correlations_cholesky
    values = {
        "weights": draws.weights,
        "means": draws.means,
        "scales": draws.scales,
        "correlations_cholesky": matrices,
        "correlations": matrices @ matrices.mT,
        "covariances": draws.cholesky @ draws.cholesky.mT,
    }
    groups = {"posterior": labelled(values), "sample_stats": labelled(short.sample_stats)}
    return xr.DataTree.from_dict(groups)


def labelled(values):
    dims = ("chain", "draw", "a", "b", "c")
    return xr.Dataset({name: (dims[: v.ndim], v) for name, v in values.items()})


@pytest.mark.parametrize("matrix", MATRICES)
def test_shuffled_draws_get_their_names_back(tree, faithful, em, short, matrix):
    others = [name for name in MATRICES if name != matrix]
    others += ["scales"] if matrix == "covariances" else []
    given = xr.DataTree.from_dict(
        {
            "posterior": tree["posterior"].to_dataset().drop_vars(others),
            "sample_stats": tree["sample_stats"].to_dataset(),
        }
    )
    fit = bg.from_draws(faithful, given, reference=em)
    for ours, theirs in zip(fit.draws, short.draws, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_allclose(fit.log_likelihood, short.log_likelihood, rtol=1e-10)
    assert fit.diagnostics.max_r_hat == pytest.approx(short.diagnostics.max_r_hat)
    assert set(fit.sample_stats) == set(short.sample_stats)
    assert fit.diagnostics.label_switches > 10


def test_a_posterior_alone_is_enough(tree, faithful):
    fit = bg.from_draws(faithful, tree["posterior"].to_dataset(), random_seed=1)
    assert fit.diagnostics.divergences == 0
    assert fit.covariance_type == "full"
    assert (np.diff(fit.reference.means[:, 0]) > 0).all()


def test_an_adopted_fit_can_be_saved(tree, faithful, em, tmp_path):
    fit = bg.from_draws(faithful, tree, reference=em)
    fit.save(tmp_path / "fit.nc")
    np.testing.assert_array_equal(bg.load(tmp_path / "fit.nc").draws.means, fit.draws.means)


@pytest.fixture(scope="module")
def with_more(tree, faithful, em):
    """The same draws with what a model of one's own may have beside the mixture."""
    posterior = tree["posterior"].to_dataset()
    tallest = posterior["means"].max("b")
    more = {
        "log_odds": np.log(posterior["weights"]),
        "crossed": tallest.rename(a="component").expand_dims(side=["left", "right"]),
        "total": tallest.sum("a"),
        "constant": xr.DataArray(np.arange(3.0), dims="q"),
        "words": xr.full_like(posterior["weights"], "no", dtype=object),
    }
    return bg.from_draws(faithful, posterior.assign(more), reference=em)


def test_other_variables_come_back_named_like_the_components(with_more, tmp_path):
    with_more.save(tmp_path / "fit.nc")
    loaded = bg.load(tmp_path / "fit.nc")
    for fit in (with_more, with_more.relabel("ecr"), with_more.as_sampled(), loaded):
        found = fit.to_datatree(["posterior"])["posterior"].to_dataset()
        xr.testing.assert_allclose(found["log_odds"], np.log(found["weights"]))
        for side in ("left", "right"):
            crossed = found["crossed"].sel(side=side, drop=True)
            xr.testing.assert_allclose(crossed, found["means"].max("feature"))
        xr.testing.assert_allclose(found["total"], found["means"].max("feature").sum("component"))
        assert not {"constant", "words"} & set(found)
    assert not np.array_equal(with_more.as_sampled().draws.weights, with_more.draws.weights)


def test_priors_that_are_not_known_are_not_made_up(with_more, tmp_path):
    with_more.save(tmp_path / "fit.nc")
    for fit in (with_more, bg.load(tmp_path / "fit.nc")):
        assert fit.priors is None
        groups = set(fit.to_datatree())
        assert {"posterior", "log_likelihood", "posterior_predictive"} <= groups
        assert not {"prior", "log_prior", "prior_predictive"} & groups
        for ask in (
            fit.prior_sensitivity,
            lambda fit=fit: fit.model,
            lambda fit=fit: fit.to_datatree(["prior"]),
        ):
            with pytest.raises(bg.InputError, match="priors of this fit are not known"):
                ask()
        assert fit.summary().shape[0] == 12


def test_priors_that_are_given_are_known(tree, faithful, em, short):
    fit = bg.from_draws(faithful, tree, reference=em, priors=short.priors)
    assert fit.priors is short.priors
    np.testing.assert_allclose(fit.prior_sensitivity()["prior"], short.prior_sensitivity()["prior"])
    assert "prior" in fit.to_datatree()


def test_other_variables_follow_their_chains(with_more):
    whole, one = (
        fit.to_datatree(["posterior"])["posterior"]["total"]
        for fit in (with_more, with_more.of_chains([1]))
    )
    np.testing.assert_array_equal(one, whole[[1]])


def test_other_variables_must_not_use_our_names_otherwise(tree, faithful, em):
    more = xr.DataArray(np.zeros((2, 40, 5)), dims=("chain", "draw", "feature"))
    posterior = tree["posterior"].to_dataset().assign(ratio=more)
    with pytest.raises(bg.InputError, match="ratio has a dimension 'feature' of size 5, but"):
        bg.from_draws(faithful, posterior, reference=em)


PRIORS = {
    "plain": {},
    "variances": {"scales": bg.priors.Variance(bg.priors.InverseGamma(3, 2))},
    "fixed": {"weights": bg.priors.Fixed([0.3, 0.7])},
}


@pytest.mark.parametrize("covariance_type", ALL)
@pytest.mark.parametrize("given", PRIORS)
def test_what_the_model_reports_is_read(covariance_type, given):
    """Draws of the model's prior, and what its free variables say of each mixture."""
    X = np.random.default_rng(0).normal(size=(30, 2))
    priors = replace(bg.Priors.weakly_informative(X, 2, covariance_type), **PRIORS[given])
    model = bg.build_model(X, 2, covariance_type, priors)
    names = [v.name for v in model.unobserved_RVs]
    with model:
        plain = {"mode": Mode(linker="py", optimizer=None)}
        tree = pm.sample_prior_predictive(3, var_names=names, random_seed=1, compile_kwargs=plain)
    prior = tree["prior"].to_dataset()
    found = mixture_of(prior.transpose("draw", ...), 2, covariance_type)
    np.testing.assert_allclose(found.scales, prior["scales"])
    np.testing.assert_allclose(found.means, prior["means"])
    if "covariances" in prior:
        np.testing.assert_allclose(found.cholesky @ found.cholesky.mT, prior["covariances"])
    density = Density(X, 2, covariance_type, priors)
    for draw in range(3):
        free = stock.free_values(Mixture(*(array[0, draw] for array in found)), density)
        assert set(free) == {v.name for v in model.free_RVs}
        for name, value in free.items():
            np.testing.assert_allclose(value, prior[name][0, draw], rtol=1e-12, atol=1e-12)


def changed(posterior, name, change):
    return posterior.assign({name: change(posterior[name])})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.drop_vars("weights"), "no variable 'weights'"),
        (lambda p: p.drop_vars(list(MATRICES)), "need one of the variables"),
        (lambda p: p.isel(b=[0]), "means must have shape"),
        (lambda p: p.isel(chain=0), "no dimensions chain and draw"),
        (lambda p: changed(p, "weights", lambda w: 2 * w), "sum to one"),
        (lambda p: changed(p, "scales", lambda s: -s), "scales must be positive"),
        (lambda p: changed(p, "means", lambda m: m * np.nan), "means has draws that are not"),
        (lambda p: changed(p, "correlations_cholesky", lambda c: c + 1), "lower triangular"),
        (
            lambda p: changed(p, "correlations", lambda c: -c).drop_vars("correlations_cholesky"),
            "correlations has draws that are not positive definite",
        ),
    ],
)
def test_what_is_no_mixture_is_refused(tree, faithful, spoil, message):
    with pytest.raises(bg.InputError, match=message):
        bg.from_draws(faithful, spoil(tree["posterior"].to_dataset()))


def test_what_is_no_tree_is_refused(faithful):
    with pytest.raises(bg.InputError, match="DataTree with a group 'posterior'"):
        bg.from_draws(faithful, {"weights": [0.5, 0.5]})


@pytest.mark.slow
def test_pymcs_own_sampler_finds_the_same_posterior(faithful, em, bayes):
    settings = {"draws": 400, "tune": 400, "chains": 2, "random_seed": 3, "progressbar": False}
    fit = bg.fit_bayes(faithful, 2, start=em, sampler="pymc", **settings)
    assert fit.settings["sampler"] == fit.settings["route"] == "pymc"
    assert fit.diagnostics.max_r_hat < 1.05
    density = fit.score_samples_draws().sum("row")
    np.testing.assert_allclose(density, fit.log_likelihood, rtol=1e-10)
    for name in Mixture._fields:
        theirs, ours = getattr(fit.draws, name), getattr(bayes.draws, name)
        for place in np.ndindex(theirs.shape[2:]):
            pair = theirs[(..., *place)], ours[(..., *place)]
            if all(np.ptp(values) > 0 for values in pair):
                error = np.hypot(*(array_stats.mcse(values, method="mean") for values in pair))
                assert abs(pair[0].mean() - pair[1].mean()) < 4.5 * error, (name, place)
