"""Leave-one-out cross-validation that does not forget whether the draws can be trusted.

Pareto k tells whether importance sampling went well for the draws that there are. It cannot tell
that they come from different modes, and calls such draws good; so the verdict on convergence
goes with the result.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import arviz_stats
import xarray as xr
from arviz_stats.utils import ELPDDataLOO

from bayesgmm.bayes.diagnostics import Diagnostics


@dataclass(kw_only=True, repr=False)
class Loo(ELPDDataLOO):
    """ArviZ's ``ELPDDataLOO``, which ``arviz.compare`` takes, with a verdict on the draws.

    Attributes
    ----------
    verdict : str
        What speaks against the draws; see `Diagnostics.verdict`.
    trustworthy : bool
        Whether nothing does.
    """

    verdict: str
    trustworthy: bool

    def __str__(self) -> str:
        warning = "" if self.trustworthy else "WARNING: "
        return f"{super().__str__().rstrip()}\n\nThe draws: {warning}{self.verdict}\n"


def loo_of(tree: xr.DataTree, diagnostics: Diagnostics) -> Loo:
    """Cross-validate by Pareto-smoothed importance sampling; see `BayesFit.loo`."""
    found = arviz_stats.loo(tree, pointwise=True)
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return Loo(**values, verdict=diagnostics.verdict, trustworthy=diagnostics.trustworthy)
