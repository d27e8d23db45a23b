"""What a posterior says of itself: how it was sampled, whether to trust it, and where it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.bayes.labels.methods import in_words
from bayesgmm.mixture.errors import FitError, InputError
from bayesgmm.mixture.likelihood import sweep_cost

if TYPE_CHECKING:
    from bayesgmm.bayes.evidence import Evidence
    from bayesgmm.bayes.result import BayesFit

_DRAWS = 4000  # that the shares of places are estimated from, ...
_QUICK = 1e10  # ... if that takes fewer cycles of a processor: a few seconds


def headline(fit: BayesFit) -> list[str]:
    """Say in a few lines what was sampled, how it went and whether to trust it."""
    method = fit.settings.get("relabelled", "reference")
    return [
        f"Posterior of {fit._mixture}, "
        f"given {fit.data.n_rows} rows of {', '.join(fit.feature_names)}",
        f"  {_sampling(fit)}; log-likelihood {_log_likelihood(fit)}",
        f"  components are named {in_words(method, fit.feature_names)}",
        *(f"  {line}" for line in fit.diagnostics.lines()),
        *_places(fit),
    ]


def _sampling(fit: BayesFit) -> str:
    chains, draws = fit.labels.shape[:2]
    thin, n_places = fit.settings.get("thin", 1), len(set(fit.settings.get("began", ())))
    kept = f", each the last of {thin}," if thin > 1 else ""
    began = f", begun in {n_places} places" if n_places > 1 else ""
    return f"{chains} chains of {draws} draws{kept} by NUTS{began}"


def _log_likelihood(fit: BayesFit) -> str:
    return f"{fit.log_likelihood.mean():.2f} +/- {fit.log_likelihood.std():.2f}"


def _places(fit: BayesFit) -> list[str]:
    """Say of each place what is there, and how much of the posterior; nothing of a single one."""
    if not fit._places:
        return []
    evidence = fit._quick_evidence
    lines = []
    for words, part in fit._places.items():
        descending = -np.sort(-part.draws.weights, axis=-1)  # their names may change on the way
        weights = ", ".join(f"{weight:.2f}" for weight in descending.mean(axis=(0, 1)))
        share = f"; {evidence.share_in_words(words)}" if evidence else ""
        lines.append(
            f"  {words}: log-likelihood {_log_likelihood(part)}, "
            f"weights in descending order {weights}{share}"
        )
    return lines


def quick_evidence(fit: BayesFit) -> Evidence | None:
    """Estimate the shares of the places, if that can be done while somebody waits."""
    density = sweep_cost(fit.data, fit.n_components)
    namings = math.factorial(fit.n_components) * fit.n_components**2 * fit.data.n_features**2
    if 2 * _DRAWS * (density + namings) > _QUICK:
        return None
    try:
        found = fit.evidence(draws=_DRAWS)
    except (InputError, FitError):
        return None
    return None if found.problems or len(found.places) == 1 else found
