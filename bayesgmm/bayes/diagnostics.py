"""Whether the draws can be trusted, in numbers and in words.

The verdict rests on quantities that no relabelling can touch (`labelfree`): where the chains
disagree about these, they disagree about the mixture itself. R-hat and effective sample sizes come
from `mixing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.mixing import Mixing, mcse_means, r_hats

Array = npt.NDArray[np.float64]

R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
INTERVAL = 0.95  # probability of the intervals in every table
_APART = 1.2  # label-free R-hat of two chains that are in different places
_FAR_APART = 2.0  # and where that is no chance, however slowly they move
_SURELY = 5.0  # standard errors between their means that are not chance
_NEARLY_ALL = 0.95  # share of the draws


class Verdict(StrEnum):
    """What has become of the chains."""

    CONVERGED = "converged"
    LABELS_ONLY = "labels only"
    SEVERAL_MODES = "several modes"
    UNFINISHED = "not converged"


@dataclass(frozen=True)
class Diagnostics:
    """How the sampling went.

    Attributes
    ----------
    n_chains, n_draws : int
        Chains, and draws of each.
    max_r_hat : float
        Largest R-hat of the parameters, under the names that the components have.
    min_ess_bulk, min_ess_tail : float
        Smallest effective sample sizes of parameters and label-free quantities.
    r_hat_log_likelihood : float
        R-hat of the total log-likelihood, which does not depend on labels.
    r_hat_density : float
        Largest R-hat of the log-density at some rows of the data; label-free as well.
    r_hat_label_free : float
        Largest R-hat of all label-free quantities: those two, the sorted weights, the entropy of
        the responsibilities and, unless it is nearly always the same, the number of occupied
        components.
    groups : tuple of tuple of int
        Which chains are in the same place, in ascending order.
    divergences : int
        Divergent transitions.
    label_switches : int
        Draws whose components are called otherwise than in the draw before.
    chains_renamed : int
        Chains that began under other names than those of the reference.
    relabelled : bool
        Whether the draws were relabelled; otherwise they are as sampled.
    missed : tuple of float
        Shares of the posterior, as estimated beforehand, of places where a chain began, but where
        no draw is.
    """

    n_chains: int
    n_draws: int
    max_r_hat: float
    min_ess_bulk: float
    min_ess_tail: float
    r_hat_log_likelihood: float
    r_hat_density: float
    r_hat_label_free: float
    groups: tuple[tuple[int, ...], ...]
    divergences: int
    label_switches: int
    chains_renamed: int
    relabelled: bool
    missed: tuple[float, ...] = ()

    @property
    def kind(self) -> Verdict:
        """What has become of the chains, in a word.

        ``converged``; ``labels only``: the chains agree about the mixture, but its components
        are not told apart well enough; ``several modes``: chains are in different places; or
        ``not converged``: they move, but have not yet been everywhere often enough.
        """
        if len(self.groups) > 1:
            return Verdict.SEVERAL_MODES
        if not self.r_hat_label_free <= R_HAT_LIMIT:
            return Verdict.UNFINISHED
        if not self.max_r_hat <= R_HAT_LIMIT:
            return Verdict.LABELS_ONLY
        return Verdict.CONVERGED if self._enough else Verdict.UNFINISHED

    @property
    def trustworthy(self) -> bool:
        """Whether nothing speaks against the draws."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What speaks against the draws, in words; empty if nothing does."""
        found = []
        match self.kind:
            case Verdict.SEVERAL_MODES:
                found.append(
                    f"several modes: {self._places()} are in different places (label-free R-hat "
                    f"{self.r_hat_label_free:.2f}). No pooled number of these draws should be "
                    "used; fit.modes has a posterior for each place, and fit.evidence() tells how "
                    "much of the posterior each has"
                )
            case Verdict.UNFINISHED if not self.r_hat_label_free <= R_HAT_LIMIT:
                found.append(
                    "not converged: the chains disagree about the mixture itself, not only about "
                    f"labels (label-free R-hat {self.r_hat_label_free:.3f} > {R_HAT_LIMIT}), "
                    "though all move between the same places: raise draws"
                )
            case Verdict.LABELS_ONLY:
                found.append(
                    "labels only: the chains agree about the mixture, but its components cannot "
                    f"be told apart well enough (R-hat {self.max_r_hat:.3f} > {R_HAT_LIMIT} "
                    f"{'after relabelling' if self.relabelled else 'as sampled'}): rely on "
                    "densities, partitions and predictions, not on the table of components, or "
                    "try fit.relabel"
                )
        found += [
            f"no draw is from a place that may hold {100 * share:.0f} % of the posterior: what "
            "began there left while it warmed up. Try another random_seed, or more chains"
            for share in self.missed
        ]
        if not self._enough:
            found.append(
                f"only {self._least_ess:.0f} effective draws where {self._wanted} are wanted "
                f"({ESS_PER_CHAIN} a chain): raise draws"
            )
        if self.n_chains == 1:
            found.append(
                "a single chain cannot tell whether others would end elsewhere: raise chains"
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
        return " ".join(self.problems) or f"{self.kind}: nothing speaks against these draws"

    def lines(self) -> list[str]:
        """Say the numbers, then the verdict, a line each."""
        warnings = [f"WARNING: {problem}" for problem in self.problems]
        return [
            f"R-hat at most {self.max_r_hat:.3f}; {self._relabelling()}",
            f"label-free R-hat at most {self.r_hat_label_free:.3f}; log-likelihood "
            f"{self.r_hat_log_likelihood:.3f}, density at rows {self.r_hat_density:.3f}",
            f"effective draws at least {self.min_ess_bulk:.0f} (bulk), {self.min_ess_tail:.0f} "
            f"(tail) of {self.n_chains * self.n_draws}; {self.divergences} divergences",
            *(warnings or [self.verdict]),
        ]

    @property
    def _least_ess(self) -> float:
        return min(self.min_ess_bulk, self.min_ess_tail)

    @property
    def _wanted(self) -> int:
        return ESS_PER_CHAIN * self.n_chains

    @property
    def _enough(self) -> bool:
        return self._least_ess >= self._wanted

    def _places(self) -> str:
        named = [chains_in_words(group) for group in self.groups]
        return f"{', '.join(named[:-1])} and {named[-1]}"

    def _relabelling(self) -> str:
        if not self.relabelled:
            return "no draw was relabelled"
        if not self.label_switches and not self.chains_renamed:
            return "no chain ever switched labels"
        return (
            f"relabelling undid {self.label_switches} label switch(es) within chains and renamed "
            f"{self.chains_renamed} of {self.n_chains} chains from their first draw"
        )


def chains_in_words(chains: Sequence[int]) -> str:
    """Name chains: ``chain 2`` or ``chains 0, 1, 3``."""
    return f"chain{'s' if len(chains) > 1 else ''} {', '.join(map(str, chains))}"


def groups_of_chains(values: Array, r_hat: Array) -> tuple[tuple[int, ...], ...]:
    """Say which chains are in the same place.

    Two chains are, if R-hat of the two finds them alike in every quantity, or if both are like a
    third. All are, if no two differ by more than chains may that move slowly.

    Parameters
    ----------
    values : array, shape (chain, draw, n)
        Draws of n label-free quantities.
    r_hat : array, shape (n,)
        Of all chains. Where it finds nothing, no two chains are looked at.
    """
    together = (tuple(range(len(values))),)
    if (r_hat[np.isfinite(r_hat)] <= R_HAT_LIMIT).all():
        return together
    pairs = {(i, j): r_hats(values[[i, j]]) for i, j in combinations(range(len(values)), 2)}
    if not _any_apart(values, pairs):
        return together
    groups: list[list[int]] = []
    for chain in range(len(values)):
        near = [g for g in groups if any(_alike(pairs[other, chain]) for other in g)]
        groups = [g for g in groups if g not in near]
        groups.append(sorted([chain, *(other for g in near for other in g)]))
    return tuple(tuple(group) for group in sorted(groups))


def _any_apart(values: Array, pairs: dict[tuple[int, int], Array]) -> bool:
    """Tell whether the means of two chains differ by much, or many of their Monte Carlo errors."""
    means = values.mean(axis=1)
    errors = np.array([mcse_means(chain[None]) for chain in values])
    for (i, j), r_hat in pairs.items():
        sure = np.abs(means[i] - means[j]) > _SURELY * np.hypot(errors[i], errors[j])
        if ((r_hat >= _FAR_APART) | (sure & (r_hat >= _APART))).any():
            return True
    return False


def _alike(r_hat: Array) -> bool:
    return bool((r_hat[np.isfinite(r_hat)] < _APART).all())


def telling(values: Array) -> npt.NDArray[np.bool_]:
    """Say of which quantities R-hat can tell whether the chains agree.

    Of a whole number that nearly all draws share it cannot: the few others are a rare event, of
    which one chain sees more than another by chance.

    Parameters
    ----------
    values : array, shape (chain, draw, n)
        Draws of n quantities.

    Returns
    -------
    array of bool, shape (n,)
    """
    by_quantity = values.reshape(-1, values.shape[-1]).T
    return np.array([not _nearly_constant(draws) for draws in by_quantity])


def _nearly_constant(draws: Array) -> bool:
    if (draws != np.round(draws)).any():
        return False
    return bool(np.unique(draws, return_counts=True)[1].max() >= _NEARLY_ALL * len(draws))


def table(values: Array, mixed: Mixing) -> dict[str, Any]:
    """Summarise draws.

    Parameters
    ----------
    values : array, shape (chain, draw, n)
        Draws of n quantities.
    mixed : Mixing
        How well their chains have mixed.

    Returns
    -------
    dict of str to array, shape (n,)
        ``mean``, ``sd``, ``interval_low``, ``interval_high`` (95 %, equal tails), ``mcse_mean``,
        ``ess_bulk``, ``ess_tail`` and ``r_hat``.
    """
    tails = (1 - INTERVAL) / 2
    low, high = np.quantile(values, [tails, 1 - tails], axis=(0, 1))
    return {
        "mean": values.mean(axis=(0, 1)),
        "sd": values.std(axis=(0, 1), ddof=1),
        "interval_low": low,
        "interval_high": high,
        "mcse_mean": mcse_means(values),
        **mixed._asdict(),
    }


def diagnose(
    parameters: Mixing,
    label_free: Mixing,
    names: Sequence[str],
    groups: tuple[tuple[int, ...], ...],
    *,
    relabelled: bool,
    missed: Sequence[float] = (),
    **counts: int,
) -> Diagnostics:
    """Put together how well the chains of parameters and of label-free quantities have mixed.

    Parameters
    ----------
    parameters, label_free : Mixing
        As `mixing` returns them.
    names : sequence of str
        What the label-free quantities are called, as by `labelfree.quantities`.
    groups : tuple of tuple of int
        See `groups_of_chains`.
    relabelled : bool
        Whether the draws were.
    missed : sequence of float
        See `Diagnostics`.
    **counts : int
        ``n_chains``, ``n_draws``, ``divergences``, ``label_switches``, ``chains_renamed``.
    """
    of_parameters, free = (np.isfinite(mixed.r_hat) for mixed in (parameters, label_free))
    density = np.array([name.startswith("log density") for name in names])
    r_hat = label_free.r_hat
    # how many components are occupied is a small integer, whose quantiles have no sample size
    sized = free & np.array([name != "occupied components" for name in names])

    return Diagnostics(
        max_r_hat=_most(parameters.r_hat[of_parameters]),
        min_ess_bulk=_least([*parameters.ess_bulk[of_parameters], *label_free.ess_bulk[sized]]),
        min_ess_tail=_least([*parameters.ess_tail[of_parameters], *label_free.ess_tail[sized]]),
        r_hat_log_likelihood=float(r_hat[list(names).index("log-likelihood")]),
        r_hat_density=_most(r_hat[density & free]),
        r_hat_label_free=_most(r_hat[free]),
        groups=groups,
        relabelled=relabelled,
        missed=tuple(missed),
        **counts,
    )


def _most(r_hat: Array) -> float:
    """Largest R-hat; infinite if nothing has one, because no chain ever moved."""
    return float(max(r_hat, default=np.inf))


def _least(ess: Sequence[float]) -> float:
    return float(min(ess, default=0.0))
