"""The shipped data sets: what they are, and how to get them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import TYPE_CHECKING

from bayesgmm.mixture.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """What is known of a shipped data set.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    features : tuple of str
        Names of the numeric columns.
    about : str
        What was measured, and in which unit.
    source : str
        Where it was published.
    label : str, optional
        Name of the column that tells the groups; it is text, and not to be fitted.
    """

    n_rows: int
    features: tuple[str, ...]
    about: str
    source: str
    label: str | None = None


DATASETS = {
    "faithful": Dataset(
        272,
        ("eruptions", "waiting"),
        "eruptions of Old Faithful: their duration, and the wait for the next (minutes)",
        "Azzalini and Bowman (1990)",
    ),
    "galaxies": Dataset(
        82,
        ("velocity",),
        "velocities of galaxies in the Corona Borealis region (1000 km/s)",
        "Postman, Huchra and Geller (1986); Roeder (1990)",
    ),
    "iris": Dataset(
        150,
        ("sepal_length", "sepal_width", "petal_length", "petal_width"),
        "flowers of three species of iris (cm)",
        "Anderson (1935); Fisher (1936)",
        label="species",
    ),
    "banknote": Dataset(
        200,
        ("Length", "Left", "Right", "Bottom", "Top", "Diagonal"),
        "Swiss 1000-franc notes, genuine and counterfeit (mm)",
        "Flury and Riedwyl (1988)",
        label="Status",
    ),
    "enzyme": Dataset(
        245,
        ("enzyme",),
        "activity of an enzyme in the blood of 245 people",
        "Bechtel et al. (1993); Richardson and Green (1997)",
    ),
}


def dataset_names() -> tuple[str, ...]:
    """Names that `load_dataset` knows."""
    return tuple(DATASETS)


def load_dataset(name: str) -> pd.DataFrame:
    """Load one of the shipped data sets.

    Parameters
    ----------
    name : {"faithful", "galaxies", "iris", "banknote", "enzyme"}
        Which one:

        faithful
            272 rows, 2 columns: ``eruptions``, how long an eruption of the Old Faithful geyser
            lasted, and ``waiting``, the time to the next; both in minutes. Azzalini and Bowman
            (1990).
        galaxies
            82 rows, 1 column: ``velocity`` of galaxies in the Corona Borealis region, in
            1000 km/s. Roeder (1990), from Postman, Huchra and Geller (1986). One value is 26.960,
            as published; some copies misprint it as 26.690.
        iris
            150 rows, 5 columns: length and width of ``sepal`` and ``petal``, in cm, and
            ``species``, 50 flowers of each of three. Anderson (1935), Fisher (1936).
        banknote
            200 rows, 7 columns: ``Length``, ``Left``, ``Right`` (heights of the two edges),
            ``Bottom``, ``Top`` (inner margins) and ``Diagonal`` of Swiss 1000-franc notes, in mm,
            and ``Status``, 100 notes genuine and 100 counterfeit. Flury and Riedwyl (1988).
        enzyme
            245 rows, 1 column: activity in blood of an ``enzyme`` that metabolises carcinogens,
            one number a person. Bechtel et al. (1993), as used by Richardson and Green (1997).

    Returns
    -------
    pandas.DataFrame
        A new one at every call. ``species`` and ``Status`` are text: drop them before a fit.

    Raises
    ------
    InputError
        If there is no data set of this name.

    References
    ----------
    Anderson, E. (1935). The irises of the Gaspe Peninsula. Bulletin of the American Iris Society
    59, 2-5.

    Azzalini, A. and Bowman, A. W. (1990). A look at some data on the Old Faithful geyser. Applied
    Statistics 39, 357-365.

    Bechtel, Y. C., Bonaiti-Pellie, C., Poisson, N., Magnette, J. and Bechtel, P. R. (1993). A
    population and family study of N-acetyltransferase using caffeine urinary metabolites.
    Clinical Pharmacology and Therapeutics 54, 134-141.

    Fisher, R. A. (1936). The use of multiple measurements in taxonomic problems. Annals of
    Eugenics 7, 179-188.

    Flury, B. and Riedwyl, H. (1988). Multivariate Statistics: A Practical Approach. Chapman and
    Hall.

    Postman, M., Huchra, J. P. and Geller, M. J. (1986). Probes of large-scale structure in the
    Corona Borealis region. Astronomical Journal 92, 1238-1247.

    Richardson, S. and Green, P. J. (1997). On Bayesian analysis of mixtures with an unknown
    number of components. Journal of the Royal Statistical Society B 59, 731-792.

    Roeder, K. (1990). Density estimation with confidence sets exemplified by superclusters and
    voids in the galaxies. Journal of the American Statistical Association 85, 617-624.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.load_dataset("faithful").shape
    (272, 2)

    A column of labels is text, so it is dropped before a fit:

    >>> iris = bg.load_dataset("iris").drop(columns="species")
    >>> bg.fit_em(iris, n_components=3, random_seed=1).n_components
    3
    """
    import pandas as pd  # here, so that the names and sources can be listed at once

    if name not in DATASETS:
        close = get_close_matches(str(name).lower(), DATASETS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"there is no data set {name!r} among {', '.join(DATASETS)}{hint}")
    with files("bayesgmm.datasets").joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)
