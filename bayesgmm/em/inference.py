"""How sure a maximum is, by the curvature of what was climbed at it."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesgmm.em import uncertainty
from bayesgmm.em.climb import Reason
from bayesgmm.em.information import Information, observed_information, reported_jacobian
from bayesgmm.em.posterior import posterior_information, scales_on_a_bound
from bayesgmm.em.uncertainty import Uncertainty
from bayesgmm.mixture.errors import InputError
from bayesgmm.priors import Fixed, Priors
from bayesgmm.results import rows
from bayesgmm.results.fit import Fit

Kind = Literal["information", "sandwich"]

_BLOCKS = {"weight": "weights", "mean": "means", "sd": "scales", "correlation": "correlations"}


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
            With priors, by the curvature of the log posterior density (Tierney and Kadane 1986):
            standard errors are then those of the posterior about its mode, and 0 for what is
            fixed. There is no sandwich then, as that tells how estimates vary from sample to
            sample: of an estimate that priors pull, this is not how sure it is.

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
        of_rows = observed_information(self.data, self.params, self.covariance_type)
        if self.priors is None:
            return of_rows
        return posterior_information(of_rows, self.priors, self.covariance_type)

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
        if self.priors is not None and robust:
            problem = (
                "the sandwich is for maximum likelihood; with priors, take kind='information' or "
                "fit_bayes"
            )
            return uncertainty.without(self.estimates, problem)
        problem = self._on_a_bound()
        if problem:
            return uncertainty.without(self.estimates, problem)
        with np.errstate(all="ignore"):  # covariances singular to rounding are told of below
            found = self._information
            jacobian = reported_jacobian(found.coordinates, self.correlated) @ found.basis
        jacobian[self._held()] = 0  # and not only to rounding
        return uncertainty.from_information(
            self.estimates,
            jacobian,
            found,
            robust=robust,
            climbed="likelihood" if self.priors is None else "posterior density",
        )

    def _on_a_bound(self) -> str:
        """Say which standard deviation has run into a bound of its prior, if any has."""
        if self.priors is None:
            return ""
        places = np.argwhere(scales_on_a_bound(self.params, self.priors, self.covariance_type))
        if not len(places):
            return ""
        component, feature = places[0]
        return (
            f"the sd of {self.feature_names[feature]} in component {component} lies on a bound of "
            "its prior, where the posterior is cut off: take a prior without bounds, or fit_bayes"
        )

    def _held(self) -> npt.NDArray[np.bool_]:
        """Which of the estimates are fixed by priors."""
        parameter = self.estimates.index.get_level_values("parameter")
        held = [
            name
            for name, block in _BLOCKS.items()
            if self.priors is not None and isinstance(getattr(self.priors, block), Fixed)
        ]
        return np.asarray(parameter.isin(held))

    def _told(self, kind: Kind) -> Uncertainty:
        found = self.uncertainty(kind)
        if found.problem:
            warnings.warn(f"no standard errors: {found.problem}", stacklevel=3)
        return found
