"""The fourteen structures by name, and what can be told of each from its three letters."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.structures.factors import as_blocks
from bayesgmm.mixture.structures.msteps import MStep, address, compiled

Array = npt.NDArray[np.float64]

_ORDER = "IEV"  # from the most to the least restricted


@dataclass(frozen=True)
class Structure:
    """What the covariances of the components share.

    Attributes
    ----------
    name : str
        What users call it: scikit-learn's name where there is one, else `code`.
    code : str
        mclust's three letters, for volume, shape and orientation: E (equal in all components),
        V (varying) or I (identity).

    References
    ----------
    Celeux, G. and Govaert, G. (1995). Gaussian parsimonious clustering models. Pattern
    Recognition 28, 781-793.

    Scrucca, L., Fop, M., Murphy, T. B. and Raftery, A. E. (2016). mclust 5: clustering,
    classification and density estimation using Gaussian finite mixture models. The R Journal 8,
    289-317.
    """

    name: str
    code: str

    @property
    def diagonal(self) -> bool:
        """Whether features are uncorrelated within every component."""
        return self.code[2] == "I"

    @property
    def mstep(self) -> MStep:
        """Its M-step, compiled; see `msteps`."""
        return compiled(self.code)

    @property
    def address(self) -> int:
        """Where its M-step lies, for compiled code to call."""
        return address(self.code)

    @property
    def pools_first(self) -> bool:
        """Whether its M-step, with nothing to go on from, begins where all components are alike."""
        return self.code[1:] != "VE"

    @property
    def equal_volumes(self) -> bool:
        """Whether the components share their volume."""
        return self.code[0] == "E"

    @property
    def equivariant(self) -> bool:
        """Whether covariances stay within the structure when single features are rescaled.

        Rescaling turns a shape and an orientation into others. It keeps them shared or not
        only if they are so together, or if the axes are those of the features.
        """
        shape, orientation = self.code[1], self.code[2]
        return shape != "I" and orientation in ("I", shape)

    @property
    def pooled(self) -> Structure:
        """The one with all components alike in what may vary here: of V, it makes E."""
        return _BY_CODE[self.code.replace("V", "E")]

    def covariances(self, counts: Array, scatter: Array, previous: Array | None = None) -> Array:
        """Covariances within the structure that maximise the expected log-likelihood.

        That is ``Σ_k -(counts_k log |Σ_k| + tr(Σ_k⁻¹ scatter_k)) / 2``. Leading axes hold
        mixtures, each of which is treated as if it were alone.

        Parameters
        ----------
        counts : array, shape (..., K)
            Expected rows of each component, all positive.
        scatter : array, shape (..., K, D, D), or (..., K, D) for a diagonal structure
            Scatter of each component about its own mean.
        previous : array, shaped like `scatter`, optional
            Covariances within the structure to go on from; the result is no worse than they
            are. Structures EVE and VVE may have several local maxima, and then find the one
            near `previous`; others are merely quicker.

        Returns
        -------
        array, shaped like `scatter`
            Not finite or not positive definite where no covariances attain a maximum: see
            `factorise`.
        """
        single = scatter.shape[counts.ndim - 1 :]
        rows = np.array(counts, np.float64).reshape(-1, single[0])
        start = about = as_blocks(scatter.reshape(-1, *single))
        if previous is not None:
            start = as_blocks(previous.reshape(-1, *single))
        elif self.pools_first:
            start = np.repeat(about.sum(axis=1, keepdims=True), single[0], axis=1)
        best = np.empty(about.shape)
        for mixture in zip(rows, about, start, best, strict=True):
            self.mstep(self.equal_volumes, *mixture)
        return best.reshape(scatter.shape)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return the number of free covariance parameters."""
        copies = {"I": 0, "E": 1, "V": n_components}
        volume, shape, orientation = (copies[letter] for letter in self.code)
        rotations = n_features * (n_features - 1) // 2
        return volume + shape * (n_features - 1) + orientation * rotations

    def singular_rows(self, n_features: int) -> int:
        """Return how many distinct rows can make one component's covariance singular."""
        if self.code[1] != "V" or n_features == 1:  # then only the volume can vanish
            return int(self.code[0] == "V")
        return 1 if self.diagonal else n_features

    def units(self, scales: Array) -> Array:
        """Units (D,) in which features may be measured without leaving the structure."""
        if self.equivariant:
            return scales
        return np.full_like(scales, np.sqrt(np.mean(np.square(scales))))

    @functools.cache  # noqa: B019 there are fourteen structures, and they live for ever
    def contains(self, other: Structure) -> bool:
        """Whether all covariances of the other structure are within this one, too."""
        pairs = zip(self.code, other.code, strict=True)
        return all(_ORDER.index(mine) >= _ORDER.index(theirs) for mine, theirs in pairs)


_CODES = (
    *("EII", "VII"),
    *("EEI", "VEI", "EVI", "VVI"),
    *("EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
)
_SKLEARN = {"VII": "spherical", "VVI": "diag", "EEE": "tied", "VVV": "full"}
_ONE_FEATURE = {"E": "EEE", "V": "VVV"}

_BY_CODE = {code: Structure(_SKLEARN.get(code, code), code) for code in _CODES}
STRUCTURES: dict[str, Structure] = {s.name: s for s in _BY_CODE.values()}


def get_structure(covariance_type: str, n_features: int | None = None) -> Structure:
    """Look a structure up.

    Parameters
    ----------
    covariance_type : str
        One of scikit-learn's names ``full``, ``tied``, ``diag``, ``spherical``; or one of
        mclust's fourteen codes; or, if there is one feature, mclust's ``E`` or ``V``.
    n_features : int, optional
        Number of features, D.

    Raises
    ------
    InputError
        If there is no such structure.
    """
    if isinstance(covariance_type, str):
        code = covariance_type
        if covariance_type in _ONE_FEATURE:
            if n_features != 1:
                raise InputError(_not_one_feature(covariance_type))
            code = _ONE_FEATURE[covariance_type]
        found = STRUCTURES.get(covariance_type) or _BY_CODE.get(code)
        if found:
            return found
    raise InputError(
        f"covariance_type must be one of 'full', 'tied', 'diag', 'spherical', or of mclust's codes "
        f"{', '.join(_CODES)}; not {covariance_type!r}"
    )


def _not_one_feature(letter: str) -> str:
    structure = _BY_CODE[_ONE_FEATURE[letter]]
    return (
        f"covariance_type {letter!r} is for data with one feature: for several, use three letters "
        f"(volume, shape, orientation), such as {structure.code!r}, also called {structure.name!r}"
    )


def n_parameters(structure: Structure, n_components: int, n_features: int) -> int:
    """Count the free parameters of a whole mixture: weights, means and covariances."""
    means = n_components * n_features
    return n_components - 1 + means + structure.n_parameters(n_components, n_features)
