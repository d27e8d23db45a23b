"""`plot_comparison` and `plot_fit`: choose what to draw, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots import line, plane
from bayesgmm.plots.style import BLACK, dress, new_axes
from bayesgmm.plots.view import chosen_features, view
from bayesgmm.results.comparison import check_alike
from bayesgmm.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_comparison(
    em: EMFit,
    bayes: BayesFit,
    *,
    features: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the data with both fits.

    Two features are drawn as points and ellipses that hold 95 % of each component: EM's, the
    posterior mean's, and those of a few dozen draws, whose scatter is the uncertainty of the
    component. One feature is drawn as a histogram and densities: EM's, the posterior mean's, and
    the band that holds 95 % of the posterior of the density at each point.

    Parameters
    ----------
    em, bayes : EMFit, BayesFit
        Two fits of one mixture.
    features : str or pair of str, optional
        Which features to look at. By default the first two, or the only one. Other features are
        integrated out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the fits are not of one kind of mixture and the same rows, or there is no such feature.
    """
    _check_pair(em, bayes)
    drawer = _drawer(em, features)
    ax = ax or new_axes()
    maximum = view(em, features, 0)
    posterior = view(bayes, features, drawer.N_DRAWS)
    drawer.draw_rows(ax, maximum)
    drawer.draw_em(ax, maximum)
    drawer.draw_posterior(ax, posterior)
    drawer.name_components(ax, posterior)
    dress(ax, f"EM and posterior, {_words(bayes)}", bayes)
    return ax


def plot_fit(
    fit: Fit, *, features: str | Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the data with one fit, coloured by component.

    Parameters
    ----------
    fit : EMFit or BayesFit
        What to draw. Rows have the colour and the marker of their most probable component.
    features : str or pair of str, optional
        Which features to look at, as in `plot_comparison`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such feature.
    """
    drawer = _drawer(fit, features)
    ax = ax or new_axes()
    seen = view(fit, features, drawer.N_DRAWS)
    drawer.draw_by_component(ax, seen, fit.predict())
    draw = drawer.draw_posterior if isinstance(fit, BayesFit) else drawer.draw_em
    draw(ax, seen, color=BLACK)  # colours belong to the components here
    drawer.name_components(ax, seen)
    dress(ax, f"{'Posterior' if isinstance(fit, BayesFit) else 'EM fit'}, {_words(fit)}", fit)
    return ax


def _drawer(fit: Fit, features: str | Sequence[str] | None) -> ModuleType:
    """Return the module that draws so many features: both have the same functions."""
    return line if len(chosen_features(fit.feature_names, features)) == 1 else plane


def _words(fit: Fit) -> str:
    return f"K = {fit.n_components}, {fit.covariance_type} covariances"


def _check_pair(em: Fit, bayes: Fit) -> None:
    if not isinstance(em, EMFit) or not isinstance(bayes, BayesFit):
        raise InputError("plot_comparison(em, bayes) takes a fit by fit_em, then one by fit_bayes")
    check_alike(em, bayes)
