"""A whole fit against scikit-learn's: the same rows, the same start, the same log-likelihood.

    python tests/benchmarks/fit.py

Both climb on one thread from one start (k-means labels of the rows) until the log-likelihood is
within 1e-8, relative, of the converged value. Ours with quasi-Newton steps; scikit-learn gets
exactly as many EM iterations as it needs, with no check of its own for convergence and nothing
added to the covariances. Sweeps are passes over the rows; those of plain EM are also ours. As they
hang on the start, they are counted from a hundred others, too, where both ways end at one maximum.
"""

import itertools
import statistics
import time
import warnings

import numpy as np
from scipy.cluster.vq import kmeans2
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

import bayesgmm as bg
from bayesgmm.em.climb import PLAIN, Ascent, Reason, climb
from bayesgmm.em.objective import Objective
from bayesgmm.em.shares import from_responsibilities
from bayesgmm.em.starts import Starts
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.structures import get_structure

REPEATS = 3
STARTS = 100
FULL = get_structure("full")


def overlapping(n, d, k, distance, seed=0):
    """Spherical components of unit variance, each `distance` away from the one before."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + distance * rng.integers(k, size=(n, 1))


CASES = [
    ("two components 1.5 sds apart", overlapping(10_000, 1, 2, 1.5), 2),
    ("faithful", bg.load_dataset("faithful").to_numpy(), 3),
    ("iris", bg.load_dataset("iris").select_dtypes("number").to_numpy(), 3),
    ("five components", overlapping(100_000, 4, 5, 2.0), 5),
    ("eight components", overlapping(100_000, 16, 8, 1.5), 8),
]


def sweeps_to(goal, history):
    return int(np.argmax(history >= goal)) + 1


def median_time(work):
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def prepared(X):
    """Give what is to be climbed, and the place and the unit of its rows."""
    shift, unit = as_data(X).moments()
    return Objective(as_data(X).standardised(shift, unit), FULL), shift, unit


def measure(name, X, k):
    objective, shift, unit = prepared(X)
    labels = kmeans2((X - shift) / unit, k, iter=5, minit="++", seed=1)[1]
    start = from_responsibilities(objective.data, np.eye(k)[labels], FULL)

    def ours(tol=1e-10, max_steps=10_000, **options):
        return climb(objective, [Ascent(start)], tol=tol, max_steps=max_steps, **options)[0]

    converged = ours()
    offset = as_data(X).log_density_shift(unit)
    goal = converged.value - 1e-8 * abs(converged.value + offset)
    quick = sweeps_to(goal, converged.history)
    plain = ours(max_steps=20_000, plain_steps=PLAIN) if len(X) < 50_000 else None
    if plain is None:  # as many EM steps as it takes, and not more
        plain = ours(max_steps=3_000, plain_steps=PLAIN, tol=1e-8 * abs(goal))
    slow = sweeps_to(goal, plain.history)
    if plain.value < goal:
        print(f"{name}: plain EM ends lower, at {plain.value - converged.value:.3g}; no comparison")
        return

    factor = start.factor[0]
    precisions = np.linalg.inv(factor @ factor.transpose(0, 2, 1)) / np.outer(unit, unit)
    peer = GaussianMixture(
        k,
        tol=0,
        reg_covar=0,
        max_iter=slow,
        weights_init=start.weights[0],
        means_init=start.means[0] * unit + shift,
        precisions_init=precisions,
    )

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            peer.fit(X)

    mine, sklearn = median_time(lambda: ours(max_steps=quick - 1)), median_time(theirs)
    short = goal + offset - peer.score(X) * len(X)
    print(
        f"{name:30}{len(X):8}{X.shape[1]:4}{k:4}{slow:8}{quick:8}{slow / quick:8.1f}"
        f"{1e3 * mine:10.1f}{1e3 * sklearn:12.1f}{sklearn / mine:8.1f}"
        f"{'   (and is still short)' if short > 1e-6 * abs(goal) else ''}"
    )


def count_sweeps(name, X, k):
    """Count sweeps from many starts."""
    objective, _, unit = prepared(X)
    drawn = Starts(objective.data, k, FULL, np.random.default_rng(1))
    starts = [Ascent(point) for point in itertools.islice(drawn, STARTS)]
    how = {"tol": 1e-10, "max_steps": 20_000, "narrowest": 1e-3}
    quick = climb(objective, starts, **how)
    plain = climb(objective, starts, **how, plain_steps=PLAIN)
    offset, counts = as_data(X).log_density_shift(unit), []
    for one, other in zip(quick, plain, strict=True):
        goal = max(one.value, other.value) - 1e-8 * abs(one.value + offset)
        together = min(one.value, other.value) >= goal
        if together and one.reason is other.reason is Reason.CONVERGED:
            counts.append((sweeps_to(goal, other.history), sweeps_to(goal, one.history)))
    slow, fast = np.array(counts).T
    print(
        f"{name}: {len(counts)} of {STARTS} starts; sweeps {slow.sum()} and {fast.sum()}: "
        f"{slow.sum() / fast.sum():.1f} times; median of the ratios {np.median(slow / fast):.1f}"
    )


if __name__ == "__main__":
    print(
        f"{'':30}{'N':>8}{'D':>4}{'K':>4}{'EM':>8}{'ours':>8}{'ratio':>8}"
        f"{'ours ms':>10}{'sklearn ms':>12}{'ratio':>8}"
    )
    with threadpool_limits(1):
        for case in CASES:
            measure(*case)
        for case in CASES[:3]:
            count_sweeps(*case)
