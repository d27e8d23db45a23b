"""Names by order: in every draw, the means of one feature ascend.

Simple, and right where the components lie apart in that feature. Where they do not, it cuts
through them, and the tables show the halves (Celeux, Hurn and Robert 2000).

References
----------
Celeux, G., Hurn, M. and Robert, C. P. (2000). Computational and inferential difficulties with
mixture posterior distributions. Journal of the American Statistical Association 95, 957-970.
"""

from __future__ import annotations

from bayesgmm.bayes.labels.renaming import Labels
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.mixture.errors import InputError


def ordered_labels(draws: Mixture, feature: int) -> Labels:
    """Find the components by ascending mean of a feature, shape (..., K)."""
    labels: Labels = draws.means[..., feature].argsort(axis=-1, kind="stable")
    return labels


def position(feature: str, names: tuple[str, ...]) -> int:
    """Find a feature by its name, or by its number from 0.

    Raises
    ------
    InputError
        If there is no such feature.
    """
    if feature in names:
        return names.index(feature)
    if feature.isdecimal() and int(feature) < len(names):
        return int(feature)
    raise InputError(f"there is no feature {feature!r}; the features are {', '.join(names)}")
