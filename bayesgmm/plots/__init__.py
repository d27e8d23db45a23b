"""Pictures of a fit, and of two fits together.

`plot_comparison` and `plot_fit` take fits and give Matplotlib axes. They estimate nothing: what
is drawn are the fit's own parameters and draws. A picture goes through three hands:

- `view` looks at a fit through one or two of its features: rows, point estimate and some draws,
  each a mixture of its own;
- `plane` draws two features, as ellipses; `line` draws one, as densities;
- `style` says how rows, EM and posterior look. Line styles differ as well as colours, so that
  they can be told apart in grey.

`plot_selection` draws a criterion of `select` against the number of components.
"""

from bayesgmm.plots.fits import plot_comparison, plot_fit
from bayesgmm.plots.selection import plot_selection

__all__ = ["plot_comparison", "plot_fit", "plot_selection"]
