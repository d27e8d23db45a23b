"""One record for all the priors of a mixture, and the defaults that know the units of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
)
from bayesgmm.priors.joint import LKJ, Dirichlet
from bayesgmm.priors.shapes import parameter_shapes


@dataclass(frozen=True, kw_only=True)
class Priors:
    """The priors of a Gaussian mixture, one for each block of parameters, all independent.

    Parameters
    ----------
    weights : Dirichlet
        Shares of the components.
    means : Normal
        Component means, ``(component, feature)``.
    scales : LogNormal, HalfNormal, HalfCauchy, Exponential, Gamma or InverseGamma
        Standard deviations: ``(component, feature)``, or ``(feature,)`` for tied and
        ``(component,)`` for spherical covariances.
    correlations : LKJ
        Correlation matrices; not used by diagonal and spherical covariances.
    feature_names : sequence of str, optional
        Only for the words that are printed.

    Raises
    ------
    InputError
        If a block is given a family that does not live where its parameters do.

    Examples
    --------
    >>> print(Priors(means=Normal(0, 2.5), scales=LogNormal(0, 0.5)))
    weights: Dirichlet with concentration 1: all divisions are equally likely
    means: Normal around 0, sd 2.5
    scales: log-normal with median 1, 95% within a factor of 2.66
    correlations: LKJ with eta 2: favours weak correlations
    """

    weights: Dirichlet = field(default_factory=Dirichlet)
    means: Normal
    scales: Positive
    correlations: LKJ = field(default_factory=LKJ)
    feature_names: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, allowed in _FAMILIES.items():
            prior = getattr(self, name)
            if not isinstance(prior, allowed):
                known = ", ".join(family.__name__ for family in allowed)
                raise InputError(f"the prior of the {name} must be one of {known}, got {prior!r}")
        object.__setattr__(self, "feature_names", tuple(map(str, self.feature_names)))

    @classmethod
    def weakly_informative(cls, X: Any, n_components: int, covariance_type: str = "full") -> Priors:
        """Build priors that know the units of the data, and little else.

        Weights are uniform. Means are Normal around the column means with 2.5 column standard
        deviations. Scales are log-normal: K components which share the space between them are
        each ``K**(1/D)`` times smaller than the whole, so the median is the column standard
        deviation divided by that, and the log standard deviation is 0.5. Correlations are
        LKJ(2). The answer moves and stretches with the data.

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
        """
        data = as_data(X)
        get_structure(covariance_type)  # raises for an unknown name
        check_n_components(n_components)
        mean, sd = data.moments()
        if not np.all(sd > 0):
            constant = [name for name, s in zip(data.feature_names, sd, strict=True) if not s > 0]
            raise InputError(f"constant columns tell no scale for a prior: {', '.join(constant)}")
        log_scale = np.log(sd) - np.log(n_components) / sd.size
        if covariance_type == "spherical":
            log_scale = log_scale.mean()
        return cls(
            means=Normal(mean, 2.5 * sd),
            scales=LogNormal(log_scale, 0.5),
            feature_names=data.feature_names,
        )

    def check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise an InputError unless every prior fits the shapes of :func:`parameter_shapes`."""
        for name in ("weights", "means", "scales"):
            getattr(self, name).check_shape(shapes[name], name)

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
        blocks = self._blocks()
        return float(sum(np.sum(blocks[name].logpdf(x)) for name, x in parameters.items()))

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
        blocks = self._blocks()
        return {name: blocks[name].sample(rng, batch + shape) for name, shape in shapes.items()}

    def to_dict(self) -> dict[str, Any]:
        """Write the priors as plain numbers, lists and strings; `from_dict` reads them back."""
        found: dict[str, Any] = {"feature_names": list(self.feature_names)}
        for name in _FAMILIES:
            prior = getattr(self, name)
            values = {key: np.asarray(value).tolist() for key, value in prior.parameters.items()}
            found[name] = {"family": type(prior).__name__, **values}
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Priors:
        """Read what `to_dict` wrote."""
        priors: dict[str, Any] = {}
        for name, families in _FAMILIES.items():
            parameters = dict(found[name])
            family = {f.__name__: f for f in families}[parameters.pop("family")]
            priors[name] = family(**parameters)
        return cls(**priors, feature_names=tuple(found["feature_names"]))

    def _blocks(self) -> dict[str, Prior]:
        return {
            "weights": self.weights,
            "means": self.means,
            "scales": self.scales,
            "correlations_cholesky": self.correlations,
        }

    def _lines(self) -> list[tuple[str, str]]:
        lines = [(name, getattr(self, name).describe(self.feature_names)) for name in _FAMILIES]
        order = self.scales.order_at_zero
        if np.isfinite(order):
            # exp(log density) ~ sd**order, and m tied rows bring sd**(1 - m)
            rows = max(2, int(np.ceil(order + 2)))
            lines.append(
                (
                    "warning",
                    f"this prior of the scales leaves the posterior improper where {rows} or more "
                    "rows tie in a feature; LogNormal and InverseGamma do not",
                )
            )
        return lines

    def __str__(self) -> str:
        return "\n".join(f"{name}: {words}" for name, words in self._lines())

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(words)}</td></tr>"
            for name, words in self._lines()
        )
        return f"<table>{''.join(rows)}</table>"


_FAMILIES: dict[str, tuple[type[Prior], ...]] = {
    "weights": (Dirichlet,),
    "means": (Normal,),
    "scales": (LogNormal, HalfNormal, HalfCauchy, Exponential, Gamma, InverseGamma),
    "correlations": (LKJ,),
}
