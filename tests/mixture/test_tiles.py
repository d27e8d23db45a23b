import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesgmm.mixture.compilation import jit
from bayesgmm.mixture.instructions import LANES
from bayesgmm.mixture.tiles import add_outer, add_squared_length


@jit
def call_squared_length(W, x, mean, n, square):
    add_squared_length(W, x, mean, n, square)


@jit
def call_outer(e, x, mean, n, out):
    add_outer(e, x, mean, n, out)


sizes = given(seed=st.integers(0, 2**32), D=st.integers(1, 19), n=st.integers(1, 40))
few = settings(max_examples=60, deadline=None)


@few
@sizes
def test_squared_lengths_of_a_triangular_product(seed, D, n):
    rng = np.random.default_rng(seed)
    W, x, mean = np.tril(rng.normal(size=(D, D))), rng.normal(size=(D, 40)), rng.normal(size=D)
    x[:, n:] = np.nan  # rows that are not there
    start = rng.normal(size=40)
    square = start.copy()
    call_squared_length(W, x, mean, n, square)
    oracle = start[:n] + np.square(W @ (x[:, :n] - mean[:, None])).sum(axis=0)
    np.testing.assert_allclose(square[:n], oracle, rtol=1e-13, atol=1e-13)


@few
@sizes
def test_lower_triangle_of_a_sum_of_outer_products(seed, D, n):
    rng = np.random.default_rng(seed)
    (e, x), mean = rng.normal(size=(2, D, 40)), rng.normal(size=D)
    padded = n + -n % LANES
    e[:, n:padded] = 0
    e[:, padded:] = x[:, padded:] = np.nan
    start = rng.normal(size=(D, D))
    out = start.copy()
    call_outer(e, x, mean, n, out)
    oracle = np.tril(e[:, :n] @ (x[:, :n] - mean[:, None]).T) + start
    np.testing.assert_allclose(out, oracle, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("D", [1, 2, 5, 8])
def test_an_output_that_overflows_makes_the_length_infinite_or_no_number(D):
    x = np.zeros((D, 8))
    x[D - 1, 3] = np.inf
    square = np.zeros(8)
    call_squared_length(np.tril(np.ones((D, D))), x, np.zeros(D), 8, square)
    assert not np.isfinite(square[3])
    np.testing.assert_array_equal(np.delete(square, 3), 0)
