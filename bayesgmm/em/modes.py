"""The most probable covariances of components, given their scatter and a prior.

With `n` expected rows, scatter `W` about a known mean and a prior ``p``, a covariance climbs ::

    -n/2 log|C| - tr(C^-1 W)/2 + log p(C)

by Newton steps, of which none is taken that would lower it. Steps are taken in logarithms, where
covariances stay positive: ``C -> F exp(S) F'`` with ``C = F F'`` and S symmetric (one number
``2 log sd`` where there is no correlation). At ``A = F^-1 W F^-T`` the data bend by ``tr(S A S)/2``
there. The mean of that and of its expectation, ``n tr(S S)/2``, is used instead: it is never zero,
and the step without a prior, ``2 (A - n) / (A + n)``, agrees with the answer, ``log(A / n)``, to
third order and never overshoots. Where the prior bends the wrong way, its curvature is left out.

All functions take leading axes of independent problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.priors.families import Positive

Array = npt.NDArray[np.float64]

_ROUNDS = 5  # EM goes on from where these end
_HALVINGS = 30
_LONGEST = 5.0  # of a step, in the logarithm of a variance
_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class LogScalePrior:
    """Prior of standard deviations as a function of `u`, their logarithm in the data's units.

    One of those units is ``exp(log_unit)`` in the units of the family. The density is that of
    the standard deviation in the family's units, not that of its logarithm.
    """

    family: Positive
    log_unit: Array

    def log_density(self, u: Array) -> Array:
        """Log-density of each standard deviation ``exp(u)``."""
        return self.family.logpdf(np.exp(u + self.log_unit))

    def slopes(self, u: Array) -> tuple[Array, Array]:
        """First and second derivative of `log_density`."""
        return self.family.log_slopes(u + self.log_unit)


def best_scales(counts: Array, scatter: Array, scales: Array, prior: LogScalePrior) -> Array:
    """Climb to the most probable standard deviations.

    Parameters
    ----------
    counts : array, shape (...)
        Expected numbers, each of which brings its square to `scatter`.
    scatter : array, shape (...)
        Expected sums of squares.
    scales : array, shape (...)
        Where to start.
    prior : LogScalePrior

    Returns
    -------
    array, shape (...)
        Standard deviations that are nowhere less probable than `scales`.
    """
    u = np.log(scales)
    for _ in range(_ROUNDS):
        u, promised = _scales_step(counts, scatter, u, prior)
        if promised <= _ROUNDING:
            break
    return np.exp(u)


def best_covariances(
    counts: Array, scatter: Array, factor: Array, prior: LogScalePrior, eta: float
) -> Array:
    """Climb to the most probable covariance matrices.

    Parameters
    ----------
    counts : array, shape (...)
        Expected rows.
    scatter : array, shape (..., D, D)
        Expected scatter of these rows.
    factor : array, shape (..., D, D)
        Where to start: any square roots ``F`` of the covariances ``F F'``.
    prior : LogScalePrior
        Prior of the standard deviations, shape (..., D).
    eta : float
        The correlation matrices R have a density proportional to ``det(R)**(eta - 1)``.

    Returns
    -------
    array, shape (..., D, D)
        Covariances that are nowhere less probable than ``F F'``.
    """
    for _ in range(_ROUNDS):
        factor, promised = _covariances_step(counts, scatter, factor, prior, eta)
        if promised <= _ROUNDING:
            break
    covariances: Array = factor @ factor.mT
    return covariances


def _scales_step(
    counts: Array, scatter: Array, u: Array, prior: LogScalePrior
) -> tuple[Array, float]:
    """Take one step in ``u = log sd``; also return the gain it promised, in rows."""
    ratio = scatter * np.exp(-2 * u)
    slope, bend = prior.slopes(u)
    gradient = ratio - counts + slope
    step = gradient / (ratio + np.maximum(counts, 1) - bend)
    step = np.clip(step, -_LONGEST / 2, _LONGEST / 2)
    before = prior.log_density(u)

    def gain(share: Array) -> Array:
        move = share * step
        data = -counts * move - 0.5 * ratio * np.expm1(-2 * move)
        return data + prior.log_density(u + move) - before

    size = 1 + counts + ratio
    share = _uphill_share(gain, size)
    return u + share * step, float(np.max(gradient * step / size))


def _covariances_step(
    counts: Array, scatter: Array, factor: Array, prior: LogScalePrior, eta: float
) -> tuple[Array, float]:
    """Take one step ``F exp(S/2)``; also return the gain it promised, in rows.

    As functions of S, with rows ``f_i`` of F and ``h_i`` the prior at ``u_i = log sd_i``::

        u_i = log(f_i' exp(S) f_i)/2,    log det R = tr S - 2 sum(u_i) + constant
    """
    ratio = _whitened(scatter, factor)
    scales = np.sqrt(np.square(factor).sum(axis=-1))
    rows, u = factor / scales[..., None], np.log(scales)
    slope, bend = prior.slopes(u)
    pull = slope - 2 * (eta - 1)
    identity = np.eye(factor.shape[-1])
    per_trace = eta - 1 - 0.5 * counts
    gradient = 0.5 * (ratio + _outer(pull, rows)) + per_trace[..., None, None] * identity

    # -d2 of the objective in direction S is tr(S M S)/2 + sum(b_i (r_i' S r_i)**2)
    against = np.minimum(pull, 0)
    expected = np.maximum(counts, 1)[..., None, None] * identity
    curvature = 0.5 * (ratio + expected) - _outer(against, rows)
    step = _newton(gradient, curvature, rows, 0.5 * against - 0.25 * bend)

    moves, axes = np.linalg.eigh(step)
    length = np.abs(moves).max(axis=-1, keepdims=True)
    moves = moves * (_LONGEST / np.maximum(length, _LONGEST))
    turned = factor @ axes
    narrow = np.einsum("...ia,...ij,...ja->...a", axes, ratio, axes)
    spread, before = np.square(turned), prior.log_density(u)

    def gain(share: Array) -> Array:
        move = share[..., None] * moves
        data = (per_trace[..., None] * move - 0.5 * narrow * np.expm1(-move)).sum(axis=-1)
        new = 0.5 * np.log((spread @ np.exp(move)[..., None])[..., 0])
        change = prior.log_density(new) - before - 2 * (eta - 1) * (new - u)
        total: Array = data + change.sum(axis=-1)
        return total

    size = 1 + counts + np.trace(ratio, axis1=-2, axis2=-1)
    moves = _uphill_share(gain, size)[..., None] * moves
    promised = np.sum(gradient * step, axis=(-2, -1)) / size
    return turned * np.exp(0.5 * moves)[..., None, :], float(promised.max())


def _whitened(scatter: Array, factor: Array) -> Array:
    """Return ``F^-1 W F^-T``."""
    half = np.linalg.solve(factor, scatter)
    return np.linalg.solve(factor, half.mT)


def _outer(weights: Array, rows: Array) -> Array:
    """Sum of ``weights_i rows_i rows_i'``."""
    total: Array = rows.mT @ (weights[..., None] * rows)
    return total


def _newton(gradient: Array, curvature: Array, rows: Array, extra: Array) -> Array:
    """Solve for S the stationarity of ``<G, S> - tr(S M S)/4 - sum(b_i (r_i' S r_i)**2)/2``.

    In the eigenvectors of M the first part is diagonal, and the second has rank D: a system of
    size D (Woodbury) stands for one of size D (D + 1) / 2.
    """
    values, axes = np.linalg.eigh(curvature)
    inverse = 4 / (values[..., :, None] + values[..., None, :])
    turned = rows @ axes
    plain = inverse * (axes.mT @ gradient @ axes)
    pairs = turned[..., :, None, :] * turned[..., None, :, :]
    shared = ((pairs @ inverse[..., None, :, :]) * pairs).sum(axis=-1)
    along = ((turned @ plain) * turned).sum(axis=-1)
    system = np.eye(rows.shape[-1]) + extra[..., None] * shared
    load = np.linalg.solve(system, (extra * along)[..., None])[..., 0]
    return axes @ (plain - inverse * _outer(load, turned)) @ axes.mT


def _uphill_share(gain: Callable[[Array], Array], size: Array) -> Array:
    """Largest of 1, 1/2, 1/4, ... of each step that does not lower the objective, or else 0.

    `size` is that of the numbers which rounding may have disturbed.
    """
    share = np.ones_like(size)
    for _ in range(_HALVINGS):
        worse = ~(gain(share) >= -_ROUNDING * size)
        if not worse.any():
            return share
        share = np.where(worse, share / 2, share)
    return np.where(worse, 0.0, share)
