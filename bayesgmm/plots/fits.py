"""`plot_comparison` and `plot_fit`: choose what to draw, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots import line, plane
from bayesgmm.plots.panels import one_panel
from bayesgmm.plots.style import BLACK, dress
from bayesgmm.plots.view import chosen_features, view
from bayesgmm.results.comparison import check_alike
from bayesgmm.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Labels = npt.NDArray[np.intp]


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
    component; draws far out lie beyond the picture. One feature is drawn as a histogram and
    densities: EM's, the posterior mean's, and the band that holds 95 % of the posterior of the
    density at each point.

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
        If the fits are not of one kind of mixture and the same rows, there is no such feature, or
        `ax` is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> faithful = bg.load_dataset("faithful")
    >>> em = bg.fit_em(faithful, 2, random_seed=1)
    >>> bayes = bg.fit_bayes(
    ...     faithful, 2, start=em, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> ax = bg.plot_comparison(em, bayes)
    >>> ax = bg.plot_comparison(em, bayes, features="waiting")  # one feature: densities
    >>> ax.figure.savefig("comparison.png")  # doctest: +SKIP
    """
    check_pair(em, bayes, "plot_comparison")
    ax = one_panel(ax)
    draw_both(ax, em, bayes, features)
    dress(ax, f"EM and posterior, {words(bayes)}", bayes)
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
        If there is no such feature, or `ax` is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> import matplotlib.pyplot as plt
    >>> iris = bg.load_dataset("iris").drop(columns="species")
    >>> figure, (left, right) = plt.subplots(1, 2)
    >>> for covariance_type, ax in (("tied", left), ("full", right)):
    ...     fit = bg.fit_em(iris, 3, covariance_type=covariance_type, random_seed=1)
    ...     bg.plot_fit(fit, features=["petal_length", "petal_width"], ax=ax).get_title()
    'EM fit, K = 3, tied covariances'
    'EM fit, K = 3, full covariances'
    """
    ax = one_panel(ax)
    draw_one(ax, fit, fit.predict(), features)
    dress(ax, f"{'Posterior' if isinstance(fit, BayesFit) else 'EM fit'}, {words(fit)}", fit)
    return ax


def draw_both(
    ax: Axes, em: EMFit, bayes: BayesFit, features: str | Sequence[str] | None = None
) -> None:
    """Draw the data with both fits, and nothing around them."""
    drawer = drawer_of(em.feature_names, features)
    maximum, posterior = view(em, features), view(bayes, features)
    drawer.draw_rows(ax, maximum)
    drawer.draw_em(ax, maximum)
    drawer.draw_posterior(ax, posterior)
    drawer.name_components(ax, posterior)


def draw_one(
    ax: Axes, fit: Fit, labels: Labels, features: str | Sequence[str] | None = None
) -> None:
    """Draw the data, coloured by the component of each row, with one fit."""
    drawer = drawer_of(fit.feature_names, features)
    seen = view(fit, features)
    drawer.draw_by_component(ax, seen, labels)
    draw = drawer.draw_posterior if isinstance(fit, BayesFit) else drawer.draw_em
    draw(ax, seen, color=BLACK)  # colours belong to the components here
    drawer.name_components(ax, seen)


def drawer_of(known: tuple[str, ...], features: str | Sequence[str] | None) -> ModuleType:
    """Return the module that draws so many features: both have the same functions."""
    return line if len(chosen_features(known, features)) == 1 else plane


def words(fit: Fit) -> str:
    """Say what was fitted, for a title."""
    return f"K = {fit.n_components}, {fit.covariance_type} covariances"


def check_maximum(fit: Any) -> None:
    """Raise an InputError unless it is a fit by `fit_em`."""
    if not isinstance(fit, EMFit):
        raise InputError(f"em must be a fit by fit_em, not {type(fit).__name__}")


def check_posterior(fit: Any) -> None:
    """Raise an InputError unless it is a fit by `fit_bayes`."""
    if not isinstance(fit, BayesFit):
        raise InputError(f"this picture is of a fit by fit_bayes, not {type(fit).__name__}")


def check_pair(em: Fit, bayes: Fit, function: str) -> None:
    """Raise an InputError unless these are two fits of one mixture, in this order."""
    if not isinstance(em, EMFit) or not isinstance(bayes, BayesFit):
        raise InputError(f"{function}(em, bayes) takes a fit by fit_em, then one by fit_bayes")
    check_alike(em, bayes)
