"""`select`: fit every candidate, and say which is best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy.typing as npt

from bayesgmm.em.arguments import chosen_cores, chosen_seed
from bayesgmm.em.fit import Settings
from bayesgmm.em.progress import reporter
from bayesgmm.mixture.data import as_data
from bayesgmm.mixture.errors import FitError, InputError
from bayesgmm.mixture.requirements import check_n_components
from bayesgmm.mixture.structures import STRUCTURES, Structure, get_structure
from bayesgmm.selection.grid import Cell, fill
from bayesgmm.selection.result import CRITERIA, Criterion, Selection

_ONE_FEATURE = ("E", "V")  # all other structures are one of these


def select(
    X: Any,
    n_components: int | Iterable[int] = range(1, 10),
    *,
    covariance_types: str | Iterable[str] | None = None,
    criterion: Criterion = "bic",
    sample_weight: npt.ArrayLike | None = None,
    n_starts: int = 8,
    random_seed: int | None = None,
    cores: int | None = None,
    progressbar: bool = True,
) -> Selection:
    """Choose the number of components and the covariance structure.

    Every candidate is fitted by maximum likelihood, and an information criterion weighs how well
    it fits against the number of its parameters. Candidates are fitted in the order in which
    they are nested, each also from the solutions of those nested in it, so that none scores below
    a simpler one that it contains (``selection.audit``). Then neighbours exchange solutions,
    which gain and lose components on their way, until that leads no further up.

    Parameters
    ----------
    X : array, shape (N, D) or (N,), data frame, path of a Parquet file, or iterator of batches
        The rows, as `fit_em` takes them.
    n_components : iterable of int, or int
        Numbers of components to try.
    covariance_types : iterable of str, or str, optional
        Covariance structures to try, by the names that `fit_em` takes. By default all fourteen,
        or the two that there are for one feature.
    criterion : {"bic", "icl", "aic"}
        What to choose by: lower is better for all three. (mclust's have the opposite sign.) BIC
        finds the density; ICL also wants components that do not overlap, and so counts clusters;
        AIC favours prediction, and larger models.
    sample_weight : array, shape (N,), optional
        Nonnegative weights: a row of weight two counts as two equal rows.
    n_starts : int
        Number of random starts of each candidate, beside those from its neighbours.
    random_seed : int, optional
        The same seed gives the same fits. If none is given, one is drawn and kept in the
        ``settings`` of each.
    cores : int, optional
        Most cores to use; by default all. The fits do not depend on it.
    progressbar : bool
        Show what is going on if it takes more than a second.

    Returns
    -------
    Selection
        Candidates that the rows cannot support are in its table, unscored, with the reason.

    Raises
    ------
    InputError
        If the data or an argument cannot be used, or the rows support none of the candidates.
    FitError
        If no candidate has a maximum that does not rest on a handful of rows.

    Notes
    -----
    Half the difference of two BICs approximates the logarithm of a Bayes factor. Kass and Raftery
    (1995) read a difference below 2 as hardly worth a mention, up to 6 as positive evidence, up
    to 10 as strong and beyond as very strong; the words of the result follow them.

    References
    ----------
    Biernacki, C., Celeux, G. and Govaert, G. (2000). Assessing a mixture model for clustering
    with the integrated completed likelihood. IEEE Transactions on Pattern Analysis and Machine
    Intelligence 22, 719-725.

    Fraley, C. and Raftery, A. E. (2002). Model-based clustering, discriminant analysis, and
    density estimation. Journal of the American Statistical Association 97, 611-631.

    Kass, R. E. and Raftery, A. E. (1995). Bayes factors. Journal of the American Statistical
    Association 90, 773-795.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> faithful = bg.load_dataset("faithful")
    >>> selection = bg.select(faithful, range(1, 4), covariance_types=["tied", "full"])
    >>> selection.best.n_components, selection.best.covariance_type
    (3, 'tied')
    >>> selection.table.shape[0]  # a row a candidate
    6
    """
    if criterion not in CRITERIA:
        raise InputError(f"criterion must be 'bic', 'icl' or 'aic', not {criterion!r}")
    data = as_data(X, sample_weight)
    numbers = _numbers(n_components)
    structures = _structures(covariance_types, data.n_features)
    settings = Settings(
        n_starts=n_starts, random_seed=chosen_seed(random_seed), cores=chosen_cores(cores)
    )
    with reporter("Selection", progressbar) as report:
        cells = fill(data, numbers, structures, settings, report, attrgetter(criterion))
    _check_any(cells)
    return Selection(cells, criterion)


def _numbers(n_components: int | Iterable[int]) -> list[int]:
    given = list(n_components) if isinstance(n_components, Iterable) else [n_components]
    if not given:
        raise InputError("n_components is empty: give numbers to try, such as range(1, 10)")
    for number in given:
        check_n_components(number)
    return sorted({int(number) for number in given})


def _structures(covariance_types: str | Iterable[str] | None, n_features: int) -> list[Structure]:
    if covariance_types is None:
        covariance_types = _ONE_FEATURE if n_features == 1 else STRUCTURES
    names = [covariance_types] if isinstance(covariance_types, str) else list(covariance_types)
    if not names:
        raise InputError("covariance_types is empty: give some, or leave it out to try all")
    chosen = {get_structure(name, n_features) for name in names}
    return [structure for structure in STRUCTURES.values() if structure in chosen]


def _check_any(cells: Sequence[Cell]) -> None:
    if all(cell.fit is None for cell in cells):
        raise InputError(f"none of the candidates can be fitted; the first: {cells[0].problem}")
    if not any(cell.scored for cell in cells):
        raise FitError(
            "every maximum of every candidate rests on components of very few rows: try fewer "
            "components, or more restricted covariance types"
        )
