"""Draws of a mixture from elsewhere: renamed, judged and asked like our own.

Whoever samples the model in another way (`pymc.sample` on a model derived from `build_model`,
NumPyro, BlackJAX, Stan) brings the draws under ArviZ's names, and gets a `BayesFit` of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from bayesgmm.bayes import predictive
from bayesgmm.bayes.labels import reference_labels, renamed
from bayesgmm.bayes.labels.renaming import unchanged
from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.em.arguments import chosen_seed, starting_params
from bayesgmm.em.fit import fit_em
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.structures import get_structure
from bayesgmm.priors import Priors
from bayesgmm.results.alignment import sorted_components

Array = npt.NDArray[np.float64]

_BATCH = ("chain", "draw")
_READ = ("weights", "means", "scales", "covariances", "correlations", "correlations_cholesky")
_ROUNDING = 1e-6  # relative; some samplers work in single precision


def from_draws(
    X: Any,
    draws: Any,
    *,
    covariance_type: str = "full",
    priors: Priors | None = None,
    reference: EMFit | Params | None = None,
    random_seed: int | None = None,
) -> BayesFit:
    """Make a Bayesian fit of draws that another sampler made.

    The components of every draw are given the names of the reference's components, and the
    log-likelihood of every draw is computed.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), or data frame
        The rows whose posterior it is, in the units of the draws.
    draws : DataTree, InferenceData or Dataset
        A group ``posterior`` (or that group alone) with ``weights`` (chain, draw, K), ``means``
        (chain, draw, K, D) and the spread: either ``covariances`` (chain, draw, K, D, D), or
        ``scales`` (chain, draw, K, D) with ``correlations_cholesky`` or ``correlations`` (chain,
        draw, K, D, D). Every component has its own, though all may be equal. A group
        ``sample_stats`` is taken over, and so are other variables of the posterior that are
        numbers with dimensions chain and draw: `to_datatree` gives them back. Along the dimension
        of ``weights``, or one called ``component``, they are renamed with the components.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances share; see `fit_em`.
    priors : Priors, optional
        Those of the posterior: the fit reports them, draws from them and asks how much they
        matter, and components that they tell apart keep their names. By default they are not
        known, as if no `Priors` could say them; those that `build_model` takes by default are
        ``Priors.weakly_informative(X, n_components, covariance_type)``.
    reference : EMFit or Params, optional
        The mixture whose names the components take. By default an EM fit is made.
    random_seed : int, optional
        Of that EM fit.

    Returns
    -------
    BayesFit

    Raises
    ------
    InputError
        If a variable is missing, has the wrong shape, or is no mixture.

    Examples
    --------
    >>> priors = bg.Priors.weakly_informative(X, 2)  # doctest: +SKIP
    >>> with bg.build_model(X, 2, priors=priors) as model:  # doctest: +SKIP
    ...     tree = pm.sample()
    >>> bg.from_draws(X, tree, priors=priors)  # doctest: +SKIP
    """
    data = as_data(X)
    if data.row_weights.size:
        raise InputError("a Bayesian fit has no row weights: each row counts once")
    structure = get_structure(covariance_type).name
    posterior = _group(draws, "posterior")
    mixture = mixture_of(posterior, data.n_features, structure)
    K = mixture.weights.shape[-1]
    random_seed = chosen_seed(random_seed)
    if reference is None:
        reference = fit_em(data, K, covariance_type=structure, random_seed=random_seed)
    chains, n_draws = mixture.weights.shape[:2]
    return named_fit(
        mixture,
        data=data,
        covariance_type=structure,
        priors=priors,
        log_likelihood=log_likelihood_of(data, mixture),
        sample_stats=stats_of(draws, mixture),
        extra=extra_of(posterior, K, data.n_features),
        reference=sorted_components(starting_params(reference, data, K)),
        settings={
            "draws": n_draws,
            "chains": chains,
            "sampler": "another",
            "random_seed": random_seed,
        },
    )


def named_fit(sampled: Mixture, *, reference: Params, **attributes: Any) -> BayesFit:
    """Give the components of sampled draws the names of the reference's: `BayesFit` of them.

    Where the priors tell the components apart, they keep the names under which they were sampled.
    """
    priors, data, kind = (attributes[n] for n in ("priors", "data", "covariance_type"))
    n_components = reference.n_components
    if priors is None or priors.exchangeable(n_components, data.n_features, kind):
        labels = reference_labels(sampled, reference)
    else:
        attributes["settings"] = attributes["settings"] | {"relabelled": "priors"}
        labels = unchanged(sampled)
    return BayesFit(
        draws=renamed(sampled, labels), labels=labels, reference=reference, **attributes
    )


def log_likelihood_of(data: Data, draws: Mixture) -> Array:
    """Total log-likelihood of every draw, shape (chain, draw)."""
    total = np.zeros(draws.weights.shape[:2])
    for _, density in predictive.log_density_blocks(data.rows(), draws):
        total += density.sum(axis=-1).reshape(total.shape)
    return total


def stats_of(draws: Any, mixture: Mixture) -> dict[str, npt.NDArray[Any]]:
    """Take over the sampler's numbers of every draw; without any, it has told of no divergence."""
    kept = {
        str(name): array.transpose(*_BATCH).to_numpy()
        for name, array in _group(draws, "sample_stats", optional=True).items()
        if set(array.dims) == set(_BATCH) and array.dtype.kind in "biuf"
    }
    return {"diverging": np.zeros(mixture.weights.shape[:2], dtype=bool)} | kept


def extra_of(posterior: xr.Dataset, n_components: int, n_features: int) -> xr.Dataset:
    """Take over the variables of a posterior that `mixture_of` does not read.

    Raises
    ------
    InputError
        If they call a dimension as ours are called that is of another size.
    """
    ours = {"component": n_components, "feature": n_features, "feature_bis": n_features}
    (of_weights,) = set(posterior["weights"].dims) - set(_BATCH)
    found = {}
    for name, array in posterior.items():
        if name in _READ or not set(_BATCH) <= set(array.dims) or array.dtype.kind not in "biuf":
            continue
        turned = array.transpose(*_BATCH, ...)
        dims = tuple("component" if dim == of_weights else dim for dim in turned.dims)
        for dim, size in zip(dims, turned.shape, strict=True):
            if ours.get(str(dim), size) != size:
                raise InputError(
                    f"{name} has a dimension {dim!r} of size {size}, but this mixture has "
                    f"{ours[str(dim)]}: rename it, as in posterior.rename({dim}='my_{dim}')"
                )
        found[str(name)] = (dims, turned.to_numpy())
    theirs = {dim for dims, _ in found.values() for dim in dims} - set(ours) - set(_BATCH)
    return xr.Dataset(found, {dim: posterior[dim].to_numpy() for dim in theirs})


def mixture_of(posterior: xr.Dataset, n_features: int, covariance_type: str) -> Mixture:
    """Read mixtures, with leading axes (chain, draw), under the names of `build_model`.

    Raises
    ------
    InputError
        If a variable is missing, has the wrong shape, or is no mixture.
    """
    weights = _read(posterior, "weights")
    batch, K, D = weights.shape[:2], weights.shape[-1], n_features

    def read(name: str, *shape: int) -> Array:
        array = _read(posterior, name)
        if array.shape == (*batch, *shape[:-1]) and D == 1:
            array = array[..., None]  # of a single feature, its axis may be missing
        if array.shape != (*batch, *shape):
            raise InputError(
                f"{name} must have shape {(*batch, *shape)} for {K} component(s) of {D} "
                f"feature(s), not {array.shape}"
            )
        return array

    means = read("means", K, D)
    if "covariances" in posterior and "scales" not in posterior:
        cholesky = _factor("covariances", read("covariances", K, D, D))
        scales = np.linalg.norm(cholesky, axis=-1)
        correlations = cholesky / scales[..., None]
    else:
        scales = read("scales", K, D)
        if "correlations_cholesky" in posterior:
            correlations = read("correlations_cholesky", K, D, D)
        elif "correlations" in posterior:
            correlations = _factor("correlations", read("correlations", K, D, D))
        elif D > 1 and covariance_type in ("full", "tied"):
            raise InputError(
                f"{covariance_type!r} covariances need one of the variables correlations_cholesky, "
                "correlations or covariances in the posterior"
            )
        else:
            correlations = np.broadcast_to(np.eye(D), (*batch, K, D, D))
    found = Mixture(weights, means, scales, correlations)
    _check(found)
    return Mixture(*(np.ascontiguousarray(array) for array in found))


def _check(draws: Mixture) -> None:
    for name, array in zip(draws._fields, draws, strict=True):
        if not np.isfinite(array).all():
            raise InputError(f"{name} has draws that are not finite numbers")
    sums = draws.weights.sum(axis=-1)
    if (draws.weights < 0).any() or (abs(sums - 1) > _ROUNDING).any():
        raise InputError("weights must be nonnegative and sum to one in every draw")
    if not (draws.scales > 0).all():
        raise InputError("scales must be positive in every draw")
    lengths = np.linalg.norm(draws.correlations_cholesky, axis=-1)
    if np.triu(draws.correlations_cholesky, 1).any() or (abs(lengths - 1) > _ROUNDING).any():
        raise InputError("correlations_cholesky must be lower triangular, with rows of length one")


def _factor(name: str, matrices: Array) -> Array:
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        raise InputError(f"{name} has draws that are not positive definite") from None


def _read(posterior: xr.Dataset, name: str) -> Array:
    if name not in posterior:
        raise InputError(
            f"the posterior has no variable {name!r}; rename yours, as in "
            f"posterior.rename(mine={name!r})"
        )
    array = posterior[name]
    if not set(_BATCH) <= set(array.dims):
        raise InputError(f"{name} has no dimensions chain and draw, but {array.dims}")
    return np.asarray(array.transpose(*_BATCH, ...).to_numpy(), dtype=np.float64)


def _group(draws: Any, name: str, optional: bool = False) -> xr.Dataset:
    if isinstance(draws, xr.Dataset):
        return xr.Dataset() if optional else draws
    found = getattr(draws, name, None)  # a group of a DataTree, or of an older InferenceData
    if found is None:
        if optional:
            return xr.Dataset()
        raise InputError(f"draws must be a DataTree with a group {name!r}, or that group")
    dataset: xr.Dataset = found.to_dataset() if isinstance(found, xr.DataTree) else found
    return dataset
