"""Priors: densities, draws and words, with PyMC as the oracle of the densities."""

import json
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from pytensor.compile.mode import Mode
from scipy import integrate, stats

from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.structures import get_structure, n_parameters
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
from bayesgmm.priors.shapes import parameter_shapes

PLAIN = Mode(linker="py", optimizer=None)

ELEMENTWISE = [
    Normal(0.5, 2.0),
    Normal([-1.0, 3.0, 100.0], [[0.1], [2.0]]),
    LogNormal([-1.0, 0.0, 2.0], 0.5),
    LogNormal(0.3, 0.5, [0.0, 0.5, 1.5]),
    HalfNormal(1.3),
    HalfCauchy([0.5, 1.0, 2.0]),
    Exponential(3.0),
    Gamma(2.5, [1.0, 2.0, 3.0]),
    InverseGamma(3.0, 0.7),
    Uniform(0.2, [4.0, 5.0, 6.0]),
]
SQUARES = [
    Variance(InverseGamma(3.0, [0.7, 1.0, 2.0])),
    Precision(Gamma(2.0, 1.0)),
    Precision(HalfCauchy(1.0)),
    Variance(Uniform(0.5, 4.0)),
]
SCALES = [prior for prior in ELEMENTWISE if not isinstance(prior, Normal)] + SQUARES


class CutOff:
    """A distribution of SciPy's, cut off from below."""

    def __init__(self, whole, lower):
        self.whole, self.lower = whole, lower

    def cdf(self, x):
        return 1 - self.whole.sf(x) / self.whole.sf(self.lower)


DISTRIBUTIONS = {  # SciPy's names for the same
    Normal: lambda mu, sigma: stats.norm(mu, sigma),
    LogNormal: lambda mu, sigma, lower: CutOff(stats.lognorm(s=sigma, scale=np.exp(mu)), lower),
    HalfNormal: lambda sigma: stats.halfnorm(scale=sigma),
    HalfCauchy: lambda beta: stats.halfcauchy(scale=beta),
    Exponential: lambda lam: stats.expon(scale=1 / lam),
    Gamma: lambda alpha, beta: stats.gamma(alpha, scale=1 / beta),
    InverseGamma: lambda alpha, beta: stats.invgamma(alpha, scale=beta),
    Uniform: lambda lower, upper: stats.uniform(lower, np.subtract(upper, lower)),
}


def names(priors):
    return [f"{type(prior).__name__}{i}" for i, prior in enumerate(priors)]


def data(n_rows=200, offset=0.0):
    return np.random.default_rng(8).normal(size=(n_rows, 2)) * [1.0, 20.0] + offset


@pytest.mark.parametrize("prior", ELEMENTWISE, ids=names(ELEMENTWISE))
def test_logpdf_is_pymcs(prior):
    x = np.random.default_rng(0).gamma(2.0, size=(2, 3))  # one of them out of Uniform's bounds
    family = getattr(pm, type(prior).__name__)
    parameters = {name: np.asarray(value) for name, value in prior.parameters.items()}
    cut = parameters.pop("lower") if isinstance(prior, LogNormal) else 0.0
    whole = family.dist(**parameters, shape=x.shape)
    if np.any(cut):
        whole = pm.Truncated.dist(whole, lower=cut, shape=x.shape)
    theirs = pm.logp(whole, x).eval(mode=PLAIN)
    # PyMC computes constants of the half-Cauchy and of the normal's tail in float32
    atol = 3e-9 if isinstance(prior, HalfCauchy) or np.any(cut) else 1e-12
    np.testing.assert_allclose(prior.logpdf(x), theirs, rtol=1e-12, atol=atol)


@pytest.mark.parametrize("prior", SCALES, ids=names(SCALES))
def test_scales_are_positive(prior):
    np.testing.assert_array_equal(prior.logpdf([0.0, -1.0, -2.0]), -np.inf)


@pytest.mark.parametrize("prior", SCALES, ids=names(SCALES))
def test_log_slopes_are_finite_differences(prior):
    low, high = (np.broadcast_to(end, (2, 3)) for end in prior.bounds)
    u = np.random.default_rng(2).normal(size=(2, 3))
    u = np.log(np.clip(np.exp(u), low + 0.01, high - 0.01))
    step = 1e-4
    below, here, above = (prior.logpdf(np.exp(u + h)) for h in (-step, 0.0, step))
    slope, curvature = prior.log_slopes(u)
    np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(curvature, (above - 2 * here + below) / step**2, atol=1e-5)
    assert (curvature <= 0).all()


@pytest.mark.parametrize("prior", SQUARES, ids=names(SQUARES))
def test_a_prior_of_a_square_has_the_jacobian_of_the_square(prior):
    s = np.linspace(0.3, 3, 7)[:, None] * np.ones(3)
    square, h = s ** (1 / prior.power), 1e-6
    jacobian = np.abs(((s + h) ** (1 / prior.power) - (s - h) ** (1 / prior.power)) / (2 * h))
    expected = prior.prior.logpdf(square) + np.log(jacobian)
    np.testing.assert_allclose(prior.logpdf(s), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("prior", SQUARES, ids=names(SQUARES))
def test_a_prior_of_a_square_integrates_to_one(prior):
    low, high = (float(np.min(end)) for end in prior.bounds)
    total = integrate.quad(lambda s: np.exp(prior.logpdf(np.full(3, s))[0]), low, high)[0]
    assert total == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("prior", SQUARES, ids=names(SQUARES))
def test_draws_of_a_square_are_roots_of_the_stated_priors(prior):
    one, other = (p.sample(np.random.default_rng(1), (5, 3)) for p in (prior, prior.prior))
    np.testing.assert_allclose(one ** (1 / prior.power), other, rtol=1e-12)


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


@pytest.mark.parametrize("size", [2, 4])
def test_ridge_is_a_scatter_of_uncorrelated_rows(size):
    """Its term is ``-ridge/2 (tr R^-1 - D)``: variance inflation factors beyond one."""
    factor = LKJ(2.0).sample(np.random.default_rng(2), (5, size, size))
    added = LKJ(2.0, ridge=0.7).logpdf(factor) - LKJ(2.0).logpdf(factor)
    inverse = np.linalg.inv(factor @ factor.mT)
    expected = -0.35 * (np.trace(inverse, axis1=1, axis2=2) - size)
    np.testing.assert_allclose(added, expected, rtol=1e-10, atol=1e-12)


def test_draws_with_a_ridge_follow_the_density():
    prior = LKJ(1.0, ridge=1.5)
    rho = prior.sample(np.random.default_rng(3), (4000, 2, 2))[:, 1, 0]

    def density(x):
        return np.exp(prior.logpdf([[1.0, 0.0], [x, np.sqrt(1 - x**2)]]))

    grid = np.linspace(-1, 1, 4001)[1:-1]
    cdf = np.cumsum([density(x) for x in grid])
    assert stats.kstest(rho, lambda x: np.interp(x, grid, cdf / cdf[-1])).pvalue > 1e-4


def test_a_ridge_that_rejects_everything_is_told():
    with pytest.raises(InputError, match="rejects nearly all"):
        LKJ(0.5, ridge=1e6).sample(np.random.default_rng(0), (3, 3))


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


@pytest.mark.parametrize("a", [0.01, 1e-3])
def test_small_concentrations_give_nearly_all_to_one(a):
    draws = Dirichlet(a).sample(np.random.default_rng(6), (4000, 3))
    np.testing.assert_allclose(draws.sum(-1), 1)
    np.testing.assert_allclose(draws.mean(0), 1 / 3, atol=0.04)
    assert np.mean(draws.max(-1) > 0.999) > 1 - 20 * a


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
        (lambda: LKJ(2.0, -1.0), "LKJ: ridge must be zero or positive"),
        (lambda: Uniform(2.0, 1.0), "Uniform: upper must be above lower"),
        (lambda: Uniform(-1.0, 1.0), "Uniform: lower must be zero or positive"),
        (lambda: Variance(Normal(0, 1)), r"Variance takes a prior of positive numbers"),
        (lambda: Precision(Variance(HalfNormal(1))), r"as in Precision\(Gamma\(2, 1\)\)"),
        (lambda: Fixed(np.nan), "Fixed: value must be finite"),
    ],
)
def test_bad_parameters_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    "prior",
    [*ELEMENTWISE, *SQUARES, Dirichlet([1.0, 2.0]), LKJ(2), LKJ(2, ridge=0.1), Fixed([0.5, 2.0])],
    ids=repr,
)
def test_repr_makes_the_same_prior_again(prior):
    again = eval(repr(prior))
    assert again == prior
    assert hash(again) == hash(prior)
    assert prior != "a prior"


def test_priors_that_differ_are_not_equal():
    assert Normal(0, 1) != Normal(0, 2)
    assert Normal(0, 1) != Normal([0.0], 1)
    assert HalfNormal(1) != Exponential(1)
    assert Variance(Gamma(1, 2)) != Precision(Gamma(1, 2))
    assert Variance(Gamma(1, 2)) != Variance(InverseGamma(1, 2))


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


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ({"weights": Fixed([0.5, -0.5])}, "weights: fixed values must be positive"),
        ({"scales": Fixed(0.0)}, "scales: fixed values must be positive"),
        ({"correlations": Fixed([[1, 2], [2, 1]])}, "must be a correlation matrix"),
        ({"correlations": Fixed([[1, 0.5], [0.4, 1]])}, "must be a correlation matrix"),
        ({"means": Fixed(0.0), "ordered": 0}, "leave out ordered"),
    ],
    ids=repr,
)
def test_values_that_a_block_cannot_have_are_named(blocks, words):
    with pytest.raises(InputError, match=words):
        Priors(**{"means": Normal(0, 1), "scales": HalfNormal(1)} | blocks)


@pytest.mark.parametrize(
    ("priors", "words"),
    [
        ({"weights": Fixed([0.5, 0.6])}, "fixed shares must sum to one, not 1.1"),
        ({"weights": Fixed([0.2, 0.3, 0.5])}, "weights: value of Fixed has shape"),
        ({"correlations": Fixed(np.eye(3))}, "correlations: value of Fixed has shape"),
        ({"ordered": 2}, "there is no feature 2 of 2"),
        ({"ordered": "b"}, "there is no feature 'b'"),
    ],
    ids=repr,
)
def test_blocks_that_do_not_fit_are_named(priors, words):
    priors = Priors(**{"means": Normal(0, 1), "scales": HalfNormal(1)} | priors)
    with pytest.raises(InputError, match=words):
        priors.check_shapes(parameter_shapes(2, 2))


def test_a_fixed_block_is_drawn_as_it_is():
    R = np.array([[1.0, 0.6], [0.6, 1.0]])
    priors = Priors(
        weights=Fixed([0.3, 0.7]),
        means=Fixed([1.0, 2.0]),
        scales=HalfNormal(1),
        correlations=Fixed(R),
    )
    draw = priors.sample(np.random.default_rng(0), 2, 2, batch=(5,))
    np.testing.assert_array_equal(draw["weights"], np.tile([0.3, 0.7], (5, 1)))
    np.testing.assert_array_equal(draw["means"], np.tile([1.0, 2.0], (5, 2, 1)))
    factor = draw["correlations_cholesky"]
    np.testing.assert_allclose(factor @ factor.mT, np.broadcast_to(R, (5, 2, 2, 2)), rtol=1e-14)
    only = priors.log_density(**{name: value[0] for name, value in draw.items()})
    assert only == pytest.approx(HalfNormal(1).logpdf(draw["scales"][0]).sum())


@pytest.mark.parametrize("mu", [0.0, [[0.0], [0.5], [-0.2]]], ids=str)
def test_ordered_draws_are_the_draws_that_happen_to_be_in_order(mu):
    free = Priors(means=Normal(mu, 1.0), scales=HalfNormal(1))
    ordered = Priors(means=Normal(mu, 1.0), scales=HalfNormal(1), ordered=1)
    drawn = ordered.sample(np.random.default_rng(1), 3, 2, batch=(4000,))["means"]
    many = free.sample(np.random.default_rng(2), 3, 2, batch=(40_000,))["means"]
    many = many[(np.diff(many[..., 1], axis=1) > 0).all(axis=1)]
    assert (np.diff(drawn[..., 1], axis=1) > 0).all()
    for k, d in np.ndindex(3, 2):
        assert stats.ks_2samp(drawn[:, k, d], many[:, k, d]).pvalue > 1e-4


def test_means_out_of_order_have_no_density():
    priors = Priors(means=Normal(0, 1), scales=HalfNormal(1), ordered="b", feature_names=("a", "b"))
    means = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert priors.log_density(means=means) == Normal(0, 1).logpdf(means).sum()
    assert priors.log_density(means=means[::-1]) == -np.inf


def test_an_order_that_hardly_ever_happens_is_told():
    priors = Priors(means=Normal([[100.0], [0.0]], 1.0), scales=HalfNormal(1), ordered=0)
    with pytest.raises(InputError, match="hardly ever"):
        priors.sample(np.random.default_rng(0), 2, 1)


@pytest.mark.parametrize(
    ("blocks", "alike"),
    [
        ({}, True),
        ({"means": Normal([0.0, 1.0], 2.0)}, True),
        ({"means": Normal([[0.0], [1.0]], 2.0)}, False),
        ({"weights": Dirichlet([1.0, 2.0])}, False),
        ({"weights": Fixed([0.5, 0.5]), "scales": Precision(Gamma([2.0, 3.0], 1.0))}, True),
        ({"scales": Variance(Gamma([[2.0], [3.0]], 1.0))}, False),
        ({"correlations": Fixed(np.eye(2))}, True),
        ({"correlations": Fixed([np.eye(2), [[1, 0.5], [0.5, 1]]])}, False),
        ({"ordered": 0}, False),
    ],
    ids=repr,
)
def test_priors_know_whether_components_are_alike(blocks, alike):
    priors = Priors(**{"means": Normal(0, 1), "scales": HalfNormal(1)} | blocks)
    assert priors.exchangeable(2, 2) == alike


def test_words_of_what_is_fixed_ordered_or_of_a_square():
    priors = Priors(
        weights=Fixed([0.25, 0.75]),
        means=Normal(0, 1),
        scales=Precision(Gamma(2, 1)),
        correlations=Fixed([[1, 0.5], [0.5, 1]]),
        ordered="b",
        feature_names=("a", "b"),
    )
    lines = dict(line.split(": ", 1) for line in str(priors).splitlines())
    assert lines["weights"].startswith("fixed at 0.25")
    assert lines["scales"].startswith("the precision, not the sd, is gamma")
    assert lines["correlations"] == "fixed at [[1.0, 0.5], [0.5, 1.0]]"
    assert lines["order"] == "the means of b ascend from component to component"
    assert "warning" not in lines


@pytest.mark.parametrize("scales", [*SCALES, Fixed(2.0)], ids=repr)
def test_priors_survive_writing_and_reading(scales):
    priors = Priors(
        weights=Fixed([0.5, 0.5]),
        means=Normal(0, 1),
        scales=scales,
        correlations=LKJ(2, ridge=0.1),
        ordered="b",
        feature_names=("a", "b"),
    )
    again = Priors.from_dict(json.loads(json.dumps(priors.to_dict())))
    assert again == priors
    assert again.feature_names == priors.feature_names


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


@pytest.mark.parametrize("correlations", [LKJ(2.0), Fixed([[1.0]])], ids=["LKJ", "fixed"])
def test_words_of_a_single_feature_leave_out_correlations(correlations):
    one = Priors(means=Normal(), scales=LogNormal(), correlations=correlations, feature_names=["a"])
    assert "correlation" not in str(one)
    assert "LKJ" not in str(one)
    assert "correlations" in str(replace(one, feature_names=("a", "b")))


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


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_free_parameters_are_those_of_the_structure_less_those_that_are_fixed(covariance_type, d):
    k, structure = 3, get_structure(covariance_type)
    free = Priors(means=Normal(0, 1), scales=LogNormal(0, 1))
    assert free.n_free(k, d, covariance_type) == n_parameters(structure, k, d)
    matrices = {"full": k, "tied": 1}.get(covariance_type, 0)
    sizes = {
        "weights": k - 1,
        "means": k * d,
        "scales": {"tied": d, "spherical": k}.get(covariance_type, k * d),
        "correlations": matrices * d * (d - 1) // 2,
    }
    assert sum(sizes.values()) == n_parameters(structure, k, d)
    values = {"weights": np.full(k, 1 / k), "means": 0.0, "scales": 1.0, "correlations": np.eye(d)}
    for name, value in values.items():
        held = replace(free, **{name: Fixed(value)})
        left = n_parameters(structure, k, d) - sizes[name]
        assert held.n_free(k, d, covariance_type) == left


def test_mass_of_ordered_means_is_how_often_they_are_in_order():
    alike = Priors(means=Normal(1.0, 2.0), scales=HalfNormal(1.0), ordered=0)
    assert alike.log_mass(4, 1, "diag") == pytest.approx(-np.log(24))
    means = Normal([[0.0, 5.0], [1.0, -5.0]], [[1.0, 1.0], [2.0, 1.0]])
    apart = Priors(means=means, scales=HalfNormal(1.0), ordered=0)
    expected = np.log(stats.norm.cdf(1 / np.sqrt(5)))
    assert apart.log_mass(2, 2, "diag") == pytest.approx(expected, abs=0.01)


def test_mass_of_correlations_is_one_without_a_ridge():
    given = {"means": Normal(0.0, 1.0), "scales": HalfNormal(1.0)}
    assert Priors(**given, correlations=LKJ(2)).log_mass(3, 3) == 0
    ridged = Priors(**given, correlations=LKJ(2, ridge=0.3))
    of_one = ridged.log_mass(3, 3, "tied")
    assert ridged.log_mass(3, 3) == pytest.approx(3 * of_one)
    assert ridged.log_mass(3, 3, "diag") == 0
    factors = LKJ(2).sample(np.random.default_rng(1), (20_000, 3, 3))
    inverse = np.linalg.inv(factors @ factors.mT)
    kept = np.exp(-0.15 * (np.trace(inverse, axis1=1, axis2=2) - 3))
    assert abs(np.exp(of_one) - kept.mean()) < 5 * kept.std() / np.sqrt(11_000 / 2)
