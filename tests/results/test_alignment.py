"""Components are matched at minimum cost."""

from itertools import permutations

import numpy as np
import pytest

from bayesgmm.mixture.params import Params
from bayesgmm.results.alignment import assignments


def mixtures(rng, n, n_components, spread):
    weights = rng.dirichlet(np.ones(n_components), size=n)
    means = spread * rng.normal(size=(n, n_components, 2))
    noise = rng.normal(size=(n, n_components, 2, 2))
    return weights, means, np.linalg.cholesky(noise @ noise.mT + 0.1 * np.eye(2))


def cost_by_simulation(rows, weight, mean, cholesky):
    """Mean of minus the log of the joint density of rows and a component, up to a constant."""
    z = np.linalg.solve(cholesky, (rows - mean).T)
    log_density = -0.5 * (z**2).sum(axis=0) - np.log(np.diagonal(cholesky)).sum()
    return -(np.log(weight) + log_density).mean()


@pytest.mark.parametrize("spread", [5.0, 0.3])  # far apart, and fighting for names
def test_no_permutation_costs_less(spread):
    rng = np.random.default_rng(0)
    reference = Params(*(array[0] for array in mixtures(rng, 1, 3, spread)))
    draws = mixtures(rng, 12, 3, spread)
    noise = rng.normal(size=(20_000, 2))
    rows = [reference.means[k] + noise @ reference.cholesky[k].T for k in range(3)]
    for order, *draw in zip(assignments(*draws, reference), *draws, strict=True):
        components = list(zip(*draw, strict=True))
        cost = np.array([[cost_by_simulation(x, *c) for c in components] for x in rows])
        cost *= reference.weights[:, None]
        totals = {p: cost[range(3), p].sum() for p in permutations(range(3))}
        assert totals[tuple(order)] <= min(totals.values()) + 0.03 * np.abs(cost).max()


def test_leading_axes_are_kept():
    rng = np.random.default_rng(1)
    reference = Params(*(array[0] for array in mixtures(rng, 1, 2, 1.0)))
    parts = mixtures(rng, 10, 2, 1.0)
    flat = assignments(*parts, reference)
    shaped = assignments(*(a.reshape(5, 2, *a.shape[1:]) for a in parts), reference)
    np.testing.assert_array_equal(shaped.reshape(10, 2), flat)
