"""`plot_prior_posterior`, `plot_ppc`: what was believed, what is, and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.bayes.result import BayesFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.plots.fits import check_posterior
from bayesgmm.plots.style import BLACK, BLUE, ORANGE, finish, with_doubts
from bayesgmm.results.labelled import OBSERVED

_DIMENSIONS = {"chain", "draw", "sample", "row"}
_ROUNDING = 1e-12  # of the largest entry: ones on a diagonal are not all exactly one


def plot_prior_posterior(
    bayes: BayesFit,
    *,
    var_names: str | Sequence[str] = ("weights", "means", "scales"),
    **kwargs: Any,
) -> Any:
    """Draw the prior density of every parameter under its posterior's.

    Densities are ArviZ's estimates, by ``plot_prior_posterior``. Where the posterior looks like
    the prior, the rows have told little. Of ``correlations`` and other matrices, each pair of
    features is drawn once. ArviZ makes the figure, so there is no ``ax=``.

    Parameters
    ----------
    bayes : BayesFit
        What to draw.
    var_names : str or sequence of str
        Which variables of the groups ``prior`` and ``posterior``.
    **kwargs
        Passed to ``arviz.plot_prior_posterior``, such as ``coords={"component": [0]}``.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    InputError
        If it is not a BayesFit, or the variables are constants, such as the weight of a single
        component, which are left out of the picture.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bayes = bg.fit_bayes(
    ...     bg.load_dataset("faithful"), 2, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> drawn = bg.plot_prior_posterior(bayes, var_names="weights")
    >>> drawn.savefig("weights.png")  # doctest: +SKIP
    """
    import arviz as az

    tree = _tree(bayes, ["posterior", "prior"])
    names = [var_names] if isinstance(var_names, str) else list(var_names)
    if "feature_bis" not in kwargs.get("coords", {}):
        tree = _by_pair(bayes, tree, names)
    names = [name for name in names if _varies(tree, name)]
    if not names:
        raise InputError(f"there is nothing to draw: {var_names} cannot vary in this mixture")
    arguments: dict[str, Any] = {
        "aes": {"color": ["group"], "linestyle": ["group"]},
        "color": [ORANGE, BLUE],
        "linestyle": ["--", "-"],
        "figure_kwargs": {"layout": "constrained"},
    }
    drawn = az.plot_prior_posterior(
        tree, var_names=names, backend="matplotlib", **(arguments | kwargs)
    )
    return finish(drawn, with_doubts("Prior and posterior", bayes))


def plot_ppc(bayes: BayesFit, **kwargs: Any) -> Any:
    """Draw the rows of every feature among data sets that the posterior predicts.

    Densities are ArviZ's estimates, by ``plot_ppc_dist``. Where the rows leave the bundle, the
    mixture misses something of them. ArviZ makes the figure, so there is no ``ax=``.

    Parameters
    ----------
    bayes : BayesFit
        What to draw.
    **kwargs
        Passed to ``arviz.plot_ppc_dist``, such as ``kind="ecdf"``.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    InputError
        If there are so many draws and rows that the predictions would hold more than 300
        million numbers, or it is not a BayesFit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bayes = bg.fit_bayes(
    ...     bg.load_dataset("faithful"), 2, draws=200, tune=200, chains=2, thin=1, random_seed=1,
    ...     progressbar=False
    ... )
    >>> drawn = bg.plot_ppc(bayes, num_samples=30)
    """
    import arviz as az

    tree = _by_feature(bayes, _tree(bayes, ["posterior_predictive", "observed_data"]))
    arguments: dict[str, Any] = {
        "visuals": {
            "predictive_dist": {"color": BLUE, "alpha": 0.25, "width": 0.7},
            "observed_dist": {"color": BLACK, "width": 2.0},
        },
        "kind": "kde",
        "col_wrap": 4,
        "figure_kwargs": {"layout": "constrained"},
    }
    drawn = az.plot_ppc_dist(tree, backend="matplotlib", **(arguments | kwargs))
    title = "The rows (dark) among data sets that the posterior predicts (pale)"
    return finish(drawn, with_doubts(title, bayes))


def _varies(tree: xr.DataTree, name: str) -> bool:
    posterior = tree["posterior"].to_dataset()
    return name not in posterior or bool((posterior[name] != posterior[name][0, 0]).any())


def _by_pair(bayes: BayesFit, tree: xr.DataTree, names: list[str]) -> xr.DataTree:
    """Give matrices a dimension of pairs of features, without what is constant or there twice."""
    groups = {group: found.to_dataset() for group, found in tree.items()}
    for name in names:
        matrices = groups["posterior"].get(name)
        if matrices is None or "feature_bis" not in matrices.dims:
            continue
        others = [dim for dim in matrices.dims if dim not in ("feature", "feature_bis")]
        varies = (matrices.std(others) > _ROUNDING * abs(matrices).max()).to_numpy()
        places = np.nonzero(np.tril(varies))
        known, (rows, columns) = bayes.feature_names, places
        pairs = [f"{known[j]}, {known[i]}" for i, j in zip(rows, columns, strict=True)]
        pair = f"pair of {name}"
        of_pair = (xr.DataArray(place, {pair: pairs}, pair) for place in places)
        entries = dict(zip(("feature", "feature_bis"), of_pair, strict=True))
        for group, found in groups.items():
            kept = found[name].isel(entries).drop_vars(["feature", "feature_bis"])
            groups[group] = found.assign({name: kept})
    return xr.DataTree.from_dict(groups)


def _by_feature(bayes: BayesFit, tree: xr.DataTree) -> xr.DataTree:
    """Make a variable of each feature, as ArviZ has a panel for each."""
    return xr.DataTree.from_dict(
        {
            group: xr.Dataset(
                {
                    _variable(name): found[OBSERVED].sel(feature=name, drop=True)
                    for name in bayes.feature_names
                }
            )
            for group, found in tree.items()
        }
    )


def _variable(feature: str) -> str:
    """Name a variable after its feature, unless ArviZ has a dimension of that name."""
    return f"feature {feature}" if feature in _DIMENSIONS else feature


def _tree(bayes: BayesFit, groups: list[str]) -> xr.DataTree:
    check_posterior(bayes)
    return bayes.to_datatree(groups)
