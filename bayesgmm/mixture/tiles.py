"""The two products of matrices in an E-step, in tiles: where the time goes from D of about 10.

One is triangular, ``W d``, and of it only the squared length is wanted; of the other, ``Σ e dᵀ``,
only the lower triangle: half the arithmetic of a general product. Here ``d = x - mean``, which is
worked out again for each tile, as that takes no longer than to read it. Matrices of rows are kept
the other way round, (D, rows), so that four rows make one vector of the processor.

A processor multiplies about as often as it loads, so a loop that loads two numbers for each
product waits for memory. A tile is a few outputs of a few inputs, kept in registers until it is
done: six or seven loads for eight products. Compilers do not find it in plain loops (which reach
half the speed), so the two innermost loops are written out in vector instructions.

Tiles do not end where the features do. Outputs beyond the last feature are the last one again,
and are not counted; rows beyond the last are computed and not read, or else zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

from bayesgmm.mixture.compilation import jit_inner
from bayesgmm.mixture.instructions import (
    LANES,
    ZERO,
    View,
    add_product,
    cgutils,
    number,
    spread,
    steps,
    sum_of_lanes,
    writer,
    zeros,
)

Array = npt.NDArray[np.float64]

_OUTPUTS = 4  # of a tile


@jit_inner
def add_squared_length(W: Array, x: Array, mean: Array, n: int, square: Array) -> None:
    """Add ``|W (x - mean)|²`` for each of n rows.

    Parameters
    ----------
    W : array, shape (D, D)
        Lower triangular, with zeros above.
    x : array, shape (D, M)
        Rows; M is a multiple of 8, and not less than n.
    mean : array, shape (D,)
        What they are compared with.
    n : int
        Number of rows.
    square : array, shape (M,)
        Added to; beyond n, with what means nothing.
    """
    for r in range(0, n, 2 * LANES):
        for i in range(0, len(W), _OUTPUTS):
            _add_squares(W, i, x, mean, r, square)


@jit_inner
def add_outer(e: Array, x: Array, mean: Array, n: int, out: Array) -> None:
    """Add the lower triangle of ``Σ e (x - mean)ᵀ`` over n rows.

    Parameters
    ----------
    e, x : array, shape (D, M)
        Rows; from n to the next multiple of 4, those of e are zero and those of x finite.
    mean : array, shape (D,)
        What the second is compared with.
    n : int
        Number of rows.
    out : array, shape (D, D)
        Added to, on and below the diagonal.
    """
    tile, D = np.empty((_OUTPUTS, 2)), len(out)
    for i in range(0, D, _OUTPUTS):
        for j in range(0, min(i + _OUTPUTS, D), 2):
            _inner_products(e, i, x, mean, j, n, tile)
            for k in range(i, min(i + _OUTPUTS, D)):
                for m in range(j, min(j + 2, k + 1)):
                    out[k, m] += tile[k - i, m - j]


def _emit_squares(builder: Any, W: View, i: Any, x: View, mean: View, r: Any, square: View) -> None:
    """Add to `square` those of outputs i to i + 3 of ``W d``, for rows r to r + 7."""
    columns, outputs = _counted(builder, r, 2, LANES), _counted(builder, i, _OUTPUTS)
    last = builder.sub(W.shape[0], number(1))
    totals = [zeros(builder, 2) for _ in range(_OUTPUTS)]
    inputs = builder.add(_least(builder, outputs[-1], last), number(1))
    with cgutils.for_range(builder, inputs) as loop:
        centre = spread(builder, builder.load(mean.at(loop.index)))
        rows = [builder.load(x.vector(loop.index, column), align=8) for column in columns]
        parts = [builder.fsub(row, centre) for row in rows]
        for output, row in zip(outputs, totals, strict=True):
            weight = W.at(_least(builder, output, last), loop.index)
            weights = spread(builder, builder.load(weight))
            for part, total in zip(parts, row, strict=True):
                add_product(builder, weights, part, total)
    for column, of_outputs in zip(columns, zip(*totals, strict=True), strict=True):
        place, sum_ = square.vector(column), cgutils.alloca_once(builder, ZERO.type)
        builder.store(builder.load(place, align=8), sum_)
        for output, total in zip(outputs, of_outputs, strict=True):
            counts = builder.icmp_signed("<=", output, last)
            z = builder.select(counts, builder.load(total), ZERO)
            add_product(builder, z, z, sum_)
        builder.store(builder.load(sum_), place, align=8)


def _emit_inner(
    builder: Any, e: View, i: Any, x: View, mean: View, j: Any, n: Any, tile: View
) -> None:
    """Write the inner products of features i to i + 3 of e with j and j + 1 of d."""
    last = builder.sub(e.shape[0], number(1))
    left = [_least(builder, k, last) for k in _counted(builder, i, _OUTPUTS)]
    right = [_least(builder, k, last) for k in _counted(builder, j, 2)]
    centres = [spread(builder, builder.load(mean.at(k))) for k in right]
    totals = [zeros(builder, 2) for _ in range(_OUTPUTS)]
    with steps(builder, n) as r:
        rows = [builder.load(x.vector(k, r), align=8) for k in right]
        parts = [builder.fsub(row, centre) for row, centre in zip(rows, centres, strict=True)]
        for k, row in zip(left, totals, strict=True):
            factor = builder.load(e.vector(k, r), align=8)
            for part, total in zip(parts, row, strict=True):
                add_product(builder, factor, part, total)
    for k, row in enumerate(totals):
        for m, total in enumerate(row):
            total = sum_of_lanes(builder, builder.load(total))
            builder.store(total, tile.at(number(k), number(m)))


def _counted(builder: Any, start: Any, n: int, step: int = 1) -> list[Any]:
    return [builder.add(start, number(k * step)) for k in range(n)]


def _least(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _squares(context: Any, W: Any, i: Any, x: Any, mean: Any, r: Any, square: Any) -> Any:
    return types.void(W, types.intp, x, mean, types.intp, square), writer(_emit_squares)


def _inner(context: Any, e: Any, i: Any, x: Any, mean: Any, j: Any, n: Any, tile: Any) -> Any:
    return types.void(e, types.intp, x, mean, types.intp, types.intp, tile), writer(_emit_inner)


_add_squares: Any = intrinsic(_squares)
_inner_products: Any = intrinsic(_inner)
