"""How the pictures look: colours, line styles, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesgmm.bayes.result import BayesFit
from bayesgmm.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# Okabe and Ito's colours, which people of every colour vision tell apart. Yellow is left out: it
# cannot be seen on white.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, ORANGE, BLACK = "#CC79A7", "#56B4E9", "#E69F00", "#000000"

COMPONENTS = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, BLACK)
MARKERS = ("o", "^", "s", "D", "v", "P", "X")

# From dark to light, lest two of the first four have one grey. Line styles could not be seen in a
# trace.
CHAINS = (BLACK, BLUE, VERMILLION, ORANGE, GREEN, PURPLE, SKY)

# EM is broad, light and solid; the posterior thin, dark and dashed: they differ in grey as well,
# and where one lies on the other both are seen.
ROWS: dict[str, Any] = {"color": "0.55", "alpha": 0.6, "linewidths": 0}
BARS: dict[str, Any] = {"color": "0.93", "edgecolor": "0.78", "linewidth": 0.6}
EM: dict[str, Any] = {"linestyle": "-", "linewidth": 2.6}
MEAN: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.6}
DRAWS: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.18, "zorder": 1.5}  # below EM
BAND: dict[str, Any] = {"linewidth": 0, "alpha": 0.22}


def component_style(k: int) -> dict[str, str]:
    """Colour and marker of component k; they come round again, colours and markers in step."""
    return {"color": COMPONENTS[k % len(COMPONENTS)], "marker": MARKERS[k % len(MARKERS)]}


def chain_colors(n_chains: int) -> list[str]:
    """Give a colour for each chain; they come round again."""
    return [CHAINS[chain % len(CHAINS)] for chain in range(n_chains)]


def point_size(n_rows: int) -> float:
    """Area of a marker, so that few rows are seen and many do not run together."""
    return float(min(26.0, max(3.0, 5000 / n_rows)))


def literally(*texts: Text) -> None:
    """Write texts as they stand: a dollar or a backslash in a column's name is no formula."""
    for text in texts:
        text.set(parse_math=False, usetex=False)


def name_axes(ax: Axes, x: str, y: str) -> None:
    """Name both axes, of which one or both may be features, as they stand."""
    literally(ax.set_xlabel(x), ax.set_ylabel(y))


def unbox(ax: Axes) -> None:
    """Leave out the lines of the frame that say nothing."""
    ax.spines[["top", "right"]].set_visible(False)


def dress(ax: Axes, title: str, fit: Fit) -> None:
    """Give the axes title and legend, and a warning if the draws should not be trusted."""
    unbox(ax)
    literally(ax.set_title(with_doubts(title, fit), fontsize="medium"))
    ax.legend(loc="best", fontsize="small", handlelength=2.4, edgecolor="none", framealpha=0.85)


def with_doubts(title: str, fit: Fit | None) -> str:
    """Add to a title a warning if the draws should not be trusted."""
    if isinstance(fit, BayesFit) and not fit.diagnostics.trustworthy:
        return f"{title}\nthese draws should not be trusted: see the fit's diagnostics"
    return title


def finish(drawn: Any, title: str) -> Any:
    """Give a collection that ArviZ drew its title, and write names in it as they stand."""
    drawn.add_title(title, size=11)
    for ax in drawn.get_viz("figure").axes:
        literally(ax.title, ax.xaxis.label, ax.yaxis.label)
    return drawn


def name_component(ax: Axes, k: int, x: float, y: float, **where: Any) -> None:
    """Write the number of a component, as in the tables, on a white ground."""
    from matplotlib.patheffects import withStroke

    ax.annotate(
        str(k),
        (x, y),
        ha="center",
        va="center",
        fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground="white")],
        zorder=5,
        **where,
    )
