"""Leave-one-out cross-validation that does not forget whether the draws can be trusted.

Pareto k tells whether importance sampling went well for the draws that there are. It cannot tell
that they come from different modes, and calls such draws good; so the verdict on convergence
goes with the result.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import arviz_stats
import numpy as np
import numpy.typing as npt
import xarray as xr
from arviz_stats.utils import ELPDDataLOO

from bayesgmm.bayes.diagnostics import Diagnostics
from bayesgmm.mixture.errors import InputError


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


def loo_of(
    tree: xr.DataTree, diagnostics: Diagnostics, log_jacobian: npt.ArrayLike | None = None
) -> Loo:
    """Cross-validate by Pareto-smoothed importance sampling; see `Posterior.loo`."""
    jacobian = (
        None
        if log_jacobian is None
        else _of_each_row(log_jacobian, tree["log_likelihood"].sizes["row"])
    )
    found = arviz_stats.loo(tree, pointwise=True, log_jacobian=jacobian)
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return Loo(**values, verdict=diagnostics.verdict, trustworthy=diagnostics.trustworthy)


def _of_each_row(log_jacobian: npt.ArrayLike, n_rows: int) -> xr.DataArray:
    values = np.asarray(log_jacobian, dtype=np.float64)
    if values.shape not in ((), (n_rows,)) or not np.isfinite(values).all():
        raise InputError(
            f"log_jacobian must have a finite number for each of the {n_rows} rows, or one for "
            f"all; its shape is {values.shape}"
        )
    return xr.DataArray(np.broadcast_to(values, n_rows), dims="row")
