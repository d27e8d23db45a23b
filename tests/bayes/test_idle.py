import warnings

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm import priors
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.diagnostics import Verdict
from bayesgmm.bayes.idle import Idle, find_places
from bayesgmm.bayes.modes import shared_out


def places_of(X, K, covariance_type="full", **given):
    """What is found from EM's maxima."""
    X = np.asarray(X, dtype=float)
    chosen = bg.Priors.weakly_informative(X, K, covariance_type)
    if given:
        chosen = bg.Priors(**{"means": chosen.means, "scales": chosen.scales} | given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        em = bg.fit_em(X, K, covariance_type=covariance_type, random_seed=1, progressbar=False)
    density = Density(X, K, covariance_type, chosen)
    return density, find_places(density, [maximum.params for maximum in em.maxima])


@pytest.fixture(scope="module")
def iris():
    return places_of(bg.load_dataset("iris").select_dtypes("number"), 3)


def test_share_is_that_of_the_evidence():
    """Of the evidence, brute force over the prior tells what allocations leave components empty."""
    rng, n = np.random.default_rng(1), 400_000
    X, K, a = np.array([[-0.3], [0.1], [0.4], [0.2]]), 3, 0.7
    given = {"means": priors.Normal(0.0, 1.0), "scales": priors.LogNormal(0.0, 0.3)}
    density, places = places_of(np.vstack([X, X]), K, weights=priors.Dirichlet(a), **given)
    regions = {place.fewer.n_components: place for place in places if isinstance(place, Idle)}
    assert set(regions) == {1, 2}
    means, scales = rng.normal(size=(n, K)), np.exp(0.3 * rng.normal(size=(n, K)))
    z = (np.vstack([X, X])[:, 0, None, None] - means) / scales
    densities = np.exp(-0.5 * z**2) / (scales * np.sqrt(2 * np.pi))  # row, draw, component
    for kept, region in regions.items():
        of_all, alone = rng.dirichlet([a] * K, n), rng.dirichlet([a] * kept, n)
        empty = (densities[..., :kept] * of_all[:, :kept]).sum(axis=2).prod(axis=0)
        evidence = (densities[..., :kept] * alone).sum(axis=2).prod(axis=0)
        ratio = empty.mean() / evidence.mean()
        error = ratio * np.hypot(*(x.std() / x.mean() / np.sqrt(n) for x in (empty, evidence)))
        assert abs(np.exp(region.log_share) - ratio) < 4 * error
        if kept == 1:  # Laplace's approximation of a single component is a good one
            # any of three may be it, and a mode has six names: there are two regions for each
            mass = 3 * empty.mean() / 6
            assert region.log_mass(density) == pytest.approx(np.log(mass), abs=0.2)


def test_idle_components_start_with_next_to_no_weight(iris):
    density, places = iris
    region = next(place for place in places if isinstance(place, Idle))
    for seed in range(20):
        start = region.scattered(density, np.random.default_rng(seed))
        mixture = density.unpack(start)
        assert np.isfinite(density.value_and_grad(start)[0])
        assert mixture.weights[2] < 0.08  # beta(1, 152), more than once in a million
        assert mixture.weights.sum() == pytest.approx(1)


def test_draws_with_an_idle_component_are_in_its_region(iris):
    density, places = iris
    mode, region = (
        next(p for p in places if isinstance(p, Idle) is wanted) for wanted in (False, True)
    )
    rng = np.random.default_rng(5)
    idle, not_idle = (
        np.array([place.scattered(density, rng) for _ in range(40)]) for place in (region, mode)
    )
    assert region.holds(density, idle)
    assert not region.holds(density, not_idle)
    assert region.holds(density, np.concatenate([not_idle, idle]))


def test_chains_begin_where_a_component_is_idle_if_much_of_the_mass_is_there(iris):
    _, places = iris
    assert sum(place.mass for place in places) == pytest.approx(1)
    idle = [i for i, place in enumerate(places) if isinstance(place, Idle)]
    assert 0.2 < sum(places[i].mass for i in idle) < 0.9
    began = shared_out(places, 4)
    assert 2 <= sum(began.count(i) for i in idle) <= 3


def test_a_posterior_that_may_do_without_a_component_is_not_called_converged():
    """Chains that begin elsewhere may not find an idle component for thousands of draws."""
    rows = bg.load_dataset("iris").select_dtypes("number")
    bayes = bg.fit_bayes(rows, 3, thin=1, random_seed=3, progressbar=False)
    least = bayes.draws.weights.min(axis=-1).mean(axis=1)
    assert least.min() < 0.1 < least.max()
    assert bayes.diagnostics.kind is Verdict.SEVERAL_MODES


def test_no_region_is_out_of_reach():
    _, places = places_of(bg.load_dataset("faithful"), 2)
    assert not any(isinstance(place, Idle) for place in places)


@pytest.mark.parametrize(
    "given",
    [
        {"weights": priors.Fixed([0.5, 0.5])},
        {"weights": priors.Dirichlet([2.0, 1.0])},
        {"ordered": 0},
    ],
)
def test_none_is_looked_for_where_components_are_not_alike(given):
    X = np.random.default_rng(3).normal(size=(40, 1))
    assert any(isinstance(place, Idle) for place in places_of(X, 2)[1])
    assert not any(isinstance(place, Idle) for place in places_of(X, 2, **given)[1])


def test_priors_may_be_written_out_for_each_component():
    X = np.random.default_rng(3).normal(size=(40, 2))
    once = {"scales": priors.LogNormal([0.0, 0.1], 0.3), "means": priors.Normal(0.0, 2.0)}
    each = {
        "weights": priors.Dirichlet([1.0, 1.0]),
        "scales": priors.LogNormal([[0.0, 0.1]] * 2, 0.3),
        "means": priors.Normal(np.zeros((2, 2)), 2.0),
    }
    found = [[place.mass for place in places_of(X, 2, **given)[1]] for given in (once, each)]
    assert len(found[0]) > 1
    assert found[0] == pytest.approx(found[1])


def test_weights_that_are_zero_to_rounding_are_no_start():
    X = np.random.default_rng(3).normal(size=(40, 1))
    density, places = places_of(X, 4, weights=priors.Dirichlet(0.001))
    for region in (place for place in places if isinstance(place, Idle)):
        for seed in range(20):
            start = region.scattered(density, np.random.default_rng(seed))
            assert np.isfinite(density.value_and_grad(start)[0])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_all_structures_have_idle_regions(covariance_type):
    X = np.random.default_rng(4).normal(size=(60, 2))
    density, places = places_of(X, 2, covariance_type)
    (region,) = (place for place in places if isinstance(place, Idle))
    start = region.scattered(density, np.random.default_rng(1))
    assert np.isfinite(density.value_and_grad(start)[0])
