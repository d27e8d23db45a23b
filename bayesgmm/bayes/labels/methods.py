"""The methods under one roof: from a fit and a method's name to a fit under new names.

Every method starts from the draws as the reference names them, so that it does not matter how
the fit was named before. What a method finds is right up to a permutation common to all draws;
of these, the one is taken that leaves most components of most draws the name that they had.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.bayes.labels.ecr import ecr_labels
from bayesgmm.bayes.labels.ordered import ordered_labels, position
from bayesgmm.bayes.labels.reference import reference_labels
from bayesgmm.bayes.labels.renaming import (
    Labels,
    composed,
    inverted,
    renamed,
    unchanged,
)
from bayesgmm.bayes.labels.stephens import stephens
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.errors import InputError
from bayesgmm.results.alignment import cheapest

if TYPE_CHECKING:
    from bayesgmm.bayes.result import BayesFit

METHODS = ("reference", "ecr", "stephens")
_ORDERED = "ordered:"
_WORDS = {
    "priors": "as the priors tell them apart",
    "sampled": "as they were sampled",
    "reference": "as those of the reference that they match best",
    "ecr": "by ECR: each draw divides the rows as the best draw does",
    "stephens": "by Stephens' algorithm: each draw divides the rows as all do on average",
}


def relabel(fit: BayesFit, method: str) -> BayesFit:
    """Name the components of all draws anew; see `BayesFit.relabel`."""
    check_method(method, fit.feature_names)
    check_exchangeable(fit)
    draws, labels = named_by_reference(fit)
    found = names_by(method, fit, draws.in_one_row()).reshape(labels.shape)
    return replace(
        fit,
        draws=renamed(draws, found),
        labels=composed(labels, found),
        settings=fit.settings | {"relabelled": method},
    )


def as_sampled(fit: BayesFit) -> BayesFit:
    """Undo all renaming; see `BayesFit.as_sampled`."""
    if fit.named_by_sampler:
        return fit
    draws = _sampled(fit)
    return replace(
        fit,
        draws=draws,
        labels=unchanged(draws),
        settings=fit.settings | {"relabelled": "sampled"},
    )


def check_method(method: str, feature_names: tuple[str, ...]) -> None:
    """Raise an InputError unless there is such a method, and such a feature to order along."""
    if method.startswith(_ORDERED):
        position(method.removeprefix(_ORDERED), feature_names)
    elif method not in METHODS:
        raise InputError(
            f"there is no method {method!r} to relabel by; choose 'reference', 'ecr', 'stephens' "
            f"or 'ordered:' with a feature, such as '{_ORDERED}{feature_names[0]}'"
        )


def check_exchangeable(fit: BayesFit) -> None:
    """Raise an InputError if the priors say which component is which."""
    if fit.settings.get("relabelled") == "priors":
        raise InputError(
            "the priors of this fit tell its components apart, so that other names would be wrong"
        )


def in_words(method: str, feature_names: tuple[str, ...]) -> str:
    """Say how a method names components: the end of a sentence."""
    if method in _WORDS:
        return _WORDS[method]
    feature = feature_names[position(method.removeprefix(_ORDERED), feature_names)]
    return f"by the order of their means of {feature}"


def named_by_reference(fit: BayesFit) -> tuple[Mixture, Labels]:
    """Return the draws and labels of the method ``reference``, however the fit is named now."""
    sampled = _sampled(fit)
    labels = reference_labels(sampled, fit.reference)
    return renamed(sampled, labels), labels


def _sampled(fit: BayesFit) -> Mixture:
    return renamed(fit.draws, inverted(fit.labels))


def names_by(method: str, fit: BayesFit, draws: Mixture) -> Labels:
    """Find the names that a method gives.

    Parameters
    ----------
    method : str
        One that `check_method` lets through.
    fit : BayesFit
        Whose draws they are.
    draws : Mixture
        All of them, along one axis, as the reference names them.

    Returns
    -------
    array of int, shape (S, K)
        Which component of `draws` is called k.
    """
    if method == "reference":
        return unchanged(draws)
    if method == "ecr":
        height = fit.sample_stats.get("lp", fit.log_likelihood)  # draws from elsewhere may lack it
        labels = ecr_labels(fit.data, draws, pivot=int(height.argmax()))
    elif method == "stephens":
        labels = stephens(fit.data, draws).labels
    else:
        labels = ordered_labels(draws, position(method.removeprefix(_ORDERED), fit.feature_names))
    return near_to_unchanged(labels)


def near_to_unchanged(labels: Labels) -> Labels:
    """Permute all labels alike, so that as many entries as possible are their own position."""
    names = np.arange(labels.shape[1])
    kept = (labels[:, None, :] == names[:, None]).sum(axis=0)
    return labels[:, cheapest(-kept[None].astype(np.float64))[0]]
