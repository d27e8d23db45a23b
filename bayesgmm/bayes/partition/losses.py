"""How far one partition is from another: variation of information, and Binder's loss.

Both are functions of how many rows the clusters of the two partitions share. With ``n_kl`` the
rows that are in cluster k of the one and l of the other,

    ``d(a, b) = Σ_k f(n_k.) + Σ_l f(n_.l) - 2 Σ_kl f(n_kl)``,

where ``f(n) = n log2(n) / N`` gives the variation of information in bits (Meilă 2007), and
``f(n) = n² / N²`` Binder's (1978) loss with equal costs: the share of the ordered pairs of rows
that one partition puts together and the other does not. Both are metrics. All code below knows
the loss by a table of `f` alone.

References
----------
Binder, D. A. (1978). Bayesian cluster analysis. Biometrika 65, 31-38.

Meilă, M. (2007). Comparing clusterings: an information based distance. Journal of Multivariate
Analysis 98, 873-895.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.partition.allocations import Allocations
from bayesgmm.mixture.compilation import jit
from bayesgmm.mixture.errors import InputError

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

LOSSES = {"vi": "variation of information", "binder": "Binder's loss"}
UNITS = {"vi": " bits", "binder": " of all pairs"}


def terms(loss: str, n_rows: int) -> Array:
    """Tabulate `f` at 0, 1, ..., N: shape (N + 1,).

    Raises
    ------
    InputError
        If the loss is neither ``"vi"`` nor ``"binder"``.
    """
    if loss not in LOSSES:
        raise InputError(f"loss must be one of {', '.join(map(repr, LOSSES))}, not {loss!r}")
    n = np.arange(n_rows + 1.0)
    if loss == "binder":
        return np.square(n / n_rows)
    table = np.zeros(n_rows + 1)
    table[1:] = n[1:] * np.log2(n[1:]) / n_rows
    return table


def distances(labels: Labels, allocations: Allocations, loss: str) -> Array:
    """Distance of one partition, labels of shape (N,), from each of S, shape (N, S): (S,)."""
    f = terms(loss, len(labels))
    shared = contingency(labels, allocations)
    return f[shared.sum(axis=2)].sum(axis=1) + (
        f[shared.sum(axis=1)].sum(axis=1) - 2 * f[shared].sum(axis=(1, 2))
    )


def contingency(labels: Labels, allocations: Allocations) -> npt.NDArray[np.int32]:
    """Count the rows that clusters of one partition share with those of S others: (S, A, K)."""
    clusters, components = int(labels.max()) + 1, int(allocations.max()) + 1
    shared = np.zeros((allocations.shape[1], clusters, components), np.int32)
    _count(labels, allocations, shared)
    return shared


@jit
def _count(labels: Labels, allocations: Allocations, shared: npt.NDArray[np.int32]) -> None:
    for i in range(len(labels)):
        for s in range(allocations.shape[1]):
            shared[s, labels[i], allocations[i, s]] += 1
