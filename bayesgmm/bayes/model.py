"""The Gaussian mixture as an ordinary PyMC model.

:func:`build_model` is the definition of the Bayesian model; whatever else in this package
computes its posterior is tested against it. It can be looked at, extended and sampled like any
model that a user wrote by hand. The variables are the parameters in the user's units; their
priors come from :class:`~bayesgmm.priors.Priors`; the likelihood is one observed variable,
``x``, whose event is the whole data set, because that is how the E-step kernel computes it.

Covariances are ``diag(scales) R diag(scales)``. Where the structure has correlations, PyMC samples
the Cholesky factor of the correlation matrix ``R``, and the model reports ``R`` and the covariance
matrices as deterministic variables.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesgmm.bayes.distributions import Ascending, correlation_factor
from bayesgmm.bayes.likelihood import log_likelihood
from bayesgmm.bayes.transforms import Layout
from bayesgmm.bayes.variables import Variable, free_variables
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.requirements import check_n_components
from bayesgmm.priors import LKJ, Dirichlet, Fixed, LogNormal, Priors
from bayesgmm.priors.base import Prior
from bayesgmm.priors.shapes import parameter_dims

__all__ = ["build_model"]


def build_model(
    X: Any, n_components: int, covariance_type: str = "full", priors: Priors | None = None
) -> pm.Model:
    """Build the PyMC model of a Gaussian mixture.

    Parameters
    ----------
    X : (N, D) or (N,) array_like or data frame
        The data; column names become the coordinates of ``feature``.
    n_components : int
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Which covariance matrices are allowed, in scikit-learn's words.
    priors : Priors, optional
        :meth:`Priors.weakly_informative` by default.

    Returns
    -------
    pymc.Model
        With the free variables ``weights (component)``, ``means (component, feature)``,
        ``scales (component, feature)`` and, for full covariances of more than one feature,
        ``correlations_cholesky (component, feature, feature_bis)``, from which ``correlations``
        and ``covariances`` are computed. What components or features share is a free variable
        ``shared_scales`` or ``shared_correlations_cholesky``, from which the others are; see
        `bayesgmm.bayes.variables`. The observed variable is ``x (row, feature)``.

    Raises
    ------
    InputError
        If the data, the number of components or the name of the structure cannot be used, or a
        parameter of a prior does not have a shape that fits.

    Examples
    --------
    >>> model = build_model(faithful, n_components=2)  # doctest: +SKIP
    >>> with model:  # doctest: +SKIP
    ...     trace = pm.sample()
    """
    data = as_data(X)
    if data.row_weights.size:
        raise InputError("the Bayesian model has no row weights: each row counts once")
    check_n_components(n_components)
    if priors is None:
        priors = Priors.weakly_informative(data, n_components, covariance_type)
    priors = priors.named(data.feature_names)
    K, D = n_components, data.n_features
    Layout.of(covariance_type, K, D, priors)  # raises where they do not fit
    variables = free_variables(priors, K, D, covariance_type)
    coords = {
        "component": range(n_components),
        "feature": data.feature_names,
        "feature_bis": data.feature_names,
        "row": range(data.n_rows),
    }
    correlated = "correlations_cholesky" in parameter_dims(covariance_type, D)
    with pm.Model(coords=coords) as model:
        weights = _parameter("weights", variables, priors.weights, (K,))
        means = _parameter("means", variables, priors.means, (K, D), priors.ordered_column)
        factor = scales = _parameter("scales", variables, priors.scales, (K, D))
        if correlated:
            factor = _correlated(scales, variables, priors.correlations, (K, D, D))
        _observe(data, weights, means, factor)
    return model


_DIMS = ("component", "feature", "feature_bis")


def _parameter(
    block: str,
    variables: dict[str, Variable],
    prior: Prior,
    shape: tuple[int, ...],
    ordered: int | None = None,
) -> Any:
    """Add a parameter, of which every component has its own, to the model in context."""
    dims = _DIMS[: len(shape)]
    if isinstance(prior, Fixed):
        value = pt.as_tensor(np.broadcast_to(np.asarray(prior.value), shape).copy())
        return pm.Deterministic(block, value, dims=dims)
    variable = variables[block]
    order = {} if ordered is None else {"transform": _ascending(prior, shape, ordered)}
    free = _free(variable, order)
    if variable.name == block:
        return free
    if variable.dims == ("component",) and len(shape) > 1:
        free = free[:, None]
    value = free if variable.power == 1 else free**variable.power
    return pm.Deterministic(block, _to_shape(value, shape), dims=dims)


def _ascending(prior: Prior, shape: tuple[int, ...], column: int) -> Ascending:
    """Order means by a column, with starting points that share the prior's sd between them."""
    sigma = np.broadcast_to(prior.parameters["sigma"], shape)[:, column]
    return Ascending(column, float(sigma.mean()) / shape[0])


def _free(variable: Variable, options: dict[str, Any]) -> Any:
    """Add a free variable to the model in context."""
    prior = variable.prior
    # with dims alone PyTensor would not know the shape, and the graph would be larger
    where = {"shape": variable.shape, "dims": variable.dims, **options}
    if isinstance(prior, LKJ):
        return correlation_factor(variable.name, prior, where)
    # a bare float may become float32 in PyTensor, an array never does
    parameters = {key: np.asarray(value) for key, value in prior.parameters.items()}
    if isinstance(prior, Dirichlet):
        parameters["a"] = np.broadcast_to(parameters["a"], variable.shape)
    if isinstance(prior, LogNormal):
        lower = parameters.pop("lower")
        if np.any(lower):
            whole = pm.LogNormal.dist(**parameters, shape=variable.shape)
            return pm.Truncated(variable.name, whole, lower=lower, **where)
    return getattr(pm, type(prior).__name__)(variable.name, **parameters, **where)


def _correlated(
    scales: Any, variables: dict[str, Variable], prior: LKJ | Fixed, shape: tuple[int, ...]
) -> Any:
    """Add correlations and covariances to the model in context; return Cholesky factors."""
    if isinstance(prior, Fixed):
        cholesky = pt.as_tensor(np.linalg.cholesky(np.asarray(prior.value)))
    else:
        cholesky = _free(variables["correlations_cholesky"], {})
    cholesky = _to_shape(cholesky, shape)
    correlations = pm.Deterministic("correlations", cholesky @ cholesky.mT, dims=_DIMS)
    outer = scales[..., :, None] * scales[..., None, :]
    pm.Deterministic("covariances", outer * correlations, dims=_DIMS)
    return scales[..., :, None] * cholesky


def _to_shape(value: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast what components or features share."""
    return value if value.type.shape == shape else pt.broadcast_to(value, shape)


def _observe(data: Data, weights: Any, means: Any, factor: Any) -> None:
    """Add the data to the model in context: all rows are one event of a mixture.

    The row numbers only tell PyMC how many rows the event has.
    """
    diagonal = factor.type.ndim == 2
    pm.CustomDist(
        "x",
        np.arange(data.n_rows),
        weights,
        means,
        factor,
        logp=_logp,
        random=_random_diag if diagonal else _random_full,
        signature=_DIAG_EVENT if diagonal else _FULL_EVENT,
        class_name="GaussianMixture",
        observed=data.rows(),
        dims=("row", "feature"),
    )


_FULL_EVENT = "(n),(k),(k,d),(k,d,d)->(n,d)"
_DIAG_EVENT = "(n),(k),(k,d),(k,d)->(n,d)"


def _logp(value: Any, rows: Any, weights: Any, means: Any, factor: Any) -> Any:
    return log_likelihood(value, weights, means, factor)


def _random_full(*parameters: Any, rng: np.random.Generator, size: Any) -> Any:
    def draw(rows: Any, weights: Any, means: Any, cholesky: Any) -> Any:
        label = rng.choice(len(weights), size=len(rows), p=weights)
        noise = rng.standard_normal((len(rows), means.shape[1]))
        return means[label] + np.einsum("nij,nj->ni", cholesky[label], noise)

    return _draw_events(draw, _FULL_EVENT, parameters, size)


def _random_diag(*parameters: Any, rng: np.random.Generator, size: Any) -> Any:
    def draw(rows: Any, weights: Any, means: Any, scales: Any) -> Any:
        label = rng.choice(len(weights), size=len(rows), p=weights)
        noise = rng.standard_normal((len(rows), means.shape[1]))
        return means[label] + scales[label] * noise

    return _draw_events(draw, _DIAG_EVENT, parameters, size)


def _draw_events(draw: Any, signature: str, parameters: Any, size: Any) -> Any:
    """Draw one data set, or as many as a size or batches of parameters ask for.

    Each row of each data set has a component of its own.
    """
    rows, *others = parameters
    if size is not None:
        rows = np.broadcast_to(rows, (*size, rows.shape[-1]))
    return np.vectorize(draw, signature=signature)(rows, *others)
