"""`fit_em`: check the data, search for the maximum, return it in the user's units."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.em.arguments import chosen_seed, starting_params
from bayesgmm.em.climb import Ascent, Point, Reason
from bayesgmm.em.progress import reporter
from bayesgmm.em.result import EMFit, Maximum
from bayesgmm.em.search import Optimum, search
from bayesgmm.em.starts import scatter_for, starting_points
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params, full_factor
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import Structure, factor, get_structure
from bayesgmm.results.alignment import sorted_components

Array = npt.NDArray[np.float64]


def fit_em(
    X: Any,
    n_components: int,
    *,
    covariance_type: str = "full",
    sample_weight: npt.ArrayLike | None = None,
    n_starts: int = 48,
    start: EMFit | Params | None = None,
    tol: float = 1e-10,
    max_iter: int = 10_000,
    random_seed: int | None = None,
    progressbar: bool = True,
) -> EMFit:
    """Fit a Gaussian mixture by maximum likelihood, with the EM algorithm.

    Many starts of several kinds are climbed for a few iterations and the promising ones to
    convergence, so that the answer is the best maximum, not the nearest. Nothing is added to the
    covariances; instead, maxima at which a component has collapsed onto few rows are recognised
    and set aside. The fit does not depend on the units of the features.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), or data frame
        The rows: finite numbers. Column names become feature names.
    n_components : int
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances share: nothing; everything; nothing, but features are uncorrelated
        within a component; or the same with one standard deviation for all features.
    sample_weight : array, shape (N,), optional
        Nonnegative weights: a row of weight two counts as two equal rows.
    n_starts : int
        Number of starts.
    start : EMFit or Params, optional
        Climb from here, and from nowhere else.
    tol : float
        Stop when the log-likelihood (total, natural) still to be gained is estimated to be below
        this.
    max_iter : int
        Most iterations of each final ascent.
    random_seed : int, optional
        The same seed gives the same fit. If none is given, one is drawn and kept in
        ``fit.settings``.
    progressbar : bool
        Show what is going on if it takes more than a second.

    Returns
    -------
    EMFit

    Raises
    ------
    InputError
        If the data or an argument cannot be used; the message says which and what to do.

    Warns
    -----
    UserWarning
        If the ascent did not converge, or every maximum that was found is unsound.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
    data via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> fit = bg.fit_em(bg.load_dataset("faithful"), n_components=2, random_seed=1)
    >>> round(fit.log_likelihood, 3)
    -1130.264
    """
    structure = get_structure(covariance_type)
    data = as_data(X, sample_weight)
    _check_settings(n_starts, tol, max_iter)
    check_fit(data, n_components, structure)
    seed = chosen_seed(random_seed)
    rng = np.random.default_rng(seed)
    shift, spread = data.moments()
    unit = structure.units(spread)
    rows = data.standardised(shift, unit)
    if start is None:
        drawn = starting_points(rows, n_components, structure, rng)
        starts = list(islice(drawn, n_starts if n_components > 1 else 1))
    else:
        given = starting_params(start, data, n_components)
        starts = [_point(given.rescaled(-shift / unit, 1 / unit), structure)]
    with reporter("EM", progressbar) as report:
        optima = search(rows, starts, structure, rng, tol=tol, max_iter=max_iter, report=report)
    best = optima[0].ascent
    offset = data.log_density_shift(unit)
    fit = EMFit(
        params=_params(best, shift, unit),
        data=data,
        covariance_type=structure.name,
        history=best.history + offset,
        reason=best.reason,
        maxima=tuple(_maximum(o, shift, unit, offset) for o in optima),
        settings={
            "n_starts": len(starts),
            "start": start is not None,
            "tol": tol,
            "max_iter": max_iter,
            "random_seed": seed,
        },
    )
    _warn(fit)
    return fit


def _maximum(optimum: Optimum, shift: Array, unit: Array, offset: float) -> Maximum:
    log_likelihood = optimum.ascent.log_likelihood + offset
    params = _params(optimum.ascent, shift, unit)
    return Maximum(params, log_likelihood, optimum.n_found, optimum.sound)


def _params(ascent: Ascent, shift: Array, unit: Array) -> Params:
    point = ascent.point
    standardised = Params(point.weights, point.means, full_factor(point.factor))
    return sorted_components(standardised.rescaled(shift, unit))


def _point(params: Params, structure: Structure) -> Point:
    """Bring parameters into the structure: what it shares is pooled, what it lacks is dropped."""
    scatter = params.weights[:, None, None] * params.covariances
    factors = factor(structure.covariances(params.weights, scatter_for(structure, scatter)))
    return Point(params.weights, params.means, factors)


def _check_settings(n_starts: int, tol: float, max_iter: int) -> None:
    if n_starts < 1:
        raise InputError(f"n_starts must be at least 1, not {n_starts}")
    if not tol > 0:
        raise InputError(f"tol must be positive, not {tol}")
    if max_iter < 1:
        raise InputError(f"max_iter must be at least 1, not {max_iter}")


def _warn(fit: EMFit) -> None:
    if fit.reason is Reason.MAX_ITER:
        message = f"EM has not converged in {fit.settings['max_iter']} iterations: raise max_iter"
        warnings.warn(message, stacklevel=3)
    elif not fit.sound:
        message = "every maximum that EM found rests on components of very few rows: "
        warnings.warn(message + "use fewer components or another covariance_type", stacklevel=3)
