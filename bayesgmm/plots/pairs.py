"""`plot_pairs`: all features, two by two and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots import line, plane
from bayesgmm.plots.fits import check_pair, draw_both, draw_one, words
from bayesgmm.plots.panels import GivenPanels, Panels, entitle, given_panels
from bayesgmm.plots.style import unbox, with_doubts
from bayesgmm.plots.view import several_features
from bayesgmm.results.fit import Fit

_SIDE = 2.3  # inches of a panel
_MARGIN = 0.8
_EM_IN_BOTH = "EM (ellipses hold 95 %)"


def plot_pairs(
    fit: Fit,
    bayes: BayesFit | None = None,
    *,
    features: str | Sequence[str] | None = None,
    ax: GivenPanels | None = None,
) -> Panels:
    """Draw the data with one fit or both, every pair of features in a panel.

    Below the diagonal are points and ellipses, on it histograms and densities of single features:
    of one fit as `plot_fit` draws it, of two as `plot_comparison` does.

    Parameters
    ----------
    fit : EMFit or BayesFit
        What to draw, coloured by component.
    bayes : BayesFit, optional
        Draw both; `fit` is then an EMFit of the same mixture.
    features : str or sequence of str, optional
        Which features to look at, and in which order; by default all. Others are integrated out.
    ax : array of matplotlib.axes.Axes, shape (D, D), optional
        Where to draw; by default in a new figure. Above the diagonal only the last of the first
        row is used, for the legend.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (D, D)
        Row i has feature i upwards, column j has feature j to the right; None above the diagonal.

    Raises
    ------
    InputError
        If there is no such feature, the fits are not an EMFit and a BayesFit of one mixture, or
        `ax` does not have one axes for each pair.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> iris = bg.load_dataset("iris").drop(columns="species")
    >>> fit = bg.fit_em(iris, 3, covariance_type="tied", random_seed=1)
    >>> panels = bg.plot_pairs(fit)
    >>> panels.shape
    (4, 4)
    >>> panels[3, 2].get_xlabel(), panels[3, 0].get_ylabel()
    ('petal_length', 'petal_width')
    """
    if not isinstance(fit, Fit):
        raise InputError(f"plot_pairs takes a fit, not {type(fit).__name__}")
    if bayes is not None:
        check_pair(fit, bayes, "plot_pairs")
    names = several_features(fit.feature_names, features)
    n, ours = len(names), ax is None
    panels = _new_grid(n) if ours else given_panels(ax, (n, n)).copy()
    corner = panels[0, -1]
    _clear_above(panels, ours)
    labels = fit.predict()
    for i, upwards in enumerate(names):
        for j, across in enumerate(names[: i + 1]):
            chosen = (across, upwards) if j < i else (upwards,)
            if isinstance(fit, EMFit) and bayes is not None:
                draw_both(panels[i, j], fit, bayes, chosen)
            else:
                draw_one(panels[i, j], fit, labels, chosen)
    _share_scales(panels)
    _name_at_the_edges(panels)
    _add_legend(panels, panels[0, 0].figure if ours and n > 1 else corner)
    who = "EM and posterior" if bayes is not None else _who(fit)
    titled = panels if ours else np.array([corner])
    entitle(titled, with_doubts(f"{who}, {words(fit)}", bayes or fit), ours=ours)
    return panels


def _who(fit: Fit) -> str:
    return "Posterior" if isinstance(fit, BayesFit) else "EM fit"


def _new_grid(n: int) -> Panels:
    import matplotlib.pyplot as plt

    width = max(_SIDE * n + _MARGIN, 6.0)
    size = (width, 4.5 if n == 1 else width)
    return plt.subplots(n, n, figsize=size, layout="constrained", squeeze=False)[1]


def _clear_above(panels: Panels, ours: bool) -> None:
    """Leave nothing above the diagonal: axes that are given stay where they are, without frame."""
    for i, j in combinations(range(len(panels)), 2):
        panels[i, j].remove() if ours else panels[i, j].set_axis_off()
        panels[i, j] = None


def _share_scales(panels: Panels) -> None:
    """Let a feature have one scale everywhere: all that a panel of two features shows of it."""
    for i in range(len(panels)):
        below, beside = panels[i + 1 :, i], panels[i, :i]
        ends = [ax.get_xlim() for ax in below] + [ax.get_ylim() for ax in beside]
        if ends:
            low, high = min(end[0] for end in ends), max(end[1] for end in ends)
            for ax in (panels[i, i], *below):
                ax.set_xlim(low, high)
            for ax in beside:
                ax.set_ylim(low, high)


def _name_at_the_edges(panels: Panels) -> None:
    n = len(panels)
    for j, i in combinations_with_replacement(range(n), 2):  # j <= i
        ax = panels[i, j]
        unbox(ax)
        ax.tick_params(labelsize="small", labelleft=j == 0 or i == j, labelbottom=i == n - 1)
        ax.set_xlabel(ax.get_xlabel() if i == n - 1 else "")
        ax.set_ylabel(ax.get_ylabel() if j in (0, i) else "")


def _add_legend(panels: Panels, owner: Any) -> None:
    """Name everything once: above the diagonal, where there is room, or in the only panel."""
    named: dict[str, Any] = {}
    for j, i in combinations_with_replacement(range(len(panels)), 2):
        named |= dict(zip(*panels[i, j].get_legend_handles_labels()[::-1], strict=True))
    look: dict[str, Any] = {"fontsize": "small", "handlelength": 2.4, "frameon": False}
    if len(panels) > 1:
        look |= {"loc": "upper right", "bbox_to_anchor": (0.98, 0.92)}
    if plane.EM_ELLIPSE in named and line.EM_DENSITY in named:  # one line in both kinds of panels
        del named[plane.EM_ELLIPSE]
    words = [_EM_IN_BOTH if name == line.EM_DENSITY and len(panels) > 1 else name for name in named]
    owner.legend(named.values(), words, **look)
