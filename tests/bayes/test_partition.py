"""Partitions: losses are metrics, the search finds the best, the ball holds what it says."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import responsibilities
from posteriors import each, fit_of, random_draws

import bayesgmm as bg
from bayesgmm.bayes.labels import renamed
from bayesgmm.bayes.partition.allocations import sampled_allocations
from bayesgmm.bayes.partition.ball import count_clusters, credible_ball
from bayesgmm.bayes.partition.losses import contingency, distances, terms
from bayesgmm.bayes.partition.result import disagreement
from bayesgmm.bayes.partition.search import State, allocate, best_partition, numbered, place
from bayesgmm.bayes.partition.similarity import similarity

BOTH = pytest.mark.parametrize("loss", ["vi", "binder"])


def together(labels):
    """Whether rows are in one cluster: (N, N)."""
    return np.equal.outer(labels, labels)


def distance(one, other, loss):
    return distances(np.asarray(one), np.asarray(other, np.int16)[:, None], loss)[0]


def all_partitions(n):
    """Every partition of n rows, as labels numbered in the order of first rows."""
    partial = [[0]]
    for _ in range(n - 1):
        partial = [[*p, k] for p in partial for k in range(max(p) + 2)]
    return np.array(partial)


def noisy_allocations(rng, N, S, K, kept=0.6):
    """Partitions around one, under any names."""
    centre = rng.integers(K, size=N)
    noise = rng.integers(K, size=(N, S))
    drawn = np.where(rng.random((N, S)) < kept, centre[:, None], noise)
    names = np.stack([rng.permutation(K) for _ in range(S)])
    return names[np.arange(S), drawn].astype(np.int16)


partitions = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n)] * 3)
)


@BOTH
@settings(deadline=None)
@given(triple=partitions)
def test_losses_are_metrics(loss, triple):
    a, b, c = (numbered(np.array(labels)) for labels in triple)
    assert abs(distance(a, b, loss) - distance(b, a, loss)) < 1e-12
    assert distance(a, c, loss) <= distance(a, b, loss) + distance(b, c, loss) + 1e-12
    assert (distance(a, b, loss) < 1e-12) == bool((together(a) == together(b)).all())


@settings(deadline=None)
@given(triple=partitions)
def test_losses_are_what_they_are_called(triple):
    a, b = (numbered(np.array(labels)) for labels in triple[:2])
    N = len(a)
    assert distance(a, b, "binder") == pytest.approx((together(a) != together(b)).mean())
    shares = np.array([[((a == k) & (b == j)).mean() for j in range(N)] for k in range(N)])

    def entropy(p):
        return -np.sum(p[p > 0] * np.log2(p[p > 0]))

    information = entropy(shares.sum(axis=0)) + entropy(shares.sum(axis=1)) - entropy(shares)
    vi = entropy(shares.sum(axis=0)) + entropy(shares.sum(axis=1)) - 2 * information
    assert distance(a, b, "vi") == pytest.approx(vi, abs=1e-12)


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_search_finds_the_best_of_all_partitions(loss, seed):
    rng = np.random.default_rng(seed)
    allocations = noisy_allocations(rng, 7, 25, 3)
    every = all_partitions(7)
    assert len(every) == 877  # Bell's number
    losses = [distances(labels, allocations, loss).mean() for labels in every]
    found = best_partition(allocations, loss, max_clusters=7, runs=16, seed=0)
    assert distances(found, allocations, loss).mean() == pytest.approx(min(losses), abs=1e-12)
    few = [value for value, labels in zip(losses, every, strict=True) if labels.max() < 2]
    found = best_partition(allocations, loss, max_clusters=2, runs=16, seed=0)
    assert distances(found, allocations, loss).mean() == pytest.approx(min(few), abs=1e-12)


@BOTH
def test_no_sweep_makes_it_worse(loss):
    rng = np.random.default_rng(0)
    allocations, steps = noisy_allocations(rng, 60, 40, 4, 0.4), np.diff(terms(loss, 60))
    state = State.empty(allocations, 6, steps)
    place(state, allocations, steps, rng.integers(6, size=60))
    seen, moved = [distances(state.labels, allocations, loss).mean()], 1
    while moved:
        moved = allocate(rng.permutation(60), state, allocations, steps)
        seen.append(distances(state.labels, allocations, loss).mean())
    assert len(seen) > 3
    assert all(after < before for before, after in pairwise(seen[:-1]))
    assert seen[-1] == seen[-2]


@BOTH
def test_a_search_keeps_its_books(loss):
    """After any moves, the state is that of a state which was put there at once."""
    rng = np.random.default_rng(1)
    allocations, steps = noisy_allocations(rng, 30, 10, 3), np.diff(terms(loss, 30))
    state = State.empty(allocations, 5, steps)
    for _ in range(3):
        allocate(rng.permutation(30)[:20], state, allocations, steps)
    at_once = State.empty(allocations, 5, steps)
    place(at_once, allocations, steps, state.labels.copy())
    for one, other in zip(state, at_once, strict=True):
        np.testing.assert_array_equal(one, other)


@BOTH
def test_draws_that_agree_leave_no_doubt(loss):
    rng = np.random.default_rng(0)
    allocations = noisy_allocations(rng, 40, 30, 3, kept=1.0)
    found = best_partition(allocations, loss, 3, 4, 0)
    np.testing.assert_array_equal(together(found), together(allocations[:, 0]))
    assert distances(found, allocations, loss).max() < 1e-12
    assert not disagreement(found, allocations).any()
    assert credible_ball(found, allocations, loss, 0.95).radius < 1e-12


@BOTH
def test_order_of_rows_and_names_do_not_matter(loss):
    rng = np.random.default_rng(5)
    allocations = noisy_allocations(rng, 50, 40, 3, 0.8)
    order = rng.permutation(50)
    one = best_partition(allocations, loss, 3, 8, 0)
    other = best_partition(allocations[order], loss, 3, 8, 0)
    np.testing.assert_array_equal(numbered(one[order]), other)


def test_disagreement_is_the_mean_over_pairs():
    rng = np.random.default_rng(0)
    allocations, labels = noisy_allocations(rng, 20, 15, 3), rng.integers(3, size=20)
    wrong = [together(labels) != together(draw) for draw in allocations.T]
    expected = np.mean(wrong, axis=0).sum(axis=1) / 19
    np.testing.assert_allclose(disagreement(labels, allocations), expected)
    assert (contingency(labels, allocations).sum(axis=(1, 2)) == 20).all()


@BOTH
def test_ball_is_the_smallest_that_holds_its_level(loss):
    rng = np.random.default_rng(0)
    allocations = noisy_allocations(rng, 25, 200, 4, 0.7)
    allocations[:, ::3] = np.minimum(allocations[:, ::3], 2)  # some have fewer clusters
    labels = best_partition(allocations, loss, 4, 4, 0)
    ball, apart = (
        credible_ball(labels, allocations, loss, 0.9),
        distances(labels, allocations, loss),
    )
    inside = apart <= ball.radius
    assert inside.mean() >= 0.9
    assert (apart < ball.radius).mean() < 0.9
    clusters = count_clusters(allocations)
    for bound, among in (
        (ball.upper, clusters == clusters[inside].min()),
        (ball.lower, clusters == clusters[inside].max()),
        (ball.horizontal, True),
    ):
        assert distance(labels, bound, loss) == pytest.approx(apart[inside & among].max())
    assert len(np.unique(ball.upper)) == 3
    assert len(np.unique(ball.lower)) == 4


def test_similarity_is_the_mean_of_products():
    rng = np.random.default_rng(0)
    X, draws = 4 * rng.normal(size=(12, 2)), random_draws(rng, 2, 9, 3, 2)
    shares = [responsibilities(X, *params) for params in each(draws)]
    expected = np.mean([r @ r.T for r in shares], axis=0)
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(similarity(X, draws), expected, atol=1e-12)


def test_similarity_does_not_mind_names():
    rng = np.random.default_rng(0)
    X, draws = 4 * rng.normal(size=(12, 2)), random_draws(rng, 2, 9, 3, 2)
    names = rng.permuted(np.broadcast_to(np.arange(3), (2, 9, 3)), axis=-1)
    np.testing.assert_allclose(similarity(X, renamed(draws, names)), similarity(X, draws))


def test_allocations_are_drawn_with_their_probabilities():
    rng = np.random.default_rng(0)
    X, one = 3 * rng.normal(size=(8, 1)), random_draws(rng, 1, 1, 3, 1)
    draws = type(one)(*(np.repeat(array, 20_000, axis=1) for array in one))
    allocations = sampled_allocations(X, draws, 20_000, rng)
    expected = responsibilities(X, *next(each(one)))
    found = np.stack([(allocations == k).mean(axis=1) for k in range(3)], axis=1)
    np.testing.assert_allclose(found, expected, atol=4 * 0.5 / np.sqrt(20_000))


def test_similarity_of_some_rows_and_too_many():
    rng = np.random.default_rng(0)
    fit = fit_of(rng.normal(size=(5001, 1)), random_draws(rng, 1, 4, 2, 1))
    some = fit.similarity(rows=[5, 0, 99])
    np.testing.assert_allclose(some, similarity(fit.data.rows()[[5, 0, 99]], fit.draws))
    with pytest.raises(bg.InputError, match="give at most 5000 row numbers"):
        fit.similarity()
    with pytest.raises(bg.InputError, match="there is no row 5001"):
        fit.similarity(rows=[5001])
    with pytest.raises(bg.InputError, match="list of row numbers"):
        fit.similarity(rows=[0.5])


def two_groups(N=60, spread=0.3):
    rng = np.random.default_rng(2)
    X = np.where(np.arange(N) % 3 == 0, 0.0, 3.0)[:, None] + 0.5 * rng.normal(size=(N, 2))
    return fit_of(X, random_draws(rng, 2, 50, 2, 2, spread))


@BOTH
def test_partition_tells_what_it_found(loss):
    fit = two_groups()
    found = fit.partition(loss)
    assert found.n_draws == 100
    assert found.sizes.tolist() == [20, 40]  # by ascending mean of the first feature
    np.testing.assert_array_equal(found.labels == 0, np.arange(60) % 3 == 0)
    means = found.summary()["mean of x0"]
    assert means.is_monotonic_increasing
    assert means[1] == pytest.approx(fit.data.values[found.labels == 1, 0].mean())
    assert f"seed {found.random_seed}" in repr(found)
    assert "2 clusters" in found._repr_html_()
    np.testing.assert_array_equal(found.labels, fit.partition(loss).labels)
    assert fit.partition(loss, max_clusters=1).n_clusters == 1
    assert fit.partition(loss, draws=7).n_draws == 7


def test_uncertain_rows_lie_between_the_clusters():
    fit = two_groups()
    middle = np.array([[1.5, 1.5]])
    with_middle = fit_of(np.r_[fit.data.rows(), middle], fit.draws)
    assert with_middle.partition().uncertainty.argmax() == 60


def test_faithful_has_two_clusters(em, bayes):
    found = bayes.partition()
    assert found.n_clusters == 2
    by_em = np.bincount(em.predict())
    assert abs(found.sizes - by_em).max() <= 5
    assert (found.labels != em.predict()).sum() <= 5
    similar = bayes.similarity()
    within = similar[np.ix_(found.labels == 0, found.labels == 0)].mean()
    assert within > 0.9 > 0.1 > similar[np.ix_(found.labels == 0, found.labels == 1)].mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "rand"}, "loss must be one of 'vi', 'binder', not 'rand'"),
        ({"max_clusters": 0}, "max_clusters must be at least 1"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"runs": 0}, "runs must be at least 1"),
        ({"level": 1.0}, "level must be between 0 and 1"),
    ],
)
def test_bad_arguments_of_a_partition_are_named(arguments, message):
    with pytest.raises(bg.InputError, match=message):
        two_groups().partition(**arguments)


def test_partition_of_draws_that_disagree_says_so(bayes):
    assert "WARNING" not in repr(bayes.partition())
    lower = bayes.log_likelihood.copy()
    lower[:2] -= 20.0
    found = replace(bayes, log_likelihood=lower).partition()
    assert "WARNING: several modes" in repr(found)


def test_one_component_is_one_cluster():
    rng = np.random.default_rng(0)
    fit = fit_of(rng.normal(size=(9, 2)), random_draws(rng, 2, 20, 1, 2))
    assert fit.partition().n_clusters == 1
    assert fit.partition("binder").expected_loss == 0
    np.testing.assert_allclose(fit.similarity(), 1.0)


def test_too_many_allocations_are_refused(monkeypatch):
    monkeypatch.setattr("bayesgmm.bayes.partition.result._LARGEST", 60 * 50)
    assert two_groups().partition(draws=50).n_draws == 50
    with pytest.raises(bg.InputError, match=r"ask for fewer, as in partition\(draws=50\)"):
        two_groups().partition()
