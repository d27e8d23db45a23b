"""Priors: densities, draws and words, with PyMC as the oracle of the densities."""

import numpy as np
import pymc as pm
import pytest
from pytensor.compile.mode import Mode
from scipy import integrate, stats

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors import (
    LKJ,
    Dirichlet,
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
    Priors,
)
from bayesgmm.priors.shapes import parameter_shapes

PLAIN = Mode(linker="py", optimizer=None)

ELEMENTWISE = [
    Normal(0.5, 2.0),
    Normal([-1.0, 3.0, 100.0], [[0.1], [2.0]]),
    LogNormal([-1.0, 0.0, 2.0], 0.5),
    HalfNormal(1.3),
    HalfCauchy([0.5, 1.0, 2.0]),
    Exponential(3.0),
    Gamma(2.5, [1.0, 2.0, 3.0]),
    InverseGamma(3.0, 0.7),
]
SCALES = [prior for prior in ELEMENTWISE if not isinstance(prior, Normal)]


DISTRIBUTIONS = {  # SciPy's names for the same
    Normal: lambda mu, sigma: stats.norm(mu, sigma),
    LogNormal: lambda mu, sigma: stats.lognorm(s=sigma, scale=np.exp(mu)),
    HalfNormal: lambda sigma: stats.halfnorm(scale=sigma),
    HalfCauchy: lambda beta: stats.halfcauchy(scale=beta),
    Exponential: lambda lam: stats.expon(scale=1 / lam),
    Gamma: lambda alpha, beta: stats.gamma(alpha, scale=1 / beta),
    InverseGamma: lambda alpha, beta: stats.invgamma(alpha, scale=beta),
}


def names(priors):
    return [f"{type(prior).__name__}{i}" for i, prior in enumerate(priors)]


def data(n_rows=200, offset=0.0):
    return np.random.default_rng(8).normal(size=(n_rows, 2)) * [1.0, 20.0] + offset


@pytest.mark.parametrize("prior", ELEMENTWISE, ids=names(ELEMENTWISE))
def test_logpdf_is_pymcs(prior):
    x = np.random.default_rng(0).gamma(2.0, size=(2, 3))
    family = getattr(pm, type(prior).__name__)
    parameters = {name: np.asarray(value) for name, value in prior.parameters.items()}
    theirs = pm.logp(family.dist(**parameters, shape=x.shape), x).eval(mode=PLAIN)
    # PyMC computes log 2 of the half-Cauchy's constant in float32
    atol = 3e-9 if isinstance(prior, HalfCauchy) else 1e-12
    np.testing.assert_allclose(prior.logpdf(x), theirs, rtol=1e-12, atol=atol)


@pytest.mark.parametrize("prior", SCALES, ids=names(SCALES))
def test_scales_are_positive(prior):
    np.testing.assert_array_equal(prior.logpdf([0.0, -1.0, -2.0]), -np.inf)


@pytest.mark.parametrize("prior", SCALES, ids=names(SCALES))
def test_log_slopes_are_finite_differences(prior):
    u = np.random.default_rng(2).normal(size=(2, 3))
    step = 1e-4
    below, here, above = (prior.logpdf(np.exp(u + h)) for h in (-step, 0.0, step))
    slope, curvature = prior.log_slopes(u)
    np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(curvature, (above - 2 * here + below) / step**2, atol=1e-5)
    assert (curvature <= 0).all()


@pytest.mark.parametrize("a", [1.0, 0.5, [1.0, 2.0, 5.0]], ids=str)
def test_dirichlet_logpdf_is_pymcs(a):
    x = np.random.default_rng(1).dirichlet([1.0, 2.0, 3.0], size=4)
    theirs = pm.logp(pm.Dirichlet.dist(a=np.broadcast_to(a, 3), shape=x.shape), x)
    np.testing.assert_allclose(Dirichlet(a).logpdf(x), theirs.eval(mode=PLAIN), rtol=1e-12)


def test_dirichlet_of_one_component_is_certain():
    prior = Dirichlet(3.0)
    assert prior.logpdf([1.0]) == 0
    assert prior.sample(np.random.default_rng(0), (1,)) == 1


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("eta", [0.7, 1.0, 2.0])
def test_lkj_logpdf_is_pymcs(eta, size):
    x = LKJ(1.0).sample(np.random.default_rng(2), (4, size, size))
    theirs = pm.logp(pm.LKJCorr.dist(n=size, eta=eta, shape=x.shape), x).eval(mode=PLAIN)
    np.testing.assert_allclose(LKJ(eta).logpdf(x), theirs, rtol=1e-12)


def test_lkj_of_two_features_is_a_polynomial_in_the_correlation():
    rho = 0.38
    factor = [[1.0, 0.0], [rho, np.sqrt(1 - rho**2)]]
    assert np.exp(LKJ(2.0).logpdf(factor)) == pytest.approx(3 / 4 * (1 - rho**2), rel=1e-14)


def test_lkj_integrates_to_one():
    """Over the elements under the diagonal, which are points of a disc and of an interval."""

    def density(z, y, x):
        rest = 1 - y**2 - z**2
        if rest <= 0:
            return 0.0
        factor = [[1, 0, 0], [x, np.sqrt(1 - x**2), 0], [y, z, np.sqrt(rest)]]
        return np.exp(LKJ(2.0).logpdf(factor))

    nodes, weights = np.polynomial.legendre.leggauss(24)
    radius, angle = (nodes + 1) / 2, np.pi * (nodes + 1)
    disc = [
        (r * np.cos(t), r * np.sin(t), u * v / 2 * np.pi * r)
        for r, u in zip(radius, weights, strict=True)
        for t, v in zip(angle, weights, strict=True)
    ]
    over_disc = sum(w * density(z, y, 0.3) for y, z, w in disc)
    first = integrate.quad(lambda x: density(0.0, 0.0, x), -1, 1)[0] / density(0.0, 0.0, 0.3)
    assert over_disc * first == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("eta", [0.7, 2.0])
def test_lkj_of_the_matrix_is_that_of_the_factor_over_the_jacobian(eta):
    below = np.tril_indices(3, -1)
    factor = LKJ(eta).sample(np.random.default_rng(9), (3, 3))

    def correlations(moved):
        lower = np.zeros((3, 3))
        lower[below] = moved
        lower[np.diag_indices(3)] = np.sqrt(1 - np.sum(lower**2, axis=1))
        return (lower @ lower.T)[below]

    steps = 1e-6 * np.eye(3)
    here = factor[below]
    jacobian = [(correlations(here + h) - correlations(here - h)) / 2e-6 for h in steps]
    expected = LKJ(eta).logpdf(factor) - np.linalg.slogdet(jacobian)[1]
    assert LKJ(eta).logpdf_of_matrix(factor) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("eta", "size"), [(2.0, 2), (1.0, 3), (2.0, 4), (0.6, 3)])
def test_every_lkj_correlation_is_marginally_beta(eta, size):
    factors = LKJ(eta).sample(np.random.default_rng(3), (4000, size, size))
    correlations = factors @ factors.mT
    np.testing.assert_allclose(np.diagonal(correlations, axis1=1, axis2=2), 1)
    b = eta - 1 + size / 2
    marginal = stats.beta(b, b, loc=-1, scale=2)
    for i, j in zip(*np.tril_indices(size, -1), strict=True):
        assert stats.kstest(correlations[:, i, j], marginal.cdf).pvalue > 1e-4


def test_lkj_draws_factors_whatever_the_batch():
    factors = LKJ(2.0).sample(np.random.default_rng(4), (2, 5, 3, 3))
    assert factors.shape == (2, 5, 3, 3)
    assert np.all(np.diagonal(factors, axis1=-2, axis2=-1) > 0)
    assert not np.any(np.triu(factors, 1))
    np.testing.assert_array_equal(LKJ(2.0).sample(np.random.default_rng(4), (1, 1)), 1)


@pytest.mark.parametrize("prior", ELEMENTWISE, ids=names(ELEMENTWISE))
def test_draws_follow_the_density(prior):
    draws = prior.sample(np.random.default_rng(5), (3000, 2, 3))
    levels = DISTRIBUTIONS[type(prior)](**prior.parameters).cdf(draws)
    for level in levels.reshape(3000, -1).T:
        assert stats.kstest(level, "uniform").pvalue > 1e-4


def test_dirichlet_draws_have_its_mean():
    draws = Dirichlet([1.0, 2.0, 5.0]).sample(np.random.default_rng(6), (4000, 3))
    np.testing.assert_allclose(draws.mean(0), np.array([1, 2, 5]) / 8, atol=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Normal(0, -1), "Normal: sigma must be positive, got -1"),
        (lambda: Normal(np.nan, 1), "Normal: mu must be finite"),
        (lambda: Gamma(1, [1, 0]), r"Gamma: beta must be positive, got \[1.0, 0.0\]"),
        (lambda: Dirichlet("many"), "Dirichlet: a must be a number"),
        (lambda: LogNormal([], 1), "LogNormal: mu must be finite"),
        (lambda: LKJ([1.0, 2.0]), "LKJ: eta must be a single number"),
    ],
)
def test_bad_parameters_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("prior", [*ELEMENTWISE, Dirichlet([1.0, 2.0]), LKJ(2)], ids=repr)
def test_repr_makes_the_same_prior_again(prior):
    again = eval(repr(prior))
    assert again == prior
    assert hash(again) == hash(prior)
    assert prior != "a prior"


def test_priors_that_differ_are_not_equal():
    assert Normal(0, 1) != Normal(0, 2)
    assert Normal(0, 1) != Normal([0.0], 1)
    assert HalfNormal(1) != Exponential(1)


def test_a_prior_cannot_be_changed():
    given = np.array([1.0, 2.0])
    prior = Normal(given, 1)
    given[0] = 7
    assert prior.mu[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        prior.mu[0] = 7
    with pytest.raises(AttributeError):
        prior.mu = 7


def test_each_block_has_its_families():
    with pytest.raises(InputError, match="prior of the scales must be one of LogNormal, "):
        Priors(means=Normal(0, 1), scales=Normal(0, 1))
    with pytest.raises(InputError, match="prior of the correlations must be one of LKJ"):
        Priors(means=Normal(0, 1), scales=HalfNormal(1), correlations=2)


def test_weakly_informative_priors_are_the_documented_ones():
    X = data()
    priors = Priors.weakly_informative(X, 3)
    mean, sd = X.mean(0), X.std(0)
    assert priors.weights == Dirichlet(1)
    np.testing.assert_allclose(priors.means.mu, mean)
    np.testing.assert_allclose(priors.means.sigma, 2.5 * sd)
    np.testing.assert_allclose(priors.scales.mu, np.log(sd / np.sqrt(3)))
    assert priors.scales.sigma == 0.5
    assert priors.correlations == LKJ(2, ridge=0.1)


def test_spherical_scale_is_the_geometric_mean_of_the_features():
    X = data()
    priors = Priors.weakly_informative(X, 3, "spherical")
    assert priors.scales.mu == pytest.approx(np.log(X.std(0) / np.sqrt(3)).mean())


def test_weakly_informative_priors_move_and_stretch_with_the_data():
    X = data()
    here, there = (Priors.weakly_informative(Z, 2) for Z in (X, 1e-6 * X + 100))
    np.testing.assert_allclose(there.means.mu, 1e-6 * here.means.mu + 100, rtol=1e-12)
    np.testing.assert_allclose(there.scales.mu, here.scales.mu - np.log(1e6), rtol=1e-6)


def test_weakly_informative_priors_survive_an_offset():
    X = np.round(data(), 6)
    here, there = Priors.weakly_informative(X, 2), Priors.weakly_informative(X + 1e8, 2)
    np.testing.assert_allclose(there.means.mu - 1e8, here.means.mu, atol=1e-7)
    np.testing.assert_allclose(there.means.sigma, here.means.sigma, rtol=1e-7)


def test_one_dimensional_data_are_one_feature():
    assert np.shape(Priors.weakly_informative(data()[:, 0], 2).means.mu) == (1,)


def test_a_constant_column_is_named():
    with pytest.raises(InputError, match="x1"):
        Priors.weakly_informative(data() * [1, 0], 2)


@pytest.mark.parametrize("n_components", [0, -1, 1.5, True, None])
def test_weakly_informative_wants_a_number_of_components(n_components):
    with pytest.raises(InputError, match="n_components"):
        Priors.weakly_informative(data(), n_components)


def test_priors_say_themselves_in_the_users_units():
    priors = Priors(
        means=Normal([3.4878, 70.897], [2.848, 33.92]),
        scales=LogNormal(np.log([0.8056, 9.595]), 0.5),
        feature_names=("eruptions", "waiting"),
    )
    assert str(priors).splitlines() == [
        "weights: Dirichlet with concentration 1: all divisions are equally likely",
        "means: Normal around 3.49 (eruptions), 70.9 (waiting), sd 2.85, 33.9",
        "scales: log-normal with median 0.806 (eruptions), 9.59 (waiting), "
        "95% within a factor of 2.66",
        "correlations: LKJ with eta 2: favours weak correlations",
        "warning: where 5 or more rows are equal, or 4 + D or more lie on one oblique line or "
        "plane of the D features, LKJ without a ridge leaves the posterior of full covariances "
        "improper",
    ]


def test_words_tell_components_apart():
    words = Normal([[0.0, 1.0], [2.0, 3.0]], 1.0).describe(("a", "b"))
    assert words == "Normal around (component 0: 0 (a), 1 (b); component 1: 2 (a), 3 (b)), sd 1"


@pytest.mark.parametrize("scales", SCALES, ids=names(SCALES))
def test_every_family_of_scales_has_words(scales):
    text = str(Priors(means=Normal(0, 1), scales=scales, correlations=LKJ(2, ridge=0.1)))
    assert ("warning" in text) == np.isfinite(scales.order_at_zero)


@pytest.mark.parametrize(
    ("scales", "rows"),
    [
        (HalfNormal(1), 2),
        (HalfCauchy(1), 2),
        (Exponential(1), 2),
        (Gamma(0.5, 1), 2),
        (Gamma(1, 1), 2),
        (Gamma(2, 1), 3),
        (Gamma(2.5, 1), 4),
    ],
    ids=repr,
)
def test_scales_that_may_be_zero_carry_a_warning(scales, rows):
    """The density goes with sd**(alpha - 1), and m tied rows with sd**(1 - m)."""
    words = str(Priors(means=Normal(0, 1), scales=scales))
    assert f"improper where {rows} or more rows tie" in words


def test_html_is_escaped():
    priors = Priors(means=Normal([0, 1], 1), scales=HalfNormal(1), feature_names=("<b>", "&"))
    html = priors._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_a_draw_has_the_shapes_and_a_density(covariance_type):
    priors = Priors.weakly_informative(data(), 3, covariance_type)
    draw = priors.sample(np.random.default_rng(7), 3, 2, covariance_type)
    shapes = parameter_shapes(3, 2, covariance_type)
    assert {name: value.shape for name, value in draw.items()} == shapes
    parts = (priors.log_density(**{name: value}) for name, value in draw.items())
    assert priors.log_density(**draw) == pytest.approx(sum(parts), rel=1e-12)


def test_shapes_that_do_not_fit_are_named():
    priors = Priors(means=Normal([0.0, 1.0, 2.0], 1.0), scales=HalfNormal(1))
    with pytest.raises(InputError, match=r"means: mu of Normal has shape \(3,\)"):
        priors.sample(np.random.default_rng(0), 2, 2)
