"""How sure a maximum is, by the curvature of the likelihood at it."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from bayesgmm.em import uncertainty
from bayesgmm.em.climb import Reason
from bayesgmm.em.information import Information, observed_information, reported_jacobian
from bayesgmm.em.uncertainty import Uncertainty
from bayesgmm.mixture.errors import InputError
from bayesgmm.priors import Priors
from bayesgmm.results import rows
from bayesgmm.results.fit import Fit

Kind = Literal["information", "sandwich"]


class Inference(Fit):
    """A maximum, and how sure its estimates are; see `EMFit` for the attributes."""

    reason: Reason
    priors: Priors | None

    @property
    @abstractmethod
    def reg_covar(self) -> float:
        """Size of the ridge that keeps covariances regular, or 0."""

    @property
    @abstractmethod
    def sound(self) -> bool:
        """Whether every component rests on enough rows."""

    @property
    def estimates(self) -> pd.Series[float]:
        """The estimates in the order of `summary`, which also says how sure they are."""
        p = self.params
        values = rows.parameter_values(
            p.weights, p.means, p.scales, p.correlations, self.correlated
        )
        return pd.Series(values, index=self._rows(), name=self._name)

    @property
    def _name(self) -> str:
        """What the estimates are called in tables."""
        return "mle" if self.priors is None and not self.reg_covar else "mode"

    def uncertainty(self, kind: Kind = "information") -> Uncertainty:
        """Work out how sure the estimates are, once.

        Parameters
        ----------
        kind : {"information", "sandwich"}
            By the inverse of the observed information (Louis 1982), or by the sandwich (White
            1982), which in large samples is right also if the mixture is not the true density.

        Returns
        -------
        Uncertainty
            Its ``problem`` says why, where there are no standard errors.

        Raises
        ------
        InputError
            If there is no such kind.
        """
        if kind == "information":
            return self._by_information
        if kind == "sandwich":
            return self._by_sandwich
        raise InputError(f"kind must be 'information' or 'sandwich', not {kind!r}")

    def standard_errors(self, kind: Kind = "information") -> pd.DataFrame:
        """Table of standard errors.

        Parameters
        ----------
        kind : {"information", "sandwich"}
            See `uncertainty`.

        Returns
        -------
        pandas.DataFrame
            Columns ``mle`` (``mode`` with priors or a ridge) and ``se``, in the units of the data,
            with the rows of `summary`.

        Warns
        -----
        UserWarning
            If there are none, so that all are NaN; it says why.
        """
        found = self._told(kind)
        return pd.DataFrame({self._name: found.estimates, "se": found.standard_errors})

    def confidence_intervals(self, level: float = 0.95, kind: Kind = "information") -> pd.DataFrame:
        """Table of confidence intervals, each parameter by itself; see `Uncertainty.intervals`.

        Parameters
        ----------
        level : float
            Wanted coverage, between 0 and 1.
        kind : {"information", "sandwich"}
            See `uncertainty`.

        Returns
        -------
        pandas.DataFrame
            Columns ``low`` and ``high``, with the rows of `summary`.

        Warns
        -----
        UserWarning
            If there are none, so that all are NaN; it says why.
        """
        return self._told(kind).intervals(level)

    @property
    def covariance_of_estimates(self) -> pd.DataFrame:
        """Covariance of the estimates by the information, labelled both ways as `summary` is.

        For the sandwich take ``uncertainty("sandwich").covariance``.
        """
        return self._told("information").covariance

    @cached_property
    def _information(self) -> Information:
        return observed_information(self.data, self.params, self.covariance_type)

    @cached_property
    def _by_information(self) -> Uncertainty:
        return self._uncertainty(robust=False)

    @cached_property
    def _by_sandwich(self) -> Uncertainty:
        return self._uncertainty(robust=True)

    def _uncertainty(self, *, robust: bool) -> Uncertainty:
        if self.reg_covar:
            problem = "the rows cannot determine the covariances, which a ridge keeps regular"
            return uncertainty.without(self.estimates, problem)
        if not self.sound or self.reason is Reason.COLLAPSED:
            problem = "a component rests on so few rows that the likelihood is unbounded near by"
            return uncertainty.without(self.estimates, problem)
        if self.priors is not None:
            problem = "those here are for maximum likelihood; with priors, fit_bayes tells how sure"
            return uncertainty.without(self.estimates, problem)
        with np.errstate(all="ignore"):  # covariances singular to rounding are told of below
            jacobian = reported_jacobian(self._information.coordinates, self.correlated)
        return uncertainty.from_information(
            self.estimates, jacobian, self._information, robust=robust
        )

    def _told(self, kind: Kind) -> Uncertainty:
        found = self.uncertainty(kind)
        if found.problem:
            warnings.warn(f"no standard errors: {found.problem}", stacklevel=3)
        return found
