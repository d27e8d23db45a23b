"""One record for all the priors of a mixture, and the defaults that know the units of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.requirements import check_n_components
from bayesgmm.mixture.structures import get_structure
from bayesgmm.priors.base import Floats, Prior
from bayesgmm.priors.families import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Normal,
    Positive,
    Uniform,
)
from bayesgmm.priors.fixed import Fixed
from bayesgmm.priors.joint import LKJ, Dirichlet
from bayesgmm.priors.ordering import draw_ordered, log_share_ordered
from bayesgmm.priors.properness import problems_with, warnings_of
from bayesgmm.priors.rounding import rounding
from bayesgmm.priors.shapes import parameter_dims, parameter_shapes
from bayesgmm.priors.squares import OfSquare, Precision, Variance

_RIDGE = 0.2  # rows, of the default correlations, shared by the features


@dataclass(frozen=True, kw_only=True)
class Priors:
    """The priors of a Gaussian mixture, one for each block of parameters, all independent.

    Parameters
    ----------
    weights : Dirichlet or Fixed
        Shares of the components.
    means : Normal or Fixed
        Component means, ``(component, feature)``.
    scales : LogNormal, HalfNormal, HalfCauchy, Exponential, Gamma, InverseGamma, Uniform or Fixed
        Standard deviations: ``(component, feature)``, or ``(feature,)`` for tied and
        ``(component,)`` for spherical covariances. Any but `Fixed` may be stated for the
        variance or the precision instead, as in ``Precision(Gamma(2, 1))``.
    correlations : LKJ or Fixed
        Correlation matrices; not used by diagonal and spherical covariances.
    ordered : str or int, optional
        A feature, by name or number, whose means ascend from component to component. The density
        is restricted to that order as it is: like PyMC's, it is not divided by the probability
        of the order.
    feature_names : sequence of str, optional
        For the words that are printed, and to find the feature of `ordered`.

    Raises
    ------
    InputError
        If a block is given a family that does not live where its parameters do.

    Examples
    --------
    >>> print(
    ...     Priors(
    ...         means=Normal(0, 2.5), scales=LogNormal(0, 0.5), correlations=LKJ(2, ridge=0.1)
    ...     )
    ... )
    weights: Dirichlet with concentration 1: all divisions are equally likely
    means: Normal around 0, sd 2.5
    scales: log-normal with median 1, 95% within a factor of 2.66
    correlations: LKJ with eta 2, with a ridge of 0.1 rows: favours weak correlations
    """

    weights: Dirichlet | Fixed = field(default_factory=Dirichlet)
    means: Normal | Fixed
    scales: Positive | Fixed
    correlations: LKJ | Fixed = field(default_factory=LKJ)
    ordered: str | int | None = None
    feature_names: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, allowed in _FAMILIES.items():
            prior = getattr(self, name)
            if not isinstance(prior, allowed):
                known = ", ".join(family.__name__ for family in allowed)
                raise InputError(f"the prior of the {name} must be one of {known}, got {prior!r}")
            if isinstance(prior, Fixed):
                prior.check_values(name)
        if self.ordered is not None and isinstance(self.means, Fixed):
            raise InputError("fixed means are in the order that they are in: leave out ordered")
        object.__setattr__(self, "feature_names", tuple(map(str, self.feature_names)))

    @classmethod
    def weakly_informative(cls, X: Any, n_components: int, covariance_type: str = "full") -> Priors:
        """Build priors that know the units of the data, and little else.

        Weights are uniform. Means are Normal around the column means with 2.5 column standard
        deviations. Scales are log-normal: K components which share the space between them are
        each ``K**(1/D)`` times smaller than the whole, so the median is the column standard
        deviation divided by that, and the log standard deviation is 0.5. Correlations are
        LKJ(2) with a ridge of 0.2/D rows. The answer moves and stretches with the data.

        Rounded data have rows that tie, and a component on such rows alone would gain by being
        ever narrower: by 100 nats on the 29 flowers of iris with a petal width of 0.2. So the
        scales of a feature with ties are cut off below the standard deviation that its rounding
        alone makes (Sheppard 1898): the smallest gap between its values over the root of 12, or
        half the median if that is less.

        Under these priors every negative moment of the standard deviations and of the
        determinants of the correlation matrices is finite, and the likelihood is at most a
        multiple of such powers. So the posterior is proper whatever the data, however many of
        their rows are equal, tie in a feature or lie on one plane.

        Parameters
        ----------
        X : (N, D) or (N,) array_like or data frame
            The data, of which means and standard deviations (``ddof=0``) are used.
        n_components : int
            Number of components, K.
        covariance_type : {"full", "tied", "diag", "spherical"}
            Spherical covariances have one scale for all features: its log median is the mean
            over the features.

        Returns
        -------
        Priors

        Raises
        ------
        InputError
            If a column is constant, so that the data tell no scale.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> print(bg.Priors.weakly_informative(bg.load_dataset("faithful"), 2))
        weights: Dirichlet with concentration 1: all divisions are equally likely
        means: Normal around 3.49 (eruptions), 70.9 (waiting), sd 2.85, 33.9
        scales: log-normal with median 0.806 (eruptions), 9.6 (waiting), 95% within a factor of \
2.66, at least 0.000289 (eruptions), 0.289 (waiting)
        correlations: LKJ with eta 2, with a ridge of 0.1 rows: favours weak correlations
        """
        data = as_data(X)
        get_structure(covariance_type)  # raises for an unknown name
        check_n_components(n_components)
        mean, sd = data.moments()
        if not np.all(sd > 0):
            constant = [name for name, s in zip(data.feature_names, sd, strict=True) if not s > 0]
            raise InputError(f"constant columns tell no scale for a prior: {', '.join(constant)}")
        log_scale = np.log(sd) - np.log(n_components) / sd.size
        least = np.minimum(rounding(data) / np.sqrt(12), np.exp(log_scale) / 2)
        if covariance_type == "spherical":
            log_scale, least = log_scale.mean(), least.min()
        return cls(
            means=Normal(mean, 2.5 * sd),
            scales=LogNormal(log_scale, 0.5, least),
            correlations=LKJ(2.0, _RIDGE / data.n_features),
            feature_names=data.feature_names,
        )

    def named(self, feature_names: Sequence[str]) -> Priors:
        """Return the same priors with names for the features, unless they have names already."""
        return self if self.feature_names else replace(self, feature_names=tuple(feature_names))

    @property
    def ordered_column(self) -> int | None:
        """Number of the feature along which means ascend, if any.

        Raises
        ------
        InputError
            If there is no feature of that name.
        """
        if not isinstance(self.ordered, str):
            return self.ordered
        if self.ordered not in self.feature_names:
            known = ", ".join(self.feature_names) or "feature_names were not given"
            raise InputError(f"ordered: there is no feature {self.ordered!r} ({known})")
        return self.feature_names.index(self.ordered)

    def check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise an InputError unless every prior fits the shapes of :func:`parameter_shapes`."""
        for name, shape in shapes.items():
            block = name.removesuffix("_cholesky")
            if block != "correlations" or isinstance(self.correlations, Fixed):
                getattr(self, block).check_shape(shape, block)
        column, n_features = self.ordered_column, shapes["means"][1]
        if column is not None and not 0 <= column < n_features:
            raise InputError(f"ordered: there is no feature {column} of {n_features}")

    def n_free(self, n_components: int, n_features: int, covariance_type: str = "full") -> int:
        """Count the parameters that are not fixed.

        Shared ones count once, and weights but the last. A parameter that lies on a bound of
        its prior is free to leave it, and counts.
        """
        shapes = parameter_shapes(n_components, n_features, covariance_type)
        sizes = {name.removesuffix("_cholesky"): math.prod(shape) for name, shape in shapes.items()}
        sizes["weights"] -= 1
        if "correlations" in sizes:  # of D * D numbers, those under the diagonal
            sizes["correlations"] = sizes["correlations"] * (n_features - 1) // (2 * n_features)
        free = [name for name in sizes if not isinstance(getattr(self, name), Fixed)]
        return sum(sizes[name] for name in free)

    def exchangeable(
        self, n_components: int, n_features: int, covariance_type: str = "full"
    ) -> bool:
        """Tell whether all components have the same priors, so that their names mean nothing.

        If not, the posterior knows which component is which, and draws must keep the names that
        they were sampled under.
        """
        if self.ordered is not None:
            return False
        dims, blocks = parameter_dims(covariance_type, n_features), self._blocks()
        shapes = parameter_shapes(n_components, n_features, covariance_type)
        values = (
            np.broadcast_to(value, shapes[name])
            for name, axes in dims.items()
            if "component" in axes and not isinstance(blocks[name], LKJ)
            for value in blocks[name].parameters.values()
        )
        return all(np.all(value == value[0]) for value in values)

    def problems(self, X: Any, n_components: int, covariance_type: str = "full") -> tuple[str, ...]:
        """Look for rows which make the posterior improper under these priors.

        Parameters
        ----------
        X : (N, D) or (N,) array_like or data frame
            The rows that are to be fitted.
        n_components : int
            Number of components, K.
        covariance_type : {"full", "tied", "diag", "spherical"}
            What the covariances share.

        Returns
        -------
        tuple of str
            A line for every problem that was found. Rows that tie in a feature and equal rows
            are all found; of rows on oblique planes, those on a line of two features, and of
            large data only in part.
        """
        return problems_with(
            self.scales, self.correlations, as_data(X), n_components, covariance_type
        )

    def log_density(self, **parameters: ArrayLike) -> float:
        """Sum the log-densities of the parameters that are given.

        Parameters
        ----------
        **parameters : array_like
            Any of ``weights``, ``means``, ``scales`` and ``correlations_cholesky``, in the
            shapes of :func:`parameter_shapes`.

        Returns
        -------
        float
            With respect to the parameters themselves: no Jacobian of a transformation.
        """
        column, blocks = self.ordered_column, self._blocks()
        if column is not None and "means" in parameters:
            along = np.asarray(parameters["means"])[:, column]
            if (np.diff(along) <= 0).any():
                return -np.inf
        return float(sum(np.sum(blocks[name].logpdf(x)) for name, x in parameters.items()))

    def log_mass(self, n_components: int, n_features: int, covariance_type: str = "full") -> float:
        """Log of the integral of `log_density` over all parameters: the evidence without rows.

        It is 0, but for the constants that a ridge on correlations and an order of the means
        leave out of the density.
        """
        shapes = parameter_shapes(n_components, n_features, covariance_type)
        column, found = self.ordered_column, 0.0
        if column is not None and isinstance(self.means, Normal):
            found += log_share_ordered(self.means, column, (n_components, n_features))
        if isinstance(self.correlations, LKJ) and "correlations_cholesky" in shapes:
            matrices = math.prod(shapes["correlations_cholesky"][:-2])
            found += matrices * self.correlations.log_kept(n_features)
        return found

    def sample(
        self,
        rng: np.random.Generator,
        n_components: int,
        n_features: int,
        covariance_type: str = "full",
        batch: tuple[int, ...] = (),
    ) -> dict[str, Floats]:
        """Draw parameters in the order of `parameter_shapes`, their shapes after `batch`."""
        shapes = parameter_shapes(n_components, n_features, covariance_type)
        self.check_shapes(shapes)
        blocks, column = self._blocks(), self.ordered_column
        found = {name: blocks[name].sample(rng, batch + shape) for name, shape in shapes.items()}
        if column is not None and isinstance(self.means, Normal):
            found["means"][..., column] = draw_ordered(self.means, column, rng, found["means"])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Write the priors as plain numbers, lists and strings; `from_dict` reads them back."""
        found: dict[str, Any] = {"feature_names": list(self.feature_names), "ordered": self.ordered}
        return found | {name: _to_dict(getattr(self, name)) for name in _FAMILIES}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Priors:
        """Read what `to_dict` wrote."""
        priors: dict[str, Any] = {
            name: _from_dict(found[name], _FAMILIES[name]) for name in _FAMILIES
        }
        names, ordered = tuple(found["feature_names"]), found.get("ordered")
        return cls(**priors, feature_names=names, ordered=ordered)

    def _blocks(self) -> dict[str, Prior]:
        correlations: Prior = self.correlations
        if isinstance(correlations, Fixed):
            correlations = Fixed(np.linalg.cholesky(np.asarray(correlations.value)))
        return {
            "weights": self.weights,
            "means": self.means,
            "scales": self.scales,
            "correlations_cholesky": correlations,
        }

    def _lines(self) -> list[tuple[str, str]]:
        lines = [(name, getattr(self, name).describe(self.feature_names)) for name in _FAMILIES]
        alone = len(self.feature_names) == 1  # and correlated with nothing
        if alone:
            lines.pop()
        elif isinstance(self.correlations, Fixed):
            lines[-1] = ("correlations", f"fixed at {np.asarray(self.correlations.value).tolist()}")
        if self.ordered is not None:
            along = self.ordered if isinstance(self.ordered, str) else f"feature {self.ordered}"
            lines.append(("order", f"the means of {along} ascend from component to component"))
        warnings = warnings_of(self.scales, None if alone else self.correlations)
        return lines + [("warning", words) for words in warnings]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {words}" for name, words in self._lines())

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(words)}</td></tr>"
            for name, words in self._lines()
        )
        return f"<table>{''.join(rows)}</table>"


_SCALES: tuple[type[Positive], ...] = (
    LogNormal,
    HalfNormal,
    HalfCauchy,
    Exponential,
    Gamma,
    InverseGamma,
    Uniform,
)
_FAMILIES: dict[str, tuple[type[Prior], ...]] = {
    "weights": (Dirichlet, Fixed),
    "means": (Normal, Fixed),
    "scales": (*_SCALES, Variance, Precision, Fixed),
    "correlations": (LKJ, Fixed),
}


def _to_dict(prior: Prior) -> dict[str, Any]:
    stated = {"of": type(prior.prior).__name__} if isinstance(prior, OfSquare) else {}
    values = {key: np.asarray(value).tolist() for key, value in prior.parameters.items()}
    return {"family": type(prior).__name__, **stated, **values}


def _from_dict(found: Mapping[str, Any], families: Sequence[type[Prior]]) -> Prior:
    parameters, known = dict(found), {family.__name__: family for family in families}
    family, inner = known[parameters.pop("family")], parameters.pop("of", None)
    if inner is None:
        return family(**parameters)
    of_square: Any = family
    return of_square(known[inner](**parameters))
