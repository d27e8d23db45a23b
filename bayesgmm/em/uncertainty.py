"""How sure a maximum is: standard errors, intervals and covariances of the estimates.

Two roads lead here. By the *information*, the estimates vary as the inverse of the observed
information says, which is right if the mixture is. The *sandwich* ``A^-1 B A^-1``, with A the
information and B the spread of the rows' scores, holds in large samples also if it is not
(Huber 1967; White 1982). Both are carried to the reported parameters by the delta method.

References
----------
Huber, P. J. (1967). The behavior of maximum likelihood estimates under nonstandard conditions.
Proceedings of the Fifth Berkeley Symposium 1, 221-233.

White, H. (1982). Maximum likelihood estimation of misspecified models. Econometrica 50, 1-25.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import solve_triangular
from scipy.special import expit, logit, ndtri

from bayesgmm.em.information import Information
from bayesgmm.mixture.errors import InputError

Array = npt.NDArray[np.float64]

_FLAT = 1e-8  # share of the complete-data information below which rounding rules
_FAR = 0.05  # standard errors that the estimate may lie from the maximum

# a scale without bounds for each parameter: there, back, and the slope of the way there
_LINKS: dict[str, tuple[Callable[[Array], Array], ...]] = {
    "weight": (logit, expit, lambda weight: 1 / (weight * (1 - weight))),
    "mean": (np.positive, np.positive, np.ones_like),
    "sd": (np.log, np.exp, np.reciprocal),
    "correlation": (np.arctanh, np.tanh, lambda rho: 1 / (1 - rho * rho)),
}


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The sampling distribution of the estimates; or with priors, the posterior about its mode.

    Attributes
    ----------
    estimates : pandas.Series
        The maximum, indexed by ``component``, ``parameter`` and ``feature``.
    covariance : pandas.DataFrame
        Covariance of the estimates, with the same index both ways, in the units of the data.
        NaN if there is a `problem`.
    problem : str
        Why there are no standard errors; empty if there are.
    replicates : array, shape (B, rows), or None
        Estimates from repeated samples, in the order of `estimates`, if that is how the
        covariance was found.
    """

    estimates: pd.Series[float]
    covariance: pd.DataFrame
    problem: str = ""
    replicates: Array | None = None

    @classmethod
    def from_replicates(cls, estimates: pd.Series[float], replicates: Array) -> Uncertainty:
        """Uncertainty from estimates (B, rows) of repeated samples, such as a bootstrap's."""
        covariance = np.atleast_2d(np.cov(replicates, rowvar=False))
        return cls(estimates, _labelled(covariance, estimates), replicates=replicates)

    @property
    def standard_errors(self) -> pd.Series[float]:
        """Standard deviation of each estimate, with its index and in its units."""
        return pd.Series(
            np.sqrt(np.diag(self.covariance.to_numpy())), index=self.estimates.index, name="se"
        )

    def intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Confidence intervals, each parameter by itself.

        With replicates, their quantiles. Without, Wald intervals on a scale where the parameter
        has no bounds, so that the intervals respect them: the logit of a weight, a mean itself,
        the log of a standard deviation, Fisher's z (the inverse hyperbolic tangent) of a
        correlation.

        Parameters
        ----------
        level : float
            Wanted coverage, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Columns ``low`` and ``high``, with the index of `estimates`.

        Raises
        ------
        InputError
            If `level` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level must be between 0 and 1, such as 0.95, not {level!r}")
        tail = (1 - level) / 2
        bounds: Array
        if self.replicates is None:
            bounds = self._wald(-float(ndtri(tail)))
        else:
            bounds = np.quantile(self.replicates, [tail, 1 - tail], axis=0).T
        return pd.DataFrame(bounds, index=self.estimates.index, columns=["low", "high"])

    def _wald(self, width: float) -> Array:
        """Interval (rows, 2) of so many standard errors on the scale without bounds."""
        estimates = np.asarray(self.estimates, dtype=np.float64)
        errors = np.asarray(self.standard_errors, dtype=np.float64)
        parameter = self.estimates.index.get_level_values("parameter")
        sides = np.array([-width, width])
        # the weight of a single component is 1, with an error of 0: beyond any such scale
        bounds = np.repeat(np.where(errors == 0, estimates, np.nan)[:, None], 2, axis=1)
        for name, (link, inverse, slope) in _LINKS.items():
            rows = (parameter == name) & (errors > 0)
            value = estimates[rows, None]
            reach = slope(value) * errors[rows, None] * sides
            with np.errstate(over="ignore"):  # no bound at all, where next to nothing is known
                bounds[rows] = inverse(link(value) + reach)
        return bounds


def from_information(
    estimates: pd.Series[float],
    jacobian: Array,
    information: Information,
    *,
    robust: bool,
    climbed: str = "likelihood",
) -> Uncertainty:
    """Uncertainty by the delta method.

    Parameters
    ----------
    estimates : pandas.Series
        The reported parameters.
    jacobian : array, shape (rows, Q)
        Their derivatives along the directions of `information`.
    information : Information
        At the estimate.
    robust : bool
        By the sandwich, and not by the inverse of the information.
    climbed : str
        What the estimate maximises, in words.
    """
    root, problem = _inverse_root(information, climbed)
    if problem:
        return without(estimates, problem)
    half = jacobian @ root
    middle = root.T @ information.scores @ root if robust else np.eye(root.shape[1])
    return Uncertainty(estimates, _labelled(half @ middle @ half.T, estimates))


def without(estimates: pd.Series[float], problem: str) -> Uncertainty:
    """Return an uncertainty that nothing is known of, and why."""
    return Uncertainty(
        estimates, _labelled(np.full((len(estimates),) * 2, np.nan), estimates), problem
    )


def _inverse_root(information: Information, climbed: str) -> tuple[Array, str]:
    """Root R of the inverse ``R R'`` of the observed information, or what is wrong with it.

    The eigenvalues are those of the observed relative to the complete-data information: shares
    between 0 and 1, whatever the units, that say how much is left although components are
    unknown.
    """
    saddle = (
        f"the estimate is not a maximum, for the {climbed} rises from it in some direction: two "
        "components may be the same, or EM stopped too early"
    )
    nothing = np.empty((0, 0))
    if not np.isfinite(information.observed).all():
        return nothing, "the covariances are singular to rounding: rescale the features"
    try:
        lower = np.linalg.cholesky(information.complete)
    except np.linalg.LinAlgError:
        return nothing, saddle
    whitened = solve_triangular(lower, information.observed, lower=True)
    whitened = solve_triangular(lower, whitened.T, lower=True)
    shares, vectors = np.linalg.eigh((whitened + whitened.T) / 2)
    least = shares.min(initial=1.0)
    if least < -_FLAT:
        return nothing, saddle
    if least < _FLAT:
        return nothing, (
            f"the {climbed} is flat in some direction at the estimate, as where two components "
            "are the same"
        )
    root = solve_triangular(lower, vectors / np.sqrt(shares), lower=True, trans="T")
    far = float(np.linalg.norm(root.T @ information.gradient))
    if far > _FAR:
        return nothing, (
            f"the estimate is {far:.2g} standard errors short of the maximum: EM stopped too "
            "early, so raise max_iter"
        )
    return root, ""


def _labelled(covariance: Array, estimates: pd.Series[float]) -> pd.DataFrame:
    return pd.DataFrame(covariance, index=estimates.index, columns=estimates.index)
