"""`load`: get a saved fit back, whichever kind it is."""

from __future__ import annotations

from pathlib import Path

from bayesgmm.bayes.result import BayesFit
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.results import storage

_KINDS: dict[str, type[EMFit] | type[BayesFit]] = {"EMFit": EMFit, "BayesFit": BayesFit}


def load(path: str | Path) -> EMFit | BayesFit:
    """Load a fit that ``fit.save(path)`` wrote.

    Parameters
    ----------
    path : path-like
        ``something.nc`` or ``something.zarr``.

    Returns
    -------
    EMFit or BayesFit
        Equal to the one that was saved, number for number.

    Raises
    ------
    InputError
        If there is no such file, or it does not hold a fit.
    """
    tree = storage.read(path)
    kind = _KINDS.get(tree.attrs.get("kind", ""))
    if kind is None:
        raise InputError(f"cannot load {str(path)!r}: it was not written by a fit's save()")
    return kind.from_saved(tree)
