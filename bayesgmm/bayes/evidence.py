"""The evidence of a model, and how much of its posterior is where: bridge sampling.

The evidence (marginal likelihood) is the density of the rows, averaged over the prior: what Bayes
factors compare. Chains do not tell it, and chains in different places do not tell how much of the
posterior each place has. Both follow from a density that is known whole and resembles the
posterior: draws of either, weighed by both, give the ratio of their masses (Meng and Wong 1996).

That density is a mixture of normal distributions, fitted by EM to the first half of the draws as
unconstrained vectors; the second half is weighed. Where no name of a component means anything, the
posterior is the same under all of them, and the average of the density over all names is taken
(Frühwirth-Schnatter 2004). Where chains are in different places, each place has a density of its
own, and owns the vectors that are likeliest under it; so a chain that moves between places serves
all of them, and nothing is counted twice.

References
----------
Frühwirth-Schnatter, S. (2004). Estimating marginal likelihoods for mixture and Markov switching
models using bridge sampling techniques. Econometrics Journal 7, 143-167.

Gronau, Q. F., Sarafoglou, A., Matzke, D., Ly, A., Boehm, U., Marsman, M., Leslie, D. S., Forster,
J. J., Wagenmakers, E.-J. and Steingroever, H. (2017). A tutorial on bridge sampling. Journal of
Mathematical Psychology 81, 80-97.

Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a simple
identity: a theoretical exploration. Statistica Sinica 6, 831-860.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logsumexp

from bayesgmm.bayes.density import NAMED, Density
from bayesgmm.bayes.diagnostics import Verdict, chains_in_words
from bayesgmm.bayes.mixing import ess_of_mean
from bayesgmm.bayes.transforms import Index, Mixture
from bayesgmm.em.fit import fit_em
from bayesgmm.em.result import EMFit
from bayesgmm.em.starts import halved
from bayesgmm.mixture.errors import FitError, InputError
from bayesgmm.mixture.params import Params

if TYPE_CHECKING:
    from bayesgmm.bayes.posterior import Posterior

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Group = tuple[int, ...]

_NORMALS = 4  # most components of the density that resembles the posterior
_STEPS = 100  # of EM: the density need not be the best
_ROUNDS = 3  # of giving vectors to the densities, and of fitting these again
_NEARLY = 10.0  # nats between two densities for one place, fitted to different draws
_MOVES = "between these places"
_UNSURE = 0.5  # nats of error from which on the error itself cannot be believed


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """The evidence, and the places that it comes from.

    Attributes
    ----------
    log_evidence : float
        Natural logarithm of the marginal likelihood of the rows, in their units.
    mcse : float
        Its Monte Carlo standard error, in nats.
    places : pandas.DataFrame
        A row for each place, by the words for its chains: ``share`` of the posterior,
        ``mcse_share``, and ``log_evidence`` and ``mcse`` of this part alone.
    moving : tuple of int
        Chains that have no place of their own, as they move between these.
    problems : tuple of str
        What speaks against the estimate, in words.
    """

    log_evidence: float
    mcse: float
    places: pd.DataFrame
    moving: tuple[int, ...]
    problems: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [f"log evidence {self.log_evidence:.2f} +/- {self.mcse:.2f}"]
        if len(self.places) > 1:
            lines += [f"  {words}: {self.share_in_words(words)}" for words in self.places.index]
            lines += [f"  {chains_in_words([chain])}: {_MOVES}" for chain in self.moving]
        return "\n".join([*lines, *(f"WARNING: {problem}" for problem in self.problems)])

    def share_in_words(self, words: str) -> str:
        """Say how much of the posterior is where some chains are, by the words for these."""
        if words not in self.places.index:
            return _MOVES
        share, error = (100 * self.places[name][words] for name in ("share", "mcse_share"))
        return f"{share:.{0 if share >= 1 else 1}f} % of the posterior (+/- {error:.2g})"


def evidence_of(fit: Posterior, most: int, random_seed: int) -> Evidence:
    """Estimate it; see `Posterior.evidence`."""
    priors, K, D = fit.known_priors, fit.n_components, fit.data.n_features
    density = Density(fit.data.rows(), K, fit.covariance_type, priors.named(fit.feature_names))
    _check(density, fit.draws)
    points = density.vectors(fit.draws)
    points = points[:, :: -(-points.shape[0] * points.shape[1] // most)]
    half = points.shape[1] // 2
    if points.shape[0] * half < 4 * density.n_dim:
        raise InputError(
            f"{points.shape[0] * half} draws, half of those to use, are too few to resemble a "
            f"posterior of {density.n_dim} numbers: raise draws"
        )
    groups, nearby = _places(density, points[:, :half], list(fit.diagnostics.groups))
    heights = _heights(nearby, points[:, half:])
    of_draws = density.log_densities(points[:, half:]) - heights.max(axis=0)
    owner = heights.argmax(axis=0)
    found = []
    for place in range(len(groups)):
        mine = owner == place
        drawn = nearby[place].sample(int(mine.sum()), random_seed + place)
        others = _heights(nearby, drawn)
        of_drawn = density.log_densities(drawn) - others[place]
        of_drawn[others.argmax(axis=0) != place] = -np.inf
        found.append(_bridge(of_draws, mine, of_drawn))
    values, errors = np.array(found).T
    values -= priors.log_mass(K, D, fit.covariance_type)
    return _evidence(fit, groups, values, errors)


def _evidence(fit: Posterior, groups: list[Group], values: Array, errors: Array) -> Evidence:
    total = logsumexp(values)
    share = np.exp(values - total)
    mcse = np.sqrt(np.square(share * errors).sum())
    # one share depends on the errors of all: d share = share (d value - sum share d value)
    of_others = mcse**2 - np.square(share * errors)
    places = {
        "share": share,
        "mcse_share": share * np.sqrt(np.square((1 - share) * errors) + of_others),
        "log_evidence": values,
        "mcse": errors,
    }
    index = pd.Index(map(chains_in_words, groups), name="chains")
    at_home = {chain for group in groups for chain in group}
    moving = tuple(c for group in fit.diagnostics.groups for c in group if c not in at_home)
    problems = fit.diagnostics.problems if fit.diagnostics.kind is Verdict.UNFINISHED else ()
    if not errors.max() <= _UNSURE:
        told = "the draws and the density that should resemble them hardly meet: raise draws"
        problems = (*problems, told)
    return Evidence(float(total), float(mcse), pd.DataFrame(places, index), moving, problems)


def _check(density: Density, draws: Mixture) -> None:
    K = density.n_components
    if K > NAMED and density.exchangeable:
        raise InputError(
            f"the evidence of {K} components has {math.factorial(K):,} namings to go through: "
            f"it can be estimated for {NAMED} at most"
        )
    if not draws.weights.min() > 0:
        raise InputError("the evidence cannot be estimated from draws with weights of zero")


@dataclass(frozen=True, eq=False)
class _Nearby:
    """A density like the posterior's in one place, under all namings alike."""

    normals: EMFit
    density: Density

    @classmethod
    def to(cls, points: Array, density: Density) -> _Nearby:
        """Fit it to vectors, shape (..., n_dim)."""
        return cls(_normals(points.reshape(-1, density.n_dim)), density)

    def log_density(self, points: Array) -> Array:
        """Log density at vectors, shape (..., n_dim)."""
        flat = points.reshape(-1, points.shape[-1])
        namings, layout = self.density.namings, self.density.layout
        named = (layout.renamed(flat, order) for order in namings)
        found = logsumexp([self.normals.score_samples(x) for x in named], axis=0)
        return np.asarray(found - np.log(len(namings))).reshape(points.shape[:-1])

    def sample(self, n: int, random_seed: int) -> Array:
        """Draw vectors, under one naming: what is asked about them is the same under all."""
        return self.normals.sample(n, random_seed)[0]


def _normals(points: Array) -> EMFit:
    """Fit a mixture of as many normal distributions as BIC wants, each cut from one before."""
    try:
        best = _climbed(points, 1)
    except (InputError, FitError) as error:
        told = "the evidence cannot be estimated: the draws do not vary in all directions"
        raise FitError(told) from error
    for n in range(2, _NORMALS + 1):
        heaviest = int(best.params.weights.argmax())
        try:
            more = _climbed(points, n, halved(best.params)[heaviest])
        except (InputError, FitError):  # too few draws, or a collapse
            break
        if more.bic >= best.bic:
            break
        best = more
    return best


def _climbed(points: Array, n: int, start: Params | None = None) -> EMFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not have converged
        return fit_em(points, n, start=start, max_iter=_STEPS, random_seed=0, progressbar=False)


def _places(
    density: Density, points: Array, groups: list[Group]
) -> tuple[list[Group], list[_Nearby]]:
    """Fit a density to each place, and drop groups of chains that have no place of their own.

    A chain may have been in several places: each vector goes to the density that is highest there.
    """
    if len(groups) == 1:
        return groups, [_Nearby.to(points, density)]
    owner = np.zeros(points.shape[:2], dtype=np.intp)
    for i, group in enumerate(groups):
        owner[list(group)] = i
    for _ in range(_ROUNDS):
        groups, nearby = _fitted(density, points, groups, owner)
        heights = _heights(nearby, points)
        owner = heights.argmax(axis=0)
    while (spare := _spare(heights)) is not None:
        groups, heights = groups[:spare] + groups[spare + 1 :], np.delete(heights, spare, axis=0)
    return _fitted(density, points, groups, heights.argmax(axis=0))


def _fitted(
    density: Density, points: Array, groups: list[Group], owner: npt.NDArray[np.intp]
) -> tuple[list[Group], list[_Nearby]]:
    """Fit a density to the vectors of each group, and drop groups of too few."""
    counts: Index = np.bincount(owner.ravel(), minlength=len(groups))
    enough = np.flatnonzero(counts >= min(2 * density.n_dim, int(counts.max())))
    return [groups[i] for i in enough], [_Nearby.to(points[owner == i], density) for i in enough]


def _heights(nearby: list[_Nearby], points: Array) -> Array:
    """Log densities of G places, shape (G, ...), at vectors, shape (..., n_dim)."""
    return np.array([one.log_density(points) for one in nearby])


def _spare(heights: Array) -> int | None:
    """Find the place that is nearly the same as another, as far as their densities tell."""
    if len(heights) == 1:
        return None
    second, first = np.sort(heights, axis=0)[-2:]
    owner, lead = heights.argmax(axis=0), first - second
    gaps = [np.median(lead[owner == i]) if (owner == i).any() else 0.0 for i in range(len(heights))]
    least = int(np.argmin(gaps))
    return least if gaps[least] < _NEARLY else None


def _bridge(of_draws: Array, mine: BoolArray, of_drawn: Array) -> tuple[float, float]:
    """Estimate the log of a mass by the optimal bridge, with its standard error.

    Parameters
    ----------
    of_draws : array, shape (chain, draw)
        Log of the ratio of the two densities, of which the second has mass one, at draws from
        the first.
    mine : array of bool, shape (chain, draw)
        Which of these count.
    of_drawn : array, shape (n,)
        The same at draws from the second; -inf outside the place.
    """
    first, second = of_draws[mine], of_drawn
    inside = np.isfinite(second)
    if not inside.any():
        return np.nan, np.inf
    lean = np.log(len(first) / len(second))

    def balance(log_mass: float) -> float:
        up, down = expit(second - log_mass + lean), expit(log_mass - first - lean)
        return float(up.sum() - down.sum())

    finite = np.concatenate([first[np.isfinite(first)], second[inside]])
    value = float(brentq(balance, finite.min() - 50, finite.max() + 50, xtol=1e-9))
    up, down = expit(second - value + lean), expit(value - of_draws - lean)
    error = up.var() / len(up) / up.mean() ** 2
    error += down[mine].var() / ess_of_mean(down, mine) / down[mine].mean() ** 2
    return value, float(np.sqrt(error))
