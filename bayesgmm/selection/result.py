"""What `select` returns: the winner, by how much, and the evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Literal, get_args

import pandas as pd

from bayesgmm.em.result import EMFit
from bayesgmm.mixture.structures import get_structure
from bayesgmm.selection.grid import Cell, nearest

Criterion = Literal["bic", "icl", "aic"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)

_RUNNERS_UP = 3
_TIED = 6  # decimals to which criteria of the same model by two names agree
_WEAK = 2
_EVIDENCE = ((_WEAK, "hardly any"), (6, "positive"), (10, "strong"), (float("inf"), "very strong"))
_VOLUMES = {"E": "equal volumes", "V": "volumes vary"}
_SHAPES = {"E": "equal shapes", "V": "shapes vary", "I": "round"}
_ORIENTATIONS = {"E": "equal orientations", "V": "orientations vary", "I": "uncorrelated"}


class Fits(dict[tuple[int, str], EMFit]):
    """Fits by number of components and covariance type, by either of a structure's names."""

    def __missing__(self, key: tuple[int, str]) -> EMFit:
        n_components, name = key
        n_features = next(iter(self.values())).data.n_features
        canonical = (n_components, get_structure(name, n_features).name)
        if canonical not in self:
            raise KeyError(key)
        return self[canonical]


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Candidates side by side, and the best of them.

    Attributes
    ----------
    cells : tuple of Cell
        All candidates.
    criterion : {"bic", "icl", "aic"}
        What was chosen by.
    """

    cells: tuple[Cell, ...]
    criterion: Criterion

    @cached_property
    def table(self) -> pd.DataFrame:
        """Table with a row for each candidate.

        Columns ``n_components``, ``covariance_type``, ``code`` (mclust's), ``log_likelihood``,
        ``n_parameters``, ``bic``, ``icl``, ``aic`` (lower is better; NaN if not scored),
        ``converged``, ``sound``, ``n_found`` (ascents known to have led there) and ``problem``
        (why it is not scored).
        """
        return pd.DataFrame([_row(cell, self._n_features) for cell in self.cells])

    @cached_property
    def fits(self) -> Fits:
        """All fits, such as ``fits[3, "VEV"]``, the unsound ones too."""
        return Fits(
            {(c.n_components, c.structure.name): c.fit for c in self.cells if c.fit is not None}
        )

    @property
    def best(self) -> EMFit:
        """The fit with the lowest criterion."""
        winner = self.ranked.iloc[0]
        return self.fits[winner["n_components"], winner["covariance_type"]]

    @cached_property
    def audit(self) -> pd.DataFrame:
        """Table of nested pairs: no larger model may lie below the smaller one.

        Of all pairs, those between which no other scored candidate lies. Columns
        ``n_components`` and ``covariance_type`` of the smaller; ``larger_n_components`` and
        ``larger_covariance_type``; ``log_likelihood`` and ``larger_log_likelihood``; ``gain``,
        their difference; ``climbed``, whether the larger one was reached by an ascent from the
        smaller alone; and ``verdict``, which is ``"holds"``, or ``"not scored"`` where the larger
        has no sound maximum above the smaller that could be found.
        """
        pairs = [
            (smaller, larger)
            for larger in self.cells
            if larger.fit is not None
            for smaller in nearest(larger, self.cells)
        ]
        return pd.DataFrame([_audited(*pair) for pair in pairs], columns=_AUDIT)

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """Rows of `table` that are scored, the best first; a model with several names once."""
        scored = self.table.dropna(subset=self.criterion)
        value = scored[self.criterion].round(_TIED).rename("value")
        order = pd.concat([value, scored[["n_components", "n_parameters"]]], axis=1)
        order = order.drop_duplicates().sort_values(["value", "n_parameters"], kind="stable")
        return scored.loc[order.index]

    def headline(self) -> list[str]:
        """Say in a few lines what was chosen, how clearly, and what to beware of."""
        winner, data = self.ranked.iloc[0], self.best.data
        return [
            f"Selection by {self._title} (lower is better) among {len(self._scored)} mixtures "
            f"for {data.n_rows} rows of {', '.join(data.feature_names)}",
            f"  best: {_named(winner)}, {self._title} {winner[self.criterion]:.2f}; "
            f"{_in_words(winner['code'])}",
            *(f"  {line}" for line in self._runners_up()),
            *(f"  {line}" for line in self._caveats()),
        ]

    @property
    def _n_features(self) -> int:
        return next(cell.fit for cell in self.cells if cell.fit is not None).data.n_features

    @property
    def _title(self) -> str:
        return self.criterion.upper()

    @property
    def _scored(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.scored]

    def _runners_up(self) -> list[str]:
        values = self.ranked[self.criterion]
        lines = []
        for i in range(1, min(1 + _RUNNERS_UP, len(values))):
            row, behind = self.ranked.iloc[i], values.iloc[i] - values.iloc[0]
            told = f"{'next' if i == 1 else 'then'}: {_named(row)}, {behind:.2f} behind"
            lines.append(told + self._evidence(behind))
        return lines

    def _evidence(self, behind: float) -> str:
        if self.criterion == "aic":
            return ": hardly told apart" if behind < _WEAK else ""
        words = next(words for limit, words in _EVIDENCE if behind < limit)
        return f": {words} evidence between them" if behind < _WEAK else f": {words} evidence"

    def _caveats(self) -> list[str]:
        lines = []
        problems = Counter(cell.problem for cell in self.cells if not cell.scored)
        if problems:
            commonest, often = problems.most_common(1)[0]
            several = f", {often} because" if often < problems.total() else ":"
            lines.append(f"not scored: {problems.total()}{several} {commonest}; see table")
        slow = [c.name for c in self._scored if c.fit is not None and not c.fit.converged]
        if slow:
            lines.append(f"WARNING: not converged: {', '.join(slow)}")
        numbers = {cell.n_components for cell in self.cells}
        if len(numbers) > 1 and self.best.n_components == max(numbers):
            lines.append("WARNING: the best has the most components of those tried: try more")
        return lines

    def _grid(self, best: str) -> pd.DataFrame:
        """Lay out the criterion, a row for each K, a column for each structure."""
        winner = self.ranked.index[0]
        shown = self.table.assign(
            value=[
                "–" if pd.isna(v) else best.format(f"{v:.1f}") if i == winner else f"{v:.1f}"
                for i, v in self.table[self.criterion].items()
            ]
        )
        codes = shown.drop_duplicates("covariance_type")[["covariance_type", "code"]]
        grid = shown.pivot(index="n_components", columns="covariance_type", values="value")
        grid = grid[codes["covariance_type"]]
        headings = [("" if name == code else name, code) for name, code in codes.to_numpy()]
        grid.columns = pd.MultiIndex.from_tuples(headings)
        grid.index.name = "K"
        return grid

    def __repr__(self) -> str:
        grid = self._grid("*{}").rename_axis(None).to_string(line_width=100)
        return "\n".join([*self.headline(), "", grid])

    def _repr_html_(self) -> str:
        title, *lines = (escape(line.strip()) for line in self.headline())
        table = self._grid("<b>{}</b>").to_html(border=0, escape=False)
        return f"<b>{title}</b><br>{'<br>'.join(lines)}{table}"


_AUDIT = [
    *("n_components", "covariance_type", "larger_n_components", "larger_covariance_type"),
    *("log_likelihood", "larger_log_likelihood", "gain", "climbed", "verdict"),
]


def _audited(smaller: Cell, larger: Cell) -> tuple[int | str | float | bool, ...]:
    return (
        smaller.n_components,
        smaller.structure.name,
        larger.n_components,
        larger.structure.name,
        smaller.log_likelihood,
        larger.log_likelihood,
        larger.log_likelihood - smaller.log_likelihood,
        larger.climbed_from is smaller,
        "holds" if larger.scored else "not scored",
    )


def _row(cell: Cell, n_features: int) -> dict[str, int | str | float | bool | None]:
    fit, scored = cell.fit, cell.scored
    row: dict[str, int | str | float | bool | None] = {
        "n_components": cell.n_components,
        "covariance_type": cell.structure.name,
        "code": cell.structure.code[: 1 if n_features == 1 else 3],
        "log_likelihood": cell.log_likelihood,
        "n_parameters": 0 if fit is None else fit.n_parameters,
    }
    for name in CRITERIA:
        row[name] = getattr(fit, name) if scored else float("nan")
    row["converged"] = fit is not None and fit.converged
    row["sound"] = fit is not None and fit.sound
    row["n_found"] = 0 if fit is None else fit.maxima[0].n_found
    row["problem"] = cell.problem
    return row


def label(name: str, code: str) -> str:
    """Write a structure by its name, with mclust's code where it is another."""
    return name if name == code else f"{name} ({code})"


def _named(row: pd.Series) -> str:
    plural = "s" if row["n_components"] != 1 else ""
    structure = label(str(row["covariance_type"]), str(row["code"]))
    return f"{row['n_components']} {structure} component{plural}"


def _in_words(code: str) -> str:
    if len(code) == 1:
        return "equal variances" if code == "E" else "variances vary"
    words = [_VOLUMES[code[0]], _SHAPES[code[1]]]
    if code[1] != "I":
        words.append(_ORIENTATIONS[code[2]])
    return ", ".join(words)
