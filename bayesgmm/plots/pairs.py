"""`plot_pairs`: all features, two by two and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots import plane
from bayesgmm.plots.fits import check_pair, draw_both, draw_one, words
from bayesgmm.plots.style import Panels, unbox, with_doubts
from bayesgmm.plots.view import several_features
from bayesgmm.results.fit import Fit

_SIDE = 2.3  # inches of a panel
_MARGIN = 0.8
_BEYOND = 0.05  # of the range, on every side


def plot_pairs(
    fit: Fit, bayes: BayesFit | None = None, *, features: str | Sequence[str] | None = None
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

    Returns
    -------
    array of matplotlib.axes.Axes, shape (D, D)
        Row i has feature i upwards, column j has feature j to the right; None above the diagonal.

    Raises
    ------
    InputError
        If there is no such feature, or the fits are not an EMFit and a BayesFit of one mixture.
    """
    if not isinstance(fit, Fit):
        raise InputError(f"plot_pairs takes a fit, not {type(fit).__name__}")
    if bayes is not None:
        check_pair(fit, bayes, "plot_pairs")
    names = several_features(fit.feature_names, features)
    panels = _grid(len(names))
    labels = fit.predict()
    for i, upwards in enumerate(names):
        for j, across in enumerate(names[: i + 1]):
            chosen = (across, upwards) if j < i else (upwards,)
            if isinstance(fit, EMFit) and bayes is not None:
                draw_both(panels[i, j], fit, bayes, chosen)
            else:
                draw_one(panels[i, j], fit, labels, chosen)
    _focus(panels, bayes or fit, names)
    _dress(panels)
    figure = panels[0, 0].figure
    who = "EM and posterior" if bayes is not None else _who(fit)
    figure.suptitle(with_doubts(f"{who}, {words(fit)}", bayes or fit), fontsize="medium")
    return panels


def _who(fit: Fit) -> str:
    return "Posterior" if isinstance(fit, BayesFit) else "EM fit"


def _grid(n: int) -> Panels:
    import matplotlib.pyplot as plt

    width = max(_SIDE * n + _MARGIN, 6.0)
    size = (width, 4.5 if n == 1 else width)
    panels = plt.subplots(n, n, figsize=size, sharex="col", layout="constrained", squeeze=False)[1]
    for i, j in product(range(n), repeat=2):
        if j > i:
            panels[i, j].remove()
            panels[i, j] = None
        elif 0 < j < i:
            panels[i, j].sharey(panels[i, 0])
    return panels


def _focus(panels: Panels, fit: Fit, names: tuple[str, ...]) -> None:
    """Show the rows and the point estimate: a few wild draws would squeeze them."""
    reach = np.sqrt(-2 * np.log(1 - plane.LEVEL)) * fit.params.scales
    for i, name in enumerate(names):
        column = fit.feature_names.index(name)
        ends = [fit.params.means[:, column] + side * reach[:, column] for side in (-1, 1)]
        all_ends = np.concatenate([*ends, fit.data.rows()[:, column]])
        low, high = all_ends.min(), all_ends.max()
        margin = _BEYOND * (high - low)
        panels[-1, i].set_xlim(low - margin, high + margin)
        if i > 0:
            panels[i, 0].set_ylim(low - margin, high + margin)


def _dress(panels: Panels) -> None:
    """Leave names and numbers at the edges only, and one legend for all."""
    n = len(panels)
    legend: dict[str, Any] = {}
    for j, i in combinations_with_replacement(range(n), 2):  # j <= i
        ax = panels[i, j]
        unbox(ax)
        ax.tick_params(labelsize="small", labelleft=j == 0 or i == j, labelbottom=i == n - 1)
        ax.set_xlabel(ax.get_xlabel() if i == n - 1 else "")
        ax.set_ylabel(ax.get_ylabel() if j in (0, i) else "")
        legend |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    look: dict[str, Any] = {"fontsize": "small", "handlelength": 2.4, "frameon": False}
    if n > 1:  # there is room above the diagonal
        look |= {"loc": "upper right", "bbox_to_anchor": (0.98, 0.92)}
    owner = panels[0, 0] if n == 1 else panels[0, 0].figure
    owner.legend(legend.values(), legend.keys(), **look)
