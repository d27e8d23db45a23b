"""Which posterior to show: one, or where chains are in different places, one for each."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bayesgmm.bayes.diagnostics import chains_in_words
from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.results.comparison import compare


@dataclass(frozen=True, eq=False)
class Place:
    """A posterior as the chains of one place saw it, beside the EM fit.

    Attributes
    ----------
    name : str
        The words for its chains; empty if all chains are in one place.
    chains : tuple of int
        Which they are.
    posterior : BayesFit
        Of these chains alone.
    comparison : pandas.DataFrame
        What `bayesgmm.compare` says of it and EM.
    """

    name: str
    chains: tuple[int, ...]
    posterior: BayesFit
    comparison: pd.DataFrame


def places(em: EMFit, bayes: BayesFit) -> tuple[Place, ...]:
    """Compare EM with the posterior of each place in which chains are; usually it is one."""
    groups = bayes.diagnostics.groups
    several = len(groups) > 1
    return tuple(
        Place(chains_in_words(chains) if several else "", chains, mode, compare(em, mode))
        for chains, mode in zip(groups, bayes.modes, strict=True)
    )


def one_table(found: tuple[Place, ...]) -> pd.DataFrame:
    """Stack the comparisons, with a first column ``chains`` if there are several."""
    if len(found) == 1:
        return found[0].comparison
    tables = {" ".join(map(str, place.chains)): place.comparison for place in found}
    return pd.concat(tables, names=["chains"]).reset_index("chains").reset_index(drop=True)
