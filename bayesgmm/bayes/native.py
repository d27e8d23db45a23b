"""A density as nutpie takes a compiled one: the addresses of `bayesgmm.bayes.callback`.

nutpie's sampler is written in Rust. It can call a density through Python, or at an address, for
which there is no public door: what is used here was read in its sources (see `nuts.route_for`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bayesgmm.bayes.density import Density

Array = npt.NDArray[np.float64]


class Model:
    """A density, and a place to start, as `nutpie.sample` takes a model.

    Parameters
    ----------
    density : Density
        The density. The draws are its vectors, as the variable ``x``.
    start : array, shape (n_dim,)
        Where the chain starts.
    """

    def __init__(self, density: Density, start: Array) -> None:
        self.n_dim = density.n_dim
        self._start = start
        self._table = density.table

    def _make_sampler(  # nutpie.sample calls this one
        self,
        settings: Any,
        init_mean: Array,
        cores: int,
        progress_type: Any,
        callback: Any,
        callback_rate: int,
        store: Any,
    ) -> Any:
        from nutpie import _lib

        n, table = self.n_dim, self._table
        sizes: dict[str, int] = {}  # new_variables adds to it
        model = _lib.PyMcModel(
            _lib.LogpFunc(table.density, table.address, table),
            _lib.ExpandFunc(n, n, table.copy, table.address, table),
            _lib.PyVariable.new_variables(["x"], ["float64"], [(n,)], sizes, {}),
            n,
            sizes,
            {},
            lambda _seed: self._start,
            None,
        )
        return _lib.PySampler.from_pymc(
            settings, cores, model, progress_type, callback, callback_rate, store
        )
