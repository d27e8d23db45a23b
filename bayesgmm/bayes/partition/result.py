"""One partition to stand for the posterior, with how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesgmm.bayes.bands import check_level
from bayesgmm.bayes.partition.allocations import Allocations, sampled_allocations
from bayesgmm.bayes.partition.ball import CredibleBall, credible_ball
from bayesgmm.bayes.partition.losses import LOSSES, UNITS, Labels, contingency, distances, terms
from bayesgmm.bayes.partition.search import best_partition
from bayesgmm.bayes.posterior import Posterior
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import InputError
from bayesgmm.results import shown

Array = npt.NDArray[np.float64]

_LARGEST = 5 * 10**8  # allocations, two bytes each


@dataclass(frozen=True, eq=False, repr=False)
class Partition:
    """The partition of the rows with the least expected loss under the posterior.

    Attributes
    ----------
    data : Data
        The rows.
    labels : array of int, shape (N,)
        Cluster of each row, by ascending mean of the first feature.
    loss : {"vi", "binder"}
        What was minimised: variation of information, in bits, or Binder's loss, the share of
        ordered pairs of rows that two partitions treat differently.
    expected_loss : float
        Its posterior mean.
    uncertainty : array, shape (N,)
        For each row, the share of the other rows that it is expected to be wrongly joined with
        or parted from: 0 where all draws agree.
    ball : CredibleBall
        The partitions around this one that hold most of the posterior.
    n_draws : int
        Draws of the posterior that were used.
    random_seed : int
        The seed that was used.
    problems : tuple of str
        What speaks against the draws; see `Diagnostics.problems`.

    References
    ----------
    Wade, S. and Ghahramani, Z. (2018). Bayesian cluster analysis: point estimation and credible
    balls (with discussion). Bayesian Analysis 13, 559-626.
    """

    data: Data
    labels: Labels
    loss: str
    expected_loss: float
    uncertainty: Array
    ball: CredibleBall
    n_draws: int
    random_seed: int
    problems: tuple[str, ...]

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1

    @property
    def sizes(self) -> npt.NDArray[np.intp]:
        """Number of rows of each cluster."""
        return np.bincount(self.labels)

    def summary(self) -> pd.DataFrame:
        """Table of the clusters.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``cluster``; columns ``rows``, mean ``uncertainty``, and the means of the
            features.
        """
        counts = self.sizes
        columns: dict[str, Array] = {"uncertainty": self.uncertainty}
        columns |= {f"mean of {n}": c for n, c in self._columns()}
        means = {name: np.bincount(self.labels, c) / counts for name, c in columns.items()}
        index = pd.RangeIndex(self.n_clusters, name="cluster")
        return pd.DataFrame({"rows": counts, **means}, index=index)

    def headline(self) -> list[str]:
        """Say in a few lines what was found."""
        ball, unit = self.ball, UNITS[self.loss]
        upper, lower = (len(np.unique(bound)) for bound in (ball.upper, ball.lower))
        return [
            f"Partition of {self.data.n_rows} rows into {self.n_clusters} cluster"
            f"{'s' if self.n_clusters > 1 else ''}, by {LOSSES[self.loss]}",
            f"  expected loss {self.expected_loss:.4g}{unit} over {self.n_draws} draws; "
            f"seed {self.random_seed}",
            f"  {100 * ball.level:g} % of the posterior is within {ball.radius:.4g}{unit}: "
            f"partitions into {upper}{f' to {lower}' if upper != lower else ''} clusters",
            *(f"  WARNING: {problem}" for problem in self.problems),
        ]

    def _columns(self) -> list[tuple[str, Array]]:
        return list(zip(self.data.feature_names, self.data.rows().T, strict=True))

    def __repr__(self) -> str:
        return shown.as_text(self.headline(), self.summary())

    def _repr_html_(self) -> str:
        return shown.as_html(self.headline(), self.summary())


def partition_of(
    fit: Posterior,
    *,
    loss: str,
    max_clusters: int | None,
    level: float,
    most: int,
    runs: int,
    random_seed: int,
) -> Partition:
    """Find the partition; see `BayesFit.partition`."""
    data, draws = fit.data, fit.draws
    most = min(most, draws.weights[..., 0].size)
    limit = fit.n_components if max_clusters is None else max_clusters
    _check(data, loss, {"max_clusters": limit, "draws": most, "runs": runs}, level)
    values, first = data.rows(), data.values[:, 0]
    allocations = sampled_allocations(values, draws, most, np.random.default_rng(random_seed))
    limit = min(limit, data.n_rows)
    labels = ascending(best_partition(allocations, loss, limit, runs, random_seed), first)
    ball = credible_ball(labels, allocations, loss, level)
    ball = replace(
        ball,
        upper=ascending(ball.upper, first),
        lower=ascending(ball.lower, first),
        horizontal=ascending(ball.horizontal, first),
    )
    return Partition(
        data=data,
        labels=labels,
        loss=loss,
        expected_loss=float(distances(labels, allocations, loss).mean()),
        uncertainty=disagreement(labels, allocations),
        ball=ball,
        n_draws=allocations.shape[1],
        random_seed=random_seed,
        problems=fit.diagnostics.problems,
    )


def disagreement(labels: Labels, allocations: Allocations) -> Array:
    """Share of the other rows that each row is wrongly joined with or parted from, on average.

    Parameters
    ----------
    labels : array of int, shape (N,)
        The partition that is judged.
    allocations : array of int16, shape (N, S)
        Partitions of the posterior.

    Returns
    -------
    array, shape (N,)
    """
    shared = contingency(labels, allocations)
    rows, draws = np.arange(len(labels)), np.arange(allocations.shape[1])
    components, sizes = shared.sum(axis=1), np.bincount(labels)
    found = [
        (components[draws, allocations[i]] - 2 * shared[draws, labels[i], allocations[i]]).mean()
        for i in rows
    ]
    return (sizes[labels] + np.array(found)) / max(1, len(labels) - 1)


def ascending(labels: Labels, first: npt.NDArray[np.floating]) -> Labels:
    """Renumber clusters by ascending mean of the first feature; empty ones get no number."""
    _, labels = np.unique(labels, return_inverse=True)
    means = np.bincount(labels, first - first[0]) / np.bincount(labels)
    return means.argsort(kind="stable").argsort()[labels]


def _check(data: Data, loss: str, counts: dict[str, int], level: float) -> None:
    terms(loss, 1)
    for name, value in counts.items():
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value}")
    check_level(level)
    if data.n_rows * counts["draws"] > _LARGEST:
        fewer = max(1, _LARGEST // data.n_rows)
        raise InputError(
            f"{data.n_rows} rows in {counts['draws']} draws are too many to keep: ask for fewer, "
            f"as in partition(draws={fewer})"
        )
