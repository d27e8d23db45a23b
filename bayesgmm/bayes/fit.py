"""`fit_bayes`: start from EM, sample the posterior, give the components their names."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes import nuts, stock
from bayesgmm.bayes.adopt import log_likelihood_of, mixture_of, named_fit, stats_of
from bayesgmm.bayes.callback import log_densities
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.em.arguments import chosen_seed, starting_params
from bayesgmm.em.fit import fit_em
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import get_structure
from bayesgmm.priors import Priors
from bayesgmm.results.alignment import sorted_components

Array = npt.NDArray[np.float64]

_Sampler = Literal["nutpie", "pymc"]
# draws, log-likelihoods, statistics of the sampler, and the route that it took
_Sampled = tuple[Mixture, Array, dict[str, npt.NDArray[Any]], str]

_JITTER = 0.3  # half-width of the uniform jitter of the chains' starts, in units of each parameter


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
    sampler: _Sampler = "nutpie",
) -> BayesFit:
    """Sample the posterior of a Gaussian mixture with NUTS.

    Chains start around the EM estimate, each at a point of its own. What is sampled is the model
    that `build_model` defines, by a precompiled log-density and gradient that agree with it.
    Afterwards the components of every draw take the names of the EM estimate's components (by
    ascending mean of the first feature), so that summaries by component mean something.

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
        Where chains start, and whose names the components take. By default an EM fit is made.
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
    """
    structure = get_structure(covariance_type)
    data = as_data(X)
    if data.row_weights.size:
        raise InputError("a Bayesian fit has no row weights: each row counts once")
    check_fit(data, n_components, structure)
    _check_settings(draws, tune, chains, cores, target_accept)
    if sampler not in get_args(_Sampler):
        raise InputError(f"sampler must be 'nutpie' or 'pymc', not {sampler!r}")
    if priors is None:
        priors = Priors.weakly_informative(data, n_components, covariance_type)
    random_seed = chosen_seed(random_seed)
    reference = _reference(start, data, n_components, covariance_type, random_seed, progressbar)
    density = Density(data.rows(), n_components, covariance_type, priors)
    starts = _starts(density, reference, chains, random_seed)
    settings = {
        "draws": draws,
        "tune": tune,
        "cores": cores,
        "target_accept": target_accept,
        "random_seed": random_seed,
        "progressbar": progressbar,
    }
    sample = {"nutpie": _by_nutpie, "pymc": _by_pymc}[sampler]
    mixture, log_likelihood, stats, route = sample(data, density, starts, settings)
    kept = mixture.weights.shape[1]
    return named_fit(
        mixture,
        data=data,
        covariance_type=structure.name,
        priors=priors,
        log_likelihood=log_likelihood,
        sample_stats=stats,
        reference=reference,
        settings={
            "draws": kept,
            "tune": tune,
            "chains": chains,
            "target_accept": target_accept,
            "random_seed": random_seed,
            "sampler": sampler,
            "route": route,
            "interrupted": kept < draws,
        },
    )


def _by_nutpie(data: Data, density: Density, starts: Array, settings: dict[str, Any]) -> _Sampled:
    drawn = nuts.sample(density, starts, **settings)
    # the prior's part off the log posterior density costs no sweep of the data
    prior = Density(density.X[:0], density.n_components, density.covariance_type, density.priors)
    log_likelihood = drawn.stats["lp"] - log_densities(prior, drawn.unconstrained)
    return density.unpack(drawn.unconstrained), log_likelihood, drawn.stats, drawn.route


def _by_pymc(data: Data, density: Density, starts: Array, settings: dict[str, Any]) -> _Sampled:
    tree = stock.sample(data, density, starts, **settings)
    mixture = mixture_of(tree.posterior, data.n_features, density.covariance_type)
    return mixture, log_likelihood_of(data, mixture), stats_of(tree, mixture), "pymc"


def _reference(
    start: EMFit | Params | None,
    data: Data,
    n_components: int,
    covariance_type: str,
    random_seed: int,
    progressbar: bool,
) -> Params:
    if start is None:
        start = fit_em(
            data,
            n_components,
            covariance_type=covariance_type,
            random_seed=random_seed,
            progressbar=progressbar,
        )
    return sorted_components(starting_params(start, data, n_components))


def _starts(density: Density, reference: Params, chains: int, seed: int) -> Array:
    """Scatter the chains around the reference, on each parameter's own scale.

    The jitter of a mean is relative to its component's standard deviation; all others are
    logarithms or correlations, whose scale is one.
    """
    rng = np.random.default_rng(seed)
    centre = density.pack(reference.weights, reference.means, reference.cholesky)
    layout = density.layout
    unit = layout.split(np.ones(len(layout.template)))
    of_means = reference.scales.copy()
    if layout.ordered >= 0:
        of_means[1:, layout.ordered] = 1.0  # logarithms of steps
    unit[1] = of_means.ravel()
    width = _JITTER * np.concatenate(unit)[layout.free]
    return centre + width * rng.uniform(-1, 1, size=(chains, density.n_dim))


def _check_settings(
    draws: int, tune: int, chains: int, cores: int | None, target_accept: float
) -> None:
    least = {"draws": nuts.LEAST_DRAWS, "tune": 0, "chains": 1}
    for name, value in (("draws", draws), ("tune", tune), ("chains", chains)):
        if value < least[name]:
            raise InputError(f"{name} must be at least {least[name]}, not {value}")
    if cores is not None and cores < 1:
        raise InputError(f"cores must be at least 1, not {cores}")
    if not 0 < target_accept < 1:
        raise InputError(f"target_accept must be between 0 and 1, not {target_accept}")
