"""The bootstrap of an EM fit: how its estimates vary from sample to sample.

What more data from the same source would tell is told by samples made of the data at hand, or of
the estimate itself; each is fitted as the data were. Nothing is assumed of how estimates vary, so
skewed and bounded ones come out as they are, where the information only knows a bell curve.

References
----------
Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7, 1-26.

Newton, M. A. and Raftery, A. E. (1994). Approximate Bayesian inference with the weighted
likelihood bootstrap. Journal of the Royal Statistical Society B 56, 3-48.

O'Hagan, A., Murphy, T. B., Scrucca, L. and Gormley, I. C. (2019). Investigation of parameter
uncertainty in clustering using a Gaussian mixture model via jackknife, bootstrap and weighted
likelihood bootstrap. Computational Statistics 34, 1779-1813.

Rubin, D. B. (1981). The Bayesian bootstrap. Annals of Statistics 9, 130-134.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.em import words
from bayesgmm.em.arguments import chosen_cores, chosen_seed
from bayesgmm.em.climb import Ascent, Reason
from bayesgmm.em.progress import counter
from bayesgmm.em.samples import KINDS, Replicates, Sampler
from bayesgmm.em.uncertainty import Uncertainty
from bayesgmm.mixture.errors import FitError, InputError
from bayesgmm.mixture.params import correlations, scales
from bayesgmm.results import labelled, rows, shown, storage
from bayesgmm.results.alignment import assignments

if TYPE_CHECKING:
    from bayesgmm.em.result import EMFit

_HOW = {
    "nonparametric": "rows drawn with replacement",
    "weighted": "rows weighted at random",
    "parametric": "rows drawn from the fit",
}
_MANY_FAILED = 0.05  # a share: with more set aside, what is left tells of an easier world


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """Estimates from repeated samples, with their components named as those of the fit.

    Attributes
    ----------
    fit : EMFit
        What was bootstrapped.
    kind : {"nonparametric", "weighted", "parametric"}
        How the samples were made; see `EMFit.bootstrap`.
    params : Replicates
        Estimates of the samples whose ascent came to a sound maximum: ``weights`` (B, K),
        ``means`` (B, K, D) and ``cholesky`` (B, K, D, D), in the units of the data.
    n_collapsed, n_unfinished : int
        Samples that are not among them, because a component collapsed onto few rows or the
        ascent had not converged after the fit's ``max_iter`` steps.
    random_seed : int
        The seed that was used.
    """

    fit: EMFit
    kind: str
    params: Replicates
    n_collapsed: int
    n_unfinished: int
    random_seed: int

    @property
    def n_replicates(self) -> int:
        """Number of estimates, B."""
        return len(self.params.weights)

    @property
    def n_failed(self) -> int:
        """Number of samples without an estimate."""
        return self.n_collapsed + self.n_unfinished

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """Standard errors, covariance and percentile intervals of the estimates."""
        p, fit = self.params, self.fit
        values = rows.parameter_values(
            p.weights, p.means, scales(p.cholesky), correlations(p.cholesky), fit.correlated
        )
        return Uncertainty.from_replicates(fit.estimates, values)

    def standard_errors(self) -> pd.DataFrame:
        """Table of the estimates ``mle`` and their standard errors ``se``, as `EMFit` has it."""
        return self.summary()[["mle", "se"]]

    def confidence_intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Table of percentile intervals, ``low`` and ``high``; see `Uncertainty.intervals`."""
        return self.uncertainty.intervals(level)

    def summary(self) -> pd.DataFrame:
        """Table of the estimates.

        Returns
        -------
        pandas.DataFrame
            Columns ``mle``, ``se`` (standard deviation of the replicates), ``ci_low`` and
            ``ci_high`` (their 2.5 % and 97.5 % quantiles) and ``bias`` (their mean less
            ``mle``), with the rows of `EMFit.summary`.
        """
        found, interval = self.uncertainty, self.confidence_intervals()
        assert found.replicates is not None
        return pd.DataFrame(
            {
                "mle": found.estimates,
                "se": found.standard_errors,
                "ci_low": interval["low"],
                "ci_high": interval["high"],
                "bias": found.replicates.mean(axis=0) - found.estimates,
            }
        )

    def to_datatree(self) -> xr.DataTree:
        """Label the replicates, beside the fit.

        Returns
        -------
        xarray.DataTree
            The groups of `EMFit.to_datatree`, and ``bootstrap``: ``weights``, ``means``,
            ``scales``, ``correlations`` and ``covariances`` by ``chain`` (one), ``draw`` (the
            replicates), ``component`` and ``feature``, as a ``posterior`` has them. They are
            draws of no posterior, and independent: R-hat and effective sample sizes say nothing.

        Examples
        --------
        ArviZ takes them under the name of their group, and beside a posterior as data sets::

            az.summary(boot.to_datatree(), group="bootstrap", kind="stats")
            az.plot_forest(
                {
                    "bootstrap": boot.to_datatree()["bootstrap"].to_dataset(),
                    "posterior": bayes.to_datatree()["posterior"].to_dataset(),
                },
                var_names=["weights", "means"],
            )
        """
        tree, p = self.fit.to_datatree(), self.params
        replicates = labelled.mixture_dataset(
            p.weights[None],
            p.means[None],
            p.cholesky[None],
            self.fit.feature_names,
            correlated=self.fit.correlated,
            batch=("chain", "draw"),
        )
        tree["bootstrap"] = xr.DataTree(replicates)
        return tree

    def headline(self) -> list[str]:
        """Say in a few lines what was done, and whether to trust it."""
        return [
            f"Bootstrap of the {words.title(self.fit)}",
            f"  {self.n_replicates} replicates by {_HOW[self.kind]} ({self.kind}), "
            f"each climbed from the estimate; seed {self.random_seed}",
            *([f"  {self._failures()}"] if self.n_failed else []),
            *(["  WARNING: " + _TOO_MANY] if self.too_many_failed else []),
        ]

    @property
    def too_many_failed(self) -> bool:
        """Whether so many samples are without an estimate that the others mislead."""
        return self.n_failed > _MANY_FAILED * (self.n_failed + self.n_replicates)

    def _failures(self) -> str:
        parts = {"collapsed onto few rows": self.n_collapsed, "did not converge": self.n_unfinished}
        told = ", ".join(f"{count} that {what}" for what, count in parts.items() if count)
        return f"set aside: {told}"

    def save(self, path: str | Path) -> None:
        """Write the replicates and the fit to a file; see `Fit.save`."""
        from bayesgmm.em.saved import tree_of_bootstrap

        storage.write(tree_of_bootstrap(self), path)

    def __repr__(self) -> str:
        return shown.as_text(self.headline(), self.summary())

    def _repr_html_(self) -> str:
        return shown.as_html(self.headline(), self.summary())


_TOO_MANY = (
    "errors and intervals describe only the samples in which this maximum exists, and are too "
    "small: a component rests on few rows, so use fewer components or another covariance_type"
)


def bootstrap(
    fit: EMFit,
    n: int,
    kind: str,
    random_seed: int | None,
    cores: int | None,
    progressbar: bool,
) -> Bootstrap:
    """Repeat a fit on samples like its rows; see `EMFit.bootstrap`."""
    _check(fit, n, kind)
    seed = chosen_seed(random_seed)
    sampler = Sampler(
        fit.data,
        fit.params,
        fit.covariance_type,
        kind,
        fit.settings.get("max_iter", 10_000),
        chosen_cores(cores),
    )
    ascents: list[Ascent] = []
    with counter("Bootstrap", n, progressbar) as advance:
        for group in sampler.ascents(n, seed):
            ascents += group
            advance(len(group))
    reasons = [ascent.reason for ascent in ascents]
    good = [ascent for ascent in ascents if ascent.reason is Reason.CONVERGED]
    if len(good) < 2:
        raise FitError(
            f"only {len(good)} of {n} samples have a sound maximum near the estimate: a component "
            "rests on few rows, so use fewer components or another covariance_type"
        )
    found = Bootstrap(
        fit,
        kind,
        _named(sampler.replicates(good), fit),
        reasons.count(Reason.COLLAPSED),
        reasons.count(Reason.MAX_ITER),
        seed,
    )
    if found.too_many_failed:
        warnings.warn(f"{found.n_failed} of {n} samples are set aside: {_TOO_MANY}", stacklevel=3)
    return found


def _named(replicates: Replicates, fit: EMFit) -> Replicates:
    """Give every component the name of the one that it stands for in the fit."""
    order = assignments(*replicates, fit.params)
    each = np.arange(len(order))[:, None]
    return Replicates(*(array[each, order] for array in replicates))


def _check(fit: EMFit, n: int, kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(map(repr, KINDS))}, not {kind!r}")
    if not isinstance(n, int | np.integer) or n < 2:
        raise InputError(f"n must be a whole number of at least 2 replicates, not {n!r}")
    check_maximum(fit)


def check_maximum(fit: EMFit) -> None:
    """Raise an InputError unless the fit is a sound maximum of the likelihood.

    Raises
    ------
    InputError
        If it has priors or a ridge, has not converged or rests on few rows.
    """
    if fit.priors is not None:
        raise InputError(
            "samples from the fit tell of maximum likelihood, and this fit has priors: leave them "
            "out, or ask standard_errors() or fit_bayes how sure the estimates are"
        )
    if fit.reg_covar:
        raise InputError(
            "samples from the fit tell of maximum likelihood, and here the rows cannot determine "
            "the covariances: use covariance_type 'diag' or 'spherical', or fewer features"
        )
    if not fit.sound or fit.reason is Reason.COLLAPSED:
        raise InputError(
            "a component of this fit rests on so few rows that it is an artefact: fit again with "
            "fewer components or another covariance_type"
        )
    if not fit.converged:
        raise InputError("this fit has not converged: fit again with a larger max_iter")
