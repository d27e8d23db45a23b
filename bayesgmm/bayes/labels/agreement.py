"""Whether it matters how components are named: if methods agree, and if the names are clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesgmm.bayes.labels import methods as by
from bayesgmm.bayes.labels.assignment import margins
from bayesgmm.bayes.labels.stephens import stephens
from bayesgmm.mixture.errors import InputError
from bayesgmm.results import shown

if TYPE_CHECKING:
    from bayesgmm.bayes.result import BayesFit

Array = npt.NDArray[np.float64]

_CLEAR = 20  # to one: odds that are called strong evidence
_ENOUGH = 0.95  # a share of the draws


@dataclass(frozen=True, eq=False, repr=False)
class LabelAgreement:
    """How far methods of relabelling agree, and how clear the names of each draw are.

    Attributes
    ----------
    table : pandas.DataFrame
        Share of the draws to which two methods give the same names; a row and a column for each.
        The names of each method are those of the reference, up to what the method changes.
    all_agree : float
        Share of the draws to which all the methods give the same names.
    log_odds : array, shape (chain, draw)
        Natural logarithm of the odds for each draw's best names against its second best. Let q be
        the responsibilities of all draws on average, by Stephens' algorithm. Divide the rows
        among the components as the draw's own responsibilities r say: names under which row n
        has component z have probability ``Π q[n, z]``, and their logarithm is ``Σ r log q`` on
        average over such divisions. With all names equally likely beforehand, the difference of
        two such sums is the log odds (Sperrin, Jaki and Wit 2010). The rows count as
        independent, so that the odds are rather high than low. Infinite for one component.

    References
    ----------
    Sperrin, M., Jaki, T. and Wit, E. (2010). Probabilistic relabelling strategies for the label
    switching problem in Bayesian mixture models. Statistics and Computing 20, 357-366.
    """

    table: pd.DataFrame
    all_agree: float
    log_odds: Array

    @property
    def clear(self) -> float:
        """Share of the draws whose best names have odds of at least 20 to 1."""
        return float((self.log_odds >= np.log(_CLEAR)).mean())

    def headline(self) -> list[str]:
        """Say in a few lines whether it matters which method is used."""
        methods = ", ".join(self.table.index)
        lines = [
            f"Names of components in {self.log_odds.size} draws, by {methods}",
            f"  the methods agree on {_percent(self.all_agree)} of the draws",
            f"  the names of {_percent(self.clear)} of the draws are clear: odds of {_CLEAR} to 1 "
            "or more against the second best",
        ]
        if self.all_agree < _ENOUGH or self.clear < _ENOUGH:
            lines.append(
                "  WARNING: what is said of single components depends on how they are named; "
                "rely on densities and predictions"
            )
        return lines

    def __repr__(self) -> str:
        return shown.as_text(self.headline(), self.table)

    def _repr_html_(self) -> str:
        return shown.as_html(self.headline(), self.table)


def label_agreement(fit: BayesFit, methods: Sequence[str]) -> LabelAgreement:
    """Compare methods of relabelling; see `BayesFit.label_agreement`."""
    if isinstance(methods, str) or len(methods) < 2:
        raise InputError(f"give two methods or more to compare, in a list, not {methods!r}")
    for method in methods:
        by.check_method(method, fit.feature_names)
    by.check_exchangeable(fit)
    draws = by.named_by_reference(fit)[0].in_one_row()
    final = stephens(fit.data, draws)
    names = [
        by.near_to_unchanged(final.labels)
        if method == "stephens"
        else by.names_by(method, fit, draws)
        for method in methods
    ]
    same = [[float((a == b).all(axis=1).mean()) for b in names] for a in names]
    return LabelAgreement(
        table=pd.DataFrame(same, index=list(methods), columns=list(methods)),
        all_agree=float((np.array(names) == names[0]).all(axis=(0, 2)).mean()),
        log_odds=margins(final.cost, final.labels).reshape(fit.log_likelihood.shape),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
