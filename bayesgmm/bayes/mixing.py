"""R-hat and effective sample sizes of many quantities at once.

They are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), and the same numbers as
ArviZ's, but for rounding. ArviZ takes one quantity and one question at a time, which for few rows
takes half as long as the sampling. What the questions share is found only once here: the halves
of the chains, and the ranks of the draws.

References
----------
Geyer, C. J. (1992). Practical Markov chain Monte Carlo. Statistical Science 7, 473-483.

Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Bürkner, P.-C. (2021). Rank-normalization,
folding, and localization: an improved R-hat for assessing convergence of MCMC. Bayesian Analysis
16, 667-718.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri

from bayesgmm.mixture import threads
from bayesgmm.mixture.data import pieces

Array = npt.NDArray[np.float64]

_TAILS = 0.05, 0.95
_FEWEST = 4  # draws of a chain
_ALIKE = 1e-15  # draws that are no further apart are all the same
_NUMBERS = 32_000  # looked at together, while they are in the cache


class Mixing(NamedTuple):
    """How well chains have mixed; NaN of draws that are, and of fewer than four a chain.

    Parameters
    ----------
    ess_bulk, ess_tail : array, shape (n,)
        Effective sample sizes: for a mean, and for the worse of the quantiles 5 % and 95 %.
    r_hat : array, shape (n,)
        R-hat of each quantity; NaN of a constant. A single chain is judged by its halves.
    """

    ess_bulk: Array
    ess_tail: Array
    r_hat: Array


def mixing(values: Array) -> Mixing:
    """Tell how well chains have mixed, from draws (chain, draw, n) of n quantities."""
    return Mixing(*_of_each(_mixing, values, len(Mixing._fields)))


def r_hats(values: Array) -> Array:
    """R-hat alone, as `mixing` gives it."""
    (found,) = _of_each(_r_hat_alone, values, 1)
    return found


def mcse_means(values: Array) -> Array:
    """Monte Carlo standard errors of the means of n quantities, from draws (chain, draw, n)."""
    (found,) = _of_each(_mcse_mean, values, 1)
    return found


def _of_each(question: Callable[[Array], Array], values: Array, n_answers: int) -> Array:
    """Ask a question about some quantities at a time, as rows (n, chain, draw): (answers, n)."""
    chains, draws, n = values.shape
    found = np.full((n_answers, n), np.nan)
    valid = np.flatnonzero(~np.isnan(values).any(axis=(0, 1)))
    if draws < _FEWEST:
        return found

    def answer(some: slice) -> None:
        rows = np.ascontiguousarray(np.moveaxis(values[..., valid[some]], -1, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            found[:, valid[some]] = question(rows)

    tasks = list(pieces(len(valid), max(1, _NUMBERS // (chains * draws))))
    for _ in threads.map(answer, tasks, threads.available_cores()):
        pass
    return found


def _mixing(rows: Array) -> Array:
    halves = _halves(rows)
    scores = _normal_scores(halves)
    r_hat = _r_hat_alone(rows) if rows.shape[1] == 1 else _rank_r_hat(halves, scores)
    low, high = (
        _effective(_halves((rows <= quantile[:, None, None]).astype(np.float64)))
        for quantile in np.quantile(rows, _TAILS, axis=(1, 2))
    )
    return np.stack([_effective(scores), np.minimum(low, high), r_hat])


def _r_hat_alone(rows: Array) -> Array:
    if rows.shape[1] > 1:
        halves = _halves(rows)
    elif rows.shape[2] // 2 >= _FEWEST:
        halves = _halves(_halves(rows))
    else:
        return np.full(len(rows), np.nan)
    return _rank_r_hat(halves, _normal_scores(halves))


def _mcse_mean(rows: Array) -> Array:
    return np.asarray(rows.std(axis=(1, 2), ddof=1) / np.sqrt(_effective(_halves(rows))))


def _halves(rows: Array) -> Array:
    """Cut every chain in two."""
    half = rows.shape[-1] // 2
    return np.concatenate([rows[..., :half], rows[..., -half:]], axis=1)


def _rank_r_hat(halves: Array, scores: Array) -> Array:
    """R-hat of location or of spread, whichever is larger."""
    middle = np.median(halves, axis=(1, 2), keepdims=True)
    bulk, tail = _r_hat(scores), _r_hat(_normal_scores(abs(halves - middle)))
    return np.where(tail > bulk, tail, bulk)


def _r_hat(rows: Array) -> Array:
    n = rows.shape[-1]
    within = rows.var(axis=-1, ddof=1).mean(axis=-1)
    between = n * rows.mean(axis=-1).var(axis=-1, ddof=1)
    return np.asarray(np.sqrt((between / within + n - 1) / n))


def _normal_scores(rows: Array) -> Array:
    """Replace each draw by the quantile of a normal distribution that its rank stands for.

    Equal draws share the mean of their ranks.
    """
    flat = rows.reshape(len(rows), -1)
    order, places = np.argsort(flat, axis=1), np.arange(flat.shape[1])
    ascending = np.take_along_axis(flat, order, axis=1)
    differs = ascending[:, 1:] != ascending[:, :-1]
    first, last = (np.broadcast_to(places, flat.shape).copy() for _ in range(2))
    first[:, 1:][~differs] = 0
    last[:, :-1][~differs] = places[-1]
    np.maximum.accumulate(first, axis=1, out=first)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    # of every mean of two ranks, by their sum
    quantiles = ndtri((np.arange(2 * len(places) - 1) / 2 + 5 / 8) / (len(places) + 1 / 4))
    scores = np.empty(flat.shape)
    np.put_along_axis(scores, order, quantiles[first + last], axis=1)
    return scores.reshape(rows.shape)


def _effective(rows: Array) -> Array:
    """Effective sample sizes of the means of n quantities, from chains (n, chain, draw).

    Of autocorrelations, taken in pairs, those from the first pair that is not positive on are
    noise, and no pair may exceed the one before it (Geyer 1992).
    """
    size, draws = rows[0].size, rows.shape[-1]
    covariance = _autocovariance(rows)
    within = covariance[:, :1] * draws / (draws - 1)
    total = covariance[:, :1] + rows.mean(axis=-1).var(axis=-1, ddof=1)[:, None]
    correlation = 1 - (within - covariance) / total
    correlation[:, 0] = 1
    n_pairs = max(1, (draws - 1) // 2)
    even = correlation[:, : 2 * n_pairs : 2]
    pairs = even + correlation[:, 1 : 2 * n_pairs : 2]
    noise = pairs <= 0
    noise[:, -1] = True
    end = noise.argmax(axis=1)[:, None]
    counted = np.where(np.arange(n_pairs) < end, np.minimum.accumulate(pairs, axis=1), 0)
    rest, left = (np.take_along_axis(each, end, axis=1)[:, 0] for each in (pairs, even))
    rest = np.where(rest >= 0, left, np.maximum(left, 0))
    found = size / np.maximum(2 * counted.sum(axis=1) + rest - 1, 1 / np.log10(size))
    return np.where(np.ptp(rows, axis=(1, 2)) < _ALIKE, size, found)


def _autocovariance(rows: Array) -> Array:
    """Autocovariance at each lag, shape (n, draw), averaged over the chains."""
    draws = rows.shape[-1]
    padded = next_fast_len(2 * draws, real=True)
    spectrum = rfft(rows - rows.mean(axis=-1, keepdims=True), padded)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.asarray(irfft(power, padded)[:, :draws] / draws)
