"""What can be asked of a posterior, beyond what every fit answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.bayes import predictive
from bayesgmm.bayes.diagnostics import Diagnostics
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.em.arguments import chosen_seed
from bayesgmm.priors import Priors
from bayesgmm.results.fit import Fit

if TYPE_CHECKING:
    from bayesgmm.bayes.bands import DensityBand
    from bayesgmm.bayes.evidence import Evidence
    from bayesgmm.bayes.loo import Loo
    from bayesgmm.bayes.partition.result import Partition

Array = npt.NDArray[np.float64]


class Posterior(Fit):
    """A fit that is many mixtures: draws with leading axes (chain, draw)."""

    draws: Mixture
    settings: dict[str, Any]

    @property
    @abstractmethod
    def diagnostics(self) -> Diagnostics:
        """How the sampling went, and whether to trust it."""

    @property
    @abstractmethod
    def known_priors(self) -> Priors:
        """What was believed before; an InputError if that is not known."""

    @abstractmethod
    def to_datatree(self, groups: Iterable[str] | None = None) -> xr.DataTree:
        """Label the groups that are asked for, or all."""

    def predict_proba(self, X: Any = None) -> Array:
        """Posterior mean of the responsibilities, shape (N, K); see `Fit.predict_proba`."""
        return predictive.mean_responsibilities(self._data(X).rows(), self.draws)

    def predict_proba_draws(self, X: Any = None) -> xr.DataArray:
        """Responsibilities in every draw, dimensions (chain, draw, row, component)."""
        shares = predictive.responsibility_draws(self._data(X).rows(), self.draws)
        return xr.DataArray(shares, dims=("chain", "draw", "row", "component"))

    def score_samples(self, X: Any = None) -> Array:
        """Log of the posterior mean density of each row, shape (N,): the predictive density."""
        return predictive.mean_density(self._data(X).rows(), self.draws)

    def score_samples_draws(self, X: Any = None) -> xr.DataArray:
        """Natural log density of each row in every draw, dimensions (chain, draw, row)."""
        density = predictive.log_density_draws(self._data(X).rows(), self.draws)
        return xr.DataArray(density, dims=("chain", "draw", "row"))

    def sample(
        self, n_samples: int = 1, random_seed: int | None = None
    ) -> tuple[Array, npt.NDArray[np.intp]]:
        """Draw new rows from the posterior predictive distribution; see `Fit.sample`.

        Each row comes from a draw of its own.
        """
        rng = np.random.default_rng(random_seed)
        chains, draws = self.draws.weights.shape[:2]
        chosen = rng.integers(chains, size=n_samples), rng.integers(draws, size=n_samples)
        picked = self.draws.take(chosen)
        values, labels = predictive.rows_of_each(picked, 1, rng)
        return values[:, 0], labels[:, 0]

    def similarity(self, rows: npt.ArrayLike | None = None) -> Array:
        """Probability that two rows are of one component, given the data: label-free.

        The posterior similarity matrix, as the mean of ``Σ_k r_ik r_jk`` over all draws: the
        exact probability given a draw's parameters, with no sampled allocations (Rao-Blackwell).

        Parameters
        ----------
        rows : array of int, optional
            Numbers of at most 5000 rows; by default all rows.

        Returns
        -------
        array, shape (N, N)
            Symmetric, with ones on the diagonal.

        Raises
        ------
        InputError
            If there are more than 5000 rows, or no such rows.
        """
        from bayesgmm.bayes.partition.similarity import similarity_of

        return similarity_of(self.data, self.draws, rows)

    def partition(
        self,
        loss: str = "vi",
        *,
        max_clusters: int | None = None,
        level: float = 0.95,
        draws: int = 1000,
        runs: int = 16,
        random_seed: int | None = None,
    ) -> Partition:
        """Cut the rows into the clusters of least expected loss: label-free.

        Partitions are drawn from the posterior, an allocation of every row in each draw, and the
        partition that is nearest to them on average is searched.

        Parameters
        ----------
        loss : {"vi", "binder"}
            Variation of information, or Binder's loss with equal costs, which often makes more
            and smaller clusters.
        max_clusters : int, optional
            Clusters that there may be; by default as many as components.
        level : float
            Posterior probability of the credible ball.
        draws : int
            Draws to use at most; evenly spaced ones if there are more.
        runs : int
            Starts of the search.
        random_seed : int, optional
            By default that of the fit.

        Returns
        -------
        Partition

        Raises
        ------
        InputError
            If an argument cannot be used; the message says which and what to do.

        References
        ----------
        Dahl, D. B., Johnson, D. J. and Müller, P. (2022). Search algorithms and loss functions
        for Bayesian clustering. Journal of Computational and Graphical Statistics 31, 1189-1201.

        Wade, S. and Ghahramani, Z. (2018). Bayesian cluster analysis: point estimation and
        credible balls (with discussion). Bayesian Analysis 13, 559-626.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> faithful = bg.load_dataset("faithful")
        >>> bayes = bg.fit_bayes(
        ...     faithful, 2, draws=200, tune=200, chains=2, thin=1, random_seed=1, progressbar=False
        ... )
        >>> found = bayes.partition()
        >>> found.labels.shape, found.n_clusters
        ((272,), 2)
        """
        from bayesgmm.bayes.partition.result import partition_of

        return partition_of(
            self,
            loss=loss,
            max_clusters=max_clusters,
            level=level,
            most=draws,
            runs=runs,
            random_seed=self._seed(random_seed),
        )

    def density(
        self,
        features: str | Sequence[str] | None = None,
        *,
        points: npt.ArrayLike | None = None,
        level: float = 0.95,
        n_points: int | None = None,
    ) -> DensityBand:
        """Density of the rows with its uncertainty: label-free.

        Parameters
        ----------
        features : str or sequence of str, optional
            Features whose marginal density is asked for; by default all.
        points : array, shape (M, d) or (M,), optional
            Where to evaluate it; by default on a grid, a tenth of the range beyond the rows on
            either side, for one or two features.
        level : float
            Posterior probability of the interval at each point.
        n_points : int, optional
            Points of the grid along each feature: by default 200, or 60 for each of a pair.

        Returns
        -------
        DensityBand

        Raises
        ------
        InputError
            If there are no such features, or points and features do not fit together.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> faithful = bg.load_dataset("faithful")
        >>> bayes = bg.fit_bayes(
        ...     faithful, 2, draws=200, tune=200, chains=2, thin=1, random_seed=1, progressbar=False
        ... )
        >>> band = bayes.density("waiting", points=[60, 80])
        >>> bool((band.low < band.mean).all() and (band.mean < band.high).all())
        True
        >>> bayes.density("waiting", n_points=50).to_dataframe().columns.to_list()
        ['waiting', 'mean', 'low', 'high']
        """
        from bayesgmm.bayes.bands import density_band

        return density_band(self.data, self.draws, points, features, level, n_points)

    def predict_proba_interval(self, X: Any = None, level: float = 0.95) -> xr.DataArray:
        """Posterior mean and interval of the responsibilities of each row.

        Parameters
        ----------
        X : array or data frame, shape (N, D), optional
            See `predict_proba`; by default the fitted rows.
        level : float
            Posterior probability of each interval, with equal tails.

        Returns
        -------
        xarray.DataArray
            Dimensions (row, component, statistic); ``statistic`` is mean, low, high. The means
            are those of `predict_proba`.

        Raises
        ------
        InputError
            If the rows do not have the features of the fit, or level is no probability.
        """
        from bayesgmm.bayes.bands import membership_interval

        return membership_interval(self._data(X).rows(), self.draws, level)

    def predictive_check(
        self,
        statistics: Mapping[str, Callable[[Array], Any]] | None = None,
        *,
        draws: int = 1000,
        random_seed: int | None = None,
    ) -> pd.DataFrame:
        """Hold statistics of the rows against those of data sets drawn from the posterior.

        Parameters
        ----------
        statistics : dict of str to callable, optional
            Each turns rows, shape (N, D), into a number. By default mean, sd, skewness, kurtosis
            (3 for a Gaussian), min and max of every feature, and all correlations.
        draws : int
            Data sets to draw at most, each as large as the fitted one.
        random_seed : int, optional
            By default that of the fit.

        Returns
        -------
        pandas.DataFrame
            A row for each statistic, with columns ``observed``, ``replicated`` (mean),
            ``interval_low``, ``interval_high`` (95 %, equal tails) and ``tail_probability``: how
            often a replicate lies above what was observed. Near 0 or 1 the mixture misses what
            the statistic measures.

        Raises
        ------
        InputError
            If a statistic does not give one number.

        References
        ----------
        Gelman, A., Meng, X.-L. and Stern, H. (1996). Posterior predictive assessment of model
        fitness via realized discrepancies. Statistica Sinica 6, 733-807.
        """
        from bayesgmm.bayes.checks import predictive_check

        seed = self._seed(random_seed)
        return predictive_check(self.data, self.draws, statistics, draws, seed)

    def loo(self, *, log_jacobian: npt.ArrayLike | None = None) -> Loo:
        """Estimate the log density of new rows by Pareto-smoothed leave-one-out cross-validation.

        Parameters
        ----------
        log_jacobian : array, shape (N,), or float, optional
            If the fitted rows ``z`` are a transformation of other rows ``y``, the logarithm of
            ``|det dz/dy|`` at each: then densities are those of ``y``, and a fit of ``z`` can be
            compared with one of ``y``. Of ``z = log(y)`` it is ``-z.sum(axis=1)``.

        Returns
        -------
        Loo
            ArviZ's ``ELPDDataLOO``, pointwise, which ``arviz.compare`` takes, and with it the
            verdict on the draws, which the Pareto k do not see.

        Raises
        ------
        InputError
            If there are too many rows for a number for each draw and row, or `log_jacobian` does
            not have a finite number for each row.

        References
        ----------
        Vehtari, A., Gelman, A. and Gabry, J. (2017). Practical Bayesian model evaluation using
        leave-one-out cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
        """
        from bayesgmm.bayes.loo import loo_of

        tree = self.to_datatree(["posterior", "log_likelihood"])
        return loo_of(tree, self.diagnostics, log_jacobian)

    def evidence(self, *, draws: int = 4000, random_seed: int | None = None) -> Evidence:
        """Estimate the evidence by bridge sampling, and how much of the posterior is where.

        The evidence, or marginal likelihood, is the density of the rows averaged over the prior.
        Differences of its logarithm between fits of the same rows are log Bayes factors: with
        equal prior probabilities, ``exp`` of it is proportional to the posterior probability of a
        number of components. It depends on the priors far more than a posterior does.

        Parameters
        ----------
        draws : int
            Draws to use at most; evenly spaced ones if there are more.
        random_seed : int, optional
            By default that of the fit.

        Returns
        -------
        Evidence
            With its standard error. Where the verdict is *several modes*, its parts tell what no
            chain can: which share of the posterior each place has. Places that no chain was in do
            not count.

        Raises
        ------
        InputError
            If the priors are not known, there are too few draws, or more than seven components
            that no prior tells apart.
        FitError
            If the draws do not vary.

        References
        ----------
        Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a
        simple identity: a theoretical exploration. Statistica Sinica 6, 831-860.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> galaxies = bg.load_dataset("galaxies")
        >>> fits = {
        ...     k: bg.fit_bayes(galaxies, k, random_seed=1, progressbar=False) for k in (1, 3)
        ... }
        >>> evidence = {k: fit.evidence().log_evidence for k, fit in fits.items()}
        >>> evidence[3] - evidence[1] > 20  # overwhelming odds
        True
        """
        from bayesgmm.bayes.evidence import evidence_of

        return evidence_of(self, draws, self._seed(random_seed))

    def _seed(self, given: int | None) -> int:
        return chosen_seed(self.settings.get("random_seed") if given is None else given)
