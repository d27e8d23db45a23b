"""Starts from responsibilities: one M-step, shrunk towards the pooled scatter."""

import numpy as np
import pytest

from bayesgmm.em.shares import from_responsibilities
from bayesgmm.em.starts import scatter_for
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.structures import STRUCTURES, factor


def by_hand(data, shares, structure, ridge):
    rows, d = data.rows(), data.n_features
    shares = shares * data.row_weights[:, None] if data.row_weights.size else shares
    counts = shares.sum(axis=0)
    means = shares.T @ rows / np.maximum(counts, 1e-300)[:, None]
    apart = rows[:, None] - means
    scatter = np.einsum("nk,nki,nkj->kij", shares, apart, apart)
    pooled = scatter.sum(axis=0) / counts.sum() + 1e-6 * data.covariance()
    scatter += (d + 1) * pooled + ridge * (counts + d + 1)[:, None, None] * np.eye(d)
    found = structure.covariances(counts + d + 1, scatter_for(structure, scatter))
    return (counts + 1) / (counts + 1).sum(), means, factor(found)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("n_features", [1, 3])
def test_a_start_is_an_m_step_shrunk_towards_the_pooled_scatter(structure, ridge, n_features):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, n_features)) * [1, 5, 0.2][:n_features] + 3
    partition = np.eye(4)[rng.integers(3, size=40)]  # nothing for the fourth
    for shares in (partition, rng.dirichlet(np.ones(3), 40)):
        for weights in (None, rng.uniform(size=40)):
            data = as_data(rows, weights)
            found = from_responsibilities(data, shares, structure, ridge)
            expected = by_hand(data, shares, structure, ridge)
            for one, other in zip(
                (found.weights, found.means, found.factor), expected, strict=True
            ):
                np.testing.assert_allclose(one[0], other, rtol=1e-8, atol=1e-12)


def test_rows_that_determine_no_covariances_are_no_start_without_a_ridge():
    data, shares = as_data(np.outer(np.arange(9.0), [1, 2])), np.ones((9, 1))
    with pytest.raises(np.linalg.LinAlgError):
        from_responsibilities(data, shares, STRUCTURES["full"])
    assert np.isfinite(from_responsibilities(data, shares, STRUCTURES["full"], 0.1).factor).all()
