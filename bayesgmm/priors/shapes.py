"""The shapes of the free parameters, structure by structure."""

from __future__ import annotations

from bayesgmm.mixture.errors import InputError
from bayesgmm.mixture.structures import get_structure

_SCALES_DIMS = {
    "full": ("component", "feature"),
    "tied": ("feature",),
    "diag": ("component", "feature"),
    "spherical": ("component",),
}
_CORRELATIONS_DIMS = {
    "full": ("component", "feature", "feature_bis"),
    "tied": ("feature", "feature_bis"),
}


def parameter_dims(covariance_type: str, n_features: int) -> dict[str, tuple[str, ...]]:
    """Name the dimensions of every parameter of a mixture.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
        Which covariance matrices are allowed.
    n_features : int
        Number of columns of the data. One feature has no correlations.

    Returns
    -------
    dict of str to tuple of str
        For ``weights``, ``means``, ``scales`` and, where the structure has correlations,
        ``correlations_cholesky``, in this order.

    Raises
    ------
    InputError
        If `covariance_type` is not one of the four.
    """
    structure = get_structure(covariance_type).name
    if structure not in _SCALES_DIMS:
        known = ", ".join(map(repr, _SCALES_DIMS))
        raise InputError(f"priors are for covariance_type {known}, not {covariance_type!r}")
    dims: dict[str, tuple[str, ...]] = {
        "weights": ("component",),
        "means": ("component", "feature"),
        "scales": _SCALES_DIMS[structure],
    }
    if n_features > 1 and structure in _CORRELATIONS_DIMS:
        dims["correlations_cholesky"] = _CORRELATIONS_DIMS[structure]
    return dims


def parameter_shapes(
    n_components: int, n_features: int, covariance_type: str = "full"
) -> dict[str, tuple[int, ...]]:
    """Give the shape of every parameter of a mixture, in the order of :func:`parameter_dims`."""
    sizes = {"component": n_components, "feature": n_features, "feature_bis": n_features}
    dims = parameter_dims(covariance_type, n_features)
    return {name: tuple(sizes[dim] for dim in axes) for name, axes in dims.items()}
