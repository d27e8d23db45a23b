"""Parameters that are known: held at a value, neither sampled nor estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bayesgmm.mixture.errors import InputError
from bayesgmm.priors.base import Floats, Prior, words

_ROUNDING = 1e-8


@dataclass(frozen=True, eq=False, repr=False)
class Fixed(Prior):
    """Holds a block of parameters at `value`.

    The value broadcasts to the shape of the block; of correlations it is one matrix (D, D), or
    one for each component (K, D, D).

    Examples
    --------
    >>> import bayesgmm as bg
    >>> faithful = bg.load_dataset("faithful")
    >>> known = bg.Priors(
    ...     weights=bg.priors.Fixed([0.4, 0.6]),
    ...     means=bg.priors.Normal([3, 70], [3, 30]),
    ...     scales=bg.priors.LogNormal([-0.2, 2.3], 0.5),
    ... )
    >>> bg.fit_em(faithful, 2, priors=known, random_seed=1).params.weights
    array([0.4, 0.6])
    """

    value: Any
    _signs: ClassVar[dict[str, str]] = {"value": "any"}

    def check_shape(self, shape: tuple[int, ...], what: str) -> None:
        """See `Prior.check_shape`; shares must also sum to one over the components."""
        super().check_shape(shape, what)
        if what == "weights":
            total = np.broadcast_to(self.value, shape).sum()
            if abs(total - 1) > _ROUNDING:
                raise InputError(f"weights: fixed shares must sum to one, not {total:.6g}")

    def check_values(self, what: str) -> None:
        """Raise an InputError if a block cannot have this value."""
        value = np.asarray(self.value)
        if what in ("weights", "scales") and not np.all(value > 0):
            raise InputError(f"{what}: fixed values must be positive, got {value.tolist()}")
        if what == "correlations":
            matrix = value.ndim >= 2 and value.shape[-1] == value.shape[-2]
            if not matrix or not _is_correlation(value):
                raise InputError(
                    "correlations: a fixed value must be a correlation matrix: symmetric, with "
                    f"ones on the diagonal, and positive definite; got {value.tolist()}"
                )

    @property
    def order_at_zero(self) -> float:
        """As of a prior of scales: what is fixed stays away from zero."""
        return np.inf

    @property
    def bounds(self) -> tuple[Any, Any]:
        """As of a prior of scales: both are the value."""
        return self.value, self.value

    def logpdf(self, x: ArrayLike) -> Floats:
        """Zero, in the shape of `x`: what is fixed has no density."""
        return np.zeros(np.shape(x))

    def logpdf_at_log(self, u: ArrayLike) -> Floats:
        """Zero, in the shape of `u`."""
        return np.zeros(np.shape(u))

    def log_slopes(self, u: ArrayLike) -> tuple[Floats, Floats]:
        """Zeros, in the shape of `u`."""
        return np.zeros(np.shape(u)), np.zeros(np.shape(u))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Repeat the value."""
        return np.broadcast_to(self.value, shape).astype(np.float64)

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the value in words."""
        return f"fixed at {words(self.value, feature_names)}"


def _is_correlation(value: Floats) -> bool:
    symmetric = np.allclose(value, value.mT, rtol=0, atol=_ROUNDING)
    unit = np.allclose(np.diagonal(value, axis1=-2, axis2=-1), 1, rtol=0, atol=_ROUNDING)
    return symmetric and unit and bool((np.linalg.eigvalsh(value) > 0).all())
