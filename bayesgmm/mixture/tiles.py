"""The two products of matrices in an E-step, in tiles: where the time goes from D of about 10.

One is triangular, ``W d``, and of it only the squared length is wanted; of the other, ``Σ e dᵀ``,
only the lower triangle: half the arithmetic of a general product. Matrices of rows are kept the
other way round, (D, rows), so that four rows make one vector of the processor.

A processor multiplies about as often as it loads, so a loop that loads two numbers for each
product waits for memory. A tile is a few outputs of a few inputs, kept in registers until it is
done: six or seven loads for eight products. Compilers do not find it in plain loops (which reach
half the speed), so the two innermost loops are written out in vector instructions, of LLVM's
language and thus of no particular processor.

Tiles do not end where the features do. Outputs beyond the last feature are the last one again,
and are not counted; rows beyond the last are computed and not read, or else zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils as numba_cgutils
from numba.extending import intrinsic

from bayesgmm.mixture.compilation import jit_inner

Array = npt.NDArray[np.float64]

LANES = 4  # doubles in a vector
_OUTPUTS = 4  # of a tile

cgutils: Any = numba_cgutils  # it has no annotations
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_TO_ALL_LANES = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


@jit_inner
def add_squared_length(W: Array, d: Array, n: int, square: Array) -> None:
    """Add ``|W d|²`` for each of n rows.

    Parameters
    ----------
    W : array, shape (D, D)
        Lower triangular, with zeros above.
    d : array, shape (D, M)
        Rows; M is a multiple of 8, and not less than n.
    square : array, shape (M,)
        Added to; beyond n, with what means nothing.
    """
    for r in range(0, n, 2 * LANES):
        for i in range(0, len(W), _OUTPUTS):
            _add_squares(W, i, d, r, square)


@jit_inner
def add_outer(e: Array, d: Array, n: int, out: Array) -> None:
    """Add the lower triangle of ``Σ e dᵀ`` over n rows.

    Parameters
    ----------
    e, d : array, shape (D, M)
        Rows, of which those from n to the next multiple of 4 are zero.
    out : array, shape (D, D)
        Added to, on and below the diagonal.
    """
    tile, D = np.empty((_OUTPUTS, 2)), len(out)
    for i in range(0, D, _OUTPUTS):
        for j in range(0, min(i + _OUTPUTS, D), 2):
            _inner_products(e, i, d, j, n, tile)
            for k in range(i, min(i + _OUTPUTS, D)):
                for m in range(j, min(j + 2, k + 1)):
                    out[k, m] += tile[k - i, m - j]


def _emit_squares(builder: Any, W: _View, i: Any, d: _View, r: Any, square: _View) -> None:
    """Add to `square` those of outputs i to i + 3 of ``W d``, for rows r to r + 7."""
    columns, outputs = _counted(builder, r, 2, LANES), _counted(builder, i, _OUTPUTS)
    last = builder.sub(W.shape[0], _number(1))
    totals = _zeros(builder, _OUTPUTS, 2)
    inputs = builder.add(_least(builder, outputs[-1], last), _number(1))
    with cgutils.for_range(builder, inputs) as loop:
        parts = [builder.load(d.four(loop.index, column), align=8) for column in columns]
        for output, row in zip(outputs, totals, strict=True):
            weight = W.at(_least(builder, output, last), loop.index)
            weights = _spread(builder, builder.load(weight))
            for part, total in zip(parts, row, strict=True):
                _add_product(builder, weights, part, total)
    for column, of_outputs in zip(columns, zip(*totals, strict=True), strict=True):
        place, sum_ = square.four(column), cgutils.alloca_once(builder, _VECTOR)
        builder.store(builder.load(place, align=8), sum_)
        for output, total in zip(outputs, of_outputs, strict=True):
            counts = builder.icmp_signed("<=", output, last)
            z = builder.select(counts, builder.load(total), _ZERO)
            _add_product(builder, z, z, sum_)
        builder.store(builder.load(sum_), place, align=8)


def _emit_inner(builder: Any, e: _View, i: Any, d: _View, j: Any, n: Any, tile: _View) -> None:
    """Write the inner products of features i to i + 3 of e with j and j + 1 of d."""
    last = builder.sub(e.shape[0], _number(1))
    left = [_least(builder, k, last) for k in _counted(builder, i, _OUTPUTS)]
    right = [_least(builder, k, last) for k in _counted(builder, j, 2)]
    totals = _zeros(builder, _OUTPUTS, 2)
    step = _number(LANES)
    with cgutils.for_range_slice(builder, _number(0), n, step, inc=True) as (r, _):
        parts = [builder.load(d.four(k, r), align=8) for k in right]
        for k, row in zip(left, totals, strict=True):
            factor = builder.load(e.four(k, r), align=8)
            for part, total in zip(parts, row, strict=True):
                _add_product(builder, factor, part, total)
    for k, row in enumerate(totals):
        for m, total in enumerate(row):
            total = _sum_of_lanes(builder, builder.load(total))
            builder.store(total, tile.at(_number(k), _number(m)))


class _View:
    """An array as these instructions see it."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        self._data, self._builder = array.data, builder

    def at(self, *index: Any) -> Any:
        """Point to an element."""
        builder, flat = self._builder, index[0]
        if len(index) == 2:
            flat = builder.add(builder.mul(index[0], self.shape[1]), index[1])
        return builder.gep(self._data, [flat])

    def four(self, *index: Any) -> Any:
        """Point to the vector that begins at an element."""
        return self._builder.bitcast(self.at(*index), _VECTOR.as_pointer())


def _number(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


def _counted(builder: Any, start: Any, n: int, step: int = 1) -> list[Any]:
    return [builder.add(start, _number(k * step)) for k in range(n)]


def _least(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _spread(builder: Any, value: Any) -> Any:
    """Put a number into every lane of a vector."""
    single = builder.insert_element(_ZERO, value, _number(0))
    return builder.shuffle_vector(single, single, _TO_ALL_LANES)


def _sum_of_lanes(builder: Any, vector: Any) -> Any:
    a, b, c, d = (builder.extract_element(vector, _number(lane)) for lane in range(LANES))
    return builder.fadd(builder.fadd(a, c), builder.fadd(b, d))


def _zeros(builder: Any, rows: int, columns: int) -> list[list[Any]]:
    """Reserve vectors for the sums of a tile: they become registers."""
    totals = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(columns)] for _ in range(rows)]
    for row in totals:
        for total in row:
            builder.store(_ZERO, total)
    return totals


def _add_product(builder: Any, a: Any, b: Any, total: Any) -> None:
    product = builder.fmul(a, b, flags=("contract",))
    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)


def _writer(emit: Any) -> Any:
    """Let numba call a function that writes instructions, with views in place of arrays."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views = [
            _View(context, builder, kind, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        emit(builder, *views)
        return context.get_dummy_value()

    return write


def _squares(context: Any, W: Any, i: Any, d: Any, r: Any, square: Any) -> Any:
    return types.void(W, types.intp, d, types.intp, square), _writer(_emit_squares)


def _inner(context: Any, e: Any, i: Any, d: Any, j: Any, n: Any, tile: Any) -> Any:
    return types.void(e, types.intp, d, types.intp, types.intp, tile), _writer(_emit_inner)


_add_squares: Any = intrinsic(_squares)
_inner_products: Any = intrinsic(_inner)
