"""Standard errors of posterior modes: an independent log posterior, differenced, judges them."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    Fixed,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
    Precision,
    Priors,
    Uniform,
    Variance,
)
from bayesgmm.results.rows import parameter_values

ALL = ["full", "tied", "diag", "spherical"]
K = 2
HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)
CENTRES = np.array([[0.0, 0.0, 0.0], [3.5, -3.0, 1.0]])
UNIT = np.array([1.0, 2.0, 1.5])
TRUTH = 50 + CENTRES * UNIT
FAMILIES = [
    LogNormal(0.5, 0.4, 0.3),
    HalfNormal(2.0),
    HalfCauchy(2.0),
    Exponential(0.5),
    Gamma(3.0, 1.0),
    InverseGamma(3.0, 4.0),
    Uniform(0.01, 50.0),
    Variance(InverseGamma(3.0, 4.0)),
    Precision(Gamma(2.0, 1.0)),
]
R = Fixed([[1.0, 0.4], [0.4, 1.0]])
HELD = [
    {"weights": Fixed([0.45, 0.55])},
    {"means": Fixed([[50.0, 50.0], [54.0, 42.0]])},
    {"scales": Fixed(1.3)},
    {"correlations": R},
    {"scales": Fixed(1.3), "correlations": R},
    {"weights": Fixed([0.45, 0.55]), "scales": Fixed(1.3)},
]


def some_rows(d, n_rows=70):
    """Two correlated clouds that touch, far from zero."""
    rng = np.random.default_rng(d)
    mix = np.eye(3) + np.tril(np.full((3, 3), 0.6), -1)
    X = CENTRES[rng.integers(2, size=n_rows)] + rng.normal(size=(n_rows, 3)) @ mix.T
    return (50 + X * UNIT)[:, :d]


def informative(X, **blocks):
    """Priors strong enough to matter."""
    priors = Priors(
        weights=Dirichlet([3.0, 2.0]),
        means=Normal(X.mean(0), 1.5 * X.std(0)),
        scales=LogNormal(0.5, 0.4),
        correlations=LKJ(3.0, ridge=2.0),
    )
    return replace(priors, **blocks)


def fit(X, covariance_type, priors, **options):
    start = bg.Params([0.5, 0.5], TRUTH[:, : X.shape[1]], [np.eye(X.shape[1])] * 2)
    options = {"start": start, "tol": 1e-13} | options
    return bg.fit_em(X, K, covariance_type=covariance_type, priors=priors, **options)


def errors(em):
    return em.standard_errors()["se"].to_numpy()


def log_likelihood(X, weights, means, cholesky):
    z = np.linalg.solve(cholesky, (X - means[:, None]).mT)
    size = np.log(np.diagonal(cholesky, axis1=1, axis2=2)).sum(1) + X.shape[1] * HALF_LOG_TWO_PI
    joint = np.log(weights) - size - np.square(z).sum(1).T / 2
    return np.logaddexp.reduce(joint, axis=1).sum()


class Posterior:
    """The log posterior density as a function of what is free among the reported parameters."""

    def __init__(self, em):
        self.X, self.priors, self.kind = em.data.values, em.priors, em.covariance_type
        d, p = self.X.shape[1], em.params
        self.correlated = em.correlated
        self.upper = np.triu_indices(d, 1)
        pooled = slice(0, 1) if self.kind == "tied" else slice(None)
        features = slice(0, 1) if self.kind == "spherical" else slice(None)
        self.blocks = {
            "weights": p.weights[:-1],
            "means": p.means,
            "scales": p.scales[pooled, features],
            "correlations": p.correlations[pooled][:, *self.upper],
        }
        if not self.correlated:
            del self.blocks["correlations"]
        self.free = [b for b in self.blocks if not isinstance(getattr(self.priors, b), Fixed)]
        self.mode = np.concatenate([np.empty(0), *(self.blocks[b].ravel() for b in self.free)])

    def parameters(self, x):
        """Weights (K,), means, scales (K, D) and correlations (K, D, D)."""
        found = dict(self.blocks)
        for name in self.free:
            size = found[name].size
            found[name], x = x[:size].reshape(found[name].shape), x[size:]
        d = self.X.shape[1]
        weights = np.append(found["weights"], 1 - found["weights"].sum())
        scales = np.broadcast_to(found["scales"], (K, d))
        correlations = np.broadcast_to(np.eye(d), (K, d, d)).copy()
        if self.correlated:
            i, j = self.upper
            correlations[:, i, j] = correlations[:, j, i] = found["correlations"]
        return weights, found["means"], scales, correlations

    def __call__(self, x):
        weights, means, scales, correlations = self.parameters(x)
        roots = np.linalg.cholesky(correlations)
        pooled = slice(0, 1) if self.kind == "tied" else slice(None)
        each = {"tied": scales[0], "spherical": scales[:, 0]}.get(self.kind, scales)
        value = log_likelihood(self.X, weights, means, scales[..., None] * roots)
        value += np.sum(self.priors.weights.logpdf(weights))
        value += self.priors.means.logpdf(means).sum() + self.priors.scales.logpdf(each).sum()
        if self.correlated and not isinstance(self.priors.correlations, Fixed):
            value += self.priors.correlations.logpdf_of_matrix(roots[pooled]).sum()
        return value

    def covariance(self):
        """Of the reported parameters: the inverse of minus the second differences."""
        n, at = len(self.mode), self.mode
        size = np.array([self.step(i) for i in range(n)])

        here = self(at)

        def bend(along):
            far, near = (self(at + t * along) + self(at - t * along) for t in (0.02, 0.01))
            return (16 * near - far - 30 * here) / (12 * 0.01**2)

        axes = np.diag(size)
        alone = [bend(axis) for axis in axes]
        second = np.diag(alone)
        for i in range(n):
            for j in range(i):
                both = (bend(axes[i] + axes[j]) - bend(axes[i] - axes[j])) / 4
                second[i, j] = second[j, i] = both
        inverse = size[:, None] * np.linalg.inv(-second) * size
        moved = np.array([self.reported(at + axis) - self.reported(at) for axis in axes])
        jacobian = (moved / size[:, None]).T if n else np.zeros((len(self.reported(at)), 0))
        return jacobian @ inverse @ jacobian.T

    def step(self, i):
        """Where a parabola through the mode falls by about a half."""
        h = 1e-4 * max(abs(self.mode[i]), 1e-2)
        unit = h * (np.arange(len(self.mode)) == i)
        fall = 2 * self(self.mode) - self(self.mode + unit) - self(self.mode - unit)
        return h / np.sqrt(fall)

    def reported(self, x):
        return parameter_values(*self.parameters(x), self.correlated)


def assert_is_curvature(em):
    expected = Posterior(em).covariance()
    found = em.covariance_of_estimates.to_numpy()
    size = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(np.sqrt(np.diag(found)), size, rtol=1e-5, atol=1e-12)
    unit = np.outer(size, size)
    unit[unit == 0] = 1
    np.testing.assert_allclose(found / unit, expected / unit, rtol=0, atol=1e-5)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("covariance_type", ALL)
def test_errors_are_the_curvature_of_the_log_posterior(covariance_type, d):
    X = some_rows(d)
    assert_is_curvature(fit(X, covariance_type, informative(X)))


@pytest.mark.parametrize("scales", FAMILIES, ids=repr)
@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_errors_are_the_curvature_under_every_family(covariance_type, scales):
    X = some_rows(2)
    assert_is_curvature(fit(X, covariance_type, informative(X, scales=scales)))


@pytest.fixture(scope="module", params=[{}, *HELD], ids=repr)
def blocks(request):
    return request.param


@pytest.fixture(scope="module", params=ALL)
def em(request, blocks):
    X = some_rows(2)
    return fit(X, request.param, informative(X, **blocks))


def test_what_is_fixed_has_no_error_and_the_rest_the_curvature_along_what_is_left(em, blocks):
    assert_is_curvature(em)
    names = {"weights": "weight", "means": "mean", "scales": "sd", "correlations": "correlation"}
    table = em.standard_errors()["se"]
    parameter = table.index.get_level_values("parameter")
    held = parameter.isin([names[block] for block in blocks])
    assert (table[held] == 0).all()
    assert (table[~held] > 0).all()
    summary = em.summary()[held]
    assert (summary["ci_low"] == summary["mode"]).all()
    assert (summary["ci_high"] == summary["mode"]).all()


def test_free_parameters_are_as_many_as_the_covariance_has_directions(em):
    covariance, size = em.covariance_of_estimates.to_numpy(), errors(em)
    unit = covariance / np.outer(size, size).clip(1e-300)
    assert np.linalg.matrix_rank(unit, tol=1e-8) == em.n_parameters
    log_n = np.log(em.data.n_rows)
    assert em.bic == pytest.approx(-2 * em.log_likelihood + em.n_parameters * log_n)


def test_nothing_is_left_where_everything_is_fixed():
    X = some_rows(2)
    blocks = {"weights": Fixed([0.5, 0.5]), "means": Fixed([[50.0, 50.0], [53.0, 44.0]])}
    em = fit(X, "full", informative(X, **blocks, scales=Fixed(1.5), correlations=R))
    assert em.n_parameters == 0
    assert (errors(em) == 0).all()


@pytest.mark.parametrize("covariance_type", ALL)
def test_nearly_flat_priors_leave_the_errors_of_maximum_likelihood(covariance_type):
    X = some_rows(2)
    flat = Priors(means=Normal(0.0, 1e9), scales=Uniform(0.0, 1e9), correlations=LKJ(1.0))
    mode = fit(X, covariance_type, flat)
    best = bg.fit_em(X, K, covariance_type=covariance_type, start=mode, tol=1e-13)
    np.testing.assert_allclose(errors(mode), errors(best), rtol=1e-5)


@pytest.mark.parametrize("covariance_type", ALL)
def test_errors_move_with_the_origin_and_the_units(covariance_type):
    X, scale = some_rows(2), 1e3
    one, other = (
        fit(x, covariance_type, Priors.weakly_informative(x, K, covariance_type), start=None)
        for x in (X, 1e4 + scale * X)
    )
    unit = one.summary().index.get_level_values("parameter").isin(["mean", "sd"])
    np.testing.assert_allclose(errors(other), np.where(unit, scale, 1) * errors(one), rtol=1e-4)


def test_relative_errors_of_scales_are_smaller_the_more_a_prior_knows():
    X = some_rows(2)
    wide, narrow, none = (
        (table["se"] / table["mode"]).xs("sd", level="parameter")
        for table in (
            fit(X, "diag", informative(X, scales=LogNormal(0.5, sigma))).standard_errors()
            for sigma in (2.0, 0.1, 1e-3)
        )
    )
    assert (narrow < wide).all()
    np.testing.assert_allclose(none, 1e-3, rtol=1e-3)


def test_one_gaussian_of_known_covariance_has_the_textbook_posterior():
    """The precision of a mean is that of the rows plus that of its prior."""
    X, sd, width = some_rows(2), np.array([1.2, 2.5]), np.array([0.3, 0.2])
    priors = Priors(means=Normal(50.0, width), scales=Fixed(sd), correlations=R)
    em = bg.fit_em(X, 1, priors=priors)
    covariance = R.value * np.outer(sd, sd)
    precision = len(X) * np.linalg.inv(covariance) + np.diag(width**-2.0)
    means = em.covariance_of_estimates.xs("mean", level="parameter")
    means = means.xs("mean", level="parameter", axis=1)
    np.testing.assert_allclose(means, np.linalg.inv(precision), rtol=1e-9)


def test_a_scale_on_its_bound_is_told():
    X = some_rows(2)
    em = fit(X, "full", informative(X, scales=Uniform(0.1, [0.7, 9.0])))
    why = "the sd of x0 in component 0 lies on a bound of its prior"
    assert why in em.uncertainty().problem
    assert f"no standard errors: {why}" in repr(em)
    with pytest.warns(UserWarning, match=why):
        assert em.standard_errors()["se"].isna().all()
    spherical = fit(X, "spherical", informative(X, scales=Precision(Uniform(1.0, [3.0, 5.0]))))
    assert "lies on a bound" in spherical.uncertainty().problem


def test_there_is_no_sandwich_of_a_mode():
    X = some_rows(2)
    em = fit(X, "full", informative(X))
    with pytest.warns(UserWarning, match="the sandwich is for maximum likelihood"):
        assert em.standard_errors("sandwich")["se"].isna().all()
    assert not em.uncertainty().problem


def test_an_ascent_that_stopped_early_has_no_errors():
    X = some_rows(2)
    start = bg.Params([0.5, 0.5], X[:2], [np.diag(X.std(0))] * 2)
    with pytest.warns(UserWarning, match="not converged"):
        em = fit(X, "full", informative(X), start=start, max_iter=3)
    assert "EM stopped too early" in em.uncertainty().problem


def test_components_without_difference_are_told_of_the_posterior():
    X = some_rows(2)
    priors = informative(X, weights=Dirichlet(3.0))
    centre = bg.Params([0.5, 0.5], [X.mean(0)] * 2, [np.diag(X.std(0))] * 2)
    em = fit(X, "full", priors, start=centre)
    assert re.search("posterior density (rises|is flat)", em.uncertainty().problem)


def test_the_fit_says_what_its_numbers_are_of():
    X = some_rows(2)
    em = fit(X, "full", informative(X, scales=Fixed(1.3)))
    shown = repr(em)
    assert f"with {em.n_parameters} free parameters" in shown
    assert f"BIC {em.bic:.2f} at the mode" in shown
    assert "standard errors are of the posterior mode" in shown
    assert "AIC" not in shown


def test_components_keep_the_names_that_priors_give_them():
    X = some_rows(1)
    heavy_left = Fixed([0.3, 0.7])
    for centres in ([[50.0], [54.0]], [[54.0], [50.0]]):
        priors = informative(X, weights=heavy_left, means=Normal(centres, 0.3))
        em = fit(X, "full", priors, start=None)
        np.testing.assert_array_equal(em.params.weights, heavy_left.value)
        assert np.argsort(em.params.means[:, 0]).tolist() == np.argsort(centres, 0)[:, 0].tolist()
        density = priors.log_density(means=em.params.means, scales=em.params.scales)
        assert em.log_prior == pytest.approx(density, rel=1e-9)
        assert_is_curvature(em)


@pytest.mark.parametrize(
    ("covariance_type", "weights"), [("full", Dirichlet(3.0)), ("tied", Fixed([0.5, 0.5]))]
)
def test_errors_are_those_of_the_posterior_where_data_are_many(covariance_type, weights):
    X = some_rows(2, n_rows=3000)
    priors = informative(X, weights=weights, scales=HalfNormal(3.0))
    em = fit(X, covariance_type, priors)
    bayes = bg.fit_bayes(
        X,
        K,
        covariance_type=covariance_type,
        priors=priors,
        start=em,
        draws=1000,
        chains=2,
        random_seed=1,
        progressbar=False,
    )
    table = bg.compare(em, bayes)
    assert {"mode", "se"} <= set(table.columns)
    held = (table["parameter"] == "weight") & isinstance(weights, Fixed)
    assert (table["se"][held] == 0).all()
    assert (table["difference"].isna() == held).all()
    free = table[~held]
    monte_carlo = 4 / np.sqrt(2 * free["ess_tail"].clip(upper=2000))
    assert (np.abs(free["se"] / free["sd"] - 1) < monte_carlo + 0.02).all()
    pd.testing.assert_series_equal(
        table["se"], em.standard_errors()["se"], check_index=False, rtol=1e-12
    )
