"""Draw with PyMC's own sampler from PyMC's own graph: slow to compile, and beyond doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from bayesgmm.bayes.density import Density
from bayesgmm.bayes.transforms import Mixture
from bayesgmm.bayes.variables import free_variables
from bayesgmm.mixture.data import Data

Array = npt.NDArray[np.float64]


def sample(data: Data, density: Density, starts: Array, **settings: Any) -> xr.DataTree:
    """Run `pymc.sample` on the model of a density.

    Parameters
    ----------
    data : Data
        The rows of the density, with their names.
    density : Density
        What to draw from.
    starts : array, shape (chains, n_dim)
        Where each chain starts.
    **settings
        ``draws``, ``tune``, ``cores`` and others of `pymc.sample`.
    """
    import pymc as pm

    from bayesgmm.bayes.model import build_model

    model = build_model(data, density.n_components, density.covariance_type, density.priors)
    points = [free_values(density.unpack(x), density) for x in starts]
    with model:
        tree: xr.DataTree = pm.sample(
            chains=len(starts),
            initvals=points,
            init="adapt_diag",  # PyMC would jitter the starts once more
            nuts_sampler="pymc",
            compute_convergence_checks=False,  # they would come before relabelling
            **settings,
        )
    return tree


def free_values(mixture: Mixture, density: Density) -> dict[str, Array]:
    """Give the model's free variables the values that they have in a mixture."""
    layout = density.layout
    sizes = layout.n_components, layout.n_features, density.covariance_type
    variables = free_variables(density.priors, *sizes).values()
    return {variable.name: variable.values(mixture) for variable in variables}
