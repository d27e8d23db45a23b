"""Pictures of the fits, inside the page itself."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bayesgmm.em.result import EMFit
from bayesgmm.plots import plot_comparison
from bayesgmm.report.markup import Markup, element, void
from bayesgmm.report.places import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 6  # pictures in a page
_SIZE = (7.2, 5.0)  # inches
_DPI = 120
_NAMES_AS_THEY_ARE: Any = {"text.parse_math": False}  # a dollar in a column's name is no formula


def draw_places(em: EMFit, found: tuple[Place, ...]) -> Figure:
    """Draw the first two features, with a panel for each place."""
    import matplotlib as mpl
    from matplotlib.figure import Figure  # no pyplot: no window, no state

    width, height = _SIZE
    figure = Figure(figsize=(width * len(found), height), layout="constrained")
    with mpl.rc_context(_NAMES_AS_THEY_ARE):
        axes = figure.subplots(1, len(found), squeeze=False)[0]
        for place, ax in zip(found, axes, strict=True):
            plot_comparison(em, place.posterior, ax=ax)
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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawn = Figure(figsize=_SIZE, layout="constrained")
    with mpl.rc_context(_NAMES_AS_THEY_ARE):
        plot_comparison(em, place.posterior, features=features, ax=drawn.add_subplot())
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
