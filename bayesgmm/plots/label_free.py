"""`plot_label_free`: the chains through quantities that no relabelling can touch."""

from __future__ import annotations

import numpy as np

from bayesgmm.bayes.result import BayesFit
from bayesgmm.plots.fits import check_posterior
from bayesgmm.plots.panels import GivenPanels, Panels, add_legend, entitle, row_of_panels
from bayesgmm.plots.style import chain_colors, literally


def plot_label_free(bayes: BayesFit, *, ax: GivenPanels | None = None) -> Panels:
    """Draw the label-free quantities against the draws, a line for each chain.

    Chains that are in different places run apart here, whatever their components are called.

    Parameters
    ----------
    bayes : BayesFit
        What to draw.
    ax : array or sequence of matplotlib.axes.Axes, optional
        Where to draw, one for each row of ``bayes.label_free_summary()``; by default in a new
        figure.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (quantities,)
        In the order of ``bayes.label_free_summary()``.

    Raises
    ------
    InputError
        If it is not a BayesFit, or `ax` is not one axes for each quantity.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bayes = bg.fit_bayes(
    ...     bg.load_dataset("faithful"), 2, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> panels = bg.plot_label_free(bayes)
    >>> len(panels) == len(bayes.label_free_summary())
    True
    """
    check_posterior(bayes)
    found, r_hat = bayes.label_free_draws, bayes.label_free_summary()["r_hat"]
    colors = chain_colors(len(bayes.labels))
    panels = row_of_panels(len(found), ax, width=3.0, height=1.9)
    for panel, (name, values) in zip(panels, found.items(), strict=True):
        for chain, (draws, color) in enumerate(zip(values, colors, strict=True)):
            panel.plot(draws, linewidth=0.6, alpha=0.8, label=f"chain {chain}", color=color)
        verdict = "constant" if np.isnan(r_hat[name]) else f"R-hat {r_hat[name]:.3f}"
        literally(panel.set_title(f"{name}\n{verdict}", fontsize="small"))
        panel.set_xlabel("draw", fontsize="small")
        panel.margins(x=0)
    title = f"What does not depend on labels: {bayes.diagnostics.kind}"
    entitle(panels, title, ours=ax is None)
    for line in add_legend(panels, ours=ax is None, columns=8).get_lines():
        line.set(linewidth=1.8, alpha=1.0)
    return panels
