"""Whether the draws can be trusted, in numbers and in words.

Relabelling can make the chains of a parameter agree although the chains are in different places,
so the verdict rests on quantities that no relabelling can touch: the log-likelihood, and the
density at rows of the data. R-hat and effective sample sizes are those of Vehtari, Gelman,
Simpson, Carpenter and Bürkner (2021), as ArviZ computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
_NO_PROBLEM = "nothing speaks against these draws"
INTERVAL = 0.95  # probability of the intervals in every table


@dataclass(frozen=True)
class Diagnostics:
    """How the sampling went.

    Attributes
    ----------
    n_chains, n_draws : int
        Chains, and draws of each.
    max_r_hat : float
        Largest R-hat of the parameters, after relabelling.
    min_ess_bulk, min_ess_tail : float
        Smallest effective sample sizes of parameters and label-free quantities.
    r_hat_log_likelihood : float
        R-hat of the total log-likelihood, which does not depend on labels.
    r_hat_density : float
        Largest R-hat of the log-density at some rows of the data; label-free as well.
    divergences : int
        Divergent transitions.
    label_switches : int
        Draws whose components are called otherwise than in the draw before.
    chains_renamed : int
        Chains that began under other names than those of the reference.
    """

    n_chains: int
    n_draws: int
    max_r_hat: float
    min_ess_bulk: float
    min_ess_tail: float
    r_hat_log_likelihood: float
    r_hat_density: float
    divergences: int
    label_switches: int
    chains_renamed: int

    @property
    def trustworthy(self) -> bool:
        """Whether nothing speaks against the draws."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What speaks against the draws, in words; empty if nothing does."""
        found = []
        label_free = max(self.r_hat_log_likelihood, self.r_hat_density)
        if not label_free <= R_HAT_LIMIT:
            found.append(
                f"the chains disagree about the mixture itself, not only about labels (label-free "
                f"R-hat {label_free:.3f} > {R_HAT_LIMIT}): they may sit in different modes. "
                "No number of this posterior should be used; run longer, or look at each chain"
            )
        elif not self.max_r_hat <= R_HAT_LIMIT:
            found.append(
                f"components cannot be told apart well enough (R-hat {self.max_r_hat:.3f} > "
                f"{R_HAT_LIMIT} after relabelling, although label-free quantities agree): rely "
                "on densities and predictions, not on the table of components"
            )
        least = ESS_PER_CHAIN * self.n_chains
        ess = min(self.min_ess_bulk, self.min_ess_tail)
        if not ess >= least:
            found.append(
                f"only {ess:.0f} effective draws where {least} are wanted ({ESS_PER_CHAIN} a "
                "chain): raise draws"
            )
        if self.divergences:
            found.append(
                f"{self.divergences} divergent transition(s): part of the posterior may be "
                "missed; raise target_accept or tighten the priors"
            )
        return tuple(found)

    @property
    def verdict(self) -> str:
        """The `problems` in one line, or that there are none."""
        return " ".join(self.problems) or _NO_PROBLEM

    def lines(self) -> list[str]:
        """Say the numbers, then the verdict, a line each."""
        verdict = [f"WARNING: {problem}" for problem in self.problems]
        return [
            f"R-hat at most {self.max_r_hat:.3f}; {self._relabelling()}",
            f"label-free R-hat: log-likelihood {self.r_hat_log_likelihood:.3f}, density at rows "
            f"{self.r_hat_density:.3f}",
            f"effective draws at least {self.min_ess_bulk:.0f} (bulk), {self.min_ess_tail:.0f} "
            f"(tail) of {self.n_chains * self.n_draws}; {self.divergences} divergences",
            *(verdict or [_NO_PROBLEM]),
        ]

    def _relabelling(self) -> str:
        if not self.label_switches and not self.chains_renamed:
            return "no chain ever switched labels"
        return (
            f"relabelling undid {self.label_switches} label switch(es) within chains and renamed "
            f"{self.chains_renamed} of {self.n_chains} chains from their first draw"
        )


def table(values: Array) -> dict[str, Any]:
    """Summarise draws.

    Parameters
    ----------
    values : array, shape (chain, draw, n)
        Draws of n quantities.

    Returns
    -------
    dict of str to array, shape (n,)
        ``mean``, ``sd``, ``interval_low``, ``interval_high`` (95 %, equal tails), ``mcse_mean``,
        ``r_hat``, ``ess_bulk``, ``ess_tail``.
    """
    from arviz_stats.base import array_stats

    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant has no R-hat: it is NaN
        r_hat = array_stats.rhat(values, **axes)
    tails = (1 - INTERVAL) / 2
    low, high = np.quantile(values, [tails, 1 - tails], axis=(0, 1))
    return {
        "mean": values.mean(axis=(0, 1)),
        "sd": values.std(axis=(0, 1), ddof=1),
        "interval_low": low,
        "interval_high": high,
        "mcse_mean": array_stats.mcse(values, **axes, method="mean"),
        "r_hat": r_hat,
        "ess_bulk": array_stats.ess(values, **axes, method="bulk"),
        "ess_tail": array_stats.ess(values, **axes, method="tail", prob=(0.05, 0.95)),
    }
