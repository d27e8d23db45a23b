"""What the posterior says of densities and memberships, with an interval at every point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from bayesgmm.bayes.predictive import log_density_blocks, responsibility_blocks
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import covariances
from bayesgmm.mixture.tables import numbers

Array = npt.NDArray[np.float64]

_BEYOND = 0.1  # how far a grid goes beyond the rows, in their range
_MOST_POINTS = 10**6
_GRID = {1: 200, 2: 60}  # points along each of so many features


@dataclass(frozen=True, eq=False)
class DensityBand:
    """A density with its uncertainty at some points.

    Each interval is for its point alone: a true density leaves the band somewhere more often
    than the level says.

    Attributes
    ----------
    features : tuple of str, length d
        What it is a density of; where these are not all features, a marginal density.
    points : array, shape (..., d)
        Where it was evaluated: (M, d), or (n, n, d) on the grid of a pair.
    mean : array, shape (...)
        Posterior mean of the density, which is the predictive density.
    low, high : array, shape (...)
        Limits of the interval, with equal tails.
    level : float
        Posterior probability of each interval.
    """

    features: tuple[str, ...]
    points: Array
    mean: Array
    low: Array
    high: Array
    level: float

    def to_dataframe(self) -> pd.DataFrame:
        """Give a row for each point: its features, then ``mean``, ``low`` and ``high``."""
        points = self.points.reshape(-1, len(self.features))
        values = {name: getattr(self, name).ravel() for name in ("mean", "low", "high")}
        return pd.DataFrame(points, columns=list(self.features)).assign(**values)


def density_band(
    data: Data, draws: Mixture, points: Any, features: Any, level: float, n_points: int | None
) -> DensityBand:
    """Evaluate the density; see `BayesFit.density`."""
    check_level(level)
    columns = _columns(features, data.feature_names)
    where = _grid(data, columns, n_points) if points is None else _points(points, len(columns))
    flat = where.reshape(-1, len(columns))
    out = np.empty((3, len(flat)))
    for some, log_density in log_density_blocks(flat, marginal(draws, columns)):
        out[:, some] = mean_and_limits(np.exp(log_density), level)
    mean, low, high = out.reshape(3, *where.shape[:-1])
    names = tuple(data.feature_names[column] for column in columns)
    return DensityBand(names, where, mean, low, high, level)


def membership_interval(values: Array, draws: Mixture, level: float) -> xr.DataArray:
    """Summarise the responsibilities of rows, shape (N, D); see `predict_proba_interval`."""
    check_level(level)
    n_components = draws.weights.shape[-1]
    out = np.empty((3, len(values), n_components))
    for some, shares in responsibility_blocks(values, draws):
        out[:, some] = mean_and_limits(shares, level)
    return xr.DataArray(
        np.moveaxis(out, 0, -1),
        dims=("row", "component", "statistic"),
        coords={"component": np.arange(n_components), "statistic": ["mean", "low", "high"]},
        attrs={"level": level},
    )


def marginal(draws: Mixture, columns: Sequence[int]) -> Mixture:
    """Give the mixtures of some features, by number, alone: they are mixtures again.

    Their weights are the same, and means and covariances those of the features.
    """
    columns = list(columns)
    if columns == list(range(draws.means.shape[-1])):
        return draws
    factors = draws.correlations_cholesky[..., columns, :]  # rows of a factor: a root as well
    return Mixture(
        draws.weights,
        draws.means[..., columns],
        draws.scales[..., columns],
        np.linalg.cholesky(covariances(factors)),
    )


def mean_and_limits(values: Array, level: float) -> Array:
    """Mean and limits of the interval with equal tails, over the first axis: (3, ...)."""
    tail = (1 - level) / 2
    return np.stack([values.mean(axis=0), *np.quantile(values, [tail, 1 - tail], axis=0)])


def check_level(level: float) -> None:
    """Raise an InputError if it is no probability of an interval."""
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1, not {level}")


def _columns(features: Any, names: tuple[str, ...]) -> list[int]:
    wanted = names if features is None else (features,) if isinstance(features, str) else features
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InputError(f"there is no feature {unknown[0]!r}; there are {', '.join(names)}")
    if not wanted or len(set(wanted)) < len(wanted):
        raise InputError(f"features must be different names, at least one, not {wanted}")
    return [names.index(name) for name in wanted]


def _grid(data: Data, columns: list[int], n_points: int | None) -> Array:
    if len(columns) > 2:
        raise InputError(
            f"there is no grid of {len(columns)} features: name one or two, as in "
            f"density(features={data.feature_names[0]!r}), or give points"
        )
    n_points = _GRID[len(columns)] if n_points is None else n_points
    most = int(_MOST_POINTS ** (1 / len(columns)))
    if not 2 <= n_points <= most:
        raise InputError(f"n_points must be from 2 to {most}, not {n_points}")
    rows = data.rows()[:, columns]
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = _BEYOND * (high - low)
    axes = np.linspace(low - margin, high + margin, n_points).T
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _points(points: Any, n_columns: int) -> Array:
    array = numbers(np.asarray(points), "points").astype(np.float64)
    array = array[:, None] if array.ndim == 1 and n_columns == 1 else array
    if array.ndim != 2 or array.shape[1] != n_columns:
        raise InputError(
            f"points must have shape (M, {n_columns}), a column for each feature, not {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InputError("points must be finite numbers")
    return array
