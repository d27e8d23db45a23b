"""Relabelling: every method finds the names that were lost, and touches nothing but names."""

from dataclasses import replace
from itertools import permutations

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesgmm as bg
from bayesgmm.bayes.labels import ecr, sweeps
from bayesgmm.bayes.labels.assignment import costs_of, margins
from bayesgmm.bayes.labels.methods import named_by_reference, near_to_unchanged
from bayesgmm.bayes.labels.ordered import position
from bayesgmm.bayes.labels.renaming import (
    composed,
    inverted,
    renamed,
    unchanged,
)
from bayesgmm.bayes.labels.stephens import steps
from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import cheapest

METHODS = ["reference", "ecr", "stephens", "ordered:0"]
CHAINS, DRAWS, ROWS = 2, 30, 300


def scattered(rng, means, spread, diagonal=False):
    """Draws around a mixture of unit scales, along (chain, draw)."""
    K, D = means.shape
    batch = (CHAINS, DRAWS, K)
    weights = np.exp(spread * rng.normal(size=batch))
    factors = np.tril(spread * rng.normal(size=(*batch, D, D)), -1) + np.eye(D)
    return Mixture(
        weights / weights.sum(axis=-1, keepdims=True),
        means + spread * rng.normal(size=(*batch, D)),
        np.exp(spread * rng.normal(size=(*batch, D))),
        np.broadcast_to(np.eye(D), factors.shape).copy()
        if diagonal
        else factors / np.linalg.norm(factors, axis=-1, keepdims=True),
    )


def posterior(K=3, D=2, distance=6.0, spread=0.1, seed=0, shuffled=True):
    """A fit whose draws are scattered around a mixture, and the draws before they lost names."""
    rng = np.random.default_rng(seed)
    steps = np.arange(K)[:, None] * np.ones(D)
    means = distance * (steps if D == 1 else steps * [1, -1])
    X = means[rng.integers(K, size=ROWS)] + rng.normal(size=(ROWS, D))
    named = scattered(rng, means, spread)
    names = unchanged(named)
    draws = renamed(named, rng.permuted(names, axis=-1)) if shuffled else named
    data = as_data(X)
    fit = BayesFit(
        data=data,
        covariance_type="full",
        priors=bg.Priors.weakly_informative(data, K, "full"),
        draws=draws,
        labels=names,
        log_likelihood=rng.normal(size=(CHAINS, DRAWS)),
        sample_stats={
            "lp": rng.normal(size=(CHAINS, DRAWS)),
            "diverging": np.zeros((CHAINS, DRAWS), dtype=bool),
        },
        reference=Params(np.full(K, 1 / K), means, np.tile(np.eye(D), (K, 1, 1))),
    )
    return fit, named


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def responsibilities(data, draws):
    """Of all draws along one axis, shape (S, N, K)."""
    each = zip(draws.weights, draws.means, draws.cholesky, strict=True)
    return np.array([naive.responsibilities(data.rows(), *mixture) for mixture in each])


def orders(K):
    return [np.array(order) for order in permutations(range(K))]


# What every method does


@pytest.mark.parametrize("D", [1, 2])
@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("method", METHODS)
def test_lost_names_are_found(method, K, D):
    fit, named = posterior(K, D)
    assert_same(fit.relabel(method).draws, named)


@pytest.mark.parametrize("method", METHODS)
def test_names_are_those_of_the_reference_whatever_its_order(method):

    fit, named = posterior(3)
    for order in orders(3):
        turned = replace(fit, reference=fit.reference.permuted(order)).relabel(method)
        assert_same(turned.draws, renamed(named, np.broadcast_to(order, fit.labels.shape)))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_names_changes(method):
    fit, _ = posterior(3, distance=1.5, spread=0.3)
    again = fit.relabel(method)
    assert again.log_likelihood is fit.log_likelihood
    assert again.sample_stats is fit.sample_stats
    np.testing.assert_array_equal(np.sort(again.draws.weights), np.sort(fit.draws.weights))
    np.testing.assert_allclose(again.score_samples(), fit.score_samples(), rtol=1e-12)
    assert_same(again.draws, renamed(fit.draws, again.labels))  # labels are of sampled components
    assert_same(renamed(again.draws, inverted(again.labels)), fit.draws)
    assert "relabelled" not in fit.settings
    assert again.settings["relabelled"] == method


@pytest.mark.parametrize("method", METHODS)
def test_undoing_and_relabelling_again_changes_nothing(method):
    fit, _ = posterior(3, distance=1.0, spread=0.3)
    named = fit.relabel(method)
    sampled = named.as_sampled()
    assert_same(sampled.draws, fit.draws)  # which were never relabelled
    assert (sampled.labels == np.arange(3)).all()
    assert sampled.settings["relabelled"] == "sampled"
    assert "named as they were sampled" in repr(sampled)
    assert not sampled.diagnostics.relabelled
    again = sampled.relabel(method)
    assert_same(again.draws, named.draws)
    np.testing.assert_array_equal(again.labels, named.labels)
    assert again.settings == named.settings


@pytest.mark.parametrize("method", METHODS)
def test_earlier_names_do_not_matter(method):
    fit, _ = posterior(3, distance=1.0, spread=0.3)
    at_once = fit.relabel(method)
    for before in METHODS:
        later = fit.relabel(before).relabel(method)
        assert_same(later.draws, at_once.draws)
        np.testing.assert_array_equal(later.labels, at_once.labels)


@pytest.mark.parametrize("method", [*METHODS, "ordered:x0"])
def test_one_component_has_one_name(method):
    fit, named = posterior(K=1)
    assert_same(fit.relabel(method).draws, named)


def test_the_method_is_told_and_saved(tmp_path):
    fit, _ = posterior()
    assert "the reference that they match best" in repr(fit)
    again = fit.relabel("stephens")
    again.save(tmp_path / "fit.nc")
    assert "by Stephens' algorithm" in repr(bg.load(tmp_path / "fit.nc"))
    assert "order of their means of x1" in repr(fit.relabel("ordered:1"))


@pytest.mark.parametrize("ask", ["relabel", "label_agreement"])
def test_unknown_methods_and_features_are_named(ask):
    fit, _ = posterior()

    def asked(method):
        return fit.relabel(method) if ask == "relabel" else fit.label_agreement(["ecr", method])

    with pytest.raises(bg.InputError, match=r"no method 'ordered' .* 'ecr', .* 'ordered:x0'"):
        asked("ordered")
    for feature in ("height", "2", "-1", ""):
        with pytest.raises(bg.InputError, match=rf"no feature '{feature}'; .* x0, x1"):
            asked(f"ordered:{feature}")


# Order


@pytest.mark.parametrize("feature", ["x1", "1"])
def test_means_have_one_order_in_all_draws(feature):
    fit, _ = posterior(4, distance=0.3, spread=0.5)
    means = fit.relabel(f"ordered:{feature}").draws.means[..., 1]
    ascending = means[..., means[0, 0].argsort()]
    assert (np.diff(ascending, axis=-1) > 0).all()


def test_a_feature_called_by_a_number_is_found_by_name():
    assert position("0", ("1", "0")) == 1
    assert position("1", ("a", "b")) == 1


# ECR


def test_no_other_names_have_more_rows_in_common_with_the_pivot():
    fit, _ = posterior(3, distance=1.0, spread=0.4)
    draws = fit.draws.in_one_row()
    allocation = responsibilities(fit.data, draws).argmax(axis=2)
    pivot = 7
    labels = ecr.ecr_labels(fit.data, draws, pivot)
    np.testing.assert_array_equal(labels[pivot], np.arange(3))

    def common(labels):
        return (np.take_along_axis(inverted(labels), allocation, 1) == allocation[pivot]).sum(1)

    best = np.max([common(np.tile(order, (len(labels), 1))) for order in orders(3)], axis=0)
    np.testing.assert_array_equal(common(labels), best)


def test_components_without_rows_keep_the_names_of_the_reference():
    fit, named = posterior(2, shuffled=False)
    rng = np.random.default_rng(1)
    empty = scattered(rng, np.array([[100.0, 0.0], [200.0, 0.0]]), 0.1)
    both = Mixture(*(np.concatenate(pair, axis=2) for pair in zip(named, empty, strict=True)))
    both = both._replace(weights=both.weights / 2).in_one_row()
    swaps = unchanged(both)
    swaps[1::2] = [1, 0, 2, 3]  # the two that have rows
    for order in orders(4):
        draws = renamed(both, swaps[:, order])
        labels = ecr.ecr_labels(fit.data, draws, pivot=0)
        np.testing.assert_array_equal(labels, inverted(order)[swaps[:, order]])


def test_the_pivot_is_the_draw_of_highest_density():
    fit, _ = posterior(3, distance=0.5, spread=0.5)
    draws, labels = named_by_reference(fit)
    found = []
    for pivot in (3, 40):
        lp = np.where(np.arange(CHAINS * DRAWS) == pivot, 0.0, -10.0).reshape(CHAINS, DRAWS)
        again = replace(fit, sample_stats=fit.sample_stats | {"lp": lp}).relabel("ecr")
        names = near_to_unchanged(ecr.ecr_labels(fit.data, draws.in_one_row(), pivot))
        np.testing.assert_array_equal(again.labels, composed(labels, names.reshape(labels.shape)))
        found.append(again.labels)
    assert (found[0] != found[1]).any()


# Stephens' algorithm


def divergence(shares):
    """Kullback and Leibler's, from the average to the draws, of responsibilities (S, N, K)."""
    q = shares.mean(axis=0)
    return (shares * np.log(shares / q)).sum()


def test_loss_is_the_divergence_and_never_rises():
    fit, _ = posterior(3, distance=1.0, spread=0.2)
    draws = fit.draws.in_one_row()
    shares, labels = responsibilities(fit.data, draws), unchanged(draws)
    entropy = (shares * np.log(shares)).sum()
    taken = list(steps(fit.data, draws))
    assert len(taken) > 2
    before = divergence(shares)
    for step in taken:
        q = np.take_along_axis(shares, labels[:, None, :], 2).mean(axis=0)
        renamed_shares = np.take_along_axis(shares, step.labels[:, None, :], 2)
        for_this_q = (renamed_shares * np.log(renamed_shares / q)).sum()
        assert entropy + step.loss == pytest.approx(for_this_q, rel=1e-9)
        after, labels = divergence(renamed_shares), step.labels
        assert after <= for_this_q * (1 + 1e-12) <= before * (1 + 1e-12) ** 2
        before = after


def test_lost_names_are_found_without_a_reference():
    fit, named = posterior(2)
    draws = fit.draws.in_one_row()
    *_, last = steps(fit.data, draws)
    found, true = renamed(draws, last.labels).means, named.in_one_row().means
    swapped = np.array_equal(found[0], true[0][::-1])
    np.testing.assert_array_equal(found[:, ::-1] if swapped else found, true)


def test_at_the_end_no_draw_has_better_names():
    fit, _ = posterior(3, distance=1.0, spread=0.4)
    draws = fit.draws.in_one_row()
    *_, last = steps(fit.data, draws)
    shares = responsibilities(fit.data, draws)
    log_q = np.log(np.take_along_axis(shares, last.labels[:, None, :], 2).mean(axis=0))
    losses = np.array([-(shares[:, :, order] * log_q).sum(axis=(1, 2)) for order in orders(3)])
    np.testing.assert_allclose(costs_of(last.cost, last.labels), losses.min(axis=0), rtol=1e-9)
    best, second = np.sort(losses, axis=0)[:2]
    np.testing.assert_allclose(margins(last.cost, last.labels), second - best, atol=1e-7)


# Sums that are never stored


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("size", [10_000, 7])
def test_sums_are_those_of_the_textbook(monkeypatch, diagonal, size):
    monkeypatch.setattr(sweeps, "_DRAWS", size)
    monkeypatch.setattr(sweeps, "_ROWS", 10 * size)
    rng = np.random.default_rng(0)
    values, origin, unit = rng.normal(size=(ROWS, 2)), np.array([1.0, -2.0]), np.array([2.0, 0.5])
    data = Data(values, ("a", "b"), np.empty(0), origin, unit)
    draws = scattered(rng, rng.normal(size=(3, 2)), 0.5, diagonal).in_one_row()
    labels = rng.permuted(unchanged(draws), axis=-1)
    target = rng.normal(size=(3, ROWS))
    r = responsibilities(data, draws)
    sharp = r == r.max(axis=2, keepdims=True)
    for computed, textbook in [
        (
            sweeps.mean_responsibilities(data, draws, labels),
            np.take_along_axis(r, labels[:, None, :], 2).mean(axis=0).T,
        ),
        (sweeps.overlaps(data, draws, target), np.einsum("kn,snj->skj", target, r)),
        (sweeps.allocation_overlaps(data, draws, target), np.einsum("kn,snj->skj", target, sharp)),
    ]:
        np.testing.assert_allclose(computed, textbook, rtol=1e-9, atol=1e-10)


def test_a_row_between_equal_components_counts_once():
    means = np.zeros((CHAINS * DRAWS, 3, 1))
    draws = Mixture(np.full(means.shape[:2], 1 / 3), means, means + 1, means[..., None] + 1)
    data = as_data(np.arange(ROWS, dtype=float)[:, None] / ROWS)
    counts = sweeps.allocation_overlaps(data, draws, np.ones((3, ROWS)))
    np.testing.assert_array_equal(counts.sum(axis=2), ROWS)


def test_sums_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(sweeps, "_DRAWS", 7)
    monkeypatch.setattr(sweeps, "_ROWS", 70)
    fit, _ = posterior(distance=1.0)
    draws, target = fit.draws.in_one_row(), np.random.default_rng(0).normal(size=(3, ROWS))
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(sweeps.threads, "available_cores", lambda cores=cores: cores)
        mean = sweeps.mean_responsibilities(fit.data, draws, unchanged(draws))
        found.append([mean, sweeps.overlaps(fit.data, draws, target)])
    assert_same(*found)


def test_rows_beyond_all_components_count_for_none():
    draws = scattered(np.random.default_rng(0), np.zeros((2, 1)), 0.1).in_one_row()
    data, target = as_data(np.array([[0.0], [1e300]])), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert not sweeps.overlaps(data, draws, target).any()
    assert not sweeps.allocation_overlaps(data, draws, target).any()
    assert not sweeps.mean_responsibilities(data, draws, unchanged(draws))[:, 1].any()


# Permutations


@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_best_and_second_best_of_all_permutations(K, seed):
    cost = np.random.default_rng(seed).normal(size=(5, K, K))
    best = cheapest(cost)
    all_costs = [costs_of(cost, np.tile(order, (5, 1))) for order in orders(K)]
    least, second = np.sort(all_costs, axis=0)[:2]
    np.testing.assert_allclose(costs_of(cost, best), least)
    np.testing.assert_allclose(margins(cost, best), second - least, atol=1e-12)


def test_a_permutation_common_to_all_draws_is_undone():
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(4), (50, 1))
    labels[:20] = rng.permuted(labels[:20], axis=-1)
    for order in orders(4):
        common = composed(labels, np.broadcast_to(order, labels.shape))
        np.testing.assert_array_equal(near_to_unchanged(common), labels)


# Agreement


def test_methods_agree_on_components_that_lie_apart():
    found = posterior(3)[0].label_agreement(METHODS)
    assert (found.table.loc[METHODS, METHODS] == 1).all(axis=None)
    assert found.all_agree == found.clear == 1
    assert found.log_odds.shape == (CHAINS, DRAWS)
    assert "the methods agree on 100 % of the draws" in repr(found)
    assert "WARNING" not in repr(found)
    assert "agree on 100 %" in found._repr_html_()


def test_agreement_is_the_share_of_draws_with_the_same_labels():
    fit, _ = posterior(3, distance=0.7, spread=0.4)
    found = fit.label_agreement(METHODS)
    labels = [fit.relabel(method).labels for method in METHODS]
    same = [[(a == b).all(axis=-1).mean() for b in labels] for a in labels]
    np.testing.assert_array_equal(found.table, same)
    assert found.all_agree == np.all([a == labels[0] for a in labels], axis=(0, 3)).mean()
    assert found.all_agree <= found.table.min(axis=None) < 1
    assert "depends on how they are named" in repr(found)


def test_names_of_equal_components_are_not_clear():
    fit, _ = posterior(2, distance=0.0, spread=1e-3)
    assert fit.label_agreement().clear < 0.1


def test_odds_rise_with_the_rows():
    fit, _ = posterior(2, distance=2.0, spread=0.1)
    twice = as_data(np.repeat(fit.data.values, 2, axis=0))

    one, two = (f.label_agreement().log_odds for f in (fit, replace(fit, data=twice)))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-9)


def test_one_component_is_named_clearly():
    found = posterior(K=1)[0].label_agreement()
    assert found.all_agree == found.clear == 1


@pytest.mark.parametrize("methods", ["ecr", ["ecr"], []])
def test_agreement_takes_two_methods(methods):
    with pytest.raises(bg.InputError, match="two methods or more"):
        posterior()[0].label_agreement(methods)
