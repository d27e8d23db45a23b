"""The partition that is nearest, on average, to those of the posterior.

There are far too many partitions to try, so this is a search: rows are allocated one after
another, each to the cluster where it costs least given those that are allocated already, and
moved again until none wants to move (the SALSO algorithm of Dahl, Johnson and Müller 2022). Then
whole clusters are dissolved and their rows allocated anew, which a row alone cannot bring about.
All is repeated from several starts: every other one from no clusters at all, with the rows in
random order, and the others from a partition of the posterior.

With ``d(n) = f(n + 1) - f(n)`` (see `losses`), a row that joins cluster a of n_a rows adds to the
expected loss, up to what is the same for all clusters, ``d(n_a) - 2 E[d(n_az)]``: n_az are the
rows of the cluster that are in the same component as the row in a draw. `State` keeps all
``d(n_az)``, so that looking at a cluster reads a number for each draw, and no more.

References
----------
Dahl, D. B., Johnson, D. J. and Müller, P. (2022). Search algorithms and loss functions for
Bayesian clustering. Journal of Computational and Graphical Statistics 31, 1189-1201.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.partition.allocations import Allocations
from bayesgmm.bayes.partition.losses import Labels, distances, terms
from bayesgmm.mixture import threads
from bayesgmm.mixture.compilation import announce_compilation, jit
from bayesgmm.mixture.threads import available_cores

Array = npt.NDArray[np.float64]

_SWEEPS = 100  # at most; ten are plenty, as a rule
_DISSOLVED = 10  # clusters that are dissolved in a run, one after another
_TOL = 1e-9  # of a row's share of the loss: what rounding may take for a gain


class State(NamedTuple):
    """A partition in the making, and how it overlaps with those of the draws.

    Parameters
    ----------
    labels : array of int, shape (N,)
        Cluster of each row; -1 while it has none.
    sizes : array of int, shape (A,)
        Rows of each cluster, of which there may be A.
    shared : array of int, shape (A, S, K)
        Rows of each cluster in each component of each draw.
    gains : array, shape (A, S, K)
        ``d(shared)``.
    """

    labels: Labels
    sizes: npt.NDArray[np.int32]
    shared: npt.NDArray[np.int32]
    gains: Array

    @classmethod
    def empty(cls, allocations: Allocations, most: int, steps: Array) -> State:
        """Begin without any cluster, where there may be at most so many."""
        shape = most, allocations.shape[1], int(allocations.max()) + 1
        return cls(
            np.full(len(allocations), -1, np.intp),
            np.zeros(most, np.int32),
            np.zeros(shape, np.int32),
            np.full(shape, steps[0]),
        )


def best_partition(
    allocations: Allocations, loss: str, max_clusters: int, runs: int, seed: int
) -> Labels:
    """Search the partition of least expected loss.

    Parameters
    ----------
    allocations : array of int16, shape (N, S)
        Partitions of the posterior, a column each.
    loss : {"vi", "binder"}
        See `losses`.
    max_clusters : int
        Clusters that it may have.
    runs : int
        Starts of the search.
    seed : int
        Of its random numbers.

    Returns
    -------
    array of int, shape (N,)
        Clusters 0, 1, ..., in the order of their first rows.
    """
    seeds = np.random.SeedSequence(seed).spawn(runs)

    def run(start: int) -> tuple[float, Labels]:
        rng = np.random.default_rng(seeds[start])
        return one_run(allocations, loss, max_clusters, start % 2 == 1, rng)

    _compile()
    found = list(threads.map(run, range(runs), available_cores()))
    return min(found, key=lambda pair: pair[0])[1]


def one_run(
    allocations: Allocations,
    loss: str,
    max_clusters: int,
    from_draw: bool,
    rng: np.random.Generator,
) -> tuple[float, Labels]:
    """Search from one start, and return the loss as well; see `best_partition`."""
    steps = np.diff(terms(loss, len(allocations)))
    state = State.empty(allocations, max_clusters, steps)
    if from_draw:
        drawn = numbered(allocations[:, rng.integers(allocations.shape[1])])
        place(state, allocations, steps, np.where(drawn < max_clusters, drawn, -1))
    settle(state, allocations, steps, rng)
    least = distances(state.labels, allocations, loss).mean()
    for cluster in rng.permutation(max_clusters)[:_DISSOLVED]:
        before = state.labels.copy()
        rows = rng.permutation(np.flatnonzero(before == cluster))
        if not rows.size:
            continue
        place(state, allocations, steps, np.where(before == cluster, -1, before))
        allocate(rows, state, allocations, steps)
        if np.array_equal(numbered(state.labels), numbered(before)):
            continue
        settle(state, allocations, steps, rng)
        now = distances(state.labels, allocations, loss).mean()
        if now < least:
            least = now
        else:
            place(state, allocations, steps, before)
    return least, numbered(state.labels)


def settle(state: State, allocations: Allocations, steps: Array, rng: np.random.Generator) -> None:
    """Move rows, in random order, until none wants to move."""
    for _ in range(_SWEEPS):
        if not allocate(rng.permutation(len(allocations)), state, allocations, steps):
            break


def allocate(rows: Labels, state: State, allocations: Allocations, steps: Array) -> int:
    """Put each of the rows where it costs least; return how many have moved."""
    return _allocate(rows, *state, allocations, steps, _TOL / len(allocations))


def place(state: State, allocations: Allocations, steps: Array, labels: Labels) -> None:
    """Bring the state to a given partition; -1 stands for no cluster."""
    _place(labels, *state, allocations, steps)


def numbered(labels: npt.NDArray[np.signedinteger]) -> Labels:
    """Renumber the clusters 0, 1, ... in the order of their first rows."""
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    return first.argsort().argsort()[which]


@functools.cache
def _compile() -> None:
    """Compile every kernel, or load it, before threads want it all at once."""
    with announce_compilation():
        one_run(np.zeros((2, 1), np.int16), "vi", 2, True, np.random.default_rng(0))


@jit
def _allocate(
    rows: Labels,
    labels: Labels,
    sizes: npt.NDArray[np.int32],
    shared: npt.NDArray[np.int32],
    gains: Array,
    allocations: Allocations,
    steps: Array,
    tol: float,
) -> int:
    moved = 0
    for i in rows:
        own, row = labels[i], allocations[i]
        best, least, empty_seen = own, np.inf, False
        if own >= 0:  # a row that gains nothing stays
            least = _cost_of_staying(own, row, sizes, shared, steps) - tol
            empty_seen = sizes[own] == 1
        for a in range(len(sizes)):
            if a == own or (sizes[a] == 0 and empty_seen):
                continue
            empty_seen = empty_seen or sizes[a] == 0  # one empty cluster is as good as another
            cost = _cost(a, row, sizes, gains, steps)
            if cost < least:
                best, least = a, cost
        if best != own:
            moved += 1
            labels[i] = best
            _move(best, row, 1, sizes, shared, gains, steps)
            if own >= 0:
                _move(own, row, -1, sizes, shared, gains, steps)
    return moved


@jit
def _place(
    wanted: Labels,
    labels: Labels,
    sizes: npt.NDArray[np.int32],
    shared: npt.NDArray[np.int32],
    gains: Array,
    allocations: Allocations,
    steps: Array,
) -> None:
    for i in range(len(labels)):
        if labels[i] != wanted[i]:
            if labels[i] >= 0:
                _move(labels[i], allocations[i], -1, sizes, shared, gains, steps)
            if wanted[i] >= 0:
                _move(wanted[i], allocations[i], 1, sizes, shared, gains, steps)
            labels[i] = wanted[i]


@jit
def _cost_of_staying(
    a: int,
    row: Allocations,
    sizes: npt.NDArray[np.int32],
    shared: npt.NDArray[np.int32],
    steps: Array,
) -> float:
    """Return what a row of cluster a adds there: its `_cost`, had it been taken out first."""
    total = 0.0
    for s in range(len(row)):
        total += steps[shared[a, s, row[s]] - 1]
    return steps[sizes[a] - 1] - 2.0 * total / len(row)


@jit
def _cost(
    a: int,
    row: Allocations,
    sizes: npt.NDArray[np.int32],
    gains: Array,
    steps: Array,
) -> float:
    """Return what a row would add to the expected loss in cluster a, up to a constant."""
    if sizes[a] == 0:
        return -steps[0]
    total = 0.0
    for s in range(len(row)):
        total += gains[a, s, row[s]]
    return steps[sizes[a]] - 2.0 * total / len(row)


@jit
def _move(
    a: int,
    row: Allocations,
    by: int,
    sizes: npt.NDArray[np.int32],
    shared: npt.NDArray[np.int32],
    gains: Array,
    steps: Array,
) -> None:
    """Add a row to cluster a, or take it away."""
    sizes[a] += by
    for s in range(len(row)):
        n = shared[a, s, row[s]] + by
        shared[a, s, row[s]] = n
        # where it holds all rows, no row is left that could ask
        gains[a, s, row[s]] = steps[min(n, len(steps) - 1)]
