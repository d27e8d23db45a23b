"""EM step by step: where the parameters are after every iteration, for teaching and for looking.

`fit_em` climbs faster, by quasi-Newton steps, and from many starts at once. Here is the textbook
algorithm, from one start: expected allocations, then the mixture that suits them best, again and
again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bayesgmm.em.arguments import chosen_seed, starting_params
from bayesgmm.em.frame import Frame
from bayesgmm.em.objective import Objective
from bayesgmm.em.points import Points
from bayesgmm.em.result import EMFit
from bayesgmm.em.starts import Starts
from bayesgmm.mixture.data import Data, as_data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.likelihood import responsibilities
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import get_structure
from bayesgmm.mixture.threads import available_cores

Array = npt.NDArray[np.float64]
StartKind = Literal["kmeans", "random"]

_TOO_NARROW = "start has a component too narrow for numbers: give it larger covariances"


@dataclass(frozen=True, eq=False, repr=False)
class EMPath:
    """The way that EM took.

    Attributes
    ----------
    data : Data
        The rows that were fitted.
    covariance_type : str
        What the covariances share; see `fit_em`.
    params : tuple of Params, length n_iter + 1
        Where EM was: the start, then the outcome of every iteration. Component k is the same one
        all the way; numbers ascend with the mean of the first feature at the end.
    log_likelihood : array, shape (n_iter + 1,)
        Total natural log-likelihood of each; it never falls.
    """

    data: Data
    covariance_type: str
    params: tuple[Params, ...]
    log_likelihood: Array

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return len(self.params) - 1

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return self.params[0].n_components

    def responsibilities(self, iteration: int) -> Array:
        """Probability, shape (N, K), that each row belongs to each component, at an iteration.

        It is what the E-step found there, and the next M-step starts from. Iteration 0 is the
        start, and -1 the last.
        """
        return responsibilities(self.data, self.params[iteration], available_cores())

    def __repr__(self) -> str:
        first, last = self.log_likelihood[[0, -1]]
        return (
            f"EMPath of {self.n_components} {self.covariance_type} components: {self.n_iter} "
            f"iterations, log-likelihood from {first:.2f} to {last:.2f}"
        )


def em_path(
    X: Any,
    n_components: int,
    *,
    covariance_type: str = "full",
    sample_weight: npt.ArrayLike | None = None,
    start: StartKind | EMFit | Params = "random",
    n_iter: int = 50,
    random_seed: int | None = None,
) -> EMPath:
    """Follow plain EM from one start, iteration by iteration.

    To get the best fit, use `fit_em`: this one shows how such a fit comes about, and where a
    single start may lead.

    Parameters
    ----------
    X, n_components, covariance_type, sample_weight
        See `fit_em`.
    start : {"random", "kmeans"}, EMFit or Params
        Small components at rows drawn at random, far from each other; a k-means partition; or
        a mixture to begin from, whose covariances are pooled as far as `covariance_type` asks.
    n_iter : int
        Number of iterations. There are fewer if a component collapses onto so few rows that its
        covariance is singular: the path ends before.
    random_seed : int, optional
        The same seed gives the same start.

    Returns
    -------
    EMPath
        Parameters and log-likelihood of the start and of every iteration; `plot_em_path` and
        `animate_em_path` show it.

    Raises
    ------
    InputError
        If the data or an argument cannot be used; the message says which and what to do.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
    data via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.em_path(bg.load_dataset("faithful"), 2, start="kmeans", n_iter=20, random_seed=1)
    EMPath of 2 full components: 20 iterations, log-likelihood from -1131.95 to -1130.26
    """
    data = as_data(X, sample_weight)
    structure = get_structure(covariance_type, data.n_features)
    check_fit(data, n_components, structure)
    if not isinstance(n_iter, int | np.integer) or n_iter < 1:
        raise InputError(f"n_iter must be a whole number of at least 1, not {n_iter!r}")
    shift, spread = data.moments()
    frame = Frame(shift, structure.units(spread), structure)
    rows = data.standardised(shift, frame.unit)
    if isinstance(start, str):
        rng = np.random.default_rng(chosen_seed(random_seed))
        first = _drawn(start, Starts(rows, n_components, structure, rng))
    else:
        first = _within(frame, starting_params(start, data, n_components))
    objective = Objective(rows, structure, workers=available_cores())
    steps = list(_steps(objective, first, n_iter))
    if not steps:
        raise InputError(_TOO_NARROW)
    order = np.lexsort(steps[-1][0].means[0].T[::-1])
    return EMPath(
        data=data,
        covariance_type=structure.name,
        params=tuple(frame.params(point).permuted(order) for point, _ in steps),
        log_likelihood=np.array([value for _, value in steps]) + data.log_density_shift(frame.unit),
    )


def _steps(objective: Objective, point: Points, n_iter: int) -> Iterator[tuple[Points, float]]:
    """Yield every point with its log-likelihood, until a component collapses."""
    for _ in range(n_iter + 1):
        value, stats = objective.estep(point, np.arange(1))
        if not np.isfinite(value[0]):
            return
        yield point, float(value[0])
        point, proper = objective.mstep(stats, point.means, point)
        if not proper[0]:
            return


def _drawn(start: str, starts: Starts) -> Points:
    kinds = {"random": starts.from_centres, "kmeans": starts.from_kmeans}
    if start not in kinds:
        raise InputError(f"start must be 'random', 'kmeans', an EMFit or Params, not {start!r}")
    return kinds[start]()


def _within(frame: Frame, params: Params) -> Points:
    try:
        return frame.point(params)
    except np.linalg.LinAlgError:
        raise InputError(_TOO_NARROW) from None
