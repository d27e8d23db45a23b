"""The rows of every table: each component's weight, means, standard deviations, correlations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]


def parameter_rows(
    n_components: int, feature_names: tuple[str, ...], correlated: bool
) -> pd.MultiIndex:
    """Name the rows, component by component.

    Parameters
    ----------
    n_components : int
        Number of components, K.
    feature_names : tuple of str, length D
        Names of the features.
    correlated : bool
        Whether features may be correlated within a component.

    Returns
    -------
    pandas.MultiIndex
        Levels ``component`` (0..K-1), ``parameter`` (weight, mean, sd, correlation) and
        ``feature`` (empty for weights, two names for correlations).
    """
    pairs = combinations(feature_names, 2) if correlated else ()
    of_one = [
        ("weight", ""),
        *(("mean", name) for name in feature_names),
        *(("sd", name) for name in feature_names),
        *(("correlation", f"{one}, {other}") for one, other in pairs),
    ]
    rows = [(k, parameter, feature) for k in range(n_components) for parameter, feature in of_one]
    return pd.MultiIndex.from_tuples(rows, names=["component", "parameter", "feature"])


def parameter_values(
    weights: Array, means: Array, scales: Array, correlations: Array, correlated: bool
) -> Array:
    """Put parameters in the order of `parameter_rows`.

    Parameters
    ----------
    weights, means, scales, correlations : array
        Of shapes (..., K), (..., K, D), (..., K, D) and (..., K, D, D).
    correlated : bool
        As in `parameter_rows`.

    Returns
    -------
    array, shape (..., rows)
    """
    parts = [weights[..., None], means, scales]
    if correlated:
        upper = np.triu_indices(means.shape[-1], 1)
        parts.append(correlations[..., upper[0], upper[1]])
    stacked = np.concatenate(parts, axis=-1)
    return stacked.reshape(*stacked.shape[:-2], -1)
