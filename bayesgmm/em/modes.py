"""The most probable covariances of components, given their scatter and a prior.

With `n` expected rows, scatter `W` about a known mean and a prior ``p``, a covariance climbs ::

    -n/2 log|C| - tr(C^-1 W)/2 + log p(C)

by Newton steps, of which none is taken that would lower it. Steps are taken in logarithms, where
covariances stay positive: ``C -> F exp(S) F'`` with ``C = F F'`` and S symmetric (one number
``2 log sd`` where there is no correlation). At ``A = F^-1 W F^-T`` the data bend by ``tr(S A S)/2``
there. The mean of that and of its expectation, ``n tr(S S)/2``, is used instead: it is never zero,
and the step without a prior, ``2 (A - n) / (A + n)``, agrees with the answer, ``log(A / n)``, to
third order and never overshoots. Where the prior bends the wrong way, its curvature is left out.

Standard deviations may have bounds, and are fixed where both are equal. A step that leads across
one is bent along it: correlations move as they would, standard deviations stay.

All functions take leading axes of independent problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bayesgmm.priors.families import Positive
from bayesgmm.priors.fixed import Fixed
from bayesgmm.priors.joint import LKJ

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

    family: Positive | Fixed
    log_unit: Array

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Least and greatest `u`."""
        lower, upper = self.family.bounds
        with np.errstate(divide="ignore"):
            return np.log(lower) - self.log_unit, np.log(upper) - self.log_unit

    def within(self, u: Array) -> Array:
        """Return the nearest `u` that is within the bounds."""
        return np.clip(u, *self.bounds)

    def held(self, u: Array, slope: Array) -> npt.NDArray[np.bool_]:
        """Say where a climb of this slope from `u` would leave the bounds at once."""
        lower, upper = self.bounds
        return ((u <= lower) & (slope < 0)) | ((u >= upper) & (slope > 0))

    def log_density(self, u: Array) -> Array:
        """Log-density of each standard deviation ``exp(u)``, or the nearest within the bounds."""
        return self.family.logpdf_at_log(self.within(u) + self.log_unit)

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
    u = prior.within(np.log(scales))
    for _ in range(_ROUNDS):
        u, promised = _scales_step(counts, scatter, u, prior)
        if promised <= _ROUNDING:
            break
    return np.exp(u)


def best_covariances(
    counts: Array, scatter: Array, factor: Array, prior: LogScalePrior, correlations: LKJ | Fixed
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
    correlations : LKJ or Fixed
        Prior of the correlation matrices.

    Returns
    -------
    array, shape (..., D, D)
        Covariances that are nowhere less probable than ``F F'``.
    """
    if isinstance(correlations, Fixed):
        return _rescaled(counts, scatter, factor, prior, np.asarray(correlations.value))
    u = np.log(_lengths(factor))
    factor = np.exp(prior.within(u) - u)[..., None] * factor
    for _ in range(_ROUNDS):
        factor, promised = _covariances_step(counts, scatter, factor, prior, correlations)
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
    gradient = np.where(prior.held(u, gradient), 0.0, gradient)
    step = gradient / (ratio + np.maximum(counts, 1) - bend)
    step = np.clip(step, -_LONGEST / 2, _LONGEST / 2)
    step = prior.within(u + step) - u
    before = prior.log_density(u)

    def gain(share: Array) -> Array:
        move = share * step
        data = -counts * move - 0.5 * ratio * np.expm1(-2 * move)
        return data + prior.log_density(u + move) - before

    size = 1 + counts + ratio
    share = _uphill_share(gain, size)
    return u + share * step, float(np.max(gradient * step / size))


def _rescaled(
    counts: Array, scatter: Array, factor: Array, prior: LogScalePrior, correlations: Array
) -> Array:
    """Climb to the most probable covariances with these correlations, by Newton's steps.

    With ``B_ij = W_ij (R^-1)_ij exp(-u_i - u_j)``, which is positive semidefinite, the data give
    the slopes ``B 1 - n`` and the curvature ``-(B + diag(B 1))``.
    """
    weight = scatter * np.linalg.inv(correlations)
    u = prior.within(np.log(_lengths(factor)))
    for _ in range(_ROUNDS):
        pairs = weight * np.exp(-u[..., :, None] - u[..., None, :])
        slope, bend = prior.slopes(u)
        gradient = pairs.sum(axis=-1) - counts[..., None] + slope
        moving = ~prior.held(u, gradient)
        gradient = np.where(moving, gradient, 0.0)
        own = np.maximum(counts, 1)[..., None] - bend
        both = moving[..., :, None] & moving[..., None, :]
        system = np.where(both, pairs, 0.0) + own[..., None] * np.eye(u.shape[-1])
        step = np.linalg.solve(system, gradient[..., None])[..., 0]
        step = prior.within(u + np.clip(step, -_LONGEST / 2, _LONGEST / 2)) - u
        before, here = prior.log_density(u), u

        def gain(share: Array, pairs: Array = pairs, step: Array = step) -> Array:
            move = share[..., None] * step
            grown = np.expm1(-move[..., :, None] - move[..., None, :])
            data = -counts * move.sum(axis=-1) - 0.5 * (pairs * grown).sum(axis=(-2, -1))
            new = prior.log_density(here + move) - before  # noqa: B023
            total: Array = data + new.sum(axis=-1)
            return total

        size = 1 + counts + np.abs(pairs).sum(axis=(-2, -1))
        u = u + _uphill_share(gain, size)[..., None] * step
        if np.max((gradient * step).sum(axis=-1) / size) <= _ROUNDING:
            break
    scales = np.exp(u)
    covariances: Array = scales[..., :, None] * correlations * scales[..., None, :]
    return covariances


def _covariances_step(
    counts: Array, scatter: Array, factor: Array, prior: LogScalePrior, correlations: LKJ
) -> tuple[Array, float]:
    """Take one step ``F exp(S/2)``; also return the gain it promised, in rows.

    As functions of S, with rows ``f_i`` of F and ``h_i`` the prior at ``u_i = log sd_i``::

        u_i = log(f_i' exp(S) f_i)/2,    log det R = tr S - 2 sum(u_i) + constant

    A ridge of LKJ is like a scatter ``ridge diag(sd**2)`` that moves with the standard deviations.
    Where one of these is held by its bound, it is set back; its pull is then what balances that
    of the data.
    """
    eta, ridge = correlations.eta, correlations.ridge
    scales = _lengths(factor)
    rows, u = factor / scales[..., None], np.log(scales)
    inverse = np.linalg.inv(factor)  # columns times the scales: square sums are inflation factors
    inflation = np.square(inverse * scales[..., None, :]).sum(axis=-2)
    data_ratio = _whitened(scatter, factor)
    ratio = data_ratio + ridge * _whitened(np.square(scales)[..., None] * np.eye(len(u.T)), factor)
    slope, bend = prior.slopes(u)
    # slope in each u_i at fixed correlations
    alone = np.einsum("...ia,...ab,...bi->...i", factor, data_ratio, inverse)
    alone = alone - counts[..., None] + slope
    held = prior.held(u, alone)
    pull = slope - 2 * (eta - 1) - ridge * inflation - np.where(held, alone, 0.0)
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
    turned, back = factor @ axes, inverse.mT @ axes
    narrow = np.einsum("...ia,...ij,...ja->...a", axes, data_ratio, axes)
    spread, tight, before = np.square(turned), np.square(back), prior.log_density(u)

    def moved(move: Array) -> tuple[Array, Array]:
        """Logarithms of the standard deviations: where the step leads, and within bounds."""
        free = 0.5 * np.log((spread @ np.exp(move)[..., None])[..., 0])
        return free, np.where(held, u, prior.within(free))

    def gain(share: Array) -> Array:
        move = share[..., None] * moves
        free, new = moved(move)
        shift = np.expm1(free - new)[..., None] * back  # zero where no bound is near
        more = np.einsum("...ia,...ij,...ja->...a", 2 * back + shift, scatter, shift)
        data = (per_trace[..., None] * move - 0.5 * narrow * np.expm1(-move)).sum(axis=-1)
        data = data - 0.5 * (more * np.exp(-move)).sum(axis=-1)
        data = data + counts * (free - new).sum(axis=-1)
        inflated = np.exp(2 * free) * (tight @ np.exp(-move)[..., None])[..., 0]
        change = prior.log_density(new) - before - 2 * (eta - 1) * (free - u)
        change = change - 0.5 * ridge * (inflated - inflation)
        total: Array = data + change.sum(axis=-1)
        return total

    size = 1 + counts + np.trace(ratio, axis1=-2, axis2=-1)
    moves = _uphill_share(gain, size)[..., None] * moves
    promised = np.sum(gradient * step, axis=(-2, -1)) / size
    free, new = moved(moves)
    found = np.exp(new - free)[..., None] * turned * np.exp(0.5 * moves)[..., None, :]
    return found, float(promised.max())


def _lengths(factor: Array) -> Array:
    """Lengths of the rows: standard deviations."""
    return np.asarray(np.sqrt(np.square(factor).sum(axis=-1)))


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
