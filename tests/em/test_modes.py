"""The most probable covariances: what the climb must find, and how its steps are solved."""

import numpy as np
import pytest

from bayesgmm.em import modes
from bayesgmm.em.modes import LogScalePrior, best_covariances, best_scales
from bayesgmm.priors import LKJ, Exponential, InverseGamma, LogNormal

FLAT = LogScalePrior(Exponential(1e-12), np.zeros(()))


def some_scatter(rng, n_features, n_rows=30):
    rows = rng.normal(size=(n_rows, n_features)) @ rng.normal(size=(n_features, n_features))
    return rows.T @ rows


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_without_a_prior_the_answer_is_the_mean_scatter(factor):
    rng = np.random.default_rng(0)
    scatter = np.array([some_scatter(rng, 3) for _ in range(5)])
    counts = rng.uniform(2, 40, size=5)
    found = factor * np.broadcast_to(np.eye(3), scatter.shape)
    for _ in range(4):
        covariances = best_covariances(counts, scatter, found, FLAT, LKJ(1.0))
        found = np.linalg.cholesky(covariances)
    np.testing.assert_allclose(covariances, scatter / counts[:, None, None], rtol=1e-8)


def test_any_square_root_leads_to_the_same_covariance():
    rng = np.random.default_rng(1)
    scatter, start = some_scatter(rng, 3), np.linalg.cholesky(some_scatter(rng, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    prior = LogScalePrior(LogNormal([0.0, 0.5, 1.0], 0.3), np.zeros(3))
    one, other = (
        best_covariances(np.array(9.0), scatter, root, prior, LKJ(2.0))
        for root in (start, start @ turn)
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_order_of_the_features_does_not_matter():
    rng = np.random.default_rng(2)
    scatter, start = some_scatter(rng, 3), np.linalg.cholesky(some_scatter(rng, 3))
    order = np.array([2, 0, 1])

    def found(places):
        prior = LogScalePrior(InverseGamma(2.0, np.array([1.0, 2.0, 3.0])[places]), np.zeros(3))
        moved = scatter[np.ix_(places, places)]
        return best_covariances(np.array(9.0), moved, start[places], prior, LKJ(3.0))

    expected = found(np.arange(3))[np.ix_(order, order)]
    np.testing.assert_allclose(found(order), expected, rtol=1e-9)


def test_one_feature_has_no_correlations():
    counts, scatter = np.array(7.0), np.array([[20.0]])
    prior = LogScalePrior(LogNormal(0.0, 0.3), np.zeros(1))
    scales = np.ones(1)
    factor = np.ones((1, 1))
    for _ in range(4):
        scales = best_scales(counts[None], scatter[0], scales, prior)
        factor = np.sqrt(best_covariances(counts, scatter, factor, prior, LKJ(2.0)))
    np.testing.assert_allclose(factor[0], scales, rtol=1e-9)


def test_newton_step_solves_its_equation():
    """``(S M + M S)/4 + sum(b_i (r_i' S r_i) r_i r_i') = G``, put together term by term."""
    rng = np.random.default_rng(3)
    curvature = some_scatter(rng, 4)
    gradient = rng.normal(size=(4, 4))
    gradient = gradient + gradient.T
    rows = rng.normal(size=(4, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    extra = rng.uniform(0, 3, size=4)
    step = modes._newton(gradient, curvature, rows, extra)
    left = (step @ curvature + curvature @ step) / 4
    for b, r in zip(extra, rows, strict=True):
        left = left + b * (r @ step @ r) * np.outer(r, r)
    np.testing.assert_allclose(left, gradient, atol=1e-10)
