"""`GaussianMixture`: `fit_em` as a scikit-learn estimator, for pipelines and grid searches.

It needs scikit-learn, which the rest of the package does not: ``pip install "bayesgmm[sklearn]"``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import solve_triangular

from bayesgmm.em.arguments import chosen_cores, chosen_seed
from bayesgmm.em.fit import Settings, maximise, warn_of
from bayesgmm.em.progress import reporter
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.requirements import check_rows, undetermined
from bayesgmm.mixture.structures import get_structure

try:
    import joblib
    from sklearn.base import BaseEstimator, DensityMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'bayesgmm.sklearn needs scikit-learn 1.6 or later: pip install "bayesgmm[sklearn]"'
    ) from error

Array = npt.NDArray[np.float64]

_LEAST_RIDGE = 1e-12  # in units of the variances of the features

# What scikit-learn keeps of K matrices (K, D, D) where they need not all be written out.
_COMPACT: dict[str, Callable[[Array], Array]] = {
    "tied": lambda matrices: matrices[0],
    "diag": lambda matrices: np.diagonal(matrices, axis1=1, axis2=2).copy(),
    "spherical": lambda matrices: matrices[:, 0, 0].copy(),
}


class GaussianMixture(DensityMixin, BaseEstimator):
    """Gaussian mixture by maximum likelihood: `bayesgmm.fit_em` as a scikit-learn estimator.

    Use it where `sklearn.mixture.GaussianMixture` stood: it has the same methods, fitted
    attributes and shapes, and besides takes `sample_weight`. It searches for the best maximum
    from many starts of several kinds, and adds nothing to the covariances, unless the rows cannot
    determine them.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, K.
    covariance_type : str, default "full"
        What the covariances share: any `covariance_type` of `bayesgmm.fit_em`, "full", "tied",
        "diag" and "spherical" among them.
    tol : float, default 1e-10
        Stop when the log-likelihood still to be gained, over all rows, is estimated to be below
        this. (scikit-learn's is the gain of one iteration, per row.)
    max_iter : int, default 10000
        Most iterations of each final ascent.
    n_init : int, default 48
        Number of starts. The least promising are given up early.
    reg_covar : float, default 1e-6
        Used only where the rows cannot determine the covariances (no more distinct rows than
        features, or features that depend on each other, where covariances are free), and then
        with a warning; in every other case nothing is added, unlike scikit-learn's. It is a
        ridge, in units of the variances of the features as far as `covariance_type` allows:
        every row stands for a round cloud of this variance, which adds so much to variances
        within components, but in such a way that EM still never goes down. With 0 such rows are
        refused.
    n_jobs : int, optional
        Most cores to use: by default one, or as the surrounding `joblib.parallel_config` says;
        with -1 all. The fit does not depend on it.
    random_state : int, RandomState or None, default None
        Seed of the starts and of `sample`. A whole number gives the same result every time;
        None a new one, without touching NumPy's global state.
    verbose : int, default 0
        Above 0, show what is going on if a fit takes more than a second.

    Attributes
    ----------
    weights_ : array, shape (K,)
        Mixing proportions. Components are sorted by the mean of the first feature.
    means_ : array, shape (K, D)
        Component means.
    covariances_ : array
        Covariances: (D, D) for "tied", (K, D) for "diag", (K,) for "spherical", else (K, D, D),
        also where mclust's code is another name of one of these three.
    precisions_ : array
        Inverses of the covariances, in the same shape.
    precisions_cholesky_ : array
        Upper triangular factors P of the precisions, ``P @ P.T``, in the same shape; inverse
        standard deviations for "diag" and "spherical".
    converged_ : bool
        Whether the ascent came to the top of a maximum.
    n_iter_ : int
        Number of iterations of the ascent that is returned.
    lower_bound_ : float
        Mean natural log-likelihood of the fitted rows, by weight, at the fitted parameters.
    result_ : EMFit
        The fit itself, with all that EM knows (and the rows that were fitted): `summary()`, the
        other maxima that were found, `save`.
    n_features_in_ : int
        Number of features, D.
    feature_names_in_ : array of str, shape (D,)
        Names of the features, if the rows came in a data frame.

    See Also
    --------
    bayesgmm.fit_em : The same fit as a function.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.sklearn import GaussianMixture
    >>> from sklearn.model_selection import GridSearchCV
    >>> choices = {"n_components": [1, 2], "covariance_type": ["full", "tied"]}
    >>> search = GridSearchCV(GaussianMixture(random_state=1), choices)
    >>> faithful = bg.load_dataset("faithful")
    >>> search.fit(faithful).best_params_["n_components"]
    2
    >>> search.best_estimator_.predict(faithful).shape
    (272,)
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-10,
        max_iter: int = 10_000,
        n_init: int = 48,
        reg_covar: float = 1e-6,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.reg_covar = reg_covar
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : array or data frame, shape (N, D)
            The rows.
        y : ignored
            There because pipelines pass it.
        sample_weight : array, shape (N,), optional
            Nonnegative weights: a row of weight two counts as two equal rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the rows, the weights or an argument of the estimator cannot be used.

        Warns
        -----
        ConvergenceWarning
            If the ascent did not converge, every maximum that was found is unsound, or
            `reg_covar` had to be used.
        """
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        names = getattr(self, "feature_names_in_", None)
        named = rows if names is None else pd.DataFrame(rows, columns=names)
        self.result_ = result = self._search(as_data(named, sample_weight))
        warn_of(result, ConvergenceWarning)
        self.weights_ = result.params.weights
        self.means_ = result.params.means
        self.covariances_ = self._compact(result.params.covariances)
        roots = _precision_roots(result.params.cholesky)
        self.precisions_cholesky_ = self._compact(roots)
        self.precisions_ = self._compact(roots @ roots.transpose(0, 2, 1))
        self.converged_ = result.converged
        self.n_iter_ = result.n_iter
        self.lower_bound_ = result.log_likelihood / result.data.total_weight
        return self

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.intp]:
        """Fit the mixture; return the most probable component of each row. See `fit`."""
        return self.fit(X, y, sample_weight).result_.predict()

    def predict(self, X: Any) -> npt.NDArray[np.intp]:
        """Most probable component of each row, shape (N,); see `predict_proba`."""
        return self._fitted.predict(self._rows(X))

    def predict_proba(self, X: Any) -> Array:
        """Probability that each row belongs to each component.

        Parameters
        ----------
        X : array or data frame, shape (N, D)
            Rows with the features of the fit, in their order.

        Returns
        -------
        array, shape (N, K)
            Rows sum to one.
        """
        return self._fitted.predict_proba(self._rows(X))

    def score_samples(self, X: Any) -> Array:
        """Natural log density of each row, shape (N,); see `predict_proba` for `X`."""
        return self._fitted.score_samples(self._rows(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean natural log density of the rows: what a grid search maximises.

        Parameters
        ----------
        X : array or data frame, shape (N, D)
            Rows with the features of the fit, in their order.
        y : ignored
            There because pipelines pass it.
        """
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> tuple[Array, npt.NDArray[np.intp]]:
        """Draw new rows, seeded by `random_state`.

        Parameters
        ----------
        n_samples : int
            Number of rows.

        Returns
        -------
        X : array, shape (n_samples, D)
        y : array of int, shape (n_samples,)
            The component that each row came from.
        """
        return self._fitted.sample(n_samples, _seed(self.random_state))

    def bic(self, X: Any) -> float:
        """Bayesian information criterion (Schwarz 1978) on these rows: lower is better.

        ``-2 log L + n_parameters log N``; see `predict_proba` for `X`.
        """
        densities = self.score_samples(X)
        penalty = self._fitted.n_parameters * np.log(len(densities))
        return float(-2 * densities.sum() + penalty)

    def aic(self, X: Any) -> float:
        """Akaike's information criterion (1974) on these rows: lower is better.

        ``-2 log L + 2 n_parameters``; see `predict_proba` for `X`.
        """
        return float(-2 * self.score_samples(X).sum() + 2 * self._fitted.n_parameters)

    @property
    def _fitted(self) -> EMFit:
        check_is_fitted(self, "result_")
        return self.result_

    def _rows(self, X: Any) -> Array:
        rows: Array = validate_data(self, X, dtype=np.float64, reset=False)
        return rows

    def _search(self, data: Data) -> EMFit:
        """Do what `fit_em` does, but with a ridge where the rows cannot determine covariances."""
        check_rows(data, self.n_components)
        structure = get_structure(self.covariance_type, data.n_features)
        settings = Settings(
            n_starts=_whole("n_init", self.n_init),
            tol=self.tol,
            max_iter=self.max_iter,
            random_seed=chosen_seed(_seed(self.random_state)),
            cores=_cores(self.n_jobs),
        )
        reg_covar = _ridge(self.reg_covar)
        problem = undetermined(data, structure)
        if problem and not reg_covar:
            raise InputError(problem)
        with reporter("EM", bool(self.verbose)) as report:
            result = maximise(
                data,
                self.n_components,
                structure,
                settings,
                report,
                reg_covar=reg_covar if problem else 0.0,
            )
        if problem:
            message = f"{problem}. Until then a ridge of reg_covar = {reg_covar:g} makes up for it"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return result

    def _compact(self, matrices: Array) -> Array:
        compact = _COMPACT.get(self.covariance_type)
        return matrices if compact is None else compact(matrices)


def _precision_roots(cholesky: Array) -> Array:
    """Upper triangular factors of the precisions, (K, D, D)."""
    identity = np.eye(cholesky.shape[-1])
    return np.stack([solve_triangular(lower, identity, lower=True).T for lower in cholesky])


def _seed(random_state: int | np.random.RandomState | None) -> int | None:
    """Seed for `fit_em`: a number as it is, a new one from a RandomState, None for none."""
    if random_state is None or isinstance(random_state, int | np.integer):
        return None if random_state is None else int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _cores(n_jobs: int | None) -> int:
    """Cores for EM, as joblib counts them."""
    if n_jobs is not None and not isinstance(n_jobs, int | np.integer):
        raise InputError(f"n_jobs must be a whole number or None, not {n_jobs!r}")
    return chosen_cores(joblib.effective_n_jobs(n_jobs))


def _ridge(value: Any) -> float:
    """Check the size of a ridge: one below rounding errors would keep nothing regular."""
    number = isinstance(value, float | int | np.floating | np.integer)
    if not number or not (value == 0 or _LEAST_RIDGE <= value < np.inf):
        raise InputError(f"reg_covar must be 0 or at least {_LEAST_RIDGE:g}, not {value!r}")
    return float(value)


def _whole(name: str, value: Any) -> int:
    """Check a count here, because `fit_em` knows it by another name."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)
