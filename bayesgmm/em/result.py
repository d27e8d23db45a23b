"""What EM returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.em import words
from bayesgmm.em.climb import Reason
from bayesgmm.em.inference import Inference
from bayesgmm.em.information import cost
from bayesgmm.em.samples import Kind
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.likelihood import assignment_entropy
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure, n_parameters
from bayesgmm.mixture.threads import available_cores
from bayesgmm.priors import Priors
from bayesgmm.results import labelled

if TYPE_CHECKING:
    from bayesgmm.em.bootstrap import Bootstrap
    from bayesgmm.em.ratio import RatioTest

Array = npt.NDArray[np.float64]

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
        Log prior density there, if priors were part of what was maximised; or what a ridge took
        off (see `EMFit.reg_covar`).
    """

    params: Params
    log_likelihood: float
    n_found: int
    sound: bool
    log_prior: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class EMFit(Inference):
    """A maximum likelihood fit, by EM; or with priors, a posterior mode.

    Attributes
    ----------
    params : Params
        The estimate, its components by ascending mean of the first feature; or as the priors
        name them, if these tell components apart.
    data : Data
        The rows that were fitted.
    covariance_type : str
        What the covariances share; see `fit_em`.
    history : array, shape (n_iter + 1,)
        Highest log-likelihood, plus `log_prior` if there are priors or a ridge, after every
        E-step of the ascent that is returned.
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
        """Log prior density of `params`, or what a ridge takes off; 0 without either."""
        return self.maxima[0].log_prior

    @property
    def reg_covar(self) -> float:
        """Size of the ridge that keeps covariances regular which the rows cannot determine, or 0.

        In units of the variances of the features, as far as the structure allows. Only
        `bayesgmm.sklearn.GaussianMixture` ever uses one.
        """
        return float(self.settings.get("reg_covar", 0.0))

    @property
    def n_parameters(self) -> int:
        """Number of free parameters: what priors fix is not among them."""
        if self.priors is not None:
            return self.priors.n_free(self.n_components, self.data.n_features, self.covariance_type)
        structure = get_structure(self.covariance_type)
        return n_parameters(structure, self.n_components, self.data.n_features)

    @property
    def bic(self) -> float:
        """Bayesian information criterion (Schwarz 1978): lower is better.

        ``-2 log L + n_parameters log N``, the negative of mclust's. N is the total weight of
        the rows. With priors, L is the likelihood at the posterior mode (Fraley and Raftery
        2007): too harsh where the priors settle what the rows leave open, because each
        parameter that is not fixed counts in full.

        References
        ----------
        Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture
        estimation and model-based clustering. Journal of Classification 24, 155-181.
        """
        return -2 * self.log_likelihood + self.n_parameters * float(np.log(self.data.total_weight))

    @property
    def aic(self) -> float:
        """Akaike's information criterion (1974), ``-2 log L + 2 n_parameters``: lower is better.

        It is derived for maximum likelihood, and has no such meaning at a posterior mode.
        """
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
            Columns ``mle`` (``mode`` with priors or a ridge), ``se`` (standard error), ``ci_low``
            and ``ci_high`` (95 % confidence interval) by the information, or with priors by the
            curvature of the posterior about its mode; a row for each parameter,
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

    def bootstrap(
        self,
        n: int = 1000,
        *,
        kind: Kind = "nonparametric",
        random_seed: int | None = None,
        cores: int | None = None,
        progressbar: bool = True,
    ) -> Bootstrap:
        """Fit again and again, to samples like the rows, and see how the estimates vary.

        Each replicate climbs from the estimate, near which its own maximum lies: so this tells
        how this maximum varies, not what else a search might find.

        Parameters
        ----------
        n : int
            Number of samples.
        kind : {"nonparametric", "weighted", "parametric"}
            Rows drawn with replacement (Efron 1979), where rows with weights w are drawn with
            probabilities w / sum(w), round(sum(w)) times; random Dirichlet weights for the rows
            (Rubin 1981; Newton and Raftery 1994), which vary smoothly and never drop one; or as
            many rows drawn from the fitted mixture, which is right only if the mixture is.
        random_seed : int, optional
            The same seed gives the same replicates.
        cores : int, optional
            Most cores to use; by default all. The replicates do not depend on it.
        progressbar : bool
            Show how far it is if it takes more than a second.

        Returns
        -------
        Bootstrap
            Tables of standard errors and intervals, and the replicates.

        Raises
        ------
        InputError
            If an argument cannot be used, or the fit is not a sound maximum of the likelihood.
        FitError
            If hardly any sample has a sound maximum near the estimate.

        Warns
        -----
        UserWarning
            If more than one in twenty have none.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> fit = bg.fit_em(bg.load_dataset("faithful"), 2, random_seed=1)
        >>> boot = fit.bootstrap(100, random_seed=1, progressbar=False)
        >>> boot.summary().columns.to_list()
        ['mle', 'se', 'ci_low', 'ci_high', 'bias']
        >>> table = bg.compare(boot, bayes)  # doctest: +SKIP
        """
        from bayesgmm.em.bootstrap import bootstrap

        return bootstrap(self, n, kind, random_seed, cores, progressbar)

    def likelihood_ratio_test(
        self,
        n: int = 99,
        *,
        n_starts: int = 8,
        random_seed: int | None = None,
        cores: int | None = None,
        progressbar: bool = True,
    ) -> RatioTest:
        """Test whether one component more is needed, by simulation (McLachlan 1987).

        To find the number of components, test one, two and so on until nothing speaks against.

        Parameters
        ----------
        n : int
            Number of samples from this fit; the p-value is no less than ``1 / (n + 1)``.
        n_starts : int
            Number of starts for either fit to a sample, beside those made of this fit.
        random_seed : int, optional
            The same seed gives the same test.
        cores : int, optional
            Most cores to use; by default all. The test does not depend on it.
        progressbar : bool
            Show how far it is if it takes more than a second.

        Returns
        -------
        RatioTest
            The statistic, its distribution if this fit were true, and the p-value.

        Raises
        ------
        InputError
            If an argument cannot be used, the fit is not a sound maximum of the likelihood, or
            the rows are too few for one component more.
        FitError
            If no sample has a sound maximum.
        """
        from bayesgmm.em.ratio import likelihood_ratio_test

        return likelihood_ratio_test(self, n, n_starts, random_seed, cores, progressbar)

    def headline(self) -> list[str]:
        """See `Fit.headline`."""
        return [*words.headline(self), *(f"  {line}" for line in self._about_errors())]

    def _about_errors(self) -> list[str]:
        if self._costly:
            return ["standard errors take a while here: standard_errors() or summary() has them"]
        problem = self.uncertainty().problem
        if problem:
            return [f"no standard errors: {problem}"]
        return [] if self.priors is None else [f"standard errors {words.OF_THE_MODE}"]

    def _shown(self) -> pd.DataFrame:
        return self.estimates.to_frame() if self._costly else self.summary()

    @property
    def _costly(self) -> bool:
        """Whether standard errors are not at hand, and would keep a notebook waiting."""
        return "_information" not in vars(self) and cost(self.data, self.params) > _COSTLY

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
        from bayesgmm.em.saved import tree_of_fit

        return tree_of_fit(self)
