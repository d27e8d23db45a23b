"""How much the posterior leans on its priors, and how much on the rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayesgmm.bayes.tree import tree_of
from bayesgmm.mixture.params import correlations
from bayesgmm.results import rows

if TYPE_CHECKING:
    import pandas as pd

    from bayesgmm.bayes.result import BayesFit


def prior_sensitivity(fit: BayesFit) -> pd.DataFrame:
    """Tell how the posterior changes when the prior or the likelihood is raised to a power.

    It is ``arviz.psense_summary`` for the parameters of `BayesFit.summary`: that function itself
    cannot take variables that have a dimension called ``component``.

    Parameters
    ----------
    fit : BayesFit
        Whose draws are reweighted; nothing is sampled anew.

    Returns
    -------
    pandas.DataFrame
        Columns ``prior``, ``likelihood`` (how far the distribution of the parameter moves) and
        ``diagnosis``; a row for each parameter, indexed as in `BayesFit.summary`. What is fixed
        has no numbers.

    References
    ----------
    Kallioinen, N., Paananen, T., Bürkner, P.-C. and Vehtari, A. (2024). Detecting and diagnosing
    prior and likelihood sensitivity with power-scaling. Statistics and Computing 34, 57.
    """
    from arviz_stats import psense_summary

    d = fit.draws
    values = rows.parameter_values(
        d.weights, d.means, d.scales, correlations(d.correlations_cholesky), fit.correlated
    )
    batch = ("chain", "draw")
    groups = {
        "posterior": xr.Dataset({"value": ((*batch, "parameter"), values)}),
        "log_prior": tree_of(fit, ["log_prior"])["log_prior"].to_dataset(),
        "log_likelihood": xr.Dataset({"x": (batch, fit.log_likelihood)}),
    }
    with np.errstate(invalid="ignore"), _silent(psense_summary.__module__):  # NaN of a constant
        table: pd.DataFrame = psense_summary(xr.DataTree.from_dict(groups), round_to=6)
    return table.set_index(fit._rows())


@contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Let ArviZ not log at each call what the table says and its docstring explains."""
    arvizs = logging.getLogger(logger)
    before = arvizs.disabled
    arvizs.disabled = True
    try:
        yield
    finally:
        arvizs.disabled = before
