"""The free variables of the model: what is sampled, by name, shape and prior.

They are the parameters themselves, in the shape that the structure leaves free and as what their
prior is stated for. So there is ``scales``, or ``precisions`` where the prior is of precisions;
``shared_scales`` where components (tied) or features (spherical) share them; and nothing for a
block that is fixed. Whatever they are, the model and every result have ``scales (component,
feature)`` and ``correlations (component, feature, feature_bis)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.transforms import Mixture
from bayesgmm.priors import Fixed, Priors
from bayesgmm.priors.base import Prior
from bayesgmm.priors.shapes import parameter_dims, parameter_shapes
from bayesgmm.priors.squares import OfSquare, Precision, Variance

Array = npt.NDArray[np.float64]

_NOUNS: dict[type, str] = {Variance: "variances", Precision: "precisions"}


@dataclass(frozen=True)
class Variable:
    """A free variable.

    Attributes
    ----------
    name : str
        What it is called in the model and in results.
    block : str
        Which of ``weights``, ``means``, ``scales`` and ``correlations_cholesky`` it stands for.
    prior : Prior
        Its distribution.
    dims : tuple of str
    shape : tuple of int
    power : float
        The parameter is this power of the variable.
    """

    name: str
    block: str
    prior: Prior
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    power: float = 1.0

    def values(self, draws: Mixture) -> Array:
        """Values of the variable in draws, after leading axes (chain, draw)."""
        found = np.asarray(getattr(draws, self.block))
        lead = draws.weights.ndim - 1
        full = ("component", "feature", "feature_bis")[: found.ndim - lead]
        for axis in reversed(range(len(full))):
            if full[axis] not in self.dims:
                found = found.take(0, axis=lead + axis)  # all copies are equal
        return found if self.power == 1 else found ** (1 / self.power)


def free_variables(
    priors: Priors, n_components: int, n_features: int, covariance_type: str
) -> dict[str, Variable]:
    """List the free variables by block, in the order of the model.

    Raises
    ------
    InputError
        If the covariance type is none of the four.
    """
    shapes = parameter_shapes(n_components, n_features, covariance_type)
    found = {}
    for block, dims in parameter_dims(covariance_type, n_features).items():
        prior = getattr(priors, block.removesuffix("_cholesky"))
        if isinstance(prior, Fixed):
            continue
        noun, power = _NOUNS.get(type(prior), block), 1.0
        if isinstance(prior, OfSquare):
            power, prior = prior.power, prior.prior
        shared = block != "weights" and not {"component", "feature"} <= set(dims)
        name = f"shared_{noun}" if shared else noun
        found[block] = Variable(name, block, prior, dims, shapes[block], power)
    return found
