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
from bayesgmm.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    Fixed,
    Gamma,
    HalfNormal,
    InverseGamma,
    Normal,
    Precision,
    Priors,
    Variance,
)

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


def reported(model, point):
    """All parameters at an unconstrained point, by name."""
    values = model.compile_fn(model.unobserved_value_vars, mode=PLAIN)(point)
    return dict(zip((v.name for v in model.unobserved_value_vars), values, strict=True))


def constrain(model, point):
    """Parameters, and the log Jacobian of the map, at an unconstrained point."""
    free = {name: np.asarray(value) for name, value in point.items()}
    weights = np.append(free["weights_simplex__"], -free["weights_simplex__"].sum())
    weights = np.exp(weights - logsumexp(weights))
    shared = "shared_scales_log__" in free
    scales = np.exp(free["shared_scales_log__" if shared else "scales_log__"])
    out = {"weights": weights, "means": free["means"], "scales": scales}
    # the simplex: logs that sum to zero, all but the last, to shares, all but the last
    jacobian = np.log(weights).sum() + np.log(len(weights)) + np.log(scales).sum()
    names = [name for name in free if name.endswith("choleskycorr__")]
    y = free[names[0]] if names else None
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
        "scales_log__": True,
        "shared_scales_log__": covariance_type == "spherical",
        "correlations_cholesky_choleskycorr__": True,
        "shared_correlations_cholesky_choleskycorr__": False,
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
        "correlations_cholesky_choleskycorr__": (rho / np.sqrt(1 - rho**2))[:, None],
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
        ("full", 2, ["weights", "means", "scales", "correlations_cholesky"]),
        ("tied", 2, ["weights", "means", "shared_scales", "shared_correlations_cholesky"]),
        ("diag", 2, ["weights", "means", "scales"]),
        ("spherical", 2, ["weights", "means", "shared_scales"]),
    ],
)
def test_the_free_variables_keep_their_order(covariance_type, n_features, names):
    model = case(covariance_type, n_features)[1]
    assert [v.name for v in model.free_RVs] == names


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_every_component_has_scales_whatever_is_shared(covariance_type):
    model = case(covariance_type, 2)[1]
    assert model.named_vars_to_dims["scales"] == ("component", "feature")
    assert model["scales"].type.shape == (3, 2)


@pytest.mark.parametrize(
    ("scales", "name"),
    [
        (Precision(Gamma(2, 1)), "precisions"),
        (Variance(InverseGamma(2, 1)), "variances"),
        (HalfNormal(1), "scales"),
    ],
    ids=repr,
)
def test_what_the_prior_is_stated_for_is_the_variable(scales, name):
    X = np.random.default_rng(0).normal(size=(9, 2))
    model = build_model(X, 2, "diag", Priors(means=Normal(0, 1), scales=scales))
    assert [v.name for v in model.free_RVs] == ["weights", "means", name]
    values = reported(model, random_point(model, 1))
    power = {"precisions": -0.5, "variances": 0.5, "scales": 1.0}[name]
    np.testing.assert_allclose(values["scales"], values[name] ** power, rtol=1e-14)


def test_what_is_fixed_is_reported_and_not_sampled():
    X = np.random.default_rng(0).normal(size=(9, 2))
    R = np.array([[1.0, 0.5], [0.5, 1.0]])
    priors = Priors(
        weights=Fixed([0.3, 0.7]), means=Normal(0, 1), scales=Fixed(2.0), correlations=Fixed(R)
    )
    model = build_model(X, 2, priors=priors)
    assert [v.name for v in model.free_RVs] == ["means"]
    values = reported(model, random_point(model, 1))
    known = {"weights": [0.3, 0.7], "scales": 2.0, "correlations": R, "covariances": 4 * R}
    for name, expected in known.items():
        np.testing.assert_allclose(
            values[name], np.broadcast_to(expected, values[name].shape), rtol=1e-14
        )


def test_ordered_means_ascend_and_other_features_do_not_care():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 2)), columns=["a", "b"])
    priors = Priors(means=Normal(0, 1), scales=HalfNormal(1), ordered="b")
    model = build_model(X, 3, "diag", priors)
    values = model.compile_fn(model.unobserved_value_vars, mode=PLAIN)
    where = [v.name for v in model.unobserved_value_vars].index("means")
    drawn = np.array([values(random_point(model, seed))[where] for seed in range(20)])
    assert (np.diff(drawn[..., 1], axis=1) > 0).all()
    assert (np.diff(drawn[..., 0], axis=1) < 0).any()


@pytest.mark.parametrize("mu", [0.0, [[5.0], [0.0], [5.0]]])
def test_pymc_can_start_where_the_priors_of_ordered_means_are_alike(mu):
    priors = Priors(means=Normal(mu, 2), scales=HalfNormal(1), ordered=0)
    model = build_model(np.arange(9.0), 3, priors=priors)
    start = model.initial_point()
    assert np.isfinite(model.compile_logp(mode=PLAIN)(start))


def test_ordering_one_feature_is_pymcs_ordered():
    priors = Priors(means=Normal(0, 2), scales=Fixed(1.0), weights=Fixed(0.5), ordered=0)
    ours = build_model(np.zeros((3, 1)), 2, priors=priors)
    with pm.Model() as theirs:
        pm.Normal("means", 0, 2, shape=2, transform=pm.distributions.transforms.ordered)
    y = np.array([0.3, -0.8])
    found = ours.compile_logp(vars=ours["means"], mode=PLAIN)({"means_ascending__": y[:, None]})
    expected = theirs.compile_logp(mode=PLAIN)({"means_ordered__": y})
    assert found == pytest.approx(expected, rel=1e-8)  # PyMC takes a bare 2 for a float32


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_covariances_are_reported(covariance_type):
    _, model, *_ = case(covariance_type, 2)
    named = reported(model, random_point(model, 4))
    shared = "shared_" if covariance_type == "tied" else ""
    cholesky = np.broadcast_to(named[f"{shared}correlations_cholesky"], (3, 2, 2))
    assert named["correlations"].shape == named["covariances"].shape == (3, 2, 2)
    np.testing.assert_allclose(named["correlations"], cholesky @ cholesky.mT, rtol=1e-14)
    factor = named["scales"][..., None] * cholesky
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
