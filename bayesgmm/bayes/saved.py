"""What is written of a posterior, and how it comes back."""

from __future__ import annotations

import json

import xarray as xr

from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.bayes.tree import stats_dataset
from bayesgmm.mixture.params import Params
from bayesgmm.priors import Priors
from bayesgmm.results import labelled

_ARRAYS = ("weights", "means", "cholesky")


def tree_of_fit(fit: BayesFit) -> xr.DataTree:
    """Write all that is needed to get the fit back."""
    names, batch = fit.feature_names, ("chain", "draw")
    one = {name: getattr(fit.reference, name) for name in _ARRAYS}
    groups = {
        "sample_stats": stats_dataset(fit),
        "observed_data": labelled.observed_dataset(fit.data),
        "constant_data": labelled.weights_dataset(fit.data.row_weights),
        "draws": labelled.dataset(fit.draws._asdict(), fit.n_components, names, batch),
        "labels": xr.Dataset({"labels": ((*batch, "component"), fit.labels)}),
        "reference": labelled.dataset(one, fit.n_components, names),
        "extra": fit.extra,
    }
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        "kind": "BayesFit",
        "covariance_type": fit.covariance_type,
        "settings": json.dumps(fit.settings),
    }
    if fit.priors is not None:
        tree.attrs["priors"] = json.dumps(fit.priors.to_dict())
    return tree


def fit_from(tree: xr.DataTree) -> BayesFit:
    """Rebuild a fit from what `tree_of_fit` wrote."""
    drawn, reference = tree["draws"].to_dataset(), tree["reference"].to_dataset()
    sample_stats = tree["sample_stats"].to_dataset()
    stats = {str(name): array.to_numpy() for name, array in sample_stats.items()}
    priors = tree.attrs.get("priors")
    return BayesFit(
        data=labelled.saved_data(tree),
        covariance_type=tree.attrs["covariance_type"],
        priors=None if priors is None else Priors.from_dict(json.loads(priors)),
        draws=Mixture(*(drawn[name].to_numpy() for name in Mixture._fields)),
        labels=tree["labels"].to_dataset()["labels"].to_numpy(),
        log_likelihood=stats.pop("log_likelihood"),
        sample_stats=stats,
        reference=Params(*(reference[name].to_numpy() for name in _ARRAYS)),
        settings=json.loads(tree.attrs["settings"]),
        extra=tree["extra"].to_dataset() if "extra" in tree else xr.Dataset(),
    )
