"""Pictures of the fits, inside the page itself."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from bayesgmm.bayes.result import BayesFit
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.em.result import EMFit
from bayesgmm.plots import plot_comparison
from bayesgmm.report.markup import Markup, element, void
from bayesgmm.report.places import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 6  # pictures in a page
_SIZE = (7.2, 5.0)  # inches
_DPI = 150


def draw_places(em: EMFit, found: tuple[Place, ...]) -> Figure:
    """Draw the first two features, with a panel for each place."""
    from matplotlib.figure import Figure  # no pyplot: no window, no state

    width, height = _SIZE
    figure = Figure(figsize=(width * len(found), height), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for place, ax in zip(found, axes, strict=True):
        plot_comparison(em, _with_two_chains(place.posterior), ax=ax)
        if place.name:
            ax.set_title(f"{place.name}\n{ax.get_title()}", fontsize="medium")
    return figure


def figures(em: EMFit, place: Place, share: int = 1) -> list[Markup]:
    """Draw one place, two features at a time.

    Parameters
    ----------
    em : EMFit
        What is drawn beside it.
    place : Place
        The posterior.
    share : int
        How many places share the pictures of the page.
    """
    looks = _looks(em.feature_names)[: max(1, _MOST // share)]
    return [_figure(em, place, features) for features in looks]


def _looks(features: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Take the features in pairs, so that every one is seen."""
    if len(features) == 1:
        return [features]
    starts = [*range(0, len(features) - 1, 2)]
    if len(features) % 2:
        starts.append(len(features) - 2)
    return [features[i : i + 2] for i in starts]


def _figure(em: EMFit, place: Place, features: tuple[str, ...]) -> Markup:
    from matplotlib.figure import Figure

    drawn = Figure(figsize=_SIZE, layout="constrained")
    bayes = _with_two_chains(place.posterior)
    plot_comparison(em, bayes, features=features, ax=drawn.add_subplot())
    file = BytesIO()
    drawn.savefig(file, format="png", dpi=_DPI)
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    width, height = (str(round(inches * 100)) for inches in _SIZE)
    image = void("img", src=source, alt=_words(em, features), width=width, height=height)
    of_chains = f", {place.name}" if place.name else ""
    return element("figure", image, element("figcaption", f"{' and '.join(features)}{of_chains}"))


def _words(em: EMFit, features: tuple[str, ...]) -> str:
    """Say what is in the picture, for who cannot see it."""
    n_rows = em.data.n_rows
    if len(features) == 1:
        return (
            f"Histogram of {features[0]} in {n_rows} rows, with the densities of EM and of the "
            "posterior mean, and a band that holds 95 % of the posterior."
        )
    return (
        f"{n_rows} rows of {features[0]} and {features[1]} as points, with ellipses that hold "
        "95 % of each component: EM's, the posterior mean's and those of some draws."
    )


def _with_two_chains(fit: BayesFit) -> BayesFit:
    """See a chain that is alone as its two halves: one chain has no R-hat to be judged by."""
    if fit.labels.shape[0] > 1:
        return fit
    half = fit.labels.shape[1] // 2

    def halves(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[0, : 2 * half].reshape(2, half, *array.shape[2:])

    return replace(
        fit,
        draws=Mixture(*map(halves, fit.draws)),
        labels=halves(fit.labels),
        log_likelihood=halves(fit.log_likelihood),
        sample_stats={name: halves(array) for name, array in fit.sample_stats.items()},
    )
