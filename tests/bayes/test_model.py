"""The PyMC model: its density against SciPy and published numbers, and its use as a model.

Functions are compiled without machine code, for PyTensor would need a minute a model.
"""

import functools
from importlib.resources import files

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from pytensor.compile.mode import Mode
from scipy import stats
from scipy.special import logsumexp

from bayesgmm.bayes.model import build_model
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.priors import LKJ, Dirichlet, Exponential, HalfNormal, Normal, Priors

PLAIN = Mode(linker="py", optimizer=None)
STRUCTURES = ["full", "tied", "diag", "spherical"]


@functools.cache
def case(covariance_type, n_features, n_components=3):
    """A model, and its log-density and gradient at a dict of unconstrained values."""
    X = 2 * np.random.default_rng(0).normal(size=(60, n_features)) + 1
    model = build_model(X, n_components, covariance_type)
    logp, dlogp = model.compile_logp(mode=PLAIN), model.compile_dlogp(mode=PLAIN)
    return X, model, logp, dlogp


def random_point(model, seed):
    rng = np.random.default_rng(seed)
    return {v.name: 0.7 * rng.normal(size=v.type.shape) for v in model.value_vars}


def constrain(model, point):
    """Parameters, and the log Jacobian of the map, at an unconstrained point."""
    free = {name: np.asarray(value) for name, value in point.items()}
    weights = np.append(free["weights_simplex__"], -free["weights_simplex__"].sum())
    weights = np.exp(weights - logsumexp(weights))
    scales = np.exp(free["scales_log__"])
    out = {"weights": weights, "means": free["means"], "scales": scales}
    # the simplex: logs that sum to zero, all but the last, to shares, all but the last
    jacobian = np.log(weights).sum() + np.log(len(weights)) + free["scales_log__"].sum()
    y = free.get("correlations_cholesky_cholesky_corr__")
    if y is not None:
        out["correlations_cholesky"], more = correlation_factor(y, scales.shape[-1])
        jacobian += more
    return out, jacobian


def correlation_factor(y, size):
    """Rows (y, 1) of a unit triangle divided by their lengths, filled in PyMC's spiral order."""
    tail = y[..., size - 1 :]
    square = np.concatenate([tail, y[..., ::-1]], axis=-1)
    square = np.tril(square.reshape(*y.shape[:-1], size - 1, size - 1))
    unit = np.zeros((*y.shape[:-1], size, size))
    unit[..., 1:, :-1] = square
    unit += np.eye(size)
    length = np.linalg.norm(unit, axis=-1)
    # row i maps i free numbers y to y / |(y, 1)|, whose Jacobian is |(y, 1)|**-(i + 2)
    jacobian = -(np.arange(size) + 2) * np.log(length)
    return unit / length[..., None], jacobian.sum()


def covariances(parameters, covariance_type):
    means, scales = parameters["means"], parameters["scales"]
    if covariance_type == "spherical":
        scales = scales[:, None]
    scales, n_features = np.broadcast_to(scales, means.shape), means.shape[1]
    factor = parameters.get("correlations_cholesky", np.eye(n_features))
    factor = scales[:, :, None] * factor
    return factor @ factor.mT


def log_likelihood(X, parameters, covariance_type):
    sigma = covariances(parameters, covariance_type)
    densities = [
        stats.multivariate_normal(mean, cov).logpdf(X)
        for mean, cov in zip(parameters["means"], sigma, strict=True)
    ]
    return logsumexp(np.array(densities).T + np.log(parameters["weights"]), axis=1).sum()


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_logp_is_likelihood_prior_and_jacobian(covariance_type, n_features):
    X, model, logp, _ = case(covariance_type, n_features)
    priors = Priors.weakly_informative(X, 3, covariance_type)
    for seed in range(3):
        point = random_point(model, seed)
        parameters, jacobian = constrain(model, point)
        likelihood = log_likelihood(X, parameters, covariance_type)
        expected = likelihood + priors.log_density(**parameters) + jacobian
        assert logp(point) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_gradient_is_the_limit_of_differences(covariance_type, n_features):
    _, model, logp, dlogp = case(covariance_type, n_features)
    point = random_point(model, 5)
    step = random_point(model, 6)

    def along(t):
        return logp({name: value + t * step[name] for name, value in point.items()})

    h = 1e-3
    differences = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    direction = np.concatenate([step[v.name].ravel() for v in model.value_vars])
    assert dlogp(point) @ direction == pytest.approx(differences, rel=1e-6)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_logp_does_not_know_the_labels(covariance_type):
    _, model, logp, _ = case(covariance_type, 2)
    point = random_point(model, 1)
    order = [2, 0, 1]
    per_component = {
        "means": True,
        "scales_log__": "component" in model.named_vars_to_dims["scales"],
        "correlations_cholesky_cholesky_corr__": covariance_type == "full",
    }
    free = point["weights_simplex__"]
    turned = {"weights_simplex__": np.append(free, -free.sum())[order][:-1]}
    for name in point.keys() - turned.keys():
        turned[name] = point[name][order] if per_component[name] else point[name]
    assert logp(turned) == pytest.approx(logp(point), rel=1e-12)


def faithful_standardised():
    frame = pd.read_csv(files("bayesgmm.datasets") / "faithful.csv")
    data = as_data(frame[["eruptions", "waiting"]])
    return data.standardised(*data.moments()).rows()


def test_published_density_of_standardised_faithful():
    """Computed independently in double precision, by NumPyro and by SciPy, at a stated point."""
    priors = Priors(
        weights=Dirichlet(1), means=Normal(0, 2.5), scales=HalfNormal(1), correlations=LKJ(2)
    )
    rho = np.array([0.28, 0.38])
    factors = np.zeros((2, 2, 2))
    factors[:, 0, 0], factors[:, 1, 0], factors[:, 1, 1] = 1, rho, np.sqrt(1 - rho**2)
    parameters = {
        "weights": np.array([0.36, 0.64]),
        "means": np.array([[-1.27, -1.21], [0.7, 0.67]]),
        "scales": np.array([[0.23, 0.43], [0.36, 0.44]]),
        "correlations_cholesky": factors,
    }
    assert priors.log_density(**parameters) == pytest.approx(-9.658814906612179, abs=1e-8)

    model = build_model(faithful_standardised(), 2, priors=priors)
    logs = np.log(parameters["weights"])
    point = {
        "weights_simplex__": (logs - logs.mean())[:-1],
        "means": parameters["means"],
        "scales_log__": np.log(parameters["scales"]),
        "correlations_cholesky_cholesky_corr__": (rho / np.sqrt(1 - rho**2))[:, None],
    }
    likelihood = model.compile_logp(vars=model.observed_RVs, mode=PLAIN)
    assert likelihood(point) == pytest.approx(-385.5179750552122, abs=1e-8)
    prior = model.compile_logp(vars=model.free_RVs, jacobian=False, mode=PLAIN)
    assert prior(point) == pytest.approx(-9.658814906612179, abs=1e-8)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_one_component_is_a_gaussian(covariance_type):
    X, model, logp, dlogp = case(covariance_type, 2, n_components=1)
    point = random_point(model, 2)
    assert point["weights_simplex__"].shape == (0,)
    parameters, jacobian = constrain(model, point)
    sigma = covariances(parameters, covariance_type)[0]
    likelihood = stats.multivariate_normal(parameters["means"][0], sigma).logpdf(X).sum()
    priors = Priors.weakly_informative(X, 1, covariance_type)
    total = likelihood + priors.log_density(**parameters) + jacobian
    assert logp(point) == pytest.approx(total, rel=1e-10)
    assert np.all(np.isfinite(dlogp(point)))


def test_the_model_has_named_dimensions():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 2)), columns=["a", "b"])
    model = build_model(frame, 2)
    assert list(model.coords["feature"]) == ["a", "b"]
    assert list(model.coords["component"]) == [0, 1]
    matrix = ("component", "feature", "feature_bis")
    assert model.named_vars_to_dims == {
        "weights": ("component",),
        "means": ("component", "feature"),
        "scales": ("component", "feature"),
        "correlations_cholesky": matrix,
        "correlations": matrix,
        "covariances": matrix,
        "x": ("row", "feature"),
    }


@pytest.mark.parametrize(
    ("covariance_type", "n_features", "names"),
    [
        ("full", 1, ["weights", "means", "scales"]),
        ("tied", 2, ["weights", "means", "scales", "correlations_cholesky"]),
        ("diag", 2, ["weights", "means", "scales"]),
        ("spherical", 2, ["weights", "means", "scales"]),
    ],
)
def test_the_free_variables_keep_their_order(covariance_type, n_features, names):
    model = case(covariance_type, n_features)[1]
    assert [v.name for v in model.free_RVs] == names


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_covariances_are_reported(covariance_type):
    _, model, *_ = case(covariance_type, 2)
    values = model.compile_fn(model.unobserved_value_vars, mode=PLAIN)(random_point(model, 4))
    named = dict(zip((v.name for v in model.unobserved_value_vars), values, strict=True))
    correlations = named["correlations_cholesky"] @ named["correlations_cholesky"].mT
    np.testing.assert_allclose(named["correlations"], correlations, rtol=1e-14)
    factor = named["scales"][..., None] * named["correlations_cholesky"]
    np.testing.assert_allclose(named["covariances"], factor @ factor.mT, rtol=1e-14)


def test_observed_data_are_the_data():
    X, model, *_ = case("full", 2)
    np.testing.assert_array_equal(model.rvs_to_values[model["x"]].data, X)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_drawn_rows_have_the_moments_of_the_mixture(covariance_type):
    n_rows, weights = 20_000, np.array([0.2, 0.3, 0.5])
    means = np.array([[-3.0, 1.0], [0.0, 0.0], [4.0, 2.0]])
    factor = np.array([[[1.0, 0.0], [0.5, 2.0]], [[0.5, 0.0], [-0.3, 0.4]], [[2.0, 0.0], [1, 1]]])
    if covariance_type == "diag":
        factor = np.diagonal(factor, axis1=1, axis2=2)
    op = case(covariance_type, 2)[1]["x"].owner.op
    x = op.rng_fn(np.random.default_rng(3), np.arange(n_rows), weights, means, factor, None)
    assert x.shape == (n_rows, 2)
    factor = factor if factor.ndim == 3 else factor[..., None] * np.eye(2)
    mean = weights @ means
    second = factor @ factor.mT + means[:, :, None] * means[:, None, :]
    expected = np.tensordot(weights, second, 1) - np.outer(mean, mean)
    np.testing.assert_allclose(x.mean(0), mean, atol=5 * np.sqrt(expected.max() / n_rows))
    np.testing.assert_allclose(np.cov(x.T), expected, rtol=0.05, atol=0.2)


def test_many_data_sets_are_drawn_at_once():
    _, model, *_ = case("diag", 2)
    op = model["x"].owner.op
    rng = np.random.default_rng(4)
    means = np.array([[-5.0, 0.0], [5.0, 0.0]])
    x = op.rng_fn(rng, np.arange(50), np.full(2, 0.5), means, np.ones((2, 2)), (4, 3))
    assert x.shape == (4, 3, 50, 2)
    right = (x[..., 0] > 0).mean(-1)
    assert np.all((right > 0.1) & (right < 0.9))


def test_prior_and_posterior_predictive_follow_the_dimensions():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 2)), columns=["a", "b"])
    with build_model(frame, 2, "diag"):
        quick = {"random_seed": 1, "compile_kwargs": {"mode": PLAIN}}
        tree = pm.sample_prior_predictive(5, **quick)
        again = pm.sample_posterior_predictive(tree["prior"], progressbar=False, **quick)
    assert tree["prior_predictive"]["x"].dims == ("chain", "draw", "row", "feature")
    assert again["posterior_predictive"]["x"].sizes["row"] == 9
    np.testing.assert_array_equal(tree["observed_data"]["x"], frame)


def test_a_prior_may_differ_between_components():
    X = np.random.default_rng(0).normal(size=(9, 2))
    priors = Priors(means=Normal([[-1.0], [1.0]], 1.0), scales=Exponential([1.0, 2.0]))
    model = build_model(X, 2, priors=priors)
    point = random_point(model, 3)
    expected = stats.norm([[-1.0], [1.0]], 1.0).logpdf(point["means"]).sum()
    logp = model.compile_logp(vars=model["means"], mode=PLAIN)
    assert logp(point) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 2.0}, "n_components"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"X": [[np.nan, 1.0]]}, "missing"),
        ({"X": as_data(np.eye(3), sample_weight=[1, 2, 3])}, "row weights"),
        (
            {"priors": Priors(means=Normal(np.zeros(3), 1), scales=HalfNormal(1))},
            r"means: mu of Normal has shape \(3,\)",
        ),
    ],
)
def test_bad_input_is_told(arguments, words):
    X = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(InputError, match=words):
        build_model(**{"X": X, "n_components": 2, **arguments})


@pytest.mark.slow
def test_it_is_sampled_like_any_model():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-4, 1, size=80), rng.normal(4, 1, size=40)])
    with build_model(X, 2):
        trace = pm.sample(
            200, tune=300, chains=2, nuts_sampler="nutpie", random_seed=1, progressbar=False
        )
    means = np.sort(trace["posterior"]["means"].values[..., 0], axis=-1)
    np.testing.assert_allclose(means.mean((0, 1)), [-4, 4], atol=0.5)
    assert trace["observed_data"]["x"].shape == (120, 1)
