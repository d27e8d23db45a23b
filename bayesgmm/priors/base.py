"""What every prior has: checked parameters, a log-density, draws, and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesgmm.mixture.errors import InputError

Floats = NDArray[np.float64]


def _as_parameter(value: ArrayLike, label: str, sign: str) -> float | Floats:
    """Return a float or a read-only float64 array, or raise an error that names the parameter."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{label} must be a number or an array of numbers") from None
    if array.size == 0 or not np.all(np.isfinite(array)):
        raise InputError(f"{label} must be finite, got {array.tolist()}")
    if sign == "positive" and not np.all(array > 0):
        raise InputError(f"{label} must be positive, got {array.tolist()}")
    if sign == "zero or positive" and not np.all(array >= 0):
        raise InputError(f"{label} must be zero or positive, got {array.tolist()}")
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False, repr=False)
class Prior:
    """Base of the families: parameters are checked, compared and printed in one place.

    Every parameter is a float, or an array that broadcasts to the shape of what it describes:
    ``(component,)``, ``(feature,)`` or ``(component, feature)``. Parameters are positive unless
    a family says otherwise.
    """

    _signs: ClassVar[dict[str, str]] = {"mu": "any", "lower": "zero or positive"}

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            label = f"{type(self).__name__}: {name}"
            checked = _as_parameter(value, label, self._signs.get(name, "positive"))
            object.__setattr__(self, name, checked)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by PyMC's names, a dict of floats and read-only arrays."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        theirs = other.parameters
        return all(np.array_equal(value, theirs[name]) for name, value in self.parameters.items())

    def __hash__(self) -> int:
        values = (np.asarray(value) for value in self.parameters.values())
        return hash((type(self), *((value.shape, *value.ravel().tolist()) for value in values)))

    def __repr__(self) -> str:
        values = {name: np.asarray(value).tolist() for name, value in self.parameters.items()}
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in values.items())})"

    def check_shape(self, shape: tuple[int, ...], what: str) -> None:
        """Raise an InputError unless every parameter broadcasts to `shape`."""
        for name, value in self.parameters.items():
            try:
                fits = np.broadcast_shapes(np.shape(value), shape) == shape
            except ValueError:
                fits = False
            if not fits:
                raise InputError(
                    f"{what}: {name} of {type(self).__name__} has shape {np.shape(value)}, "
                    f"which does not broadcast to {shape}"
                )

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log-density at `x`, in natural logarithms."""
        raise NotImplementedError

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw an array of the given shape."""
        raise NotImplementedError

    def describe(self, feature_names: Sequence[str] = ()) -> str:
        """Say the prior in words."""
        raise NotImplementedError


def words(value: ArrayLike, names: Sequence[str] = ()) -> str:
    """Write numbers to three digits, once if all are equal, with the features' names if given."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 2:
        if np.all(array == array[0]):
            return words(array[0], names)
        rows = (f"component {k}: {words(row, names)}" for k, row in enumerate(array))
        return "(" + "; ".join(rows) + ")"
    if np.all(array == array.flat[0]) and (array.ndim == 0 or len(names) != array.size):
        return f"{array.flat[0]:.3g}"
    labels = names if len(names) == array.size else ()
    return ", ".join(
        f"{number:.3g}" + (f" ({label})" if label else "")
        for number, label in zip_longest(array.flat, labels)
    )
