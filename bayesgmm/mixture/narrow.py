"""The sums of an E-step where rows have few features, which is most data: all in registers.

With up to four features, everything that is known of a component and everything that is summed
up for it fits into the processor's registers. So each row is read once, and its differences to
the mean are never stored. For more features see `bayesgmm.mixture.tiles`.

The instructions for one, two, three and four features are written by the same functions. Matrices
of rows are (D, rows); beyond the last row there is room up to a multiple of `ABREAST`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bayesgmm.mixture.compilation import jit_exact, jit_inner
from bayesgmm.mixture.instructions import (
    LANES,
    View,
    add_product,
    everywhere,
    number,
    spread,
    steps,
    sum_of_lanes,
    sum_product,
    vector_type,
    writer,
    zeros,
)
from bayesgmm.mixture.vectormath import ABREAST, LOG2_E, emit_exp2, exp2_table

Array = npt.NDArray[np.float64]

WIDEST = 4  # features
FARTHEST = 1e300  # from zero: a row beyond is as far from everything
LARGEST = float(np.finfo(np.float64).max)


@jit_exact
def load_narrow(X: Array, start: int, n: int, origin: Array, unit: Array, x: Array) -> None:
    """Write n rows ``(X - origin) / unit``, from `start` on, feature by feature.

    Parameters
    ----------
    X : array, shape (N, D)
        All rows.
    start, n : int
        Which of them.
    origin, unit : array, shape (D,)
        Where they count from, and in what unit.
    x : array, shape (D, M)
        Overwritten in its first n columns; no number is beyond `FARTHEST`.
    """
    D, whole = X.shape[1], n - n % LANES
    if D == 1:
        _load_1(X, start, whole, origin, unit, x)
    elif D == 2:
        _load_2(X, start, whole, origin, unit, x)
    elif D == 3:
        _load_3(X, start, whole, origin, unit, x)
    else:
        _load_4(X, start, whole, origin, unit, x)
    load_some(X, start, whole, n, origin, unit, x)


@jit_exact
def load_some(
    X: Array, start: int, first: int, end: int, origin: Array, unit: Array, x: Array
) -> None:
    """Do as `load_narrow`, for any number of features, from the row `first` up to `end`."""
    for j in range(X.shape[1]):
        feature, centre, scale = x[j], origin[j], 1 / unit[j]  # to multiply takes less time
        for r in range(first, end):
            feature[r] = min(max((X[start + r, j] - centre) * scale, -FARTHEST), FARTHEST)


@jit_inner
def add_component(
    x: Array, n: int, mean: Array, inverse: Array, log_coef: float, joint: Array, peak: Array
) -> None:
    """Write one component's log density at each of n rows; raise `peak` to it where it is lower.

    Parameters
    ----------
    x : array, shape (D, M)
        Rows; M is not less than the next multiple of `ABREAST` from n.
    n : int
        Number of rows.
    mean : array, shape (D,)
        The component's mean.
    inverse : array, shape (D, D) or (D,)
        W, lower triangular, or its diagonal.
    log_coef : float
        Log density is ``log_coef - |W (x - mean)|² / 2``; minus infinity where the square
        overflows.
    joint, peak : array, shape (M,)
        Overwritten, and raised; beyond n, with what means nothing.
    """
    _component(x, n, mean, inverse, log_coef, joint, peak)


@jit_inner
def add_density(
    x: Array, n: int, mean: Array, inverse: Array, log_coef: float, joint: Array, total: Array
) -> None:
    """Write one component's density at each of n rows, and add it to `total`.

    Parameters
    ----------
    x, n, mean, inverse
        See `add_component`.
    log_coef : float
        Not above 0. Densities are ``exp(log_coef - |W (x - mean)|² / 2)``, 0 where the square
        overflows.
    joint, total : array, shape (M,)
        Overwritten, and added to; beyond n, with what means nothing.
    """
    _density(x, n, mean, inverse, log_coef, joint, total)


@jit_inner
def add_moments(
    x: Array, n: int, mean: Array, joint: Array, share: Array, sums: Array, scatter: Array
) -> Any:
    """Add a component's moments ``Σ r d`` and ``Σ r d dᵀ`` of ``d = x - mean``; return ``Σ r``.

    Parameters
    ----------
    x : array, shape (D, M)
        Rows; M is not less than the next multiple of 4 from n, up to which they are finite.
    n : int
        Number of rows.
    mean : array, shape (D,)
        The component's mean.
    joint, share : array, shape (M,)
        The weight of a row is their product r; from n to the next multiple of 4 it is zero.
    sums : array, shape (D,)
        Added to.
    scatter : array, shape (D, D) or (D,)
        Added to, on and below the diagonal; or the diagonal alone.
    """
    if len(mean) == 1:
        return _moments_1(x, n, mean, joint, share, sums, scatter)
    if len(mean) == 2:
        return _moments_2(x, n, mean, joint, share, sums, scatter)
    if len(mean) == 3:
        return _moments_3(x, n, mean, joint, share, sums, scatter)
    return _moments_4(x, n, mean, joint, share, sums, scatter)


def _emit_load(D: int, builder: Any, X: View, start: Any, n: Any, *views: View) -> None:
    origin, unit, x = views
    one = everywhere(1.0)
    centres = _known(builder, origin, D)
    scales = [builder.fdiv(one, each) for each in _known(builder, unit, D)]
    together = vector_type(LANES * D)
    with steps(builder, n) as r:
        place = X.at(builder.add(start, r), number(0))
        rows = builder.load(builder.bitcast(place, together.as_pointer()), align=8)
        for j in range(D):
            lanes = [j + D * lane for lane in range(LANES)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes)
            value = builder.fsub(builder.shuffle_vector(rows, rows, mask), centres[j])
            value = builder.fmul(value, scales[j])
            for relation, end in (("<", FARTHEST), (">", -FARTHEST)):
                within = builder.fcmp_ordered(relation, value, everywhere(end))
                value = builder.select(within, value, everywhere(end))
            builder.store(value, x.vector(number(j), r), align=8)


def _emit_component(
    D: int, builder: Any, x: View, n: Any, mean: View, inverse: View, log_coef: Any, *views: View
) -> None:
    joint, peak = views
    top, largest = spread(builder, log_coef, ABREAST), everywhere(LARGEST, ABREAST)
    infinite = everywhere(np.inf, ABREAST)
    with _squares(D, builder, x, n, mean, inverse, 0.5) as (r, square):
        # a square that overflowed is inf, or NaN if infinities met on the way to it
        finite = builder.fcmp_ordered("<=", square, largest)
        value = builder.fsub(top, builder.select(finite, square, infinite))
        builder.store(value, joint.vector(r, lanes=ABREAST), align=8)
        highest = builder.load(peak.vector(r, lanes=ABREAST), align=8)
        higher = builder.fcmp_ordered(">", value, highest)
        builder.store(
            builder.select(higher, value, highest), peak.vector(r, lanes=ABREAST), align=8
        )


def _emit_density(
    D: int, builder: Any, x: View, n: Any, mean: View, inverse: View, log_coef: Any, *views: View
) -> None:
    joint, total = views
    top = spread(builder, builder.fmul(log_coef, ir.Constant(log_coef.type, LOG2_E)), ABREAST)
    table = exp2_table(builder)
    with _squares(D, builder, x, n, mean, inverse, 0.5 * LOG2_E) as (r, square):
        density = emit_exp2(builder, builder.fsub(top, square), table)
        builder.store(density, joint.vector(r, lanes=ABREAST), align=8)
        place = total.vector(r, lanes=ABREAST)
        builder.store(builder.fadd(builder.load(place, align=8), density), place, align=8)


@contextmanager
def _squares(
    D: int, builder: Any, x: View, n: Any, mean: View, inverse: View, factor: float
) -> Iterator[tuple[Any, Any]]:
    """Write a loop over rows, `ABREAST` at a time, and in it ``factor |W (x - mean)|²``."""
    centres = _known(builder, mean, D, ABREAST)
    root = ir.Constant(ir.DoubleType(), math.sqrt(factor))
    weights = {
        at: spread(builder, builder.fmul(root, builder.load(place)), ABREAST)
        for at, place in _lower(inverse, D).items()
    }
    with steps(builder, n, ABREAST) as r:
        d = _differences(builder, x, r, centres)
        square = everywhere(0.0, ABREAST)
        for i in range(D):
            z = everywhere(0.0, ABREAST)
            for j in range(D):
                if (i, j) in weights:
                    z = sum_product(builder, weights[i, j], d[j], z)
            square = sum_product(builder, z, z, square)
        yield r, square


def _emit_moments(D: int, builder: Any, x: View, n: Any, mean: View, *views: View) -> Any:
    joint, share, sums, scatter = views
    centres, places = _known(builder, mean, D), _lower(scatter, D)
    count, *first = zeros(builder, 1 + D)
    second = dict(zip(places, zeros(builder, len(places)), strict=True))
    one = everywhere(1.0)
    with steps(builder, n) as r:
        factors = [builder.load(view.vector(r), align=8) for view in (joint, share)]
        weight = builder.fmul(*factors)
        d = _differences(builder, x, r, centres)
        e = [builder.fmul(weight, one_d) for one_d in d]
        add_product(builder, weight, one, count)
        for value, total in zip(e, first, strict=True):
            add_product(builder, value, one, total)
        for (i, j), total in second.items():
            add_product(builder, e[i], d[j], total)
    for j, total in enumerate(first):
        _add_to(builder, total, sums.at(number(j)))
    for at, total in second.items():
        _add_to(builder, total, places[at])
    return sum_of_lanes(builder, builder.load(count))


def _known(builder: Any, array: View, D: int, lanes: int = LANES) -> list[Any]:
    return [spread(builder, builder.load(array.at(number(j))), lanes) for j in range(D)]


def _lower(matrix: View, D: int) -> dict[tuple[int, int], Any]:
    """Point to the elements of a lower triangle, or of a diagonal."""
    if len(matrix.shape) == 1:
        return {(i, i): matrix.at(number(i)) for i in range(D)}
    return {(i, j): matrix.at(number(i), number(j)) for i in range(D) for j in range(i + 1)}


def _differences(builder: Any, x: View, r: Any, centres: list[Any]) -> list[Any]:
    places = [x.vector(number(j), r, lanes=c.type.count) for j, c in enumerate(centres)]
    rows = [builder.load(place, align=8) for place in places]
    return [builder.fsub(row, centre) for row, centre in zip(rows, centres, strict=True)]


def _add_to(builder: Any, total: Any, place: Any) -> None:
    more = sum_of_lanes(builder, builder.load(total))
    builder.store(builder.fadd(builder.load(place), more), place)


def _load(D: int) -> Any:
    def typed(context: Any, X: Any, start: Any, n: Any, origin: Any, unit: Any, x: Any) -> Any:
        return types.void(X, types.intp, types.intp, origin, unit, x), writer(
            partial(_emit_load, D)
        )

    return intrinsic(typed)


def _of_component(emit: Any) -> Any:
    """Make an intrinsic that takes rows of any width up to `WIDEST`."""

    def write(builder: Any, x: View, *arguments: Any) -> None:
        for D in range(1, WIDEST + 1):
            with builder.if_then(builder.icmp_signed("==", x.shape[0], number(D))):
                emit(D, builder, x, *arguments)

    def typed(
        context: Any, x: Any, n: Any, mean: Any, inverse: Any, log_coef: Any, joint: Any, more: Any
    ) -> Any:
        return types.void(x, types.intp, mean, inverse, types.float64, joint, more), writer(write)

    return intrinsic(typed)


def _moments(D: int) -> Any:
    def typed(
        context: Any, x: Any, n: Any, mean: Any, joint: Any, share: Any, sums: Any, scatter: Any
    ) -> Any:
        signature = types.float64(x, types.intp, mean, joint, share, sums, scatter)
        return signature, writer(partial(_emit_moments, D))

    return intrinsic(typed)


_load_1, _load_2, _load_3, _load_4 = (_load(D) for D in range(1, WIDEST + 1))
_component, _density = _of_component(_emit_component), _of_component(_emit_density)
_moments_1, _moments_2, _moments_3, _moments_4 = (_moments(D) for D in range(1, WIDEST + 1))
