"""New names for the components of many draws, and back again.

Labels are arrays of int, shape (..., K), whose entry k is the component that is called k: the
draws under their new names are ``weights[..., labels]``, in NumPy's words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Mixture

Labels = npt.NDArray[np.intp]


def renamed(draws: Mixture, labels: Labels) -> Mixture:
    """Return the draws with their components in the order of `labels`."""
    return Mixture(*(in_order(array, labels) for array in draws))


def in_order(array: npt.NDArray[Any], labels: Labels) -> npt.NDArray[Any]:
    """Return an array of shape (..., K, ...) with its components in the order of `labels`."""
    index = labels.reshape(*labels.shape, *(1,) * (array.ndim - labels.ndim))
    return np.take_along_axis(array, index, axis=labels.ndim - 1)


def composed(first: Labels, then: Labels) -> Labels:
    """Return the labels that rename by `first`, and what has come out by `then`."""
    return np.take_along_axis(first, then, axis=-1)


def inverted(labels: Labels) -> Labels:
    """Return the labels that undo `labels`."""
    names: Labels = labels.argsort(axis=-1)
    return names


def unchanged(draws: Mixture) -> Labels:
    """Return the labels that leave every draw as it is."""
    shape = draws.weights.shape
    return np.broadcast_to(np.arange(shape[-1]), shape).copy()


def count_switches(labels: Labels) -> int:
    """Count the draws that are called otherwise than the draw before them in their chain."""
    return int((labels[:, 1:] != labels[:, :-1]).any(axis=-1).sum())
