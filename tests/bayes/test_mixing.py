"""R-hat and effective sample sizes are ArviZ's, for any draws that a chain may bring."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from bayesgmm.bayes.mixing import mcse_means, mixing, r_hats

AXES = {"chain_axis": 0, "draw_axis": 1}


def draws_of(chains, draws):
    """Draws (chain, draw, n) of quantities that mix well, badly, strangely or not at all."""
    noise = np.random.default_rng(draws).normal(size=(8, chains, draws))
    swing = 10.0 * (-1.0) ** np.arange(draws)
    noise[0] = noise[0].cumsum(axis=1)
    noise[1] = np.round(noise[1])
    noise[2] = noise[2] > 1.5
    noise[3] = np.repeat(noise[3], 3, axis=1)[:, :draws]
    noise[4] += swing
    noise[5] += 5.0 * np.arange(chains)[:, None]
    noise[6] = 3.0
    return np.moveaxis(noise, 0, -1)


@pytest.mark.parametrize("chains", [1, 2, 5])
@pytest.mark.parametrize("draws", [4, 5, 8, 9, 25, 250, 1001])
def test_they_are_arvizs(chains, draws):
    values = draws_of(chains, draws)
    found, half = mixing(values), draws // 2
    judged = values if chains > 1 else np.concatenate([values[:, :half], values[:, -half:]])
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = [
            array_stats.ess(values, **AXES, method="bulk"),
            array_stats.ess(values, **AXES, method="tail", prob=(0.05, 0.95)),
            array_stats.rhat(judged, **AXES),
        ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_array_equal(r_hats(values), found.r_hat)
    error = array_stats.mcse(values, **AXES, method="mean")
    np.testing.assert_allclose(mcse_means(values), error, rtol=1e-9)


def test_a_quantity_does_not_depend_on_its_company():
    values = draws_of(4, 1000)
    many = np.concatenate([values] * 5, axis=-1)
    np.testing.assert_array_equal(mixing(many), np.tile(mixing(values), 5))


def test_what_cannot_be_judged_is_no_number():
    values = draws_of(4, 100)
    values[2, 7, 3] = np.nan
    assert np.isnan(mixing(values)).all(axis=0).tolist() == [i == 3 for i in range(8)]
    for draws in (1, 3):
        assert np.isnan(mixing(values[:, :draws])).all()
