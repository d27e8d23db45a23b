"""A density as C sees it: two addresses, of a function and of what it reads.

Called through Python, a density would cost as much again as that of a few hundred rows, and only
one chain could run at a time. This module makes compiled code of `bayesgmm.bayes.twin` that can
be called at its address, once per installation: data, sizes and priors come in at run time, as a
table of addresses and shapes (`Table`).

The table has a line for each array of `Density.arguments`, in their order; a number is an array
of one element. A field that `twin.Prior` or `Layout` gains is one more line in `_arguments`. The
last two lines have the addresses of the formula and of the E-step.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import carray, types
from numba.extending import intrinsic

from bayesgmm.bayes import twin
from bayesgmm.bayes.transforms import Layout
from bayesgmm.mixture import kernels, threads
from bayesgmm.mixture.compilation import (
    Pointer,
    announce_compilation,
    compile_callback,
    compile_for,
    function_at,
    jit,
    jit_inner,
    jit_part,
)
from bayesgmm.mixture.data import pieces

Array = npt.NDArray[np.float64]

_LINE = 3  # the address of an array, and its first two sizes
_LINES = 1 + len(Layout._fields) + len(twin.Prior._fields) + 2
_WALL = 1  # a positive code tells nutpie that there is no density here, and to go on elsewhere
_VECTOR = types.CPointer(types.float64)
_LOGP = types.int64(types.uint64, _VECTOR, _VECTOR, _VECTOR, types.voidptr)
_FOR_A_THREAD = 500  # points: fewer, and threads cost more than they bring
_EXPAND = types.int64(types.uint64, types.uint64, _VECTOR, _VECTOR, types.voidptr)
_F, _I = types.float64, types.int64
_LAYOUT = types.NamedTuple(
    (_I[:, ::1], _I[::1], _I[:, ::1], _F, _F[::1], _F[::1], _I, _I[::1], _F[::1]), Layout
)
_PRIOR = types.NamedTuple((_F[::1], _F[:, ::1], _F[:, ::1], _I, _F[:, ::1], _F, _F, _F), twin.Prior)
_FORMULA = _F(_I, _F[::1], _F[:, ::1], _LAYOUT, _PRIOR, _F[::1])


class Table:
    """What the density reads, by address; it lives as long as the table.

    Parameters
    ----------
    rows, layout, prior : array, Layout, twin.Prior
        See `Density.arguments`.

    Attributes
    ----------
    density : int
        Where the compiled log density lies, to be called as
        ``density(n, x, gradient, value, table)``: it returns 0, or 1 where the density is zero.
    copy : int
        Where a compiled copy of a vector lies: ``copy(n, n, x, out, table)``.
    address : int
        Where the table lies.
    """

    def __init__(self, rows: Array, layout: Layout, prior: twin.Prior) -> None:
        self._given = rows, layout, prior
        diagonal = not layout.n_blocks
        self.density, self.copy = _addresses()
        self._arrays = [np.ascontiguousarray(value) for value in (rows, *layout, *prior)]
        self._lines = np.zeros((_LINES, _LINE), dtype=np.int64)
        for line, array in zip(self._lines[:-2], self._arrays, strict=True):
            line[0] = array.ctypes.data
            line[1 : 1 + array.ndim] = array.shape
        estep = kernels.pointer(kernels.estep, diagonal).address
        self._lines[-2:, 0] = _formula(diagonal), estep
        self.address = self._lines.ctypes.data

    def __reduce__(self) -> tuple[Any, ...]:
        """Give what a copy is made of: in another process, addresses are others."""
        return Table, self._given

    def log_densities(self, points: Array) -> tuple[Array, Array]:
        """Log densities (M,) and gradients (M, n) at vectors, shape (M, n)."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        values, gradients = np.empty(len(points)), np.empty(points.shape)
        workers = threads.available_cores()
        size = max(_FOR_A_THREAD, -(-len(points) // workers))

        def evaluate(some: slice) -> None:
            _each(self.density, self.address, points[some], gradients[some], values[some])

        for _ in threads.map(evaluate, list(pieces(len(points), size)), workers):
            pass
        return values, gradients


@functools.cache
def _addresses() -> tuple[int, int]:
    """Return where the compiled log density and the compiled copy of a vector lie."""
    with announce_compilation():
        compile_for(_each, (0, 0, 2), (2, 1))
        return compile_callback(_density, _LOGP), compile_callback(_copy, _EXPAND)


@functools.cache
def _formula(diagonal: bool) -> int:
    """Return where the formula for one kind of covariances lies."""
    with announce_compilation():
        formula = twin.log_density_diag if diagonal else twin.log_density_full
        return Pointer(formula, _FORMULA).address


def _density(n: Any, x: Any, gradient: Any, value: Any, table: Any) -> int:
    lines = carray(table, (_LINES, _LINE), np.int64)
    at, slope = carray(x, (n,)), carray(gradient, (n,))
    formula, estep = _formula_at(lines[_LINES - 2, 0]), lines[_LINES - 1, 0]
    value[0] = formula(estep, at, *_arguments(lines), slope)
    return 0 if np.isfinite(value[0]) else _WALL


@jit
def _each(density: int, table: int, points: Array, gradients: Array, values: Array) -> None:
    """Call the density for many points: for few rows, a call from Python takes half as long."""
    evaluate, n = _density_at(density), points.shape[1]
    x, gradient, value = points.ctypes.data, gradients.ctypes.data, values.ctypes.data
    for i in range(len(points)):
        evaluate(n, _at(x + 8 * i * n), _at(gradient + 8 * i * n), _at(value + 8 * i), _at(table))


def _copy(n: Any, _: Any, x: Any, out: Any, table: Any) -> int:
    for i in range(n):
        out[i] = x[i]
    return 0


@jit_part
def _arguments(lines: Any) -> tuple[Array, Layout, twin.Prior]:
    """Rebuild `Density.arguments`, line by line."""
    layout = Layout(
        _integers(lines[1]),
        _indices(lines[2]),
        _integers(lines[3]),
        _vector(lines[4])[0],
        _vector(lines[5]),
        _vector(lines[6]),
        _indices(lines[7])[0],
        _indices(lines[8]),
        _vector(lines[9]),
    )
    prior = twin.Prior(
        _vector(lines[10]),
        _matrix(lines[11]),
        _matrix(lines[12]),
        _indices(lines[13])[0],
        _matrix(lines[14]),
        _vector(lines[15])[0],
        _vector(lines[16])[0],
        _vector(lines[17])[0],
    )
    return _matrix(lines[0]), layout, prior


@jit_inner
def _vector(line: Any) -> Array:
    return carray(_at(line[0]), (line[1],), np.float64)


@jit_inner
def _matrix(line: Any) -> Array:
    return carray(_at(line[0]), (line[1], line[2]), np.float64)


@jit_inner
def _indices(line: Any) -> Any:
    return carray(_at(line[0]), (line[1],), np.int64)


@jit_inner
def _integers(line: Any) -> Any:
    return carray(_at(line[0]), (line[1], line[2]), np.int64)


def _pointer(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), generate


_at: Any = intrinsic(_pointer)  # an integer as the address that it is
_formula_at = function_at(_FORMULA)
_density_at = function_at(_I(_I, *[types.voidptr] * 4))  # `_LOGP` to a machine
