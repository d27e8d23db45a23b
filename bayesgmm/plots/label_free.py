"""`plot_label_free`: the chains through quantities that no relabelling can touch."""

from __future__ import annotations

import numpy as np

from bayesgmm.bayes.result import BayesFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.style import Panels, chain_colors, new_panels


def plot_label_free(bayes: BayesFit) -> Panels:
    """Draw the label-free quantities against the draws, a line for each chain.

    Chains that are in different places run apart here, whatever their components are called.

    Parameters
    ----------
    bayes : BayesFit
        What to draw.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (quantities,)
        In the order of ``bayes.label_free_summary()``.

    Raises
    ------
    InputError
        If it is not a BayesFit.
    """
    if not isinstance(bayes, BayesFit):
        raise InputError(f"this picture is of a fit by fit_bayes, not {type(bayes).__name__}")
    found, r_hat = bayes.label_free_draws, bayes.label_free_summary()["r_hat"]
    colors = chain_colors(len(bayes.labels))
    panels = new_panels(len(found), width=3.0, height=1.9)
    for ax, (name, values) in zip(panels, found.items(), strict=True):
        for chain, (draws, color) in enumerate(zip(values, colors, strict=True)):
            ax.plot(draws, linewidth=0.6, alpha=0.8, label=f"chain {chain}", color=color)
        verdict = "constant" if np.isnan(r_hat[name]) else f"R-hat {r_hat[name]:.3f}"
        ax.set_title(f"{name}\n{verdict}", fontsize="small")
        ax.set_xlabel("draw", fontsize="small")
        ax.margins(x=0)
    figure = panels[0].figure
    figure.suptitle(f"What does not depend on labels: {bayes.diagnostics.kind}", fontsize="medium")
    handles, names = panels[0].get_legend_handles_labels()
    legend = figure.legend(
        handles, names, loc="outside lower center", ncols=8, fontsize="small", frameon=False
    )
    for line in legend.get_lines():
        line.set(linewidth=1.8, alpha=1.0)
    return panels
