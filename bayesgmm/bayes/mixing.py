"""How well chains have mixed: R-hat and effective sample sizes, as ArviZ computes them.

They are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021).

References
----------
Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Bürkner, P.-C. (2021). Rank-normalization,
folding, and localization: an improved R-hat for assessing convergence of MCMC. Bayesian Analysis
16, 667-718.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_AXES: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
_TAILS = 0.05, 0.95
_FEWEST = 8  # draws of a chain of which anything is said


class Mixing(NamedTuple):
    """How well the chains of n quantities have mixed; NaN of a constant.

    Parameters
    ----------
    ess_bulk, ess_tail : array, shape (n,)
        Effective sample sizes: for a mean, and for the worse of the quantiles 5 % and 95 %.
    r_hat : array, shape (n,)
        R-hat of each quantity. A single chain is judged by its halves.
    """

    ess_bulk: Array
    ess_tail: Array
    r_hat: Array


def mixing(values: Array) -> Mixing:
    """Tell how well chains have mixed, from draws (chain, draw, n) of n quantities."""
    from arviz_stats.base import array_stats

    bulk = array_stats.ess(values, **_AXES, method="bulk")
    tail = array_stats.ess(values, **_AXES, method="tail", prob=_TAILS)
    return Mixing(bulk, tail, r_hats(values))


def r_hats(values: Array) -> Array:
    """R-hat alone, as `mixing` gives it."""
    from arviz_stats.base import array_stats

    if len(values) == 1:
        half = values.shape[1] // 2
        values = np.concatenate([values[:, :half], values[:, -half:]])
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat: Array = array_stats.rhat(values, **_AXES)
    return r_hat


def mcse_means(values: Array) -> Array:
    """Monte Carlo standard errors of the means of n quantities, from draws (chain, draw, n)."""
    from arviz_stats.base import array_stats

    errors: Array = array_stats.mcse(values, **_AXES, method="mean")
    return errors


def ess_of_mean(values: Array, chosen: npt.NDArray[np.bool_]) -> float:
    """Effective sample size for the mean of some of the draws, shape (chain, draw).

    It is that of chains with about as many of them as the others, in proportion.
    """
    from arviz_stats.base import array_stats

    counts = chosen.sum(axis=1)
    full = np.flatnonzero(counts >= max(counts.max() / 2, _FEWEST))
    if not len(full):
        return float(counts.sum())
    least = counts[full].min()
    some = np.array([values[chain][chosen[chain]][-least:] for chain in full])
    ess = array_stats.ess(some, **_AXES, method="mean")
    return float(ess * counts.sum() / some.size)
