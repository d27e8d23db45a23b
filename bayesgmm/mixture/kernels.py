"""The E-step, in machine code: every fit, Bayesian or not, spends its time here.

A mixture's density at a row x is ``Σ_k exp(c_k - |W_k (x - μ_k)|² / 2)``. Here ``c_k`` is the log
coefficient, ``log w_k - log |L_k| - D/2 log 2π``, and ``W_k`` is the inverse of a factor of the
k-th covariance: of its lower Cholesky factor ``L_k``, or just one over each standard deviation
if it is diagonal. Three questions are asked of it, each in a kernel of its own:

* ``estep``: the log-likelihood and the expected sufficient statistics, summed over the rows;
* ``pointwise``: the log density of each row;
* ``responsibilities``: the probability that each row came from each component.

All of them walk through the data in blocks of rows: see `bayesgmm.mixture.blocks`.

Infinities are part of the plan. A component of weight zero has ``c_k = -inf`` and gets
responsibility 0. A row so far out that its distance to every component overflows has log density
-inf, and adds nothing to the statistics. A row of weight zero adds nothing to anything. None
of them makes a NaN.

Each kernel is compiled twice, for factors ``W`` of shape (K, D, D) and for their diagonals alone,
of shape (K, D). Branches on ``ndim`` are decided then, and cost nothing afterwards.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.blocks import (
    add_statistics,
    block_length,
    load,
    log_likelihood,
    reflect,
    relative_densities,
    scratch,
    share,
)
from bayesgmm.mixture.compilation import (
    Pointer,
    announce_compilation,
    compile_for,
    function_at,
    function_signature,
    jit,
    jit_inner,
)
from bayesgmm.mixture.factors import prepare
from bayesgmm.mixture.vectormath import log

Array = npt.NDArray[np.float64]
Kernel = Callable[..., None]


@jit
def estep(
    X: Array,
    origin: Array,
    unit: Array,
    row_weights: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    loglik: Array,
    counts: Array,
    sums: Array,
    scatter: Array,
) -> None:
    """Write the log-likelihood and the expected sufficient statistics of S mixtures.

    With v the row weights and r the responsibilities, the log-likelihood is ``Σ v log p(x)``. Each
    mixture's numbers are the same to the last bit whatever the others are.

    Parameters
    ----------
    X : array, shape (N, D)
        Numbers that stand for the rows ``x = (X - origin) / unit``.
    origin, unit : array, shape (D,)
        Where the rows count from, and in what unit.
    row_weights : array, shape (S, N), (1, N) or (1, 0)
        Weight of each row, nonnegative, for each mixture or for all; no columns stand for ones.
    log_coef : array, shape (S, K)
        ``log w - log |L| - D/2 log 2π`` for each component; may be -inf.
    means : array, shape (S, K, D)
        Component means.
    inverse : array, shape (S, K, D, D) or (S, K, D)
        W, finite: inverses of the lower Cholesky factors, zero above the diagonal, or of the
        standard deviations.
    loglik : array, shape (S,)
        Overwritten with the log-likelihoods.
    counts : array, shape (S, K)
        Overwritten with ``Σ v r``.
    sums : array, shape (S, K, D)
        Overwritten with ``Σ v r (x - μ)``.
    scatter : array, shape (S, K, D, D) or (S, K, D)
        Overwritten with ``Σ v r (x - μ)(x - μ)ᵀ``, or with its diagonal: shaped like `inverse`.
    """
    block, size = scratch(*means.shape[1:]), block_length(len(X))
    for s in range(len(means)):
        loglik[s] = 0.0
        counts[s] = 0.0
        sums[s] = 0.0
        scatter[s] = 0.0
        of_rows = row_weights[min(s, len(row_weights) - 1)]
        for start in range(0, len(X), size):
            n = load(X, start, size, origin, unit, block.x)
            relative_densities(n, log_coef[s], means[s], inverse[s], block)
            weights = of_rows[start : start + n]  # none at all, if all are one
            loglik[s] += log_likelihood(n, weights, block)
            share(n, weights, block)
            for k in range(means.shape[1]):
                counts[s, k] += add_statistics(
                    block, n, block.joint[k], means[s, k], sums[s, k], scatter[s, k]
                )
        if scatter.ndim == 4:
            reflect(scatter[s])


@jit_inner
def one_estep(
    estep: Kernel,
    X: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    counts: Array,
    sums: Array,
    scatter: Array,
) -> float:
    """Return the log-likelihood of one mixture and write its statistics: `estep` with S = 1.

    For compiled code, which hands in `estep` itself, or a pointer to it. The rows are as they are,
    and each counts once; there are no leading axes.
    """
    K, D = means.shape
    given = np.empty(2 * D + 1)  # of one piece: for few rows, reserving takes as long as sweeping
    origin, unit, loglik = given[:D], given[D : 2 * D], given[2 * D :]
    origin[:], unit[:] = 0.0, 1.0
    estep(
        X, origin, unit, given[:0].reshape(1, 0), log_coef.reshape(1, K),
        means.reshape(1, K, D), inverse.reshape((1, *inverse.shape)), loglik,
        counts.reshape(1, K), sums.reshape(1, K, D), scatter.reshape((1, *scatter.shape)),
    )  # fmt: skip
    total: float = loglik[0]
    return total


@jit
def pointwise(
    X: Array,
    origin: Array,
    unit: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    log_density: Array,
) -> None:
    """Write the log density of each row, shape (N,), under one mixture: see `estep`."""
    block, size = scratch(*means.shape), block_length(len(X))
    for start in range(0, len(X), size):
        n = load(X, start, size, origin, unit, block.x)
        relative_densities(n, log_coef, means, inverse, block)
        for r in range(n):
            log_density[start + r] = block.peak[r] + log(block.total[r])


@jit
def responsibilities(
    X: Array,
    origin: Array,
    unit: Array,
    log_coef: Array,
    means: Array,
    inverse: Array,
    resp: Array,
) -> None:
    """Write the responsibilities, shape (N, K), under one mixture: see `estep`.

    Those of a row sum to one, but for a row of log density -inf: its are 0.
    """
    block, size = scratch(*means.shape), block_length(len(X))
    for start in range(0, len(X), size):
        n = load(X, start, size, origin, unit, block.x)
        relative_densities(n, log_coef, means, inverse, block)
        for r in range(n):
            for k in range(len(log_coef)):
                resp[start + r, k] = block.joint[k, r] / block.total[r]


@functools.cache
def compile_kernel(kernel: Kernel, diagonal: bool) -> None:
    """Compile `prepare` or a kernel, or load it: to be called before its first use.

    Afterwards it takes float64 C-contiguous arrays and nothing else; inputs may be read-only.

    Parameters
    ----------
    kernel : callable
        `prepare`, `estep`, `pointwise` or `responsibilities`.
    diagonal : bool
        For which kind of factors.
    """
    with announce_compilation():
        compile_for(kernel, *_arguments(kernel, diagonal))


@functools.cache
def pointer(kernel: Kernel, diagonal: bool) -> Pointer:
    """Compile a kernel like `compile_kernel`, for compiled code to be handed."""
    with announce_compilation():
        return Pointer(kernel, signature(kernel, diagonal))


def signature(kernel: Kernel, diagonal: bool) -> Any:
    """Return the signature of a kernel for one kind of factors."""
    return function_signature(*_arguments(kernel, diagonal))


def _arguments(kernel: Kernel, diagonal: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of dimensions of what a kernel reads and of what it writes."""
    W = 1 if diagonal else 2  # of one component's factor
    if kernel is prepare:
        return (1, 1 + W), (1, 1 + W)
    if kernel is estep:
        return (2, 1, 1, 2, 2, 3, 2 + W), (1, 2, 3, 2 + W)
    return (2, 1, 1, 1, 2, 1 + W), (1 if kernel is pointwise else 2,)


# an address (`Pointer.address`) as the E-step that lies there, in compiled code
full_estep_at = function_at(signature(estep, diagonal=False))
diagonal_estep_at = function_at(signature(estep, diagonal=True))
