"""`fit_em`: check the data, search for the maximum, return it in the user's units."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.em.arguments import chosen_cores, chosen_seed, starting_params
from bayesgmm.em.climb import Ascent, Reason
from bayesgmm.em.frame import Frame
from bayesgmm.em.objective import Objective
from bayesgmm.em.penalty import Penalty
from bayesgmm.em.progress import reporter
from bayesgmm.em.result import EMFit, Maximum
from bayesgmm.em.search import Optimum, Search
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import Structure, get_structure
from bayesgmm.priors import Priors
from bayesgmm.results.alignment import sorted_components

Array = npt.NDArray[np.float64]


def fit_em(
    X: Any,
    n_components: int,
    *,
    covariance_type: str = "full",
    sample_weight: npt.ArrayLike | None = None,
    priors: Priors | None = None,
    n_starts: int = 48,
    start: EMFit | Params | None = None,
    tol: float = 1e-10,
    max_iter: int = 10_000,
    random_seed: int | None = None,
    cores: int | None = None,
    progressbar: bool = True,
) -> EMFit:
    """Fit a Gaussian mixture by maximum likelihood, with the EM algorithm.

    Many starts of several kinds are climbed for a few iterations and the promising ones to
    convergence, with quasi-Newton steps; the winners gain and lose a component as long as
    that leads further up. So the answer is the best maximum, not the nearest. Nothing is added to
    the covariances; instead, maxima at which a component has collapsed onto few rows are
    recognised and set aside. The fit does not depend on the units of the features, as far as its
    covariance structure allows; nor, up to 5,000 rows, on their order, and copies of a row are a
    weight.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), data frame, path of a Parquet file, or iterator of batches
        The rows: finite numbers. Column names become feature names. Arrays in single precision
        and arrays mapped from files (`numpy.memmap`) are read as they are, without a copy.
    n_components : int
        Number of components, K.
    covariance_type : str
        What the covariances share: ``"full"`` (nothing), ``"tied"`` (everything), ``"diag"``
        (nothing, but features are uncorrelated within a component), ``"spherical"`` (the same
        with one standard deviation for all features); or one of mclust's codes for volume, shape
        and orientation, from ``"EII"`` to ``"VVV"``; for one feature also ``"E"`` and ``"V"``.
    sample_weight : array, shape (N,), optional
        Nonnegative weights: a row of weight two counts as two equal rows.
    priors : Priors, optional
        As `fit_bayes` takes them. The fit is then the posterior mode of weights, means, standard
        deviations and correlations. Only for full, tied, diagonal and spherical covariances.
        Components are in the order of the priors, if these tell them apart.
    n_starts : int
        Number of starts.
    start : EMFit or Params, optional
        Climb from here, and from nowhere else.
    tol : float
        Stop when the log-likelihood (total, natural) still to be gained is estimated to be below
        this; times the mean weight of the rows, if they have weights.
    max_iter : int
        Most iterations of each final ascent.
    random_seed : int, optional
        The same seed gives the same fit. If none is given, one is drawn and kept in
        ``fit.settings``.
    cores : int, optional
        Most cores to use; by default all. The fit does not depend on it.
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
    >>> faithful = bg.load_dataset("faithful")
    >>> fit = bg.fit_em(faithful, n_components=2, random_seed=1)
    >>> round(fit.log_likelihood, 3)
    -1130.264
    >>> fit.params.weights.round(3)
    array([0.356, 0.644])
    >>> fit.predict([[2.0, 50.0], [4.5, 80.0]])  # which component is likelier
    array([0, 1])

    The components may share their covariance, which costs likelihood and saves parameters:

    >>> tied = bg.fit_em(faithful, n_components=2, covariance_type="tied", random_seed=1)
    >>> tied.log_likelihood < fit.log_likelihood, tied.n_parameters, fit.n_parameters
    (True, 8, 11)
    """
    data = as_data(X, sample_weight)
    structure = get_structure(covariance_type, data.n_features)
    check_fit(data, n_components, structure)
    if priors is not None and not isinstance(priors, Priors):
        raise InputError(f"priors must be a Priors, not {type(priors).__name__}")
    settings = Settings(
        n_starts=n_starts,
        tol=tol,
        max_iter=max_iter,
        random_seed=chosen_seed(random_seed),
        cores=chosen_cores(cores),
    )
    only = None if start is None else starting_params(start, data, n_components)
    with reporter("EM", progressbar) as report:
        fit = maximise(data, n_components, structure, settings, report, priors=priors, only=only)
    warn_of(fit)
    return fit


@dataclass(frozen=True)
class Settings:
    """Arguments of a search; see `fit_em`."""

    n_starts: int = 48
    tol: float = 1e-10
    max_iter: int = 10_000
    random_seed: int = 0
    cores: int = 1
    rearrange: bool = True  # the winner's components, once it is found; see `search`

    def __post_init__(self) -> None:
        if self.n_starts < 1:
            raise InputError(f"n_starts must be at least 1, not {self.n_starts}")
        if not self.tol > 0:
            raise InputError(f"tol must be positive, not {self.tol}")
        if self.max_iter < 1:
            raise InputError(f"max_iter must be at least 1, not {self.max_iter}")


def maximise(
    data: Data,
    n_components: int,
    structure: Structure,
    settings: Settings,
    report: Any,
    *,
    priors: Priors | None = None,
    only: Params | None = None,
    known: Sequence[Params] = (),
    reg_covar: float = 0.0,
) -> EMFit:
    """Search for the maximum, given checked arguments.

    Parameters
    ----------
    data, n_components, structure, settings, priors
        See `fit_em`.
    report : callable
        Told in words what is going on.
    only : Params, optional
        Climb from here, and from nowhere else.
    known : sequence of Params
        More starts, beside those that are drawn.
    reg_covar : float
        If positive, a ridge of this size (in units of the variances of the features, as far as
        the structure allows) keeps covariances regular that the rows cannot determine. Not
        together with priors.
    """
    shift, spread = data.moments()
    frame = Frame(shift, structure.units(spread), structure)
    rows = data.standardised(shift, frame.unit)
    if not (data.row_weights > 0).all():
        rows = rows.take(np.flatnonzero(data.row_weights))  # or they would be drawn as starts
    penalty = None
    if priors is not None:
        shape = (n_components, data.n_features)
        penalty = Penalty.of(priors, structure, *shape, shift, frame.unit)
    objective = Objective(rows, structure, penalty, workers=settings.cores, reg_covar=reg_covar)
    search = Search(settings.tol, settings.max_iter, report, settings.rearrange)
    if only is None:
        rng = np.random.default_rng(settings.random_seed)
        others = frame.points(known)
        optima = search.everywhere(objective, n_components, settings.n_starts, rng, others)
    else:
        optima = search.from_points(objective, [frame.point(only)])
    best = optima[0].ascent
    offset = data.log_density_shift(frame.unit)
    maxima = tuple(_maximum(o, objective, frame, offset) for o in optima)
    if priors is None or priors.exchangeable(n_components, data.n_features, structure.name):
        maxima = tuple(replace(m, params=sorted_components(m.params)) for m in maxima)
    return EMFit(
        params=maxima[0].params,
        data=data,
        covariance_type=structure.name,
        history=best.history + offset,
        reason=best.reason,
        maxima=maxima,
        priors=priors,
        settings={
            "n_starts": settings.n_starts if only is None else 1,
            "start": only is not None,
            "tol": settings.tol,
            "max_iter": settings.max_iter,
            "random_seed": settings.random_seed,
            "reg_covar": reg_covar,
        },
    )


def _maximum(optimum: Optimum, objective: Objective, frame: Frame, offset: float) -> Maximum:
    ascent: Ascent = optimum.ascent
    point, log_prior = ascent.point, 0.0
    if objective.penalty is not None:
        log_prior = float(
            objective.penalty.log_density(point.weights, point.means, point.factor)[0]
        )
    elif objective.reg_covar:
        plain = replace(objective, reg_covar=0.0)
        log_prior = ascent.value - float(plain.estep(point, np.arange(1))[0][0])
    return Maximum(
        frame.params(point),
        ascent.value + offset - log_prior,
        optimum.n_found,
        optimum.sound,
        log_prior,
    )


def warn_of(fit: EMFit, category: type[Warning] = UserWarning) -> None:
    """Warn of a fit that is not what was asked for."""
    if fit.reason is Reason.MAX_ITER:
        message = f"EM has not converged in {fit.settings['max_iter']} iterations: raise max_iter"
        warnings.warn(message, category, stacklevel=3)
    elif not fit.sound:
        message = "every maximum that EM found rests on components of very few rows: "
        message += "use fewer components or another covariance_type"
        warnings.warn(message, category, stacklevel=3)
