"""Pictures of a fit, and of two fits together.

They estimate nothing: what is drawn are a fit's own parameters, draws, bands and tables. All take
``ax=``: those of one panel take and return Matplotlib axes, those of many an array of axes, as
``plt.subplots`` makes it. Where ArviZ draws, it makes the figure, and its ``PlotCollection`` comes
back. Names of columns are written as they stand, whatever signs they hold.

- Rows and mixtures: `plot_fit`, `plot_comparison`, `plot_density` for one feature, and
  `plot_pairs` for all features at once.
- Parameters: `plot_intervals`; `plot_prior_posterior`.
- Allocations: `plot_responsibilities`, `plot_uncertainty`, `plot_similarity`.
- Chains: `plot_trace` and `plot_rank`, before and after relabelling, and `plot_label_free`.
- Predictions: `plot_ppc`.
- EM on its way: `plot_em_path`, `animate_em_path`.
- How many components: `plot_selection`.

A picture of a mixture goes through four hands:

- `panels` says where to draw: in new axes, or in those that are given;
- `view` looks at a fit through one or two of its features: rows, point estimate and some draws,
  each a mixture of its own;
- `plane` draws two features, as ellipses; `line` draws one, as densities;
- `style` says how rows, EM and posterior look. Line styles and markers differ as well as colours,
  so that they can be told apart in grey.
"""

from bayesgmm.plots.beliefs import plot_ppc, plot_prior_posterior
from bayesgmm.plots.chains import plot_rank, plot_trace
from bayesgmm.plots.density import plot_density
from bayesgmm.plots.fits import plot_comparison, plot_fit
from bayesgmm.plots.intervals import plot_intervals
from bayesgmm.plots.label_free import plot_label_free
from bayesgmm.plots.pairs import plot_pairs
from bayesgmm.plots.path import animate_em_path, plot_em_path
from bayesgmm.plots.responsibilities import plot_responsibilities, plot_uncertainty
from bayesgmm.plots.selection import plot_selection
from bayesgmm.plots.similarity import plot_similarity

__all__ = [
    "animate_em_path",
    "plot_comparison",
    "plot_density",
    "plot_em_path",
    "plot_fit",
    "plot_intervals",
    "plot_label_free",
    "plot_pairs",
    "plot_ppc",
    "plot_prior_posterior",
    "plot_rank",
    "plot_responsibilities",
    "plot_selection",
    "plot_similarity",
    "plot_trace",
    "plot_uncertainty",
]
