"""The posterior under ArviZ's names: groups of labelled arrays, each built when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import xarray as xr

from bayesgmm.bayes import predictive
from bayesgmm.bayes.labels.renaming import in_order
from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Layout, Mixture
from bayesgmm.bayes.variables import Variable, free_variables
from bayesgmm.mixture.errors import InputError
from bayesgmm.priors import Priors
from bayesgmm.results import labelled

Array = npt.NDArray[np.float64]

_BATCH = ("chain", "draw")
_PRIOR_DRAWS = 500
_OF_PRIORS = ("log_prior", "prior", "prior_predictive")
_LARGEST_GROUP = 3 * 10**8  # numbers; more than two gigabytes is not built unasked


def tree_of(fit: BayesFit, groups: Iterable[str] | None = None) -> xr.DataTree:
    """Build groups of the tree; see `BayesFit.to_datatree`."""
    wanted = _all_groups(fit) if groups is None else list(groups)
    unknown = [name for name in wanted if name not in _GROUPS]
    if unknown:
        raise InputError(f"there is no group {unknown[0]!r}; choose from {', '.join(_GROUPS)}")
    _check_size(fit, wanted)
    tree = xr.DataTree.from_dict({name: _GROUPS[name](fit) for name in wanted})
    tree.attrs = {"verdict": fit.diagnostics.verdict, "inference_library": "bayesgmm"}
    return tree


def stats_dataset(fit: BayesFit) -> xr.Dataset:
    """Label what the sampler tells of itself, and the log-likelihood of every draw."""
    stats = fit.sample_stats | {"log_likelihood": fit.log_likelihood}
    coords = labelled.numbered(_BATCH, fit.labels.shape)
    return xr.Dataset({name: (_BATCH, array) for name, array in stats.items()}, coords)


def prior_draws(fit: BayesFit) -> Mixture:
    """Draw mixtures from the priors: the same at every call."""
    rng = np.random.default_rng(fit.settings.get("random_seed"))
    K, D, priors = fit.n_components, fit.data.n_features, _priors(fit)
    batch = (1, _PRIOR_DRAWS)
    free = priors.sample(rng, K, D, fit.covariance_type, batch)
    layout = Layout.of(fit.covariance_type, K, D, priors)
    factors = free.get("correlations_cholesky", np.empty((*batch, 0)))
    return layout.expand(
        free["weights"],
        free["means"],
        free["scales"].reshape(*batch, layout.n_scales),
        factors.reshape(*batch, layout.n_blocks, D, D),
    )


def _all_groups(fit: BayesFit) -> list[str]:
    return [name for name in _GROUPS if fit.priors is not None or name not in _OF_PRIORS]


def _check_size(fit: BayesFit, groups: list[str]) -> None:
    per_draw = {"log_likelihood": fit.data.n_rows, "posterior_predictive": fit.data.values.size}
    for name in groups:
        size = per_draw.get(name, 0) * fit.log_likelihood.size
        if size > _LARGEST_GROUP:
            raise InputError(
                f"group {name!r} would hold {size:.1e} numbers, one for each draw and row: "
                "name the groups you need, as in to_datatree(['posterior', 'sample_stats'])"
            )


def _mixtures(fit: BayesFit, draws: Mixture) -> xr.Dataset:
    found = labelled.mixture_dataset(
        draws.weights,
        draws.means,
        draws.cholesky,
        fit.feature_names,
        correlated=fit.correlated,
        batch=_BATCH,
    )
    if fit.priors is None:
        return found
    for variable in _free(fit).values():  # what the model calls otherwise, it asks for by its name
        if variable.name not in found:
            found[variable.name] = ((*_BATCH, *variable.dims), variable.values(draws))
    return found


def _with_extra(fit: BayesFit, found: xr.Dataset) -> xr.Dataset:
    """Add what else was sampled, its components named like ours."""
    for name, array in fit.extra.items():
        if name in found:
            continue
        if "component" in array.dims:
            array = array.transpose(*_BATCH, "component", ...)
            array = array.copy(data=in_order(array.to_numpy(), fit.labels))
        found[name] = array
    return found


def _log_prior(fit: BayesFit) -> xr.Dataset:
    """Log prior density of every free variable of the model, in the draws."""
    coords = labelled.coordinates(fit.n_components, fit.feature_names)
    coords |= labelled.numbered(_BATCH, fit.labels.shape)
    found = {}
    for variable in _free(fit).values():
        density = variable.prior.logpdf(variable.values(fit.draws))
        dims = (*_BATCH, *variable.dims)[: density.ndim]  # of a whole event there is one density
        found[variable.name] = (dims, density)
    used = {dim for dims, _ in found.values() for dim in dims}
    return xr.Dataset(found, {dim: coords[dim] for dim in coords if dim in used})


def _priors(fit: BayesFit) -> Priors:
    return fit.known_priors.named(fit.feature_names)


def _free(fit: BayesFit) -> dict[str, Variable]:
    return free_variables(_priors(fit), fit.n_components, fit.data.n_features, fit.covariance_type)


def _predictive(fit: BayesFit, draws: Mixture) -> xr.Dataset:
    rng = np.random.default_rng(fit.settings.get("random_seed"))
    values, _ = predictive.rows_of_each(draws, fit.data.n_rows, rng)
    return labelled.rows_dataset(values, fit.feature_names, _BATCH)


def _pointwise(fit: BayesFit) -> xr.Dataset:
    return labelled.pointwise_dataset(predictive.log_density_draws(fit.data.rows(), fit.draws))


_GROUPS: dict[str, Callable[[BayesFit], xr.Dataset]] = {
    "posterior": lambda fit: _with_extra(fit, _mixtures(fit, fit.draws)),
    "sample_stats": stats_dataset,
    "observed_data": lambda fit: labelled.observed_dataset(fit.data),
    "log_likelihood": _pointwise,
    "log_prior": _log_prior,
    "posterior_predictive": lambda fit: _predictive(fit, fit.draws),
    "prior": lambda fit: _mixtures(fit, prior_draws(fit)),
    "prior_predictive": lambda fit: _predictive(fit, prior_draws(fit)),
}
