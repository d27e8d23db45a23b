"""Components that no row needs: much of a posterior may lie where it has no mode.

Where fewer components would do, one of them can be wherever its prior lets it, with so little
weight that no row takes notice. What such a region lacks in height it has in volume. Maxima of the
likelihood do not lead there, and Laplace's approximation, taken at modes, does not see it; chains
that begin elsewhere may not find it for thousands of draws, and chains that began there stay.

How much of the posterior it holds follows from the posterior with fewer components. Where none of
N rows comes from the last j of K components, the others are as if they were alone, and the last
are as in their prior. With Dirichlet weights, j of whose concentrations sum to a and the others to
b, the chance of that before anything is known of the others is ``B(a, b + N) / B(a, b)``: so much
of the evidence of K - j components belongs to the region. Rousseau and Mengersen (2011) show that
in large data, small concentrations leave it all the mass. As all other mass is Laplace's, and
components of one or two rows have none, shares of regions come out too large, two to three times
with one idle component: good enough to say where chains should begin.

References
----------
Rousseau, J. and Mengersen, K. (2011). Asymptotic behaviour of the posterior distribution in
overfitted mixture models. Journal of the Royal Statistical Society B 73, 689-710.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from bayesgmm.bayes.density import Density
from bayesgmm.bayes.modes import IN_REACH, Mode, climbed, find_modes, weighed
from bayesgmm.em.starts import shrunk
from bayesgmm.mixture.params import Params
from bayesgmm.priors import Fixed, Priors
from bayesgmm.priors.shapes import parameter_dims

Array = npt.NDArray[np.float64]

_LIGHTEST = 1e-12  # weight at a start: small concentrations ask for less than a float can hold


@dataclass(frozen=True, eq=False)
class Idle:
    """A part of the posterior where the last components have no rows.

    Attributes
    ----------
    fewer : Density
        The posterior of the other components alone.
    mode : Mode
        Its highest mode.
    log_share : float
        Log of the prior probability that all rows come from these.
    mass : float
        Its share of the mass of all places that were found.
    """

    fewer: Density
    mode: Mode
    log_share: float
    mass: float = 1.0

    def log_mass(self, density: Density) -> float:
        """Log of its mass, by Laplace's approximation for the other components.

        As of modes, one naming of the components counts; but all of the idle ones are in here.
        """
        namings = gammaln(density.n_components - self.fewer.n_components + 1)
        return float(self.log_share + self.mode.log_mass(self.fewer) - namings)

    def scattered(self, density: Density, rng: np.random.Generator) -> Array:
        """Draw a starting point in it, shape (n_dim,).

        Weights and means of idle components are drawn as they are distributed there; each takes
        the covariance of another component.
        """
        kept, idle = self.fewer.n_components, density.n_components - self.fewer.n_components
        used = self.fewer.unpack(self.mode.scattered(self.fewer, rng))
        like = rng.integers(kept, size=idle)
        a = _concentrations(density)
        weight = rng.beta(a[kept:].sum(), a[:kept].sum() + len(density.X))
        means = density.priors.means.sample(rng, (density.n_components, density.X.shape[1]))
        weights = np.append((1 - weight) * used.weights, weight * rng.dirichlet(a[kept:]))
        return density.pack(
            np.maximum(weights, _LIGHTEST),
            np.vstack([used.means, means[kept:]]),
            np.concatenate([used.cholesky, used.cholesky[like]]),
        )

    def holds(self, density: Density, points: Array) -> bool:
        """Whether so many components have less weight than a row."""
        weights = np.sort(density.unpack(points).weights, axis=-1)
        idle = density.n_components - self.fewer.n_components
        return bool((weights[:, idle - 1] * len(density.X) < 1).any())


def find_places(density: Density, maxima: Sequence[Params]) -> tuple[Mode | Idle, ...]:
    """Find modes and idle regions, the weightiest first.

    Parameters
    ----------
    density : Density
        The posterior. Idle regions are not looked for where its components have priors of their
        own, or fixed weights.
    maxima : sequence of Params
        Where to climb from, the most promising first.
    """
    modes = find_modes(density, maxima)
    return weighed(density, [*modes, *_idle_regions(density, modes[0])])


def _idle_regions(density: Density, highest: Mode) -> Iterator[Idle]:
    """Leave out one component after the other, as long as what is left is in reach."""
    K, D = density.n_components, density.X.shape[1]
    priors, structure = density.priors, density.covariance_type
    if isinstance(priors.weights, Fixed) or not density.exchangeable:
        return
    a, before, mode, of_each = _concentrations(density), density, highest, _written_once(density)
    for kept in range(K - 1, 0, -1):
        fewer = Density(density.X, kept, structure, of_each)
        starts = shrunk(before.params(mode.point))
        # a single component has but one mode
        ends = climbed(fewer, starts if kept > 1 else starts[:1])
        before, mode = fewer, max(ends, key=lambda end: end.log_density)
        b = a[:kept].sum()
        log_share = betaln(a[kept:].sum(), b + len(density.X)) - betaln(a[kept:].sum(), b)
        log_share += priors.log_mass(K, D, structure) - priors.log_mass(kept, D, structure)
        if not mode.log_density + log_share > highest.log_density - IN_REACH:
            return
        yield Idle(fewer, mode, float(log_share))


def _written_once(density: Density) -> Priors:
    """Return priors that are alike for all components, for any number of these."""
    found = density.priors.to_dict()
    for name, axes in parameter_dims(density.covariance_type, density.X.shape[1]).items():
        block = found[name.removesuffix("_cholesky")]
        for parameter, value in block.items():
            if "component" in axes and np.ndim(value) == len(axes):
                block[parameter] = value[0]
    return Priors.from_dict(found)


def _concentrations(density: Density) -> Array:
    """Those of the Dirichlet prior of the weights, shape (K,)."""
    return density.arguments[2].weights
