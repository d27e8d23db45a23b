"""Leave-one-out results carry the verdict on the draws they are made of."""

from dataclasses import replace

import arviz as az
import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg


def test_loo_is_arvizs_with_a_verdict(bayes):
    found, plain = bayes.loo(), az.loo(bayes.to_datatree(), pointwise=True)
    assert isinstance(found, type(plain))
    assert found.elpd == plain.elpd
    np.testing.assert_array_equal(found.elpd_i, plain.elpd_i)
    assert found.trustworthy
    assert str(found).startswith(str(plain).rstrip())
    assert "The draws: converged: nothing speaks against" in repr(found)


def test_loo_of_chains_in_different_modes_says_so(bayes):
    lower = bayes.log_likelihood.copy()
    lower[:2] -= 20.0
    found = replace(bayes, log_likelihood=lower).loo()
    assert not found.trustworthy
    assert "several modes" in str(found)


def test_loo_of_transformed_rows_is_of_the_rows_themselves(bayes):
    """Density of y = exp(z) at a row is that of z times ``|dz/dy| = exp(-z)``."""
    log_jacobian = -bayes.data.rows().sum(axis=1)
    plain, found = bayes.loo(), bayes.loo(log_jacobian=log_jacobian)
    np.testing.assert_allclose(found.elpd_i, plain.elpd_i + log_jacobian)
    assert "The draws: converged" in str(found)
    np.testing.assert_allclose(bayes.loo(log_jacobian=-2.0).elpd_i, plain.elpd_i - 2.0)
    labelled = xr.DataArray(log_jacobian, dims="row")
    assert bayes.loo(log_jacobian=labelled).elpd == found.elpd


@pytest.mark.parametrize("log_jacobian", [np.zeros(3), np.nan, np.zeros((272, 1))])
def test_a_jacobian_that_does_not_fit_the_rows_is_refused(bayes, log_jacobian):
    with pytest.raises(bg.InputError, match="each of the 272 rows"):
        bayes.loo(log_jacobian=log_jacobian)


def test_compare_takes_it(bayes):
    wider = bayes.draws._replace(scales=1.5 * bayes.draws.scales)
    worse = replace(bayes, draws=wider)
    table = az.compare({"worse": worse.loo(), "better": bayes.loo()})
    assert list(table.index) == ["better", "worse"]
    assert table.loc["better", "elpd"] == pytest.approx(bayes.loo().elpd, abs=5)  # it rounds
