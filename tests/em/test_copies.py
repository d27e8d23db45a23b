"""A search sees rows as a set with weights: neither order nor copies lead it elsewhere."""

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.mixture.data import as_data

ROWS = np.random.default_rng(0).normal(size=(40, 3))
pytestmark = pytest.mark.filterwarnings("ignore:every maximum")  # six in forty rows
COPIES = np.random.default_rng(1).integers(0, 4, size=len(ROWS))


def params_of(X, name="diag", **options):
    """Few starts for many maxima: others would lead elsewhere."""
    options = {"n_starts": 2, "random_seed": 0, "progressbar": False} | options
    return bg.fit_em(X, 6, covariance_type=name, **options).params


def assert_same(one, other):
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-5)
    np.testing.assert_allclose(one.means, other.means, atol=1e-5)
    np.testing.assert_allclose(one.cholesky, other.cholesky, atol=1e-5)


def test_distinct_rows_come_once_with_their_weights():
    X = np.array([[2.0, 1.0], [0.0, 5.0], [2.0, 1.0], [0.0, 4.0], [9.0, 9.0]])
    found = as_data(X, [1.0, 2.0, 0.5, 1.0, 0.0]).distinct()
    np.testing.assert_array_equal(found.rows(), [[0.0, 4.0], [0.0, 5.0], [2.0, 1.0]])
    np.testing.assert_array_equal(found.row_weights, [1.0, 2.0, 1.5])
    assert not as_data(X[:2]).distinct().row_weights.size


@pytest.mark.parametrize("name", ["diag", "tied", "spherical"])
def test_copies_lead_where_weights_lead(name):
    repeated = params_of(ROWS.repeat(COPIES, axis=0), name)
    assert_same(params_of(ROWS, name, sample_weight=COPIES), repeated)


@pytest.mark.parametrize("name", ["diag", "tied", "spherical"])
def test_the_order_of_rows_leads_nowhere_else(name):
    order = np.random.default_rng(2).permutation(len(ROWS))
    assert_same(params_of(ROWS[order], name), params_of(ROWS, name))
