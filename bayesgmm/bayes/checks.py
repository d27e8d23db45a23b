"""Posterior predictive checks: whether the fitted mixture would give rows like these.

Data sets as large as the observed one are drawn from the posterior predictive distribution, and a
few statistics of each are held against those of the rows (Gelman, Meng and Stern 1996). A mixture
fits means and variances by construction; tails and extremes are where it fails.

References
----------
Gelman, A., Meng, X.-L. and Stern, H. (1996). Posterior predictive assessment of model fitness via
realized discrepancies. Statistica Sinica 6, 733-807.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesgmm.bayes.bands import mean_and_limits
from bayesgmm.bayes.batch import NUMBERS, evenly_spaced
from bayesgmm.bayes.diagnostics import INTERVAL
from bayesgmm.bayes.predictive import rows_of_each
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.data import Data, pieces
from bayesgmm.mixture.errors import InputError

Array = npt.NDArray[np.float64]
Statistic = Callable[[Array], Any]


def predictive_check(
    data: Data,
    draws: Mixture,
    statistics: Mapping[str, Statistic] | None,
    most: int,
    random_seed: int,
) -> pd.DataFrame:
    """Hold statistics of the rows against those of replicates; see `BayesFit.predictive_check`."""
    if most < 1:
        raise InputError(f"draws must be at least 1, not {most}")
    values, rng = data.rows(), np.random.default_rng(random_seed)
    if statistics is None:
        evaluate: Callable[[Array], Array] = summaries
        index: pd.Index[Any] = _summary_rows(data.feature_names)
    else:
        evaluate = partial(_each, statistics)
        index = pd.Index(list(statistics), name="statistic")
    observed = evaluate(values[None])[0]
    flat = draws.in_one_row()
    flat = flat.take(evenly_spaced(len(flat.weights), most))
    replicated = np.concatenate(
        [
            evaluate(rows_of_each(flat.take(some), len(values), rng)[0])
            for some in pieces(len(flat.weights), max(1, NUMBERS // values.size))
        ]
    )
    mean, low, high = mean_and_limits(replicated, INTERVAL)
    # ties count half, so that a statistic that cannot vary is not called extreme
    above = (replicated > observed).mean(axis=0) + 0.5 * (replicated == observed).mean(axis=0)
    columns = {
        "observed": observed,
        "replicated": mean,
        "interval_low": low,
        "interval_high": high,
        "tail_probability": above,
    }
    return pd.DataFrame(columns, index=index)


def summaries(values: Array) -> Array:
    """Mean, sd, skewness, kurtosis, minimum and maximum of each feature, then correlations.

    Parameters
    ----------
    values : array, shape (S, N, D)
        Data sets.

    Returns
    -------
    array, shape (S, 6 D + D (D - 1) / 2)
    """
    mean, low, high = values.mean(axis=1), values.min(axis=1), values.max(axis=1)
    centred = values - mean[:, None]
    sd = np.sqrt(np.square(centred).mean(axis=1))
    z = centred / np.where(sd > 0, sd, 1.0)[:, None]
    square = np.square(z)
    skewness, kurtosis = (square * z).mean(axis=1), np.square(square).mean(axis=1)
    one, other = np.triu_indices(values.shape[2], 1)
    correlation = (np.swapaxes(z, 1, 2) @ z / values.shape[1])[:, one, other]
    return np.concatenate([mean, sd, skewness, kurtosis, low, high, correlation], axis=1)


def _summary_rows(names: tuple[str, ...]) -> pd.MultiIndex:
    of_one = ("mean", "sd", "skewness", "kurtosis", "min", "max")
    rows = [(statistic, name) for statistic in of_one for name in names]
    rows += [("correlation", f"{one}, {other}") for one, other in combinations(names, 2)]
    return pd.MultiIndex.from_tuples(rows, names=["statistic", "feature"])


def _each(statistics: Mapping[str, Statistic], values: Array) -> Array:
    out = np.empty((len(values), len(statistics)))
    for row, rows in zip(out, values, strict=True):
        for i, (name, statistic) in enumerate(statistics.items()):
            found = np.asarray(statistic(rows))
            if found.size != 1 or found.dtype.kind not in "biuf":
                raise InputError(f"statistic {name!r} must turn rows (N, D) into one number")
            row[i] = found.item()
    return out
