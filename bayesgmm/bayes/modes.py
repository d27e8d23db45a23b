"""The modes of the posterior that EM's maxima lead to, and how many chains each deserves.

Chains that all begin at one mode hide the others, and R-hat only tells what chains were sent to
look for. EM has found the distinct maxima of the likelihood; from each the log posterior density
is climbed, and what is below the top is weighed by Laplace's approximation (Tierney and Kadane
1986). Chains then begin in proportion to their mass at the modes, and in regions without one
(`idle`), and at least one in each place that may hold a noticeable part of it.

Modes that differ only in the names of the components are one and the same.

References
----------
Tierney, L. and Kadane, J. B. (1986). Accurate approximations for posterior moments and marginal
densities. Journal of the American Statistical Association 81, 82-86.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import Field, dataclass, replace
from itertools import permutations
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import ThreadpoolController

from bayesgmm.bayes.density import Density
from bayesgmm.mixture.likelihood import alike
from bayesgmm.mixture.params import Params

Array = npt.NDArray[np.float64]

_CLIMBED = 8  # maxima from which the posterior is climbed, the best first
IN_REACH = 30.0  # nats below the top, from which on no volume makes up for the height
_NOTICEABLE = 0.01  # share of the mass from which on a place gets a chain
_WEIGHTY = 0.1  # and from which on it gets two, as one may leave while it warms up
_NEAREST = 8  # points that are near a mode, if any are
_SADDLES = 3  # in a row, from which a climb goes on
_NAMED = 6  # components of which all names are tried
_SAME = 1e-3  # nats between two ends of the climb that are taken for one mode
_FLAT = 0.01  # curvature from which on a direction has one, in the same units as ...
_DIFFERENCE = 1e-4  # ... the step of the finite differences: those of each parameter
_JITTER = 0.3  # half-width of the uniform jitter of the chains' starts, in the same units, ...
_JITTER_ERRORS = 3.0  # ... but not more than so many standard errors of a mean of all rows


@dataclass(frozen=True, eq=False)
class Mode:
    """A mode of the posterior.

    Attributes
    ----------
    point : array, shape (n_dim,)
        Where it is, as a point of the density.
    unit : array, shape (n_dim,)
        A step of natural size for each parameter.
    log_density : float
        Its height.
    mass : float
        Its share of the mass of all places that were found.
    """

    point: Array
    unit: Array
    log_density: float
    mass: float = 1.0

    def log_mass(self, density: Density) -> float:
        """Log of its mass, by Laplace's approximation."""
        return self.log_density + log_volume(density, self)

    def scattered(self, density: Density, rng: np.random.Generator) -> Array:
        """Draw a starting point around it, shape (n_dim,)."""
        width = min(_JITTER, _JITTER_ERRORS / np.sqrt(max(len(density.X), 1)))
        return self.point + width * self.unit * rng.uniform(-1, 1, size=self.point.shape)

    def holds(self, density: Density, points: Array) -> bool:
        """Whether the posterior, climbed from the nearest of some points, leads to this mode."""
        named = (density.layout.renamed(points, order) for order in density.namings)
        steps = (np.square((x - self.point) / self.unit).sum(axis=1) for x in named)
        distance = functools.reduce(np.minimum, steps)
        for i in np.argsort(distance)[:_NEAREST]:
            (end,) = climbed(density, [density.params(points[i])])
            if _known(density, end, [self]):
                return True
        return False


class Place(Protocol):
    """A mode, or another part of the posterior in which chains may begin; see `Mode`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def mass(self) -> float:
        """Share of the mass of all places that were found."""

    def log_mass(self, density: Density) -> float:
        """Log of the mass."""

    def scattered(self, density: Density, rng: np.random.Generator) -> Array:
        """Draw a starting point."""

    def holds(self, density: Density, points: Array) -> bool:
        """Whether any of some points, shape (n, n_dim), is in it, under whatever names."""


def find_modes(density: Density, maxima: Sequence[Params]) -> tuple[Mode, ...]:
    """Climb the posterior from mixtures; return its distinct modes, the highest first.

    Parameters
    ----------
    density : Density
        The posterior.
    maxima : sequence of Params
        Where to begin, the most promising first; only the first few are used.
    """
    ends = climbed(density, maxima[:_CLIMBED])
    finite = [mode for mode in ends if np.isfinite(mode.log_density)]
    if not finite:  # the sampler will say that the density is zero there
        return (ends[0],)
    distinct: list[Mode] = []
    for end in sorted(finite, key=_height):
        if _known(density, end, distinct):
            continue
        for mode in _tops(density, end) if distinct else [end]:  # the highest is no saddle
            if not _known(density, mode, distinct):
                distinct.append(mode)
    distinct.sort(key=_height)
    return tuple(m for m in distinct if m.log_density > distinct[0].log_density - IN_REACH)


def _height(mode: Mode) -> float:
    return -mode.log_density


def _known(density: Density, mode: Mode, others: Sequence[Mode]) -> bool:
    """Whether it is one of the others under other names: as high, and the same to the rows."""
    level = (m for m in others if abs(mode.log_density - m.log_density) < _SAME)
    return any(alike(density.X, density.params(mode.point), density.params(m.point)) for m in level)


def _tops(density: Density, end: Mode, tries: int = _SADDLES) -> list[Mode]:
    """Go on from a saddle, where a climb along an axis of symmetry ends, to either side."""
    curvature, directions = np.linalg.eigh(_bend(density, end))
    if curvature[0] > -_FLAT or not tries:
        return [end]
    side = _unit(density, end.point) * directions[:, 0]
    sides = (end.point - side, end.point + side)
    ends = climbed(density, [density.params(side) for side in sides])
    return [top for end in ends for top in _tops(density, end, tries - 1)]


def weighed[P: Place](density: Density, places: Sequence[P]) -> tuple[P, ...]:
    """Find which share of the mass each place has, and put the weightiest first."""
    if len(places) == 1:
        return tuple(places)
    logs = np.array([place.log_mass(density) for place in places])
    masses = np.exp(logs - logs.max())
    masses /= masses.sum()
    order = np.argsort(-masses, kind="stable")
    return tuple(replace(places[i], mass=float(masses[i])) for i in order)


def named_by_priors(density: Density, params: Params) -> Params:
    """Call the components of a mixture as the priors like best, where these tell them apart.

    With more than six components, only the given names are tried.
    """
    K = params.n_components
    orders = permutations(range(K)) if K <= _NAMED else [tuple(range(K))]
    named = [params.permuted(np.array(order)) for order in orders]
    points = (density.pack(p.weights, p.means, p.cholesky) for p in named)
    return named[int(np.argmax([density.value_and_grad(x)[0] for x in points]))]


def shared_out(places: Sequence[Place], chains: int) -> list[int]:
    """Say in which place each chain begins."""
    masses = np.array([place.mass for place in places])
    counts = np.zeros(len(places), dtype=int)
    for least in (_NOTICEABLE, _WEIGHTY):
        room = max(1 - counts.sum(), min(chains - counts.sum(), (masses >= least).sum()))
        counts[:room] += 1
    while counts.sum() < chains:
        counts[np.argmax(masses / (counts + 0.5))] += 1  # Sainte-Laguë's rule of seats
    return [int(i) for i in np.repeat(np.arange(len(places)), counts)]


def climbed(density: Density, starts: Iterable[Params]) -> list[Mode]:
    """Climb the posterior from mixtures; `log_density` is -inf where that failed."""
    with _one_thread():
        return [_climbed(density, params) for params in starts]


def _climbed(density: Density, params: Params) -> Mode:
    """Climb in the units of the start, and again in those of the end for as long as that helps."""
    end = _ascended(density, params)
    while np.isfinite(end.log_density):
        again = _ascended(density, density.params(end.point))
        if not again.log_density > end.log_density + _SAME:
            break
        end = again
    return end


def _ascended(density: Density, params: Params) -> Mode:
    start = density.pack(params.weights, params.means, params.cholesky)
    unit = density.layout.spread(params.scales)

    def descent(z: Array) -> tuple[float, Array]:
        value, gradient = density.value_and_grad(start + unit * z)
        return (-value, -unit * gradient) if np.isfinite(value) else (_WALL, np.zeros_like(z))

    found: Any = minimize(descent, np.zeros_like(start), jac=True, method="L-BFGS-B")
    if found.fun >= _WALL:
        return Mode(start, unit, -np.inf)
    return Mode(start + unit * found.x, unit, -float(found.fun))


_WALL = 1e300  # L-BFGS-B takes no infinity


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread.

    L-BFGS-B solves triangles of at most ten equations. OpenBLAS would wake all its threads for
    each, which takes far longer, and then they would keep the chains' cores busy with waiting.
    """
    with _limiting, _libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


_limiting = threading.Lock()  # of two limits at a time, one could last for good


def log_volume(density: Density, mode: Mode) -> float:
    """Log of the volume under a normal density as curved as the posterior at the mode."""
    curvature, unit = np.linalg.eigvalsh(_bend(density, mode)), _unit(density, mode.point)
    # a flat direction, along which the mode is not one of its own, counts as ten units wide
    log_widths = -0.5 * np.log(np.maximum(curvature, _FLAT))
    return float((log_widths + np.log(unit) + 0.5 * np.log(2 * np.pi)).sum())


def _bend(density: Density, mode: Mode) -> Array:
    """Second derivatives of the log density, downwards, in natural units."""
    unit = _unit(density, mode.point)
    steps = _DIFFERENCE * np.diag(unit)
    slopes = [
        density.value_and_grad(mode.point + step)[1] - density.value_and_grad(mode.point - step)[1]
        for step in steps
    ]
    bend = -np.array(slopes) * unit / (2 * _DIFFERENCE)
    return np.asarray((bend + bend.T) / 2)


def _unit(density: Density, point: Array) -> Array:
    return density.layout.spread(density.unpack(point).scales)
