"""`fit_bayes`: start from EM, sample the posterior until it has mixed, name the components."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes import nuts, stock
from bayesgmm.bayes.adopt import log_likelihood_of, mixture_of, named_fit, stats_of
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.diagnostics import Verdict
from bayesgmm.bayes.idle import find_places
from bayesgmm.bayes.modes import Place, named_by_priors, shared_out
from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.em.arguments import chosen_seed, starting_params
from bayesgmm.em.fit import fit_em
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.likelihood import sweep_cost
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import get_structure
from bayesgmm.priors import Priors
from bayesgmm.results.alignment import sorted_components

Array = npt.NDArray[np.float64]

_Sampler = Literal["nutpie", "pymc"]
# draws, log-likelihoods, statistics of the sampler, and the route that it took
_Sampled = tuple[Mixture, Array, dict[str, npt.NDArray[Any]], str]

_LONGER = 4  # times as long, if the chains have not mixed, ...
_LONGEST = 16  # ... but not longer than so many times what was asked for, ...
_EFFORT = 2e11  # ... and only if that takes fewer cycles of a processor: about a minute
_LOOKED_AT = 1000  # draws among which those near a mode are looked for
_CALL = 2e4  # cycles of one evaluation of the density without rows


def fit_bayes(
    X: Any,
    n_components: int,
    *,
    covariance_type: str = "full",
    priors: Priors | None = None,
    start: EMFit | Params | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    cores: int | None = None,
    target_accept: float = 0.9,
    random_seed: int | None = None,
    progressbar: bool = True,
    thin: int | None = None,
    sampler: _Sampler = "nutpie",
) -> BayesFit:
    """Sample the posterior of a Gaussian mixture with NUTS.

    EM's maxima lead to the modes of the posterior. Chains start around these, and where components
    have no rows if much of the posterior may be there, in proportion to the mass of each place; so
    several places are seen where there are several. What is sampled is the model that `build_model`
    defines, by a precompiled log-density and gradient that agree with it. Afterwards the components
    of every draw take the names of the EM estimate's components (by ascending mean of the first
    feature), so that summaries by component mean something.

    A chain may leave its place while it warms up. If no draw is from there in the end, all chains
    are run once more with other random numbers; if that does not help, the fit says so.

    If the chains have not mixed, they are run again, longer, and of their draws only every fourth
    or sixteenth is kept: ``fit.settings["thin"]`` and the fit itself say so. If there were
    divergences as well, they are run with smaller steps: ``fit.settings["target_accept"]``.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), or data frame
        The rows: finite numbers. Column names become feature names.
    n_components : int
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances share; see `fit_em`.
    priors : Priors, optional
        By default `Priors.weakly_informative` of these rows. Print it to see what it says.
    start : EMFit or Params, optional
        Where to look for modes, and whose names the components take. By default an EM fit is made.
    draws, tune : int
        Draws of each chain to keep, and adaptation steps before them.
    chains : int
        Number of chains.
    cores : int, optional
        How many chains run at a time: by default all. The draws do not depend on it.
    target_accept : float
        Acceptance rate, between 0 and 1, that the step size is tuned to.
    random_seed : int, optional
        The same seed gives the same draws. If none is given, one is drawn and kept in
        ``fit.settings``.
    progressbar : bool
        Show what is going on.
    thin : int, optional
        Keep every so many draws: chains are as many times as long. By default 1, and more if the
        chains have not mixed and longer ones would take no more than about a minute.
    sampler : {"nutpie", "pymc"}
        With ``"pymc"``, `pymc.sample` draws from `build_model`'s graph, which takes PyMC half a
        minute or more to compile: another sampler, and another formula, to check ours against.

    Returns
    -------
    BayesFit

    Raises
    ------
    InputError
        If the data or an argument cannot be used; the message says which and what to do.
    FitError
        If the sampler breaks down.
    KeyboardInterrupt
        If the user interrupts before every chain has four draws. Later than that, the draws that
        every chain has are kept: ``fit.settings["interrupted"]`` is true, and a line on stderr
        says how many.

    References
    ----------
    Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn Sampler. Journal of Machine Learning
    Research 15, 1593-1623.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> faithful = bg.load_dataset("faithful")
    >>> fit = bg.fit_bayes(faithful, 2, random_seed=1, progressbar=False)
    >>> fit.diagnostics.trustworthy
    True
    >>> fit.summary()["mean"].loc[:, "mean"].round(0)
    component  feature
    0          eruptions     2.0
               waiting      54.0
    1          eruptions     4.0
               waiting      80.0
    Name: mean, dtype: float64

    Priors are stated in the units of the rows; `Priors.weakly_informative` has the default:

    >>> priors = bg.Priors(
    ...     means=bg.priors.Normal(mu=[3, 70], sigma=[2, 20]),
    ...     scales=bg.priors.LogNormal(mu=[-0.7, 1.8], sigma=0.5),
    ...     correlations=bg.priors.LKJ(eta=2, ridge=0.1),
    ... )
    >>> fit = bg.fit_bayes(
    ...     faithful, 2, priors=priors, draws=200, chains=2, random_seed=1, progressbar=False
    ... )
    """
    structure = get_structure(covariance_type)
    data = as_data(X)
    if data.row_weights.size:
        raise InputError("a Bayesian fit has no row weights: each row counts once")
    check_fit(data, n_components, structure)
    _check_settings(draws, tune, chains, cores, target_accept, thin)
    if sampler not in get_args(_Sampler):
        raise InputError(f"sampler must be 'nutpie' or 'pymc', not {sampler!r}")
    if priors is None:
        priors = Priors.weakly_informative(data, n_components, covariance_type)
    priors = priors.named(data.feature_names)
    random_seed = chosen_seed(random_seed)
    if start is None:
        start = fit_em(
            data,
            n_components,
            covariance_type=covariance_type,
            random_seed=random_seed,
            progressbar=progressbar,
        )
    reference = sorted_components(starting_params(start, data, n_components))
    density = Density(data.rows(), n_components, covariance_type, priors)
    for problem in priors.problems(data, n_components, covariance_type):
        warnings.warn(problem, UserWarning, stacklevel=2)
    maxima = [m.params for m in start.maxima] if isinstance(start, EMFit) else [reference]
    if not priors.exchangeable(n_components, data.n_features, covariance_type):
        maxima = [named_by_priors(density, params) for params in maxima]
        reference = named_by_priors(density, reference)
    places = find_places(density, maxima)
    began = shared_out(places, chains)
    rng = np.random.default_rng(random_seed)
    starts = np.array([places[i].scattered(density, rng) for i in began])
    settings = {
        "draws": draws,
        "tune": tune,
        "cores": cores,
        "progressbar": progressbar,
    }
    told = {
        "tune": tune,
        "chains": chains,
        "random_seed": random_seed,
        "sampler": sampler,
        "began": began,
        "masses": [place.mass for place in places],
    }

    def run(seed: int, times: int, accept: float) -> BayesFit:
        """Sample chains so many times as long as they shall be in the end."""
        sample = {"nutpie": _by_nutpie, "pymc": _by_pymc}[sampler]
        how = settings | {"draws": draws * times, "target_accept": accept, "random_seed": seed}
        drawn = sample(data, density, starts, how)
        if drawn[1].shape[1] < times * nuts.LEAST_DRAWS:  # interrupted: keep what there is
            times = 1
        mixture, log_likelihood, stats = _thinned(drawn, times)
        kept = mixture.weights.shape[1]
        return named_fit(
            mixture,
            data=data,
            covariance_type=structure.name,
            priors=priors,
            log_likelihood=log_likelihood,
            sample_stats=stats,
            reference=reference,
            settings=told
            | {"draws": kept, "thin": times, "target_accept": accept}
            | {"route": drawn[-1], "interrupted": kept < draws},
        )

    def until_mixed(seed: int) -> BayesFit:
        fit = run(seed, thin or 1, target_accept)
        while thin is None and sampler == "nutpie" and _worth_longer(fit):
            accept = fit.settings["target_accept"]
            if fit.diagnostics.divergences:
                accept = (1 + accept) / 2
            try:
                fit = run(seed, fit.settings["thin"] * _LONGER, accept)
            except KeyboardInterrupt:  # what there was before is better than nothing
                return replace(fit, settings=fit.settings | {"interrupted": True})
        return fit

    fit = until_mixed(random_seed)
    lost = _missed(fit, density, places)
    if lost and sampler == "nutpie" and fit.diagnostics.kind is Verdict.CONVERGED:
        with suppress(KeyboardInterrupt):  # as above
            fit = until_mixed(_another(random_seed))
            lost = _missed(fit, density, places)
    return replace(fit, settings=fit.settings | {"missed": lost}) if lost else fit


def _missed(fit: BayesFit, density: Density, places: Sequence[Place]) -> list[float]:
    """Give the masses of places where a chain began, but where no draw is."""
    began = set(fit.settings["began"])
    if len(began) == 1:
        return []
    points = density.vectors(fit.draws.in_one_row())[:: 1 + fit.log_likelihood.size // _LOOKED_AT]
    return [places[i].mass for i in sorted(began) if not places[i].holds(density, points)]


def _another(random_seed: int) -> int:
    return int(np.random.SeedSequence([random_seed, 1]).generate_state(1)[0])


def _thinned(drawn: _Sampled, thin: int) -> tuple[Mixture, Array, dict[str, npt.NDArray[Any]]]:
    mixture, log_likelihood, stats, _ = drawn
    last = slice(thin - 1, None, thin)
    kept = {name: values[:, last] for name, values in stats.items()}
    # a divergence between two draws speaks against both
    kept["diverging"] = _any_of(stats["diverging"], thin)
    return mixture.take(np.s_[:, last]), log_likelihood[:, last], kept


def _any_of(flags: npt.NDArray[np.bool_], thin: int) -> npt.NDArray[np.bool_]:
    chains, length = flags.shape[0], flags.shape[1] // thin
    blocks = flags[:, : length * thin].reshape(chains, length, thin)
    return np.asarray(blocks.any(axis=2))


def _worth_longer(fit: BayesFit) -> bool:
    """Whether the chains have not mixed, and there is hope that longer ones would."""
    kind, thin = fit.diagnostics.kind, fit.settings["thin"]
    apart = kind is Verdict.SEVERAL_MODES and thin > 1  # they had their chance to meet
    if kind is Verdict.CONVERGED or apart or fit.settings["interrupted"]:
        return False
    chains, draws = fit.labels.shape[:2]
    longer = thin * _LONGER
    steps = fit.sample_stats["n_steps"].mean() * chains * (draws * longer + fit.settings["tune"])
    effort = steps * (sweep_cost(fit.data, fit.n_components) + _CALL)
    return bool(longer <= _LONGEST and effort <= _EFFORT)


def _by_nutpie(data: Data, density: Density, starts: Array, settings: dict[str, Any]) -> _Sampled:
    drawn = nuts.sample(density, starts, **settings)
    # the prior's part off the log posterior density costs no sweep of the data
    prior = Density(density.X[:0], density.n_components, density.covariance_type, density.priors)
    log_likelihood = drawn.stats["lp"] - prior.log_densities(drawn.unconstrained)
    return density.unpack(drawn.unconstrained), log_likelihood, drawn.stats, drawn.route


def _by_pymc(data: Data, density: Density, starts: Array, settings: dict[str, Any]) -> _Sampled:
    tree = stock.sample(data, density, starts, **settings)
    mixture = mixture_of(tree.posterior, data.n_features, density.covariance_type)
    return mixture, log_likelihood_of(data, mixture), stats_of(tree, mixture), "pymc"


def _check_settings(
    draws: int,
    tune: int,
    chains: int,
    cores: int | None,
    target_accept: float,
    thin: int | None,
) -> None:
    given = {"draws": draws, "tune": tune, "chains": chains, "cores": cores, "thin": thin}
    least = {"draws": nuts.LEAST_DRAWS, "tune": 0}
    for name, value in given.items():
        if value is not None and value < least.get(name, 1):
            raise InputError(f"{name} must be at least {least.get(name, 1)}, not {value}")
    if not 0 < target_accept < 1:
        raise InputError(f"target_accept must be between 0 and 1, not {target_accept}")
