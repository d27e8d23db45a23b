"""Pictures of the fits, inside the page itself."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

from bayesgmm.em.result import EMFit
from bayesgmm.plots import plot_comparison, plot_density, plot_pairs
from bayesgmm.report.markup import Markup, element, void
from bayesgmm.report.places import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 6  # pictures in a page
_MOST_PAIRED = 6  # features in one picture of all pairs
_SIZE, _SIDE = (7.2, 5.0), 2.2  # inches of a picture, and of a panel among many
_DPI = 120


def draw_places(em: EMFit, found: tuple[Place, ...]) -> Figure:
    """Draw the first two features, with a panel for each place."""
    from matplotlib.figure import Figure  # no pyplot: no window, no state

    width, height = _SIZE
    figure = Figure(figsize=(width * len(found), height), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for place, ax in zip(found, axes, strict=True):
        plot_comparison(em, place.posterior, ax=ax)
        if place.name:
            ax.set_title(f"{place.name}\n{ax.get_title()}", fontsize="medium")
    return figure


def figures(em: EMFit, place: Place, share: int = 1) -> list[Markup]:
    """Draw one place: all pairs of features at once, or where they are many, two at a time.

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
    """Take the features together, or if there are many, in pairs, so that every one is seen."""
    if len(features) <= _MOST_PAIRED:
        return [features]
    starts = [*range(0, len(features) - 1, 2)]
    if len(features) % 2:
        starts.append(len(features) - 2)
    return [features[i : i + 2] for i in starts]


def _figure(em: EMFit, place: Place, features: tuple[str, ...]) -> Markup:
    drawn = _drawn(em, place, features)
    file = BytesIO()
    drawn.savefig(file, format="png", dpi=_DPI)
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    width, height = (str(round(inches * 100)) for inches in drawn.get_size_inches())
    image = void("img", src=source, alt=_words(em, features), width=width, height=height)
    of_chains = f", {place.name}" if place.name else ""
    return element("figure", image, element("figcaption", f"{_listed(features)}{of_chains}"))


def _drawn(em: EMFit, place: Place, features: tuple[str, ...]) -> Figure:
    from matplotlib.figure import Figure

    n = len(features)
    if n > 2:
        drawn = Figure(figsize=(_SIDE * n + 0.8, _SIDE * n + 0.8), layout="constrained")
        plot_pairs(em, place.posterior, features=features, ax=drawn.subplots(n, n))
        return drawn
    drawn = Figure(figsize=_SIZE, layout="constrained")
    if n == 1:
        plot_density(place.posterior, em, ax=drawn.add_subplot())
    else:
        plot_comparison(em, place.posterior, features=features, ax=drawn.add_subplot())
    return drawn


def _words(em: EMFit, features: tuple[str, ...]) -> str:
    """Say what is in the picture, for who cannot see it."""
    n_rows = em.data.n_rows
    if len(features) == 1:
        return (
            f"Histogram of {features[0]} in {n_rows} rows, with the densities of EM and of the "
            "posterior mean, and a band that holds 95 % of the posterior."
        )
    pairs = "each pair " if len(features) > 2 else ""
    alone = (
        " Each feature by itself is a histogram with the densities of both."
        if len(features) > 2
        else ""
    )
    return (
        f"{n_rows} rows of {_listed(features)}, {pairs}as points, with ellipses that hold "
        f"95 % of each component: EM's, the posterior mean's and those of some draws.{alone}"
    )


def _listed(features: tuple[str, ...]) -> str:
    *first, last = features
    return f"{', '.join(first)} and {last}" if first else last
