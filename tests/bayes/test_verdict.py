"""What is said of chains: converged, labels only, several modes, or not yet converged."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

import bayesgmm as bg
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.diagnostics import Verdict, groups_of_chains, telling
from bayesgmm.bayes.labels import renamed
from bayesgmm.bayes.mixing import r_hats
from bayesgmm.bayes.modes import Mode, find_modes, log_volume, shared_out, weighed
from bayesgmm.priors import LogNormal, Normal


@pytest.fixture(scope="module")
def elsewhere(bayes):
    """The posterior of `bayes`, with chains 1 and 2 somewhere else."""
    moved, lower = bayes.draws.means.copy(), bayes.log_likelihood.copy()
    moved[1:3] += 3.0
    lower[1:3] -= 20.0
    return replace(bayes, draws=bayes.draws._replace(means=moved), log_likelihood=lower)


def test_chains_in_one_place_have_converged(bayes):
    assert bayes.diagnostics.kind is Verdict.CONVERGED
    assert bayes.diagnostics.groups == ((0, 1, 2, 3),)
    assert "converged: nothing speaks against" in repr(bayes)
    (mode,) = bayes.modes
    assert mode.diagnostics == bayes.diagnostics


def test_chains_in_different_places_are_several_modes(bayes, elsewhere):
    assert elsewhere.diagnostics.kind is Verdict.SEVERAL_MODES
    assert not elsewhere.diagnostics.trustworthy
    assert elsewhere.diagnostics.groups == ((0, 3), (1, 2))
    assert "chains 0, 3 and chains 1, 2 are in different places" in repr(elsewhere)
    assert "several modes" in elsewhere.to_datatree(["posterior"]).attrs["verdict"]
    here, there = elsewhere.modes
    np.testing.assert_array_equal(here.draws.means, bayes.draws.means[[0, 3]])
    np.testing.assert_allclose(there.draws.means, bayes.draws.means[[1, 2]] + 3.0)
    assert here.diagnostics.kind is there.diagnostics.kind is Verdict.CONVERGED


def test_no_pooled_table_is_shown_of_several_modes(elsewhere):
    shown = elsewhere._shown()
    assert set(shown.columns.get_level_values(0)) == {"chains 0, 3", "chains 1, 2"}
    here, there = elsewhere.modes
    np.testing.assert_array_equal(shown["chains 1, 2", "mean"], there.summary()["mean"])
    np.testing.assert_array_equal(shown["chains 0, 3", "sd"], here.summary()["sd"])


def test_chains_that_disagree_in_names_only_are_told_apart_from_modes(bayes):
    swap = bayes.labels.copy()
    swap[2:] = swap[2:, :, ::-1]
    confused = replace(bayes, draws=renamed(bayes.draws, swap))
    assert confused.diagnostics.kind is Verdict.LABELS_ONLY
    assert confused.diagnostics.r_hat_label_free == pytest.approx(
        bayes.diagnostics.r_hat_label_free, rel=1e-9
    )


def test_chains_that_wander_slowly_have_not_converged(bayes):
    slow = bayes.log_likelihood + np.linspace(0, 3, 1000) * np.array([1, 0, 0, 0])[:, None]
    fit = replace(bayes, log_likelihood=slow)
    assert fit.diagnostics.kind is Verdict.UNFINISHED
    assert fit.diagnostics.groups == ((0, 1, 2, 3),)
    assert "raise draws" in fit.diagnostics.verdict


def test_label_free_quantities_do_not_change_with_labels(bayes):
    rng = np.random.default_rng(0)
    shuffle = rng.permuted(np.broadcast_to([0, 1], bayes.labels.shape), axis=-1)
    shuffled = replace(bayes, draws=renamed(bayes.draws, shuffle))
    one, other = bayes.label_free_summary(), shuffled.label_free_summary()
    assert {"log-likelihood", "entropy of a row", "weight of rank 1"} <= set(one.index)
    np.testing.assert_allclose(one["mean"], other["mean"], rtol=1e-10)
    assert one.loc["occupied components", "mean"] == 2


def with_one_occupied(bayes, chain, share):
    """The posterior of `bayes`, but that at first a chain has but one occupied component."""
    values = np.full(bayes.log_likelihood.shape, 2.0)
    values[chain, : int(share * values.shape[1])] = 1.0
    fit = replace(bayes)
    vars(fit)["label_free_draws"] = bayes.label_free_draws | {"occupied components": values}
    return fit


def test_a_rare_event_in_a_whole_number_is_no_verdict(bayes):
    rare = with_one_occupied(bayes, chain=0, share=0.1)  # 2.5 % of all draws
    assert rare.label_free_summary().loc["occupied components", "r_hat"] > 1.05
    assert rare.diagnostics == bayes.diagnostics
    assert rare.diagnostics.kind is Verdict.CONVERGED


def test_a_whole_number_that_moves_is_judged(bayes):
    moving = with_one_occupied(bayes, chain=0, share=0.6)  # 15 % of all draws
    r_hat = moving.label_free_summary().loc["occupied components", "r_hat"]
    assert moving.diagnostics.r_hat_label_free == r_hat > 1.2
    assert not moving.diagnostics.trustworthy
    assert telling(np.stack([np.full((4, 25), 0.5), np.eye(4, 25)], axis=-1)).tolist() == [
        True,
        False,
    ]


def test_a_single_chain_is_judged_by_its_halves(bayes):
    one = bayes.of_chains([0]).diagnostics
    assert one.r_hat_label_free < 1.05
    assert "single chain" in one.verdict
    drifting = bayes.log_likelihood[:1] + np.linspace(0, 20, 1000)
    moved = replace(bayes.of_chains([0]), log_likelihood=drifting)
    assert moved.diagnostics.r_hat_log_likelihood > 1.1


def test_groups_are_found_whatever_the_order_of_the_chains():
    rng = np.random.default_rng(1)
    place = np.array([0, 5, 0, 5, 9])
    values = rng.normal(size=(5, 200, 3))
    values[..., 1] += place[:, None]
    assert groups_of_chains(values, r_hats(values)) == ((0, 2), (1, 3), (4,))


def test_slow_chains_are_not_said_to_be_in_different_places():
    """All walk in the same place, and by chance have not been everywhere yet."""
    steps = np.random.default_rng(4).normal(size=(100, 4, 1000, 1))
    several = 0
    for walks in lfilter([1], [1, -0.99], steps, axis=2):  # some ten effective draws a chain
        assert r_hats(walks) > 1.01
        several += len(groups_of_chains(walks, r_hats(walks))) > 1
    assert several < 10


def two_clusters_and_a_bridge(rng):
    """Three clouds in one dimension for two components: the middle one may go either way."""
    return np.r_[rng.normal(-5, 1, 60), rng.normal(0, 1, 20), rng.normal(5, 1, 60)][:, None]


def modes_of(X, n_components, starts):
    priors = bg.Priors.weakly_informative(X, n_components)
    density = Density(X, n_components, "full", priors)
    return density, weighed(density, find_modes(density, starts))


def test_draws_are_in_the_place_that_they_climb_to():
    X = two_clusters_and_a_bridge(np.random.default_rng(2))
    starts = [
        bg.Params([0.55, 0.45], [[-4.0], [5.0]], [[[2.0]], [[1.0]]]),
        bg.Params([0.45, 0.55], [[-5.0], [4.0]], [[[1.0]], [[2.0]]]),
    ]
    density, modes = modes_of(X, 2, starts)
    rng = np.random.default_rng(3)
    points = [np.array([mode.scattered(density, rng) for _ in range(30)]) for mode in modes]
    renamed = [density.layout.renamed(some, np.array([1, 0])) for some in points]
    for draws in (points, renamed):
        held = [[mode.holds(density, some) for some in draws] for mode in modes]
        assert held == [[True, False], [False, True]]
        assert all(mode.holds(density, np.concatenate(draws)) for mode in modes)


def test_a_place_that_a_chain_left_is_not_forgotten():
    """Two components can be used in two ways for the galaxies, one with 3 % of the posterior."""
    galaxies = bg.load_dataset("galaxies")
    for seed in (1, 2):  # with the first, the only chain in the lesser place leaves it at first
        fit = bg.fit_bayes(galaxies, 2, random_seed=seed, progressbar=False, thin=1)
        assert fit.settings["began"].count(1) == 1
        assert fit.diagnostics.kind is Verdict.SEVERAL_MODES
        assert "missed" not in fit.settings


def test_mirror_images_are_two_modes_and_saddles_are_none():
    heap = np.linspace(-1, 1, 10)
    X = np.r_[heap - 9, heap, heap + 9][:, None]
    starts = [  # the one mode, the other under other names, and two on the axis of symmetry
        bg.Params([0.67, 0.33], [[-4.5], [9.0]], [[[20.0]], [[0.5]]]),
        bg.Params([0.67, 0.33], [[4.5], [-9.0]], [[[20.0]], [[0.5]]]),
        bg.Params([0.5, 0.5], [[-6.0], [6.0]], [[[16.0]], [[16.0]]]),
        bg.Params([0.5, 0.5], [[0.0], [0.0]], [[[50.0]], [[50.0]]]),
    ]
    density, modes = modes_of(X, 2, starts)
    assert len(modes) == 2
    for mode in modes:
        assert mode.mass == pytest.approx(0.5, abs=1e-3)
        assert abs(density.value_and_grad(mode.point)[1] * mode.unit).max() < 0.05
    assert modes[0].log_density == pytest.approx(modes[1].log_density)
    assert modes[0].holds(density, modes[0].point[None])
    assert not modes[0].holds(density, modes[1].point[None])


def test_a_climb_from_a_collapsed_component_ends_at_a_mode():
    """Its tiny standard deviation is no unit for the steps of its mean."""
    enzyme = bg.load_dataset("enzyme")
    prior = bg.Priors(means=Normal(1, 1), scales=LogNormal(np.log(0.2), 1.0))
    density = Density(enzyme.to_numpy(), 2, "full", prior)
    maxima = bg.fit_em(enzyme, 2, random_seed=1, progressbar=False).maxima
    assert min(maximum.params.scales.min() for maximum in maxima) < 0.002
    assert len(find_modes(density, [maximum.params for maximum in maxima])) == 1


def test_places_without_draws_are_told(bayes):
    missed = replace(bayes, settings=bayes.settings | {"missed": [0.034]}).diagnostics
    assert not missed.trustworthy
    assert "no draw is from a place that may hold 3 % of the posterior" in missed.verdict


def test_modes_are_stationary_and_distinct():
    X = two_clusters_and_a_bridge(np.random.default_rng(2))
    starts = [
        bg.Params([0.55, 0.45], [[-4.0], [5.0]], [[[2.0]], [[1.0]]]),
        bg.Params([0.45, 0.55], [[-5.0], [4.0]], [[[1.0]], [[2.0]]]),
        bg.Params([0.45, 0.55], [[5.0], [-4.0]], [[[1.0]], [[2.0]]]),  # the first one, renamed
    ]
    density, modes = modes_of(X, 2, starts)
    assert len(modes) == 2
    assert sum(mode.mass for mode in modes) == pytest.approx(1)
    for mode in modes:
        value, gradient = density.value_and_grad(mode.point)
        assert value == pytest.approx(mode.log_density)
        assert np.abs(gradient * mode.unit).max() < 1e-2


def test_volume_of_a_normal_density_is_exact():
    """Without rows, a mean and the logarithm of a log-normal scale are normal: their mass is 1."""
    priors = bg.Priors(means=Normal(1.0, 2.0), scales=LogNormal(0.5, 0.3))
    density = Density(np.empty((0, 1)), 1, "full", priors)
    (mode,) = find_modes(density, [bg.Params([1.0], [[0.7]], [[[0.2]]])])
    assert mode.log_density + log_volume(density, mode) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("masses", "expected"),
    [
        ([1.0], [4]),
        ([0.97, 0.03], [3, 1]),
        ([0.5, 0.5], [2, 2]),
        ([0.85, 0.15], [2, 2]),
        ([0.5, 0.3, 0.2], [2, 1, 1]),
        ([0.4, 0.2, 0.2, 0.1, 0.1], [1, 1, 1, 1, 0]),
        ([0.9999, 0.0001], [4, 0]),
    ],
)
def test_chains_are_shared_out_by_mass(masses, expected):
    modes = [Mode(np.zeros(1), np.ones(1), 0.0, mass) for mass in masses]
    began = shared_out(modes, 4)
    assert [began.count(i) for i in range(len(masses))] == expected


def test_starts_scatter_around_their_mode():
    priors = bg.Priors(means=Normal(0.0, 1.0), scales=LogNormal(0.0, 1.0))
    density = Density(np.zeros((272, 1)), 1, "full", priors)
    mode = Mode(np.array([3.0, -1.0]), np.array([1.0, 1e-9]), 0.0)
    starts = [mode.scattered(density, np.random.default_rng(i)) for i in range(200)]
    away = (np.array(starts) - mode.point) / mode.unit
    assert np.abs(away).max() < 0.5
    assert (away.std(axis=0) > 0.1).all()
