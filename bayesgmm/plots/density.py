"""`plot_density`: the density of one feature, with the band of the posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots import line
from bayesgmm.plots.fits import check_maximum, check_posterior, words
from bayesgmm.plots.panels import one_panel
from bayesgmm.plots.style import dress
from bayesgmm.plots.view import view
from bayesgmm.results.comparison import check_alike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_density(
    bayes: BayesFit,
    em: EMFit | None = None,
    *,
    feature: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the density of one feature: the posterior's with its band, and EM's beside it.

    Under them are the rows as a histogram and, where there are not too many, a rug. The band is
    that of ``bayes.density(feature)``: it holds 95 % of the posterior of the density at each
    point. None of it depends on what the components are called, but for their numbers, which stand
    at the posterior means.

    Parameters
    ----------
    bayes : BayesFit
        What to draw.
    em : EMFit, optional
        A fit of the same mixture, to be drawn beside it.
    feature : str, optional
        Which feature; by default the first. Others are integrated out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such feature, the fits are not of one mixture, or `ax` is not one axes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> galaxies = bg.load_dataset("galaxies")
    >>> em = bg.fit_em(galaxies, 3, random_seed=1)
    >>> bayes = bg.fit_bayes(
    ...     galaxies, 3, start=em, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> bg.plot_density(bayes, em).get_xlabel()
    'velocity'
    """
    check_posterior(bayes)
    if em is not None:
        check_maximum(em)
        check_alike(em, bayes)
    if feature is not None and not isinstance(feature, str):
        raise InputError(f"feature must be one name, not {feature!r}")
    ax = one_panel(ax)
    seen = view(bayes, bayes.feature_names[0] if feature is None else feature)
    line.draw_rows(ax, seen)
    if em is not None:
        line.draw_em(ax, view(em, seen.features))
    line.draw_posterior(ax, seen)
    line.name_components(ax, seen)
    who = "Posterior" if em is None else "EM and posterior"
    dress(ax, f"{who}: density, {words(bayes)}", bayes)
    return ax
