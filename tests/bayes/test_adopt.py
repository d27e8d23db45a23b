"""Draws from elsewhere become a fit like any other."""

import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats

import bayesgmm as bg
from bayesgmm.bayes import stock
from bayesgmm.bayes.adopt import mixture_of
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.labels import renamed
from bayesgmm.bayes.transforms import Layout, Mixture
from bayesgmm.priors.shapes import parameter_dims

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


@pytest.mark.parametrize("covariance_type", ALL)
@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_variables_of_the_model_are_read_whatever_they_share(covariance_type, n_features):
    K, D = 3, n_features
    priors = bg.Priors(means=bg.priors.Normal(0, 1), scales=bg.priors.LogNormal(0, 1))
    free = priors.sample(np.random.default_rng(0), K, D, covariance_type, (2, 4))
    dims = parameter_dims(covariance_type, D)
    posterior = xr.Dataset({name: (("chain", "draw", *dims[name]), v) for name, v in free.items()})
    layout = Layout.of(covariance_type, K, D)
    factors = free.get("correlations_cholesky", np.empty((2, 4, 0)))
    expected = layout.expand(
        free["weights"],
        free["means"],
        free["scales"].reshape(2, 4, -1),
        factors.reshape(2, 4, layout.n_blocks, D, D),
    )
    # the axes may come in any order, as long as they are named
    found = mixture_of(posterior.transpose("draw", ...), D, covariance_type)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("covariance_type", ALL)
def test_starts_are_told_to_pymc_without_what_is_shared(covariance_type):
    X = np.random.default_rng(0).normal(size=(30, 3))
    priors = bg.Priors.weakly_informative(X, 2, covariance_type)
    density = Density(X, 2, covariance_type, priors)
    mixture = density.unpack(np.random.default_rng(1).normal(size=density.n_dim))
    free = stock.free_values(mixture, density)
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", *dims), free[name][None, None])
            for name, dims in parameter_dims(covariance_type, 3).items()
        }
    )
    for a, b in zip(mixture_of(posterior, 3, covariance_type), mixture, strict=True):
        np.testing.assert_array_equal(a[0, 0], b)


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
