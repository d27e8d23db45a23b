"""Arguments that both fits take: the seed, the cores, and where to start."""

from __future__ import annotations

import numpy as np

from bayesgmm.em.result import EMFit
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.threads import available_cores


def chosen_seed(random_seed: int | None) -> int:
    """Return the seed that was given, or draw one."""
    if random_seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    return int(random_seed)


def chosen_cores(cores: int | None) -> int:
    """Return the number of cores that was given, or count those that there are.

    Raises
    ------
    InputError
        If it is not a whole number of at least one.
    """
    if cores is None:
        return available_cores()
    if not isinstance(cores, int | np.integer) or cores < 1:
        raise InputError(f"cores must be a whole number of at least 1, not {cores!r}")
    return int(cores)


def starting_params(start: EMFit | Params, data: Data, n_components: int) -> Params:
    """Take the parameters to start from.

    Raises
    ------
    InputError
        If there are none, or they are of another number of components or features.
    """
    params = start.params if isinstance(start, EMFit) else start
    if not isinstance(params, Params):
        raise InputError(f"start must be an EMFit or Params, not {type(start).__name__}")
    if params.means.shape != (n_components, data.n_features):
        raise InputError(
            f"start has {params.n_components} component(s) of {params.n_features} feature(s), but "
            f"the fit has {n_components} of {data.n_features}"
        )
    if not (params.weights > 0).all():
        raise InputError("start has a component of weight zero, which no fit can move")
    return params
