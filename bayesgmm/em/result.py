"""What EM returns."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.em import uncertainty
from bayesgmm.em.climb import Reason
from bayesgmm.em.information import Information, cost, observed_information, reported_jacobian
from bayesgmm.em.uncertainty import Uncertainty
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.likelihood import assignment_entropy
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure, n_parameters
from bayesgmm.mixture.threads import available_cores
from bayesgmm.priors import Priors
from bayesgmm.results import labelled, rows
from bayesgmm.results.fit import Fit

Array = npt.NDArray[np.float64]
Kind = Literal["information", "sandwich"]

_COSTLY = 3e9  # multiplications, a second or so: more is done only when asked for


@dataclass(frozen=True, eq=False)
class Maximum:
    """A local maximum that the search found.

    Attributes
    ----------
    params : Params
        Where it is.
    log_likelihood : float
        Total natural log-likelihood there.
    n_found : int
        How many starts are known to have ended there.
    sound : bool
        False if a component rests on so few rows that the likelihood is unbounded near by.
    log_prior : float
        Log prior density there, if priors were part of what was maximised.
    """

    params: Params
    log_likelihood: float
    n_found: int
    sound: bool
    log_prior: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class EMFit(Fit):
    """A maximum likelihood fit, by EM; or with priors, a posterior mode.

    Attributes
    ----------
    params : Params
        The estimate, its components by ascending mean of the first feature.
    data : Data
        The rows that were fitted.
    covariance_type : str
        What the covariances share; see `fit_em`.
    history : array, shape (n_iter + 1,)
        Highest log-likelihood, plus log prior density if there are priors, after every E-step
        of the ascent that is returned.
    reason : Reason
        Why that ascent stopped.
    maxima : tuple of Maximum
        The distinct maxima that were climbed to the end, the returned one first.
    priors : Priors or None
        What was known before.
    settings : dict
        Arguments of the fit, with the seed that was used.
    """

    params: Params
    data: Data
    covariance_type: str
    history: Array
    reason: Reason
    maxima: tuple[Maximum, ...]
    priors: Priors | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def log_likelihood(self) -> float:
        """Total natural log-likelihood of `params`."""
        return self.maxima[0].log_likelihood

    @property
    def log_prior(self) -> float:
        """Log prior density of `params`; 0 without priors."""
        return self.maxima[0].log_prior

    @property
    def n_parameters(self) -> int:
        """Number of free parameters."""
        structure = get_structure(self.covariance_type)
        return n_parameters(structure, self.n_components, self.data.n_features)

    @property
    def bic(self) -> float:
        """Bayesian information criterion (Schwarz 1978): lower is better.

        ``-2 log L + n_parameters log N``, the negative of mclust's. N is the total weight of
        the rows.
        """
        return -2 * self.log_likelihood + self.n_parameters * float(np.log(self.data.total_weight))

    @property
    def aic(self) -> float:
        """Akaike's information criterion (1974), ``-2 log L + 2 n_parameters``: lower is better."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    @property
    def icl(self) -> float:
        """Integrated completed likelihood (Biernacki, Celeux and Govaert 2000): lower is better.

        `bic` plus twice the entropy of the responsibilities. (mclust has the opposite sign, and
        counts the most probable component of each row alone.)
        """
        return self.bic + 2 * assignment_entropy(self.data, self.params, available_cores())

    @property
    def converged(self) -> bool:
        """Whether the ascent came to the top of a maximum."""
        return self.reason is Reason.CONVERGED

    @property
    def sound(self) -> bool:
        """Whether every component rests on enough rows; see `Maximum`."""
        return self.maxima[0].sound

    @property
    def n_iter(self) -> int:
        """Number of EM iterations of the ascent that is returned."""
        return len(self.history) - 1

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
            Columns ``mle`` (with priors ``mode``) and ``se``, in the units of the data, with the
            rows of `summary`.

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

    def summary(self) -> pd.DataFrame:
        """Table of the estimates.

        Returns
        -------
        pandas.DataFrame
            Columns ``mle`` (with priors ``mode``), ``se`` (standard error), ``ci_low`` and
            ``ci_high`` (95 % confidence interval) by the information; a row for each parameter,
            indexed by ``component``, ``parameter`` (weight, mean, sd, correlation) and
            ``feature``. Where there are no standard errors they are NaN, and
            ``uncertainty().problem`` says why.
        """
        found = self.uncertainty()
        interval = found.intervals()
        return pd.DataFrame(
            {
                self._name: found.estimates,
                "se": found.standard_errors,
                "ci_low": interval["low"],
                "ci_high": interval["high"],
            }
        )

    def headline(self) -> list[str]:
        """See `Fit.headline`."""
        kind = "EM fit" if self.priors is None else "Posterior mode, by EM,"
        return [
            f"{kind} of {self._mixture} to "
            f"{self.data.n_rows} rows of {', '.join(self.feature_names)}",
            f"  log-likelihood {self.log_likelihood:.3f} with {self.n_parameters} parameters; "
            f"BIC {self.bic:.2f}, AIC {self.aic:.2f}, ICL {self.icl:.2f} (lower is better)",
            *([f"  log prior density {self.log_prior:.3f}"] if self.priors is not None else []),
            f"  {self._why_stopped()}",
            f"  {self._how_found()}",
            *([f"  WARNING: {self._unsound()}"] if not self.sound else []),
            *(f"  {line}" for line in self._without_errors()),
        ]

    def _why_stopped(self) -> str:
        tol = self.settings.get("tol", float("nan"))
        return {
            Reason.CONVERGED: f"converged after {self.n_iter} iterations: "
            f"less than {tol:g} of log-likelihood is left to gain",
            Reason.MAX_ITER: f"NOT converged: stopped after max_iter = {self.n_iter} iterations; "
            "raise max_iter",
            Reason.COLLAPSED: f"stopped after {self.n_iter} iterations because a component "
            "collapsed onto few rows, where the likelihood is unbounded",
        }[self.reason]

    def _how_found(self) -> str:
        n_starts = self.settings.get("n_starts")
        if n_starts is None or self.settings.get("start"):
            return "started from the given point"
        if self.n_components == 1:
            return "one component has one maximum: the mean and covariance of the rows"
        others = [m.log_likelihood + m.log_prior for m in self.maxima[1:] if m.sound]
        second = f"; the next best maximum is {others[0]:.3f}" if others else ""
        unsound = sum(m.n_found for m in self.maxima if not m.sound)
        thrown = f"; {unsound} that collapsed onto few rows set aside" if unsound else ""
        return (
            f"best of {n_starts} starts, reached by at least {self.maxima[0].n_found}"
            f"{second}{thrown if self.sound else ''}"
        )

    def _unsound(self) -> str:
        return (
            "a component rests on so few rows that this maximum is an artefact; nothing better "
            "was found. Use fewer components, or another covariance_type"
        )

    def _without_errors(self) -> list[str]:
        if self._costly:
            return ["standard errors take a while here: standard_errors() or summary() has them"]
        problem = self.uncertainty().problem
        return [f"no standard errors: {problem}"] if problem else []

    def _shown(self) -> pd.DataFrame:
        return self._estimates.to_frame() if self._costly else self.summary()

    @property
    def _costly(self) -> bool:
        """Whether standard errors are not at hand, and would keep a notebook waiting."""
        return "_information" not in vars(self) and cost(self.data, self.params) > _COSTLY

    @property
    def _estimates(self) -> pd.Series[float]:
        p = self.params
        values = rows.parameter_values(
            p.weights, p.means, p.scales, p.correlations, self.correlated
        )
        return pd.Series(values, index=self._rows(), name=self._name)

    @property
    def _name(self) -> str:
        """What the estimates are called in tables."""
        return "mle" if self.priors is None else "mode"

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
        if not self.sound or self.reason is Reason.COLLAPSED:
            problem = "a component rests on so few rows that the likelihood is unbounded near by"
            return uncertainty.without(self._estimates, problem)
        if self.priors is not None:
            problem = "those here are for maximum likelihood; with priors, fit_bayes tells how sure"
            return uncertainty.without(self._estimates, problem)
        jacobian = reported_jacobian(self._information.coordinates, self.correlated)
        return uncertainty.from_information(
            self._estimates, jacobian, self._information, robust=robust
        )

    def _told(self, kind: Kind) -> Uncertainty:
        found = self.uncertainty(kind)
        if found.problem:
            warnings.warn(f"no standard errors: {found.problem}", stacklevel=3)
        return found

    def to_datatree(self) -> xr.DataTree:
        """Label the fit.

        Returns
        -------
        xarray.DataTree
            Groups ``estimate`` (weights, means, scales, correlations, covariances),
            ``observed_data`` and ``em`` (`history`). There is no
            ``posterior``: an estimate has none.
        """
        p = self.params
        estimate = labelled.mixture_dataset(
            p.weights, p.means, p.cholesky, self.feature_names, correlated=self.correlated
        )
        groups = {
            "estimate": estimate,
            "observed_data": labelled.observed_dataset(self.data),
            "em": xr.Dataset({"history": ("iteration", self.history)}),
        }
        return xr.DataTree.from_dict(groups)

    def _saved(self) -> xr.DataTree:
        tree = self.to_datatree()
        stacked = {
            name: np.stack([getattr(m.params, name) for m in self.maxima])
            for name in ("weights", "means", "cholesky")
        }
        maxima = labelled.dataset(stacked, self.n_components, self.feature_names, ("maximum",))
        for name in ("log_likelihood", "n_found", "sound", "log_prior"):
            maxima[name] = ("maximum", np.array([getattr(m, name) for m in self.maxima]))
        tree["maxima"] = xr.DataTree(maxima)
        tree["constant_data"] = xr.DataTree(labelled.weights_dataset(self.data.row_weights))
        tree.attrs = {
            "kind": "EMFit",
            "covariance_type": self.covariance_type,
            "reason": str(self.reason),
            "settings": json.dumps(self.settings),
        }
        if self.priors is not None:
            tree.attrs["priors"] = json.dumps(self.priors.to_dict())
        return tree

    @classmethod
    def from_saved(cls, tree: xr.DataTree) -> EMFit:
        """Rebuild a fit from the tree that `save` wrote; see `bayesgmm.load`."""
        saved = tree["maxima"].to_dataset()
        maxima = tuple(
            Maximum(
                Params(one["weights"].values, one["means"].values, one["cholesky"].values),
                float(one["log_likelihood"]),
                int(one["n_found"]),
                bool(one["sound"]),
                float(one["log_prior"]),
            )
            for one in (saved.isel(maximum=i) for i in range(saved.sizes["maximum"]))
        )
        priors = tree.attrs.get("priors")
        return cls(
            params=maxima[0].params,
            data=labelled.saved_data(tree),
            covariance_type=tree.attrs["covariance_type"],
            history=tree["em"].to_dataset()["history"].to_numpy(),
            reason=Reason(tree.attrs["reason"]),
            maxima=maxima,
            priors=None if priors is None else Priors.from_dict(json.loads(priors)),
            settings=json.loads(tree.attrs["settings"]),
        )
