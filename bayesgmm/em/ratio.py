"""The likelihood-ratio test for one component more, by the parametric bootstrap.

Under the smaller mixture the parameters of a further component are anything, or their weight is
on the edge of what it may be; so ``-2 log lambda`` has no chi-squared distribution, however many
rows there are. Its distribution is found by simulation from the smaller mixture instead
(McLachlan 1987). Both fits of a sample are searched for as those of the rows are, because a
search that stops short of the best maximum shifts the distribution.

References
----------
McLachlan, G. J. (1987). On bootstrapping the likelihood ratio test statistic for the number of
components in a normal mixture. Journal of the Royal Statistical Society C 36, 318-324.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.em import words
from bayesgmm.em.arguments import chosen_cores, chosen_seed
from bayesgmm.em.bootstrap import check_maximum
from bayesgmm.em.fit import Settings, maximise
from bayesgmm.em.progress import counter
from bayesgmm.em.result import EMFit
from bayesgmm.em.starts import halved
from bayesgmm.mixture import threads
from bayesgmm.mixture.data import Data
from bayesgmm.mixture.errors import FitError, InputError
from bayesgmm.mixture.params import Params
from bayesgmm.mixture.requirements import check_fit
from bayesgmm.mixture.structures import get_structure
from bayesgmm.results import shown

Array = npt.NDArray[np.float64]

_TOL = 1e-6  # of log-likelihood: far below what two samples differ by
_RARE = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class RatioTest:
    """Whether a mixture needs one component more.

    Attributes
    ----------
    fit : EMFit
        The null hypothesis, of K components.
    alternative : EMFit
        The fit of K + 1 components to the same rows.
    statistic : float
        ``-2 log lambda``: twice what the component more adds to the log-likelihood.
    null : array, shape (B,)
        The same in samples from `fit`.
    n_failed : int
        Samples that are not among them, as K components found no sound maximum there.
    random_seed : int
        The seed that was used.
    """

    fit: EMFit
    alternative: EMFit
    statistic: float
    null: Array
    n_failed: int
    random_seed: int

    @property
    def p_value(self) -> float:
        """Share of samples, with the rows themselves as one more, of at least `statistic`."""
        return (1 + int((self.null >= self.statistic).sum())) / (1 + len(self.null))

    def headline(self) -> list[str]:
        """Say in a few lines what was found."""
        k, low, high = self.fit.n_components, *np.quantile(self.null, [0.05, 0.95])
        enough = (
            f"so much is rare if {k} are enough: they are too few, or not Gaussian"
            if self.p_value <= _RARE
            else f"nothing here says that {k} are too few"
        )
        return [
            f"Likelihood-ratio test of one component more, against the {words.title(self.fit)}",
            f"  -2 log lambda = {self.statistic:.2f} with {k + 1} components; in "
            f"{len(self.null)} samples from the fit with {k}: {low:.2f} to {high:.2f} "
            f"(5 % to 95 %); seed {self.random_seed}",
            f"  p = {self.p_value:.3g}: {enough}",
            *([f"  set aside: {self.n_failed} with {_UNSOUND}"] if self.n_failed else []),
        ]

    def __repr__(self) -> str:
        return "\n".join(self.headline())

    def _repr_html_(self) -> str:
        return shown.words_as_html(self.headline())


_UNSOUND = "a component that collapsed onto few distinct values"


def likelihood_ratio_test(
    fit: EMFit,
    n: int,
    n_starts: int,
    random_seed: int | None,
    cores: int | None,
    progressbar: bool,
) -> RatioTest:
    """Test a fit against one component more; see `EMFit.likelihood_ratio_test`."""
    check_maximum(fit)
    if not isinstance(n, int | np.integer) or n < 1:
        raise InputError(f"n must be a whole number of at least 1 sample, not {n!r}")
    check_fit(fit.data, fit.n_components + 1, get_structure(fit.covariance_type))
    seed, workers = chosen_seed(random_seed), chosen_cores(cores)
    search = _Search(fit, n_starts)
    alternative = search.maximum(fit.data, fit.n_components + 1, seed, halved(fit.params))
    seeds = [int(s.generate_state(1)[0]) for s in np.random.SeedSequence(seed).spawn(n)]
    null = []
    with counter("Likelihood-ratio test", n, progressbar) as advance:
        for value in threads.map(search.simulated, seeds, workers):
            null.append(value)
            advance(1)
    found = np.array([value for value in null if value is not None])
    if not found.size:
        raise FitError(f"all {n} samples have {_UNSOUND}: use fewer components")
    return RatioTest(fit, alternative, _ratio(fit, alternative), found, n - len(found), seed)


@dataclass(frozen=True)
class _Search:
    """The same search for the rows and for every sample."""

    fit: EMFit
    n_starts: int

    def maximum(self, data: Data, n_components: int, seed: int, known: Sequence[Params]) -> EMFit:
        max_iter = self.fit.settings.get("max_iter", 10_000)
        settings = Settings(self.n_starts, _TOL, max_iter, seed)
        structure = get_structure(self.fit.covariance_type)
        return maximise(data, n_components, structure, settings, _silent, known=known)

    def simulated(self, seed: int) -> float | None:
        """Statistic of a sample from the fit; none if it has no sound maximum."""
        fit = self.fit
        n_rows = max(1, round(fit.data.total_weight))  # a row of weight two is two rows
        data = Data(fit.sample(n_rows, seed)[0], fit.feature_names, np.empty(0))
        null = self.maximum(data, fit.n_components, seed, [fit.params])
        if not null.sound:
            return None
        return _ratio(null, self.maximum(data, fit.n_components + 1, seed, halved(null.params)))


def _silent(words: str) -> None:
    """Report nothing: searches run side by side."""


def _ratio(null: EMFit, alternative: EMFit) -> float:
    # a component may be two that are the same, so that the larger mixture is never worse
    gain = alternative.log_likelihood - null.log_likelihood if alternative.sound else 0.0
    return max(0.0, 2 * gain)
