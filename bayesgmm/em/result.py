"""What EM returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.em.climb import Reason
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import assignment_entropy
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure, n_parameters
from bayesgmm.mixture.threads import available_cores
from bayesgmm.results import labelled, rows
from bayesgmm.results.fit import Fit

Array = npt.NDArray[np.float64]


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
    """

    params: Params
    log_likelihood: float
    n_found: int
    sound: bool


@dataclass(frozen=True, eq=False, repr=False)
class EMFit(Fit):
    """A maximum likelihood fit, by EM.

    Attributes
    ----------
    params : Params
        The estimate, its components by ascending mean of the first feature.
    data : Data
        The rows that were fitted.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances share.
    history : array, shape (n_iter + 1,)
        Log-likelihood after every E-step of the ascent that is returned.
    reason : Reason
        Why that ascent stopped.
    maxima : tuple of Maximum
        The distinct maxima that were climbed to the end, the returned one first.
    settings : dict
        Arguments of the fit, with the seed that was used.
    """

    params: Params
    data: Data
    covariance_type: str
    history: Array
    reason: Reason
    maxima: tuple[Maximum, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def log_likelihood(self) -> float:
        """Total natural log-likelihood of `params`."""
        return float(self.history[-1])

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

    def summary(self) -> pd.DataFrame:
        """Table of the estimates.

        Returns
        -------
        pandas.DataFrame
            Column ``mle``; a row for each parameter, indexed by ``component``, ``parameter``
            (weight, mean, sd, correlation) and ``feature``.
        """
        p = self.params
        values = rows.parameter_values(
            p.weights, p.means, p.scales, p.correlations, self.correlated
        )
        return pd.DataFrame({"mle": values}, index=self._rows())

    def headline(self) -> list[str]:
        """See `Fit.headline`."""
        return [
            f"EM fit of {self._mixture} to "
            f"{self.data.n_rows} rows of {', '.join(self.feature_names)}",
            f"  log-likelihood {self.log_likelihood:.3f} with {self.n_parameters} parameters; "
            f"BIC {self.bic:.2f}, AIC {self.aic:.2f}, ICL {self.icl:.2f} (lower is better)",
            f"  {self._why_stopped()}",
            f"  {self._how_found()}",
            *([f"  WARNING: {self._unsound()}"] if not self.sound else []),
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
        others = [m.log_likelihood for m in self.maxima[1:] if m.sound]
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

    def to_datatree(self) -> xr.DataTree:
        """Label the fit.

        Returns
        -------
        xarray.DataTree
            Groups ``estimate`` (weights, means, scales, correlations, covariances),
            ``observed_data`` and ``em`` (the log-likelihood's history). There is no
            ``posterior``: an estimate has none.
        """
        p = self.params
        estimate = labelled.mixture_dataset(
            p.weights, p.means, p.cholesky, self.feature_names, correlated=self.correlated
        )
        groups = {
            "estimate": estimate,
            "observed_data": labelled.observed_dataset(self.data),
            "em": xr.Dataset({"log_likelihood": ("iteration", self.history)}),
        }
        return xr.DataTree.from_dict(groups)

    def _saved(self) -> xr.DataTree:
        tree = self.to_datatree()
        stacked = {
            name: np.stack([getattr(m.params, name) for m in self.maxima])
            for name in ("weights", "means", "cholesky")
        }
        maxima = labelled.dataset(stacked, self.n_components, self.feature_names, ("maximum",))
        for name in ("log_likelihood", "n_found", "sound"):
            maxima[name] = ("maximum", np.array([getattr(m, name) for m in self.maxima]))
        tree["maxima"] = xr.DataTree(maxima)
        tree["constant_data"] = xr.DataTree(labelled.weights_dataset(self.data.row_weights))
        tree.attrs = {
            "kind": "EMFit",
            "covariance_type": self.covariance_type,
            "reason": str(self.reason),
            "settings": json.dumps(self.settings),
        }
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
            )
            for one in (saved.isel(maximum=i) for i in range(saved.sizes["maximum"]))
        )
        return cls(
            params=maxima[0].params,
            data=labelled.saved_data(tree),
            covariance_type=tree.attrs["covariance_type"],
            history=tree["em"].to_dataset()["log_likelihood"].to_numpy(),
            reason=Reason(tree.attrs["reason"]),
            maxima=maxima,
            settings=json.loads(tree.attrs["settings"]),
        )
