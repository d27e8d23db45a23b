"""Labelled arrays: the names of variables, dimensions and coordinates that ArviZ meets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import correlations, covariances, scales

Array = npt.NDArray[np.float64]

_LARGEST = 2 * 2**30  # bytes of rows that a labelled copy may have

OBSERVED = "x"  # the name of the data, of their likelihood and of their predictions

_DIMS = {
    "weights": ("component",),
    "means": ("component", "feature"),
    "scales": ("component", "feature"),
    "correlations": ("component", "feature", "feature_bis"),
    "covariances": ("component", "feature", "feature_bis"),
    "cholesky": ("component", "feature", "feature_bis"),
    "correlations_cholesky": ("component", "feature", "feature_bis"),
}


def coordinates(n_components: int, feature_names: tuple[str, ...]) -> dict[str, Any]:
    """Coordinates of components and features."""
    names = list(feature_names)
    return {"component": np.arange(n_components), "feature": names, "feature_bis": names}


def numbered(dims: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, Any]:
    """Coordinates 0, 1, ... of the first dimensions of an array of this shape."""
    return {dim: np.arange(size) for dim, size in zip(dims, shape, strict=False)}


def mixture_dataset(
    weights: Array,
    means: Array,
    cholesky: Array,
    feature_names: tuple[str, ...],
    *,
    correlated: bool,
    batch: tuple[str, ...] = (),
) -> xr.Dataset:
    """Label the parameters of one mixture or of many.

    Parameters
    ----------
    weights, means, cholesky : array
        Of shapes (..., K), (..., K, D) and (..., K, D, D).
    feature_names : tuple of str, length D
        Coordinate of the features.
    correlated : bool
        Whether features may be correlated within a component; if not, there are no
        ``correlations``.
    batch : tuple of str
        Names of the leading dimensions, such as ``("chain", "draw")``.

    Returns
    -------
    xarray.Dataset
        ``weights``, ``means``, ``scales``, ``correlations`` and ``covariances``.
    """
    arrays = {
        "weights": weights,
        "means": means,
        "scales": scales(cholesky),
        "correlations": correlations(cholesky),
        "covariances": covariances(cholesky),
    }
    if not correlated:
        del arrays["correlations"]
    return dataset(arrays, weights.shape[-1], feature_names, batch)


def dataset(
    arrays: Mapping[str, Array],
    n_components: int,
    feature_names: tuple[str, ...],
    batch: tuple[str, ...] = (),
) -> xr.Dataset:
    """Label arrays by the dimensions that their names imply, after leading `batch` dimensions."""
    coords = coordinates(n_components, feature_names)
    coords |= numbered(batch, next(iter(arrays.values())).shape)
    variables = {name: ((*batch, *_DIMS[name]), array) for name, array in arrays.items()}
    used = {dim for dims, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {dim: coords[dim] for dim in coords if dim in used})


def rows_dataset(
    values: Array, feature_names: tuple[str, ...], batch: tuple[str, ...] = ()
) -> xr.Dataset:
    """Label rows of data, shape (..., N, D): observed or predicted."""
    coords = numbered(batch, values.shape)
    coords |= {"row": np.arange(values.shape[-2]), "feature": list(feature_names)}
    return xr.Dataset({OBSERVED: ((*batch, "row", "feature"), values)}, coords)


def observed_dataset(data: Data) -> xr.Dataset:
    """Label the rows that were fitted.

    Raises
    ------
    InputError
        If there are too many to copy.
    """
    size = data.n_rows * data.n_features * 8
    if size > _LARGEST:
        raise InputError(
            f"the fitted rows take {size / 2**30:.1f} GiB, which is too much to label or save: "
            "keep fit.params and fit.summary(), and the rows where they are"
        )
    return rows_dataset(data.rows(), data.feature_names)


def pointwise_dataset(log_density: Array) -> xr.Dataset:
    """Label the log-likelihood of every row in every draw, shape (chain, draw, N)."""
    dims = ("chain", "draw", "row")
    return xr.Dataset({OBSERVED: (dims, log_density)}, numbered(dims, log_density.shape))


def weights_dataset(row_weights: Array) -> xr.Dataset:
    """Label the weights of the rows; there are none where every row counts once."""
    return xr.Dataset({"row_weights": ("row", row_weights)} if row_weights.size else {})


def saved_data(tree: xr.DataTree) -> Data:
    """Read the rows and their weights back from the groups of a saved fit."""
    rows = tree["observed_data"].to_dataset()[OBSERVED]
    names = tuple(str(name) for name in rows["feature"].to_numpy())
    weights = tree["constant_data"].to_dataset()
    row_weights = weights["row_weights"].to_numpy() if "row_weights" in weights else np.empty(0)
    return Data(np.ascontiguousarray(rows.to_numpy()), names, row_weights)
