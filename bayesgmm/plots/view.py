"""A fit seen through one or two of its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.result import BayesFit
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params
from bayesgmm.results.fit import Fit

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """Rows and mixtures of one or two features.

    Attributes
    ----------
    features : tuple of str
        The one or two features that are looked at.
    values : array, shape (N, 1) or (N, 2)
        The rows.
    row_weights : array, shape (N,) or (0,)
        Their weights; empty where every row counts once.
    params : Params
        The point estimate: what it says of these features alone.
    posterior : BayesFit or None
        Where the draws and the bands of the features are; None for EM.
    """

    features: tuple[str, ...]
    values: Array
    row_weights: Array
    params: Params
    posterior: BayesFit | None = None

    def draws(self, n: int) -> tuple[Params, ...]:
        """Give up to n draws of the posterior, evenly spaced over all chains."""
        if self.posterior is None:
            return ()
        drawn = self.posterior.draws
        columns = [self.posterior.feature_names.index(name) for name in self.features]
        chains, draws = drawn.weights.shape[:2]
        spread = np.unique(np.linspace(0, chains * draws - 1, n).astype(int))
        return tuple(
            _marginal(drawn.weights[i], drawn.means[i], drawn.cholesky[i], columns)
            for i in zip(*np.unravel_index(spread, (chains, draws)), strict=True)
        )


def view(fit: Fit, features: str | Sequence[str] | None = None) -> View:
    """Look at a fit through one or two features.

    Raises
    ------
    InputError
        If the fit has no such features, or they are not one or two different ones.
    """
    seen = view_of(fit.data, fit.params, features)
    return replace(seen, posterior=fit) if isinstance(fit, BayesFit) else seen


def view_of(data: Data, params: Params, features: str | Sequence[str] | None) -> View:
    """Look at rows and one mixture through one or two features; see `view`."""
    names = chosen_features(data.feature_names, features)
    columns = [data.feature_names.index(name) for name in names]
    return View(
        features=names,
        values=np.asarray(data.values[:, columns], np.float64),
        row_weights=data.row_weights,
        params=_marginal(params.weights, params.means, params.cholesky, columns),
    )


def chosen_features(
    known: tuple[str, ...], features: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Names of the features to look at: by default the first two, or the only one."""
    names = known[:2] if features is None else _known(known, features)
    if not 1 <= len(set(names)) == len(names) <= 2:
        raise InputError(f"features must be one name or two different ones, not {features!r}")
    return names


def several_features(
    known: tuple[str, ...], features: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Names of any number of features to look at: by default all."""
    names = known if features is None else _known(known, features)
    if not 1 <= len(set(names)) == len(names):
        raise InputError(f"features must be different names, at least one, not {features!r}")
    return names


def _known(known: tuple[str, ...], features: str | Sequence[str]) -> tuple[str, ...]:
    names = (features,) if isinstance(features, str) else tuple(features)
    for name in names:
        if name not in known:
            raise InputError(f"there is no feature {name!r}; the features are {', '.join(known)}")
    return names


def _marginal(weights: Array, means: Array, cholesky: Array, columns: list[int]) -> Params:
    """Mixture that some features follow by themselves."""
    # These rows A of a factor have A Aᵀ as the features' covariance. With Aᵀ = Q R it is Rᵀ R, so
    # Rᵀ is its Cholesky factor but for signs; the covariance itself would cost half the digits.
    upper = np.linalg.qr(cholesky[:, columns].mT, mode="r")
    signs = np.sign(np.diagonal(upper, axis1=-2, axis2=-1))
    return Params(weights, means[:, columns], upper.mT * signs[:, None])
