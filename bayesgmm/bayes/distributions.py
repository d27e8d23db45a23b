"""What PyMC does not have: means that ascend along one feature, and LKJ with a ridge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import CholeskyCorrTransform, Transform
from pytensor.tensor.linalg import solve_triangular

from bayesgmm.priors import LKJ


class Ascending(Transform):
    """Orders the rows of a matrix (component, feature) by one of its columns.

    Other columns are left as they are; in this one the first element is, and the others are the
    logarithms of their distances from the one before, as in PyMC's ``ordered``.

    PyMC starts a sampler where the prior has its centre, and means whose priors are alike tie
    there. They are taken to be a gap apart instead, so that there is a place to start from.

    Parameters
    ----------
    column : int
        The column that orders.
    gap : float
        Positive, in the units of that column.
    """

    name = "ascending"
    ndim_supp = 2

    def __init__(self, column: int, gap: float) -> None:
        self.column, self.gap = column, gap

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Map means to unconstrained numbers."""
        x = value[..., self.column]
        steps = x[..., 1:] - x[..., :-1]
        return value[..., 1:, self.column].set(pt.log(pt.switch(steps > 0, steps, self.gap)))

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Map unconstrained numbers to means."""
        y = value[..., self.column]
        steps = y[..., 1:].set(pt.exp(y[..., 1:]))
        return value[..., self.column].set(pt.cumsum(steps, axis=-1))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Log Jacobian of `backward`: the steps' own."""
        return value[..., 1:, self.column].sum(axis=-1)


class CholeskyCorr(CholeskyCorrTransform):
    """PyMC's transform of correlation factors, under a name that PyMC can take apart again.

    ``pm.compute_log_likelihood`` and its kin lose their way in names of transforms with an
    underscore.
    """

    name = "choleskycorr"


def correlation_factor(name: str, prior: LKJ, where: dict[str, Any]) -> Any:
    """Add Cholesky factors of correlation matrices to the model in context.

    Parameters
    ----------
    name : str
        Of the variable.
    prior : LKJ
        Its distribution.
    where : dict
        ``shape`` and ``dims``, for PyMC.
    """
    n = where["shape"][-1]
    where = where | {"default_transform": CholeskyCorr(n)}
    if not prior.ridge:
        return pm.LKJCorr(name, n=n, eta=np.asarray(prior.eta), **where)

    def logp(value: Any, eta: Any, ridge: Any, index: Any) -> Any:
        inverse = solve_triangular(value, pt.eye(n), lower=True)
        excess = pt.square(inverse).sum(axis=(-2, -1)) - n
        return pm.logp(pm.LKJCorr.dist(n=n, eta=eta), value) - ridge / 2 * excess

    def random(eta: Any, ridge: Any, index: Any, rng: np.random.Generator, size: Any) -> Any:
        batch = () if size is None else tuple(size)
        return LKJ(float(eta.flat[0]), float(ridge.flat[0])).sample(rng, (*batch, n, n))

    def support_point(rv: Any, size: Any, *parameters: Any) -> Any:
        return pt.broadcast_to(pt.eye(n), rv.shape)

    return pm.CustomDist(
        name,
        np.asarray(prior.eta),
        np.asarray(prior.ridge),
        np.arange(n),  # only tells PyMC how large a matrix is
        logp=logp,
        random=random,
        support_point=support_point,
        signature="(),(),(n)->(n,n)",
        class_name="RidgeLKJ",
        **where,
    )
