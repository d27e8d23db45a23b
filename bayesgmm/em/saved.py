"""What is written of an EM fit and of its bootstrap, and how they come back."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from bayesgmm.em.bootstrap import Bootstrap
from bayesgmm.em.climb import Reason
from bayesgmm.em.result import EMFit, Maximum
from bayesgmm.em.samples import Replicates
from bayesgmm.mixture.params import Params
from bayesgmm.priors import Priors
from bayesgmm.results import labelled

_ARRAYS = ("weights", "means", "cholesky")
_NUMBERS = ("log_likelihood", "n_found", "sound", "log_prior")


def tree_of_fit(fit: EMFit) -> xr.DataTree:
    """Write all that is needed to get the fit back."""
    tree = fit.to_datatree()
    stacked = {name: np.stack([getattr(m.params, name) for m in fit.maxima]) for name in _ARRAYS}
    maxima = labelled.dataset(stacked, fit.n_components, fit.feature_names, ("maximum",))
    for name in _NUMBERS:
        maxima[name] = ("maximum", np.array([getattr(m, name) for m in fit.maxima]))
    tree["maxima"] = xr.DataTree(maxima)
    tree["constant_data"] = xr.DataTree(labelled.weights_dataset(fit.data.row_weights))
    tree.attrs = {
        "kind": "EMFit",
        "covariance_type": fit.covariance_type,
        "reason": str(fit.reason),
        "settings": json.dumps(fit.settings),
    }
    if fit.priors is not None:
        tree.attrs["priors"] = json.dumps(fit.priors.to_dict())
    return tree


def fit_from(tree: xr.DataTree) -> EMFit:
    """Rebuild a fit from what `tree_of_fit` wrote."""
    saved = tree["maxima"].to_dataset()
    maxima = tuple(
        Maximum(
            Params(*(one[name].to_numpy() for name in _ARRAYS)),
            float(one["log_likelihood"]),
            int(one["n_found"]),
            bool(one["sound"]),
            float(one["log_prior"]),
        )
        for one in (saved.isel(maximum=i) for i in range(saved.sizes["maximum"]))
    )
    priors = tree.attrs.get("priors")
    return EMFit(
        params=maxima[0].params,
        data=labelled.saved_data(tree),
        covariance_type=tree.attrs["covariance_type"],
        history=tree["em"].to_dataset()["history"].to_numpy(),
        reason=Reason(tree.attrs["reason"]),
        maxima=maxima,
        priors=None if priors is None else Priors.from_dict(json.loads(priors)),
        settings=json.loads(tree.attrs["settings"]),
    )


def tree_of_bootstrap(boot: Bootstrap) -> xr.DataTree:
    """Write a bootstrap beside its fit."""
    tree = tree_of_fit(boot.fit)
    arrays = boot.params._asdict()
    names = boot.fit.feature_names
    replicates = labelled.dataset(arrays, boot.fit.n_components, names, ("replicate",))
    replicates.attrs = {
        "kind": boot.kind,
        "n_collapsed": boot.n_collapsed,
        "n_unfinished": boot.n_unfinished,
        "random_seed": boot.random_seed,
    }
    tree["replicates"] = xr.DataTree(replicates)
    tree.attrs["kind"] = "Bootstrap"
    return tree


def bootstrap_from(tree: xr.DataTree) -> Bootstrap:
    """Rebuild a bootstrap from what `tree_of_bootstrap` wrote."""
    replicates = tree["replicates"].to_dataset()
    attrs = replicates.attrs
    return Bootstrap(
        fit=fit_from(tree),
        kind=attrs["kind"],
        params=Replicates(*(replicates[name].to_numpy() for name in _ARRAYS)),
        n_collapsed=int(attrs["n_collapsed"]),
        n_unfinished=int(attrs["n_unfinished"]),
        random_seed=int(attrs["random_seed"]),
    )
