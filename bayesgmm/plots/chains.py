"""`plot_trace`, `plot_rank`: ArviZ's pictures of the chains, before and after relabelling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bayesgmm.bayes.result import BayesFit
from bayesgmm.plots.fits import check_posterior
from bayesgmm.plots.style import chain_colors, finish, with_doubts


def plot_trace(
    bayes: BayesFit,
    *,
    relabelled: bool = True,
    var_names: str | Sequence[str] = ("weights", "means"),
    **kwargs: Any,
) -> Any:
    """Draw the parameters against the draws, by ArviZ's ``plot_trace``.

    ArviZ makes the figure, so there is no ``ax=``.

    Parameters
    ----------
    bayes : BayesFit
        What to draw.
    relabelled : bool
        After relabelling; or as the sampler called the components, where a chain that changes
        their names jumps from one level to another.
    var_names : str or sequence of str
        Which variables of the group ``posterior``.
    **kwargs
        Passed to ``arviz.plot_trace``, such as ``coords={"component": [0]}``.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    InputError
        If it is not a BayesFit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bayes = bg.fit_bayes(
    ...     bg.load_dataset("faithful"), 2, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> drawn = bg.plot_trace(bayes, var_names="means", coords={"feature": ["waiting"]})
    >>> as_sampled = bg.plot_trace(bayes, relabelled=False)
    """
    import arviz as az

    return _drawn(az.plot_trace, bayes, relabelled, var_names, kwargs)


def plot_rank(
    bayes: BayesFit,
    *,
    relabelled: bool = True,
    var_names: str | Sequence[str] = ("weights", "means"),
    **kwargs: Any,
) -> Any:
    """Draw how evenly every chain's draws rank among all, by ArviZ's ``plot_rank``.

    The lines of chains that agree stay near zero; see ArviZ for the method. ArviZ makes
    the figure, so there is no ``ax=``.

    Parameters
    ----------
    bayes, relabelled, var_names
        See `plot_trace`.
    **kwargs
        Passed to ``arviz.plot_rank``.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    InputError
        If it is not a BayesFit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bayes = bg.fit_bayes(
    ...     bg.load_dataset("faithful"), 2, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> drawn = bg.plot_rank(bayes, var_names="weights")
    """
    import arviz as az

    return _drawn(az.plot_rank, bayes, relabelled, var_names, kwargs)


def _drawn(
    plot: Callable[..., Any],
    bayes: BayesFit,
    relabelled: bool,
    var_names: str | Sequence[str],
    given: dict[str, Any],
) -> Any:
    check_posterior(bayes)
    shown = bayes if relabelled else bayes.as_sampled()
    arguments = {
        "var_names": [var_names] if isinstance(var_names, str) else list(var_names),
        "backend": "matplotlib",
        "color": chain_colors(len(bayes.labels)),
        "col_wrap": 4,
        "figure_kwargs": {"layout": "constrained"},
    }
    drawn = plot(shown.to_datatree(["posterior", "sample_stats"]), **(arguments | given))
    state = "as sampled, before relabelling" if shown.named_by_sampler else "after relabelling"
    finish(drawn, with_doubts(f"Draws {state}", bayes))
    if len(bayes.labels) > 1:
        drawn.add_legend("chain")
    return drawn
