"""`load`: get a saved fit back, whichever kind it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr

from bayesgmm.bayes import saved as bayes_saved
from bayesgmm.bayes.result import BayesFit
from bayesgmm.em import saved as em_saved
from bayesgmm.em.bootstrap import Bootstrap
from bayesgmm.em.result import EMFit
from bayesgmm.mixture.errors import InputError
from bayesgmm.results import storage

_KINDS: dict[str, Callable[[xr.DataTree], EMFit | Bootstrap | BayesFit]] = {
    "EMFit": em_saved.fit_from,
    "Bootstrap": em_saved.bootstrap_from,
    "BayesFit": bayes_saved.fit_from,
}


def load(path: str | Path) -> EMFit | Bootstrap | BayesFit:
    """Load a fit, or the bootstrap of one, that its ``save(path)`` wrote.

    Parameters
    ----------
    path : path-like
        ``something.nc`` or ``something.zarr``.

    Returns
    -------
    EMFit, Bootstrap or BayesFit
        Equal to the one that was saved, number for number.

    Raises
    ------
    InputError
        If there is no such file, or it does not hold a fit.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import bayesgmm as bg
    >>> fit = bg.fit_em(bg.load_dataset("galaxies"), n_components=3, random_seed=1)
    >>> with TemporaryDirectory() as folder:
    ...     fit.save(Path(folder) / "galaxies.nc")
    ...     again = bg.load(Path(folder) / "galaxies.nc")
    >>> again.log_likelihood == fit.log_likelihood
    True
    """
    tree = storage.read(path)
    kind = _KINDS.get(tree.attrs.get("kind", ""))
    if kind is None:
        raise InputError(f"cannot load {str(path)!r}: it was not written by a fit's save()")
    return kind(tree)
