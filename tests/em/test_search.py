"""How the search leaves maxima with a component too many here and one too few there."""

import naive
import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.em.fit import Settings, maximise
from bayesgmm.em.starts import halved, shrunk
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure


def quiet(words):
    pass


def some_params(diagonal=False):
    rng = np.random.default_rng(0)
    factors = np.tril(rng.normal(size=(2, 3, 3)), -1) * (not diagonal)
    factors += np.eye(3) * rng.uniform(0.5, 2, size=(2, 1, 3))
    return Params(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), factors)


@pytest.mark.parametrize("diagonal", [True, False])
def test_halves_have_the_mean_and_covariance_of_the_whole(diagonal):
    params = some_params(diagonal)
    for k, found in enumerate(halved(params)):
        about = found.means[[k, 2]] - params.means[k]
        between = np.einsum("kd,ke->de", about, about) / 2
        within = found.covariances[[k, 2]].mean(axis=0)
        np.testing.assert_allclose(about.sum(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(within + between, params.covariances[k])
        assert (np.diff(found.cholesky[[k, 2]], axis=0) == 0).all()
        assert np.linalg.norm(about) > 0.1


@pytest.mark.parametrize("diagonal", [True, False])
def test_halves_do_not_depend_on_units(diagonal):
    params, units = some_params(diagonal), np.array([1e-3, 1.0, 1e5])
    others = halved(params.rescaled(np.zeros(3), units))
    for one, other in zip(halved(params), others, strict=True):
        np.testing.assert_allclose(other.means, one.means * units)
        np.testing.assert_allclose(other.cholesky, one.cholesky * units[:, None])


def test_a_component_without_correlations_is_cut_where_it_is_widest():
    means = np.array([[0.0, 0.0], [0.0, 9.0]])
    wide = Params(np.full(2, 0.5), means, np.array([np.diag([1.0, 2.0]), np.diag([1.0, 1.0])]))
    moved = halved(wide)[0].means[[0, 2]] - means[0]
    # relative to the whole: 1 of 1 in the first feature, 2 of more than 4.5 in the second
    assert (moved[:, 0] != 0).all()
    assert (moved[:, 1] == 0).all()


def test_nearly_singular_components_can_be_halved():
    factor = np.array([[[1.0, 0.0], [1.0, 1e-9]]])
    (found,) = halved(Params(np.ones(1), np.zeros((1, 2)), factor))
    assert (np.diagonal(found.cholesky, axis1=1, axis2=2) > 0).all()


def test_without_a_component_the_others_keep_their_proportions():
    params = some_params()
    rows = np.random.default_rng(1).normal(size=(5, 3))
    for k, p in enumerate(shrunk(params)):
        rest = [1 - k]
        expected = naive.log_density(rows, np.ones(1), params.means[rest], params.cholesky[rest])
        np.testing.assert_allclose(
            naive.log_density(rows, p.weights, p.means, p.cholesky), expected
        )


@pytest.mark.parametrize("code", ["VVV", "EEE", "VVI"])
def test_winners_that_gain_and_lose_a_component_leave_poor_maxima(code):
    """Four groups here and four far away: a single start often puts five or three in one place."""
    near = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [6.0, 6.0]])
    centres = np.repeat(np.concatenate([near, near + 60]), 40, axis=0)
    rows = centres + np.random.default_rng(0).normal(size=centres.shape)
    data, structure, groups = as_data(rows), get_structure(code), rows.reshape(8, 40, 2)
    covariances = np.array([np.cov(group.T, ddof=0) for group in groups])
    truth = Params.from_covariances(np.full(8, 1 / 8), groups.mean(axis=1), covariances)
    best = maximise(data, 8, structure, Settings(), quiet, only=truth).log_likelihood

    def found(seed, rearrange):
        settings = Settings(n_starts=1, random_seed=seed, rearrange=rearrange)
        return maximise(data, 8, structure, settings, quiet).log_likelihood

    assert min(found(seed, False) for seed in range(6)) < best - 1
    assert min(found(seed, True) for seed in range(6)) > best - 1e-6


def test_what_collapsed_onto_ties_is_said_to_have_few_values_not_few_rows():
    rows = np.concatenate([np.random.default_rng(0).normal(size=60), np.full(29, 0.5)])
    fit = bg.fit_em(rows, 2, random_seed=0, progressbar=False)
    assert any(not maximum.sound for maximum in fit.maxima)
    assert "collapsed onto few distinct values set aside" in repr(fit)


def test_mirror_images_are_two_maxima():
    """They are equally high, and say different things of the rows."""
    heap = np.linspace(-1, 1, 10)
    X = np.r_[heap - 9, heap, heap + 9][:, None]
    first, second, *rest = bg.fit_em(X, 2, random_seed=4, progressbar=False).maxima
    assert first.log_likelihood == pytest.approx(second.log_likelihood, abs=1e-8)
    assert rest[0].log_likelihood < first.log_likelihood - 1
    means = [np.sort(m.params.means.ravel()) for m in (first, second)]
    np.testing.assert_allclose(means[0], -means[1][::-1], atol=1e-4)
