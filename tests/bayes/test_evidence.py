"""The evidence, against integrals that are known otherwise."""

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

import bayesgmm as bg
from bayesgmm import priors
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.evidence import _places
from bayesgmm.bayes.mixing import ess_of_mean
from bayesgmm.bayes.modes import find_modes
from tests.posteriors import fit_of, random_draws

FEW = np.array([[-1.3], [-0.9], [0.1], [0.4], [1.9], [2.2]])
MEANS, SCALES = priors.Normal(0.0, 1.5), priors.LogNormal(-0.2, 0.5)


def sampled(X, K, covariance_type="full", random_seed=1, **given):
    """A posterior of short chains, with its default priors unless others are given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # EM has a few rows only
        return bg.fit_bayes(
            X,
            K,
            covariance_type=covariance_type,
            priors=bg.Priors(**given) if given else None,
            random_seed=random_seed,
            progressbar=False,
            thin=1,
        )


def close(found, expected, error=0.0):
    """Whether evidence is what it should be, within four combined standard errors."""
    assert found.mcse < 0.1
    return abs(found.log_evidence - expected) < 4 * np.hypot(found.mcse, error)


def test_of_one_component_it_is_an_integral():
    fit = sampled(FEW, 1, means=MEANS, scales=SCALES)

    def joint(mean, log_scale):
        rows = stats.norm.logpdf(FEW, mean, np.exp(log_scale)).sum()
        prior = stats.norm.logpdf(mean, 0.0, 1.5) + stats.norm.logpdf(log_scale, -0.2, 0.5)
        return np.exp(rows + prior)

    value, _ = integrate.dblquad(joint, -4, 4, -6, 6)
    assert close(fit.evidence(), np.log(value))


@pytest.mark.parametrize("K", [2, 3])
def test_of_a_mixture_it_is_the_likelihood_averaged_over_the_prior(K):
    """Components overlap and change their names, and one of three may be idle."""
    rng, n = np.random.default_rng(K), 400_000
    weights = rng.dirichlet([0.8] * K, n)
    means, scales = rng.normal(0, 1.5, (n, K)), np.exp(rng.normal(-0.2, 0.5, (n, K)))
    densities = stats.norm.pdf(FEW[:, :, None], means, scales)  # row, draw, component
    likelihood = (weights * densities).sum(axis=2).prod(axis=0)
    error = likelihood.std() / likelihood.mean() / np.sqrt(n)
    fit = sampled(FEW, K, weights=priors.Dirichlet(0.8), means=MEANS, scales=SCALES)
    assert close(fit.evidence(), np.log(likelihood.mean()), error)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_it_is_that_of_a_normal_approximation_where_rows_are_many(covariance_type):
    """Laplace's error is of order 1/N; its constants are those of every structure and prior."""
    rng = np.random.default_rng(3)
    X = np.r_[rng.normal(size=(300, 2)), rng.normal([9.0, 4.0], 1.0, (300, 2))]
    fit = sampled(X, 2, covariance_type)
    density = Density(X, 2, covariance_type, fit.priors)
    mode = find_modes(density, [fit.reference])[0]
    laplace = mode.log_mass(density) + np.log(2) - fit.priors.log_mass(2, 2, covariance_type)
    assert abs(fit.evidence().log_evidence - laplace) < 0.2


def test_an_order_of_the_means_leaves_it_as_it_is():
    """Ordered means are the same model, each mixture under one name only."""
    free = sampled(FEW, 2, means=MEANS, scales=SCALES).evidence()
    ordered = sampled(FEW, 2, means=MEANS, scales=SCALES, ordered=0).evidence()
    assert close(free, ordered.log_evidence, ordered.mcse)


def test_it_is_a_density_of_the_rows():
    X = np.random.default_rng(4).normal(size=(50, 2))
    units = np.array([3.0, 0.01])
    one, other = sampled(X, 2).evidence(), sampled(X * units, 2).evidence()
    assert close(other, one.log_evidence - 50 * np.log(units).sum(), one.mcse)


def test_a_ridge_counts_with_its_constant():
    X = np.array([[0.3, -0.8], [-1.2, 0.4], [0.9, 1.1]])
    rest = {"means": priors.Fixed(0.0), "scales": priors.Fixed(1.0)}
    fit = sampled(X, 1, correlations=priors.LKJ(2, ridge=0.5), **rest)

    def prior(r):
        return 0.75 * (1 - r * r) * np.exp(-0.5 * r * r / (1 - r * r))

    def joint(r):
        return prior(r) * np.exp(
            stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).logpdf(X).sum()
        )

    value, mass = (integrate.quad(of_one, -1, 1)[0] for of_one in (joint, prior))
    assert close(fit.evidence(), np.log(value / mass), 0.002)


@pytest.fixture(scope="module")
def either_way():
    """Three heaps of rows, for two components: the middle one goes left or right."""
    heap = np.linspace(-1, 1, 20)
    return sampled(np.r_[heap - 9, heap, heap + 9][:, None], 2, random_seed=2)


def test_places_have_their_shares(either_way):
    """Rows and priors are their own mirror image, and so are the two places."""
    assert either_way.diagnostics.kind == "several modes"
    for some in ([0, 1, 2, 3], [0, 1, 3], [0, 2, 3]):
        found = either_way.of_chains(some).evidence()
        share = found.places["share"]
        assert len(share) == 2
        assert share.sum() == pytest.approx(1)
        assert abs(share.iloc[0] - 0.5) < 4 * found.places["mcse_share"].iloc[0] < 0.1
        of_parts = np.logaddexp(*found.places["log_evidence"])
        assert found.log_evidence == pytest.approx(of_parts)


def test_draws_count_where_they_are(either_way):
    """A chain that visits the other place serves both, and nothing is counted twice."""
    whole, draws = either_way.evidence(), either_way.draws
    (_, visitor), (other, _) = either_way.diagnostics.groups
    arrays = [array.copy() for array in draws]
    for array in arrays:
        for block in np.s_[:100], np.s_[500:600]:
            array[visitor, block] = array[other, block]
    found = replace(either_way, draws=type(draws)(*arrays)).evidence()
    assert len(found.places) == 2
    assert close(found, whole.log_evidence, whole.mcse)
    share, error = found.places[["share", "mcse_share"]].iloc[0]
    assert abs(share - 0.5) < 4 * error < 0.1


def test_a_chain_between_two_places_has_none_of_its_own(either_way):
    draws = either_way.draws
    (_, jumping), (other, _) = either_way.diagnostics.groups
    arrays = [array.copy() for array in draws]
    for array in arrays:
        for block in np.s_[:250], np.s_[500:750]:
            array[jumping, block] = array[other, block]
    density = Density(either_way.data.rows(), 2, "full", either_way.priors)
    points = density.vectors(type(draws)(*arrays))[:, :500]
    (here, _), there = either_way.diagnostics.groups
    groups, nearby = _places(density, points, [(here,), (jumping,), there])
    assert groups == [(here,), there]
    heights = [one.log_density(points[[here, jumping, other]]) for one in nearby]
    first = np.argmax(heights, axis=0) == 0
    assert first[0].all()
    assert not first[1, :250].any()
    assert first[1, 250:].all()
    assert not first[2].any()


def test_the_headline_tells_the_shares(either_way):
    shares = [line for line in either_way.headline() if "% of the posterior" in line]
    assert len(shares) == 2


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    "scales",
    [priors.Uniform(0.01, 9.0), priors.LogNormal(0.0, 1.0, 0.3), priors.HalfCauchy(1.0)],
    ids=lambda prior: type(prior).__name__,
)
def test_draws_go_back_to_where_they_were_sampled(covariance_type, scales):
    """The log density at the vectors of renamed draws is what the sampler said."""
    X = np.random.default_rng(5).normal(size=(30, 2))
    given = {"means": priors.Normal(0.0, 1.0), "scales": scales}
    fit = sampled(X, 2, covariance_type, **given)
    density = Density(X, 2, covariance_type, fit.priors)
    found = density.log_densities(density.vectors(fit.draws))
    np.testing.assert_allclose(found, fit.sample_stats["lp"], rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_renamed_vectors_are_those_of_renamed_mixtures(covariance_type):
    X = np.random.default_rng(6).normal(size=(20, 3))
    chosen = bg.Priors.weakly_informative(X, 3, covariance_type)
    density = Density(X, 3, covariance_type, chosen)
    x = np.random.default_rng(7).normal(size=(4, density.n_dim))
    for order in map(list, itertools.permutations(range(3))):
        d = density.unpack(x)
        named = density.pack(d.weights[:, order], d.means[:, order], d.cholesky[:, order])
        renamed = density.layout.renamed(x, np.array(order))
        np.testing.assert_allclose(renamed, named, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(density.log_densities(renamed), density.log_densities(x))


def test_what_cannot_be_estimated_is_said():
    X = np.random.default_rng(8).normal(size=(100, 1))
    rng = np.random.default_rng(9)
    with pytest.raises(bg.InputError, match="8 components has 40,320 namings"):
        fit_of(X, random_draws(rng, 2, 200, 8, 1)).evidence()
    with pytest.raises(bg.InputError, match="10 draws, half of those to use, are too few"):
        fit_of(X, random_draws(rng, 2, 10, 2, 1)).evidence()
    unknown = replace(fit_of(X, random_draws(rng, 2, 200, 2, 1)), priors=None)
    with pytest.raises(bg.InputError, match="priors of this fit are not known"):
        unknown.evidence()
    still = random_draws(rng, 2, 200, 2, 1)
    still = type(still)(*(np.broadcast_to(a[:, :1], a.shape) for a in still))
    with pytest.raises(bg.FitError, match="do not vary"):
        fit_of(X, still).evidence()


def test_effective_size_of_a_part_of_the_draws():
    rng, n = np.random.default_rng(12), 4000
    values, chosen = rng.normal(size=(2, n)), rng.random((2, n)) < 0.3
    assert ess_of_mean(values, chosen) == pytest.approx(chosen.sum(), rel=0.2)
    assert ess_of_mean(values, np.eye(2, n, dtype=bool)) == 2
