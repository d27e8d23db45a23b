"""A density as C sees it: two addresses, of a function and of what it reads.

nutpie's sampler is written in Rust. It can call a density through Python, which costs about as
much as the density of a few hundred rows itself and runs one chain at a time, or call compiled
code at an address. This module makes such code of `bayesgmm.bayes.twin`, once per installation:
data, sizes and priors come in at run time, as a table of addresses and shapes (`Table`).

The table has a line for each array of `Density.arguments`, in their order; a number is an array
of one element. A field that `twin.Prior` or `Layout` gains is one more line in `_arguments`.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import carray, types
from numba.extending import intrinsic

from bayesgmm.bayes import twin
from bayesgmm.bayes.density import Density
from bayesgmm.bayes.transforms import Layout
from bayesgmm.mixture.compilation import announce_compilation, compile_callback, jit_inner

Array = npt.NDArray[np.float64]

_LINE = 3  # the address of an array, and its first two sizes
_LINES = 1 + len(Layout._fields) + len(twin.Prior._fields)
_WALL = 1  # a positive code tells nutpie that there is no density here, and to go on elsewhere
_VECTOR = types.CPointer(types.float64)
_LOGP = types.int64(types.uint64, _VECTOR, _VECTOR, _VECTOR, types.voidptr)
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)
_EXPAND = types.int64(types.uint64, types.uint64, _VECTOR, _VECTOR, types.voidptr)


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
        self._table = Table(density)
        self._density, self._copy = addresses(density.layout.n_blocks > 0)

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
            _lib.LogpFunc(self._density, table.address, table),
            _lib.ExpandFunc(n, n, self._copy, table.address, table),
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


class Table:
    """The arrays that a density reads, by address; they live as long as the table.

    Parameters
    ----------
    density : Density
        The density.

    Attributes
    ----------
    address : int
        Where the table lies.
    """

    def __init__(self, density: Density) -> None:
        rows, layout, prior = density.arguments
        self._arrays = [np.ascontiguousarray(value) for value in (rows, *layout, *prior)]
        self._lines = np.zeros((_LINES, _LINE), dtype=np.int64)
        for line, array in zip(self._lines, self._arrays, strict=True):
            line[0] = array.ctypes.data
            line[1 : 1 + array.ndim] = array.shape
        self.address = self._lines.ctypes.data


def log_densities(density: Density, points: Array) -> Array:
    """Log density at many vectors, shape (..., n_dim), without Python's overhead at each."""
    points = np.ascontiguousarray(points, dtype=np.float64)
    values, gradient = np.empty(points.shape[:-1]), np.empty(density.n_dim)
    table = Table(density)
    evaluate = _PROTOTYPE(addresses(density.layout.n_blocks > 0)[0])
    x, value, slope = points.ctypes.data, values.ctypes.data, gradient.ctypes.data
    for i in range(values.size):
        evaluate(density.n_dim, x + i * gradient.nbytes, slope, value + 8 * i, table.address)
    return values


@functools.cache
def addresses(correlated: bool) -> tuple[int, int]:
    """Return where the compiled log density and the compiled copy of a vector lie.

    The first is called as ``density(n, x, gradient, value, table)``: it returns 0, or 1 where the
    density is zero. The second is ``copy(n, n, x, out, table)``.
    """
    with announce_compilation():
        density = compile_callback(_full if correlated else _diag, _LOGP)
        return density, compile_callback(_copy, _EXPAND)


def _full(n: Any, x: Any, gradient: Any, value: Any, table: Any) -> int:
    rows, layout, prior = _arguments(table)
    at, slope = carray(x, (n,)), carray(gradient, (n,))
    value[0] = twin.log_density_full(at, rows, layout, prior, slope)
    return 0 if np.isfinite(value[0]) else _WALL


def _diag(n: Any, x: Any, gradient: Any, value: Any, table: Any) -> int:
    rows, layout, prior = _arguments(table)
    at, slope = carray(x, (n,)), carray(gradient, (n,))
    value[0] = twin.log_density_diag(at, rows, layout, prior, slope)
    return 0 if np.isfinite(value[0]) else _WALL


def _copy(n: Any, _: Any, x: Any, out: Any, table: Any) -> int:
    for i in range(n):
        out[i] = x[i]
    return 0


@jit_inner
def _arguments(table: Any) -> tuple[Array, Layout, twin.Prior]:
    """Rebuild `Density.arguments`, line by line."""
    lines = carray(table, (_LINES, _LINE), np.int64)
    layout = Layout(
        _integers(lines, 1),
        _indices(lines, 2),
        _integers(lines, 3),
        _vector(lines, 4)[0],
        _vector(lines, 5),
        _vector(lines, 6),
        _indices(lines, 7)[0],
        _indices(lines, 8),
        _vector(lines, 9),
    )
    prior = twin.Prior(
        _vector(lines, 10),
        _matrix(lines, 11),
        _matrix(lines, 12),
        _indices(lines, 13)[0],
        _matrix(lines, 14),
        _vector(lines, 15)[0],
        _vector(lines, 16)[0],
        _vector(lines, 17)[0],
    )
    return _matrix(lines, 0), layout, prior


@jit_inner
def _vector(lines: Any, i: int) -> Array:
    return carray(_at(lines[i, 0]), (lines[i, 1],), np.float64)


@jit_inner
def _matrix(lines: Any, i: int) -> Array:
    return carray(_at(lines[i, 0]), (lines[i, 1], lines[i, 2]), np.float64)


@jit_inner
def _indices(lines: Any, i: int) -> Any:
    return carray(_at(lines[i, 0]), (lines[i, 1],), np.int64)


@jit_inner
def _integers(lines: Any, i: int) -> Any:
    return carray(_at(lines[i, 0]), (lines[i, 1], lines[i, 2]), np.int64)


def _pointer(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), generate


_at: Any = intrinsic(_pointer)  # an integer as the address that it is
