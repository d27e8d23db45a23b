"""Maximum likelihood and posterior side by side."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd

from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.results.alignment import assignments
from bayesgmm.results.fit import Fit

_ERRORS = ["se", "ci_low", "ci_high"]
_POSTERIOR = ["mean", "sd", "interval_low", "interval_high", "r_hat", "ess_bulk", "ess_tail"]

_ROUNDING = 1e-13  # of the mean: the standard deviation of draws that are all the same


class Refitted(Protocol):
    """A fit with errors found by fitting again, such as a bootstrap."""

    @property
    def fit(self) -> Fit:
        """What was fitted again."""

    def summary(self) -> pd.DataFrame:
        """Table of estimates and errors, as that of the fit."""


def compare(em: Fit | Refitted, bayes: Fit) -> pd.DataFrame:
    """Put the two fits of one mixture into one table.

    Parameters
    ----------
    em : EMFit or Bootstrap
        Maximum likelihood fit, or posterior mode. Its components are brought into the order of
        `bayes`. The bootstrap of a fit stands for the fit, with its own errors and intervals.
    bayes : BayesFit
        Bayesian fit of the same features, number of components and covariance type.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter, component by component (by ascending mean of the first
        feature), with columns ``component``, ``parameter`` (weight, mean, sd, correlation),
        ``feature``; ``mle`` (``mode`` if `em` had priors), its standard error ``se`` and 95 %
        confidence interval ``ci_low``, ``ci_high`` (those of the posterior mode, by the curvature
        there, if `em` had priors; NaN if ``em.uncertainty().problem`` says why); ``mean``,
        ``sd``, ``interval_low``, ``interval_high`` of the posterior (95 %, equal tails);
        ``r_hat``, ``ess_bulk``, ``ess_tail``; and ``difference``, how far the maximum lies above
        the posterior mean, in posterior standard deviations (NaN of what is fixed).

    Raises
    ------
    InputError
        If the two are not a maximum likelihood and a Bayesian fit of the same kind of mixture.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> faithful = bg.load_dataset("faithful")
    >>> em = bg.fit_em(faithful, 2, random_seed=1)
    >>> bayes = bg.fit_bayes(
    ...     faithful, 2, start=em, draws=300, tune=300, chains=2, random_seed=1, progressbar=False
    ... )
    >>> table = bg.compare(em, bayes)  # a row for each of the twelve parameters
    >>> weights = table[table["parameter"] == "weight"]
    >>> weights[["mle", "mean"]].round(1)
       mle  mean
    0  0.4   0.4
    6  0.6   0.6

    A bootstrap of the fit stands for the fit, with its own errors and intervals:

    >>> boot = em.bootstrap(50, kind="weighted", random_seed=1)
    >>> bg.compare(boot, bayes)["mle"].equals(table["mle"])
    True
    """
    maximum, posterior = em.summary(), bayes.summary()
    if not set(_POSTERIOR) <= set(posterior.columns) or not set(_ERRORS) <= set(maximum.columns):
        raise InputError("compare(em, bayes) takes a fit by fit_em and then one by fit_bayes")
    fit = em if isinstance(em, Fit) else em.fit
    check_alike(fit, bayes)
    maximum, p = maximum[[maximum.columns[0], *_ERRORS]], fit.params
    order = assignments(p.weights, p.means, p.cholesky, bayes.params)
    by_component = maximum.to_numpy().reshape(len(order), -1, len(maximum.columns))
    aligned = by_component[order].reshape(maximum.shape)
    table = pd.DataFrame(aligned, index=posterior.index, columns=maximum.columns)
    table = table.join(posterior[_POSTERIOR])
    spread = table["sd"].where(table["sd"] > _ROUNDING * table["mean"].abs())
    table["difference"] = (table[maximum.columns[0]] - table["mean"]) / spread
    return table.reset_index()


def check_alike(em: Fit, bayes: Fit) -> None:
    """Raise an InputError unless both fits are of the same kind of mixture and the same rows."""
    for what, words in (
        ("n_components", "numbers of components"),
        ("feature_names", "features"),
        ("covariance_type", "covariance types"),
    ):
        one, other = getattr(em, what), getattr(bayes, what)
        if one != other:
            raise InputError(f"the two fits have different {words}: {one!r} and {other!r}")
    if not _same_rows(em.data, bayes.data):
        raise InputError("the two fits are of different rows")


def _same_rows(one: Data, other: Data) -> bool:
    return one.n_rows == other.n_rows and all(
        np.array_equal(one.values[rows], other.values[rows]) for rows in one.chunks()
    )
