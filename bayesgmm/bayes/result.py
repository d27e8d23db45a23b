"""What the Bayesian fit returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.bayes import diagnostics, labelfree
from bayesgmm.bayes.diagnostics import Diagnostics
from bayesgmm.bayes.labels import count_switches
from bayesgmm.bayes.mixing import Mixing, mixing
from bayesgmm.bayes.posterior import Posterior
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params, correlations
from bayesgmm.priors import Priors
from bayesgmm.results import rows

if TYPE_CHECKING:
    import pymc as pm

    from bayesgmm.bayes.evidence import Evidence
    from bayesgmm.bayes.labels.agreement import LabelAgreement

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False, repr=False)
class BayesFit(Posterior):
    """A posterior, in draws whose components have been given names that fit together.

    Attributes
    ----------
    data : Data
        The rows that were fitted.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances share.
    priors : Priors or None
        What was believed before; None if draws from elsewhere came without.
    draws : Mixture
        Relabelled draws: ``weights`` (chain, draw, K), ``means`` and ``scales`` (chain, draw, K,
        D), ``correlations_cholesky`` and ``cholesky`` (chain, draw, K, D, D).
    labels : array of int, shape (chain, draw, K)
        Which sampled component each name stands for: how the draws were relabelled.
    log_likelihood : array, shape (chain, draw)
        Total natural log-likelihood of every draw.
    sample_stats : dict of str to array, shape (chain, draw)
        What the sampler tells of itself, under PyMC's names.
    reference : Params
        The mixture, by EM unless another was given, from whose neighbourhood the chains started
        and whose names the components have.
    settings : dict
        Arguments of the fit, with the seed that was used.
    extra : Dataset
        Other variables that draws from elsewhere brought along, with the components as they were
        sampled. `to_datatree` has them beside ours.
    """

    data: Data
    covariance_type: str
    priors: Priors | None
    draws: Mixture
    labels: Labels
    log_likelihood: Array
    sample_stats: dict[str, npt.NDArray[Any]]
    reference: Params
    settings: dict[str, Any] = field(default_factory=dict)
    extra: xr.Dataset = field(default_factory=xr.Dataset)

    @cached_property
    def params(self) -> Params:  # type: ignore[override]
        """Posterior means of weights, means, standard deviations and correlations."""
        over = (0, 1)
        matrices = correlations(self.draws.correlations_cholesky).mean(axis=over)
        scales = self.draws.scales.mean(axis=over)
        weights = self.draws.weights.mean(axis=over)
        cholesky = scales[..., None] * np.linalg.cholesky(matrices)
        return Params(weights / weights.sum(), self.draws.means.mean(axis=over), cholesky)

    @cached_property
    def model(self) -> pm.Model:
        """The PyMC model whose posterior this is: look at it, extend it, sample it your way."""
        from bayesgmm.bayes.model import build_model

        return build_model(self.data, self.n_components, self.covariance_type, self.known_priors)

    @property
    def known_priors(self) -> Priors:
        """The `priors`; an InputError if they are not known."""
        if self.priors is None:
            raise InputError(
                "the priors of this fit are not known, for its draws came from elsewhere: if they "
                "can be said, give them to from_draws(..., priors=bg.Priors(...))"
            )
        return self.priors

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """How the sampling went, and whether to trust it."""
        first = self.labels[:, 0] != np.arange(self.n_components)
        values = self._label_free_values
        telling = diagnostics.telling(values)
        r_hat = np.where(telling, self._label_free_mixing.r_hat, np.nan)
        return diagnostics.diagnose(
            self._mixing,
            self._label_free_mixing._replace(r_hat=r_hat),
            list(self.label_free_draws),
            diagnostics.groups_of_chains(values[..., telling], r_hat),
            n_chains=self.labels.shape[0],
            n_draws=self.labels.shape[1],
            divergences=int(self.sample_stats["diverging"].sum()),
            label_switches=count_switches(self.labels),
            chains_renamed=int(first.any(axis=-1).sum()),
            relabelled=not self.named_by_sampler,
            missed=self.settings.get("missed", ()),
        )

    @property
    def named_by_sampler(self) -> bool:
        """Whether the components have the names under which they were sampled.

        They do after `as_sampled`, and where the priors tell them apart.
        """
        return self.settings.get("relabelled") in ("sampled", "priors")

    @property
    def _values(self) -> Array:
        d = self.draws
        return rows.parameter_values(
            d.weights, d.means, d.scales, correlations(d.correlations_cholesky), self.correlated
        )

    @cached_property
    def _mixing(self) -> Mixing:
        return mixing(self._values)

    @cached_property
    def label_free_draws(self) -> dict[str, Array]:
        """Every quantity of `label_free_summary` in every draw, shape (chain, draw)."""
        return labelfree.quantities(self.data, self.reference, self.draws, self.log_likelihood)

    @property
    def _label_free_values(self) -> Array:
        return np.stack(list(self.label_free_draws.values()), axis=-1)

    @cached_property
    def _label_free_mixing(self) -> Mixing:
        return mixing(self._label_free_values)

    def label_free_summary(self) -> pd.DataFrame:
        """Table of quantities that do not depend on what the components are called.

        Returns
        -------
        pandas.DataFrame
            The columns of `summary`; a row for the total log-likelihood, for the log density at
            some rows of the data, for the weights in descending order, for the mean entropy (in
            nats) of the rows' responsibilities and for the number of components that are the
            likeliest of some row. Where at least 95 % of the draws agree on that number, its
            R-hat is of a rare event, and the verdict leaves it out.
        """
        index = pd.Index(list(self.label_free_draws), name="quantity")
        table = diagnostics.table(self._label_free_values, self._label_free_mixing)
        return pd.DataFrame(table, index=index)

    def of_chains(self, chains: Sequence[int]) -> BayesFit:
        """Return the posterior as some of the chains saw it, as a fit of its own."""
        some = list(chains)
        return replace(
            self,
            draws=self.draws.take(some),
            labels=self.labels[some],
            log_likelihood=self.log_likelihood[some],
            sample_stats={name: array[some] for name, array in self.sample_stats.items()},
            extra=self.extra.isel(chain=some, missing_dims="ignore"),
        )

    @cached_property
    def modes(self) -> tuple[BayesFit, ...]:
        """The posterior as each of ``diagnostics.groups`` saw it: a fit for each place.

        Just one, of all chains, unless the verdict is *several modes*.
        """
        groups = self.diagnostics.groups
        return (self,) if len(groups) == 1 else tuple(map(self.of_chains, groups))

    @property
    def _places(self) -> dict[str, BayesFit]:
        """The `modes`, by the words for their chains; empty if there is one place only."""
        groups = self.diagnostics.groups
        if len(groups) == 1:
            return {}
        return dict(zip(map(diagnostics.chains_in_words, groups), self.modes, strict=True))

    @cached_property
    def _quick_evidence(self) -> Evidence | None:
        from bayesgmm.bayes.words import quick_evidence

        return quick_evidence(self)

    def summary(self) -> pd.DataFrame:
        """Table of the posterior.

        Returns
        -------
        pandas.DataFrame
            Columns ``mean``, ``sd``, ``interval_low``, ``interval_high`` (95 %, equal tails),
            ``mcse_mean``, ``ess_bulk``, ``ess_tail`` and ``r_hat``; a row for each parameter,
            indexed by ``component``, ``parameter`` (weight, mean, sd, correlation) and
            ``feature``.
        """
        return pd.DataFrame(diagnostics.table(self._values, self._mixing), index=self._rows())

    def prior_sensitivity(self) -> pd.DataFrame:
        """Tell how far each parameter would move if the prior, or the likelihood, were stronger.

        Returns
        -------
        pandas.DataFrame
            Columns ``prior``, ``likelihood`` and ``diagnosis`` of ``arviz.psense_summary``, a row
            for each parameter as in `summary`. Much is 0.05 or more: in both columns, prior and
            rows may be in conflict; in the first alone, the prior is strong and the rows are weak.

        Raises
        ------
        InputError
            If the priors are not known.

        References
        ----------
        Kallioinen, N., Paananen, T., Bürkner, P.-C. and Vehtari, A. (2024). Detecting and
        diagnosing prior and likelihood sensitivity with power-scaling. Statistics and Computing
        34, 57.
        """
        from bayesgmm.bayes.sensitivity import prior_sensitivity

        return prior_sensitivity(self)

    def headline(self) -> list[str]:
        """See `Fit.headline`."""
        from bayesgmm.bayes.words import headline

        return headline(self)

    def _shown(self) -> pd.DataFrame:
        """Give a table of the posterior, or of each mode beside the others."""
        tables = {words: fit.summary()[["mean", "sd"]] for words, fit in self._places.items()}
        return pd.concat(tables, axis=1) if tables else self.summary()

    def relabel(self, method: str) -> BayesFit:
        """Name the components of every draw by another method.

        No draw is dropped, and label-free quantities do not change. Every method starts from the
        draws as sampled: what a fit was relabelled by before does not matter. The names, in
        general, are those of `reference`, as `fit_bayes` gives them: a method decides which
        component of each draw has which of them.

        Parameters
        ----------
        method : str
            ``"reference"``: by the mixture that each draw resembles, the EM estimate.
            ``"ecr"``: so that each draw divides the rows among the components as the draw with
            the highest posterior density does (``lp`` of the sampler, else the likelihood).
            ``"stephens"``: so that the responsibilities of each draw are near to those of all
            draws on average. ``"ordered:<feature>"``: so that the means of a feature, given by
            name or number, have one order in all draws.

        Returns
        -------
        BayesFit
            With ``settings["relabelled"]`` naming the method.

        Raises
        ------
        InputError
            If there is no such method or feature.

        References
        ----------
        Papastamoulis, P. and Iliopoulos, G. (2010). An artificial allocations based solution to
        the label switching problem in Bayesian analysis of mixtures of distributions. Journal of
        Computational and Graphical Statistics 19, 313-331.

        Stephens, M. (2000). Dealing with label switching in mixture models. Journal of the Royal
        Statistical Society B 62, 795-809.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> faithful = bg.load_dataset("faithful")
        >>> bayes = bg.fit_bayes(
        ...     faithful, 2, draws=200, tune=200, chains=2, thin=1, random_seed=1, progressbar=False
        ... )
        >>> ordered = bayes.relabel("ordered:waiting")
        >>> means = ordered.to_datatree(["posterior"])["posterior"]["means"].sel(feature="waiting")
        >>> bool((means.diff("component") > 0).all())
        True
        """
        from bayesgmm.bayes.labels.methods import relabel

        return relabel(self, method)

    def as_sampled(self) -> BayesFit:
        """Give the components of every draw the names under which they were sampled.

        Where chains call them otherwise, or change their names on the way, averages are of no
        component.

        Returns
        -------
        BayesFit
            With ``settings["relabelled"]`` saying ``"sampled"``; or the fit itself, where the
            priors tell its components apart. `relabel` names them again.
        """
        from bayesgmm.bayes.labels.methods import as_sampled

        return as_sampled(self)

    def label_agreement(
        self, methods: Sequence[str] = ("reference", "ecr", "stephens")
    ) -> LabelAgreement:
        """Tell whether it matters how components are named.

        Parameters
        ----------
        methods : sequence of str
            Methods to compare, two or more; see `relabel`.

        Returns
        -------
        LabelAgreement
            On what share of the draws the methods agree, and how clear each draw's names are.

        Raises
        ------
        InputError
            If there is no such method or feature, or fewer than two are given.
        """
        from bayesgmm.bayes.labels.agreement import label_agreement

        return label_agreement(self, methods)

    def to_datatree(self, groups: Iterable[str] | None = None) -> xr.DataTree:
        """Label the fit as ArviZ expects it of any PyMC result.

        Parameters
        ----------
        groups : iterable of str, optional
            Which of ``posterior``, ``sample_stats``, ``observed_data``, ``log_likelihood`` (of
            every row), ``posterior_predictive`` and, of known priors, ``log_prior``, ``prior`` and
            ``prior_predictive``; all by default. Leave out ``log_likelihood`` and
            ``posterior_predictive`` where rows are many: they have a number for each draw and row.

        Returns
        -------
        xarray.DataTree
            ``posterior`` holds the relabelled ``weights``, ``means``, ``scales``,
            ``correlations`` and ``covariances``, and ``correlations_cholesky`` where
            `model` has it for each component; and `extra`, under the components' names.

        Raises
        ------
        InputError
            If there is no such group, it needs priors that are not known, or it would hold more
            than 300 million numbers.
        """
        from bayesgmm.bayes.tree import tree_of

        return tree_of(self, groups)

    def _saved(self) -> xr.DataTree:
        from bayesgmm.bayes.saved import tree_of_fit

        return tree_of_fit(self)
