"""The interface that every fit answers, however it was made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.mixture.data import Data, as_data, select_columns
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.likelihood import log_density, responsibilities
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure
from bayesgmm.mixture.threads import available_cores
from bayesgmm.results import rows, shown, storage

Array = npt.NDArray[np.float64]


class Fit(ABC):
    """A fitted mixture: a point estimate, and what it says of old and new rows.

    Attributes
    ----------
    params : Params
        Point estimate, its components by ascending mean of the first feature.
    data : Data
        The rows that were fitted.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances share.
    """

    params: Params
    data: Data
    covariance_type: str

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return self.params.n_components

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.data.feature_names

    @property
    def correlated(self) -> bool:
        """Whether features may be correlated within a component."""
        return not get_structure(self.covariance_type).diagonal and self.data.n_features > 1

    @property
    def _mixture(self) -> str:
        """What was fitted, in words: the middle of a headline."""
        plural = "s" if self.n_components > 1 else ""
        return f"{self.n_components} {self.covariance_type} Gaussian component{plural}"

    @abstractmethod
    def summary(self) -> pd.DataFrame:
        """Table of the parameters: a row each, indexed by component, parameter and feature."""

    @abstractmethod
    def to_datatree(self) -> xr.DataTree:
        """Label all that the fit knows, in groups under ArviZ's names."""

    @abstractmethod
    def headline(self) -> list[str]:
        """Say in a few lines what was fitted, how it went and whether to trust it."""

    @abstractmethod
    def _saved(self) -> xr.DataTree:
        """Everything that is needed to get the same fit back."""

    def predict_proba(self, X: Any = None) -> Array:
        """Probability that each row belongs to each component.

        Parameters
        ----------
        X : array or data frame, shape (N, D), path or iterator, optional
            Rows with the features of the fit, in any form that a fit takes; a frame's or file's
            are found by name. By default the fitted rows.

        Returns
        -------
        array, shape (N, K)
            Rows sum to one.

        Raises
        ------
        InputError
            If the rows do not have the features of the fit.
        """
        return responsibilities(self._data(X), self.params, available_cores())

    def predict(self, X: Any = None) -> npt.NDArray[np.intp]:
        """Most probable component of each row, shape (N,); see `predict_proba`."""
        labels: npt.NDArray[np.intp] = self.predict_proba(X).argmax(axis=1)
        return labels

    def score_samples(self, X: Any = None) -> Array:
        """Natural log density of each row, shape (N,); see `predict_proba` for `X`."""
        return log_density(self._data(X), self.params, available_cores())

    def score(self, X: Any = None) -> float:
        """Mean log density of the rows; see `predict_proba` for `X`."""
        return float(self.score_samples(X).mean())

    def sample(
        self, n_samples: int = 1, random_seed: int | None = None
    ) -> tuple[Array, npt.NDArray[np.intp]]:
        """Draw new rows.

        Parameters
        ----------
        n_samples : int
            Number of rows.
        random_seed : int, optional
            The same seed gives the same rows.

        Returns
        -------
        rows : array, shape (n_samples, D)
        labels : array of int, shape (n_samples,)
            The component that each row came from.
        """
        rng = np.random.default_rng(random_seed)
        params = self.params
        labels = rng.choice(self.n_components, size=n_samples, p=params.weights)
        noise = rng.standard_normal((n_samples, params.n_features, 1))
        return params.means[labels] + (params.cholesky[labels] @ noise)[..., 0], labels

    def save(self, path: str | Path) -> None:
        """Write the fit to a file; `bayesgmm.load` gets it back, number for number.

        Parameters
        ----------
        path : path-like
            ``something.nc`` (netCDF, one file) or ``something.zarr`` (a folder); replaced if it
            exists.
        """
        storage.write(self._saved(), path)

    def _data(self, X: Any) -> Data:
        if X is None:
            return self.data
        new = as_data(select_columns(X, self.feature_names))
        if new.n_features != self.data.n_features:
            raise InputError(
                f"the rows have {new.n_features} feature(s), but the fit has "
                f"{self.data.n_features}: {', '.join(self.feature_names)}"
            )
        return new

    def _rows(self) -> pd.MultiIndex:
        return rows.parameter_rows(self.n_components, self.feature_names, self.correlated)

    def _shown(self) -> pd.DataFrame:
        """Give the table of the representations, which must not keep anybody waiting."""
        return self.summary()

    def __repr__(self) -> str:
        return shown.as_text(self.headline(), self._shown())

    def _repr_html_(self) -> str:
        return shown.as_html(self.headline(), self._shown())
