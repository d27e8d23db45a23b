"""Exponential and logarithm that a compiler can vectorise.

A library's ``exp`` is a call for each number. Written as straight arithmetic without a branch,
it becomes vector instructions: four numbers at a time on most machines, and at small D the
exponential is what an E-step costs. Both functions are as exact as the library's but for a few
units in the last place, on the ranges that densities need: arguments up to 0 for the exponential,
those that a double holds with all its digits for the logarithm.

A double is ``m × 2^e``, with e in bits 52 to 62. So ``2^x = 2^n 2^f`` with ``n = round(x)`` takes a
polynomial for ``|f| ≤ 1/2`` and an addition to the bits. The base is 2, because f is then exact; a
density's exponent can be had in that base at no cost. The polynomial is the series of the
exponential, economised as Lanczos did: in Chebyshev's polynomials, the last terms can be left out.
"""

from __future__ import annotations

import math
import struct
import sys
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.polynomial import chebyshev

from bayesgmm.mixture.compilation import jit_exact, jit_inner
from bayesgmm.mixture.instructions import (
    LANES,
    View,
    everywhere,
    in_memory,
    steps,
    sum_product,
    writer,
)

Array = npt.NDArray[np.float64]

ABREAST = 16  # numbers whose exponentials are worked out side by side: none waits for its own step


def _bits(x: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


_EXPONENT = 52  # where the exponent begins
_BIAS, _FRACTION = 1023, (1 << 52) - 1  # zero as an exponent, and the bits below it
_ONE_BITS = _bits(1.0)
_ROUNDER = 1.5 * 2.0**52  # added to a double, leaves the nearest integer in the lowest bits
_ROUNDER_BITS = _bits(_ROUNDER)
_SQRT_HALF_BITS = _bits(math.sqrt(0.5))
LOG2_E = 1 / math.log(2)
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # short, so that its multiples by integers are exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # ln 2 = high + low
_UNDERFLOW = -1022.0  # 2 to the power of anything lower would be subnormal, and counts as zero
_IN_ORDER = ("contract",)  # or else a kernel's own flags apply, which let sums be reordered
_SMALLEST = sys.float_info.min
_INTEGER = ir.IntType(64)


def _economised(series: list[float], reach: float, n: int) -> list[float]:
    """Give n coefficients of a polynomial that is close to a longer one where ``|x| ≤ reach``."""
    powers = reach ** np.arange(len(series))
    shorter = chebyshev.cheb2poly(chebyshev.poly2cheb(series * powers)[:n])
    return [float(coefficient) for coefficient in shorter / powers[:n]]


# 2^f = 1 + f Σ c_i f^i, to 1e-17
_COEFFICIENTS = _economised([math.log(2) ** i / math.factorial(i) for i in range(1, 20)], 0.5, 11)


def _reader(source: Any, target: Any, machine_type: ir.Type) -> Any:
    """Make a function that reads the bits of one type as another; it costs nothing."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], machine_type)

    def read(typing_context: Any, bits: Any) -> Any:
        return target(source), emit

    return intrinsic(read)


_as_int: Any = _reader(types.float64, types.int64, _INTEGER)
_as_float: Any = _reader(types.int64, types.float64, ir.DoubleType())


_EXP2 = [_ROUNDER, 1.0, _UNDERFLOW, *_COEFFICIENTS]


def exp2_table(builder: Any) -> list[Any]:
    """Return what `emit_exp2` needs: to be called before the loop."""
    return in_memory(builder, _EXP2, ABREAST)


def emit_exp2(builder: Any, x: Any, table: list[Any]) -> Any:
    """Write 2 to the power of x ≤ 0, a vector of `ABREAST` numbers; exactly 0 below -1022."""
    constants = [builder.load(place, align=8 * LANES) for place in table]
    rounder, one, underflow, *coefficients = constants
    shifted = builder.fadd(x, rounder, flags=_IN_ORDER)
    n = builder.fsub(shifted, rounder, flags=_IN_ORDER)
    f = builder.fsub(x, n, flags=_IN_ORDER)
    p = sum_product(builder, _polynomial(builder, coefficients, f), f, one)
    bits = ir.VectorType(ir.IntType(64), ABREAST)
    power = builder.shl(builder.bitcast(shifted, bits), ir.Constant(bits, [_EXPONENT] * ABREAST))
    value = builder.bitcast(builder.add(builder.bitcast(p, bits), power), x.type)
    none = builder.fcmp_ordered("<", x, underflow)
    return builder.select(none, everywhere(0.0, ABREAST), value)


def _polynomial(builder: Any, coefficients: list[Any], x: Any) -> Any:
    """Write a polynomial, halving it until it is a number: few steps wait for one another."""
    while len(coefficients) > 1:
        halves = zip_longest(coefficients[::2], coefficients[1::2])
        coefficients = [a if b is None else sum_product(builder, b, x, a) for a, b in halves]
        x = builder.fmul(x, x, flags=_IN_ORDER)
    return coefficients[0]


def _emit_exponentials(builder: Any, n: Any, logs: View, peak: View, total: View) -> None:
    table, base = exp2_table(builder), everywhere(LOG2_E, ABREAST)
    with steps(builder, n, ABREAST) as r:
        places = [view.vector(r, lanes=ABREAST) for view in (logs, peak, total)]
        log, highest, before = (builder.load(place, align=8) for place in places)
        below = builder.fmul(builder.fsub(log, highest, flags=_IN_ORDER), base, flags=_IN_ORDER)
        value = emit_exp2(builder, below, table)
        builder.store(value, places[0], align=8)
        builder.store(builder.fadd(before, value, flags=_IN_ORDER), places[2], align=8)


def _exponentials(context: Any, n: Any, logs: Any, peak: Any, total: Any) -> Any:
    return types.void(types.intp, logs, peak, total), writer(_emit_exponentials)


_add_exponentials: Any = intrinsic(_exponentials)


@jit_inner
def add_exponentials(n: int, logs: Array, peak: Array, total: Array) -> None:
    """Write ``exp(logs - peak)`` over n logarithms, none above its peak, and add it to `total`.

    Parameters
    ----------
    n : int
        How many.
    logs, peak, total : array, shape (M,)
        M is not less than the next multiple of `ABREAST` from n. Beyond n, `logs` and `total` are
        overwritten with what means nothing. The first is exact to a unit in the last place for
        each unit of the logarithm, which cannot be known any better.
    """
    _add_exponentials(n, logs, peak, total)


@jit_exact
def exponent(x: float) -> int:
    """Return e of a positive ``x = m × 2^e`` with m from 1 to 2."""
    e: int = (_as_int(x) >> _EXPONENT) - _BIAS
    return e


@jit_exact
def fraction(x: float) -> float:
    """Return m of a positive ``x = m × 2^e``, from 1 to 2."""
    m: float = _as_float((_as_int(x) & _FRACTION) | _ONE_BITS)
    return m


@jit_exact
def log(x: float) -> float:
    """Return the natural logarithm of a finite x that is not subnormal; NaN below, and of NaN."""
    bits = _as_int(x)
    exponent = (bits - _SQRT_HALF_BITS) >> _EXPONENT
    m: float = _as_float(bits - (exponent << _EXPONENT))  # between sqrt(1/2) and sqrt(2)
    n: float = _as_float(exponent + _ROUNDER_BITS) - _ROUNDER
    u = (m - 1) / (m + 1)
    v = u * u
    p = 2 / 21  # log m = 2 artanh u = 2 u + 2 u³ / 3 + ..., with u² < 0.03
    p = p * v + 2 / 19
    p = p * v + 2 / 17
    p = p * v + 2 / 15
    p = p * v + 2 / 13
    p = p * v + 2 / 11
    p = p * v + 2 / 9
    p = p * v + 2 / 7
    p = p * v + 2 / 5
    p = p * v + 2 / 3
    value = n * _LN2_HIGH + (n * _LN2_LOW + (p * v * u + 2 * u))
    return value if x >= _SMALLEST else math.nan
