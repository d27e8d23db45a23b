"""The grid of candidates: filled so that no model scores below one that is nested in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.em.fit import Settings, maximise
from bayesgmm.em.result import EMFit
from bayesgmm.em.starts import shrunk
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import Structure

Array = npt.NDArray[np.float64]

TOLERANCE = 1e-6  # of log-likelihood, within which a model is as high as one nested in it
_NEAR = 10.0  # of the criterion, from the best: what lies further off cannot win
_APART = 0.8  # of a standard deviation, from the mean of a component to each of its halves
_ROUNDS = 4  # so often at most, neighbours exchange their solutions
_LAST_RESORTS = (0.3, 0.0)  # where that has led nowhere; at 0 nothing is lost, nor won


@dataclass(frozen=True, eq=False)
class Cell:
    """One candidate.

    Attributes
    ----------
    n_components : int
        Number of components, K.
    structure : Structure
        What the covariances share.
    fit : EMFit or None
        The best that was found; None if the data rule this candidate out.
    problem : str
        Why it must not be compared with others; empty if it may be.
    climbed_from : Cell or None
        The nested candidate from whose solution alone the fit was climbed, where the search
        had missed what that promises.
    """

    n_components: int
    structure: Structure
    fit: EMFit | None = None
    problem: str = ""
    climbed_from: Cell | None = None

    @property
    def scored(self) -> bool:
        """Whether it takes part in the comparison."""
        return not self.problem

    @property
    def log_likelihood(self) -> float:
        """Of the fit; NaN if there is none."""
        return float("nan") if self.fit is None else self.fit.log_likelihood

    @property
    def name(self) -> str:
        """Number of components and structure, as users write them."""
        return f"{self.n_components} {self.structure.name}"

    def contains(self, other: Cell) -> bool:
        """Whether every mixture of the other kind is one of this kind, too."""
        return (
            other is not self
            and other.n_components <= self.n_components
            and self.structure.contains(other.structure)
        )


def fill(
    data: Data,
    n_components: Sequence[int],
    structures: Sequence[Structure],
    settings: Settings,
    report: Callable[[str], None],
    score: Callable[[EMFit], float],
) -> tuple[Cell, ...]:
    """Fit every candidate, exchange solutions, and fit those that might be the best with more care.

    Parameters
    ----------
    data : Data
        The rows.
    n_components : sequence of int
        In ascending order.
    structures : sequence of Structure
        Each after all that are nested in it.
    settings : Settings
        Of each search.
    report : callable
        Told in words what is going on.
    score : callable
        The criterion: lower is better.

    Returns
    -------
    tuple of Cell
        Each after all that are nested in it. A scored one is nowhere lower than one of those.
    """
    quick = Filler(data, replace(settings, rearrange=False), report)
    few = Filler(data, replace(quick.settings, n_starts=1), report)
    grid = _Grid([Cell(k, structure) for k in n_components for structure in structures])
    for i in grid.order:
        grid.fill(i, quick)
    grid.exchange(few)
    for i in grid.contenders(score):
        grid.fill(i, Filler(data, settings, report))
    grid.exchange(few)
    return tuple(grid.cells)


class _Grid:
    """The candidates as they stand, and whose solutions each has started from.

    Parameters
    ----------
    cells : list of Cell
        Each after all that are nested in it.
    """

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self.order = range(len(cells))
        self._seen: set[tuple[int, EMFit]] = set()
        self._nested = [[i for i in self.order if cell.contains(cells[i])] for cell in cells]

    def fill(self, i: int, filler: Filler, neighbours: Sequence[Cell] | None = None) -> None:
        """Fit a candidate, also from the solutions of neighbours; by default, nested ones."""
        cell, nested = self.cells[i], self._nearest(i)
        used = nested if neighbours is None else neighbours
        self.cells[i] = filler.filled(cell, nested, used)
        self._seen |= {(i, other.fit) for other in used if other.fit is not None}

    def exchange(self, filler: Filler) -> None:
        """Let each candidate start from its neighbours' solutions, until that leads no further.

        From the largest to the smallest and back: solutions lose and gain components by turns,
        which mends local maxima that have too many components here and too few there.
        """
        for _ in range(_ROUNDS):
            before = list(self.cells)
            for i in [*reversed(self.order), *self.order]:
                cell = self.cells[i]
                neighbours = [*self._nearest(i), *_larger(cell, self.cells)]
                new = [other for other in neighbours if (i, other.fit) not in self._seen]
                if new and cell.fit is not None:
                    self.fill(i, filler, new)
            if self.cells == before:
                break

    def _nearest(self, i: int) -> list[Cell]:
        return nearest(self.cells[i], [self.cells[j] for j in self._nested[i]])

    def contenders(self, score: Callable[[EMFit], float]) -> list[int]:
        """Tell which candidates might be the best."""
        scores = {
            i: score(cell.fit)
            for i, cell in enumerate(self.cells)
            if cell.fit is not None and cell.scored
        }
        best = min(scores.values(), default=np.inf)
        return [i for i, value in scores.items() if value < best + _NEAR]


def _larger(cell: Cell, cells: Sequence[Cell]) -> list[Cell]:
    """Find the same structure with one component more, if it is there and scored."""
    more = cell.n_components + 1
    return [
        c for c in cells if c.structure is cell.structure and c.n_components == more and c.scored
    ]


def nearest(cell: Cell, cells: Sequence[Cell]) -> list[Cell]:
    """Scored cells nested in this one, without those that are nested in another of them.

    Each of `cells` comes after all that are nested in it.
    """
    found: list[Cell] = []
    for other in reversed(cells):
        nested = other.scored and cell.contains(other)
        if nested and not any(one.contains(other) for one in found):
            found.insert(0, other)
    return found


@dataclass(frozen=True, eq=False)
class Filler:
    """Fits candidates to one set of rows; see `fill`."""

    data: Data
    settings: Settings
    report: Callable[[str], None]

    def filled(self, cell: Cell, nested: Sequence[Cell], neighbours: Sequence[Cell]) -> Cell:
        """Fit one candidate, no lower than those nested in it, also from neighbours' solutions."""
        k, structure = cell.n_components, cell.structure
        try:
            if cell.fit is None:
                check_fit(self.data, k, structure)
        except InputError as error:
            return Cell(k, structure, problem=str(error))
        own = [] if cell.fit is None else [cell.fit.params]
        known = own + [start for other in neighbours for start in self._starts(other, k, _APART)]
        fit = self._fit(cell, known=known)
        before = 0 if cell.fit is None else cell.fit.settings["n_starts"]
        tried = before + self.settings.n_starts + len(known)
        found = Cell(k, structure, replace(fit, settings={**fit.settings, "n_starts": tried}))
        if cell.fit is not None and not _gains(found, cell):
            found = cell
        if _problem(found, nested):
            found = self.raised(found, nested)
        problem = _problem(found, nested)
        return found if problem == found.problem else replace(found, problem=problem)

    def raised(self, cell: Cell, nested: Sequence[Cell]) -> Cell:
        """Climb from nested solutions alone, each of which leads at least as high as it is."""
        for other in sorted(nested, key=lambda other: -other.log_likelihood):
            same = other.n_components == cell.n_components
            for distance in (0.0,) if same else _LAST_RESORTS:
                for start in self._starts(other, cell.n_components, distance):
                    fit = self._fit(cell, only=start)
                    found = replace(cell, fit=fit, climbed_from=other)
                    if not _problem(found, nested):
                        return found
        return cell

    def _fit(self, cell: Cell, **starts: Any) -> EMFit:
        def report(words: str) -> None:
            self.report(f"{cell.name}: {words}")

        return maximise(
            self.data, cell.n_components, cell.structure, self.settings, report, **starts
        )

    def _starts(self, nested: Cell, n_components: int, distance: float) -> Iterator[Params]:
        """Write a nested solution with so many components, in several ways if it has fewer."""
        assert nested.fit is not None  # it is scored
        params = nested.fit.params
        if params.n_components == n_components:
            yield params
            return
        if params.n_components > n_components:
            yield from shrunk(params)
            return
        spread = self.data.moments()[1]
        for k in range(params.n_components):
            grown = split(params, k, distance, spread)
            while grown.n_components < n_components:
                grown = split(grown, int(grown.weights.argmax()), distance, spread)
            yield grown


def split(params: Params, k: int, distance: float, spread: Array) -> Params:
    """Split a component into two of half its weight, moved apart along its longest axis.

    Parameters
    ----------
    params : Params
        Of the mixture.
    k : int
        Which component.
    distance : float
        How far each half is moved, in standard deviations. At 0 the mixture stays what it was.
    spread : array, shape (D,)
        Units in which the longest axis is sought.
    """
    scaled = params.cholesky[k] / spread[:, None]
    axes, lengths, _ = np.linalg.svd(scaled)
    move = distance * lengths[0] * axes[:, 0] * spread
    weights, means = params.weights.copy(), params.means.copy()
    weights[k] /= 2
    means[k] -= move
    return Params(
        np.append(weights, weights[k]),
        np.vstack([means, means[k] + 2 * move]),
        np.concatenate([params.cholesky, params.cholesky[k : k + 1]]),
    )


def _gains(found: Cell, cell: Cell) -> bool:
    """Whether a fit is a better one."""
    assert found.fit is not None  # it has been fitted
    assert cell.fit is not None
    if found.fit.sound != cell.fit.sound:
        return found.fit.sound
    return found.log_likelihood > cell.log_likelihood + TOLERANCE


def _problem(cell: Cell, nested: Sequence[Cell]) -> str:
    """Say why a fitted candidate must not be compared with others."""
    if cell.fit is None or not cell.fit.sound:
        return "every maximum that was found rests on components of very few rows"
    highest = max(nested, key=lambda other: other.log_likelihood, default=cell)
    if cell.log_likelihood < highest.log_likelihood - TOLERANCE:
        return (
            f"no sound maximum was found as high as that of {highest.name}, which is nested in it"
        )
    return ""
