"""Exponential and logarithm that a compiler can vectorise.

A library's ``exp`` is a call for each number. Written as straight arithmetic without a branch,
it becomes vector instructions: four numbers at a time on most machines, and at small D the
exponential is what an E-step costs. Both functions agree with the library's to a few units in
the last place, on the ranges that densities need: arguments up to 0 for the exponential, those
that a double holds with all its digits for the logarithm.

A double is ``m × 2^e``, with e in bits 52 to 62. So ``exp(x) = 2^n exp(r)`` with
``n = round(x / ln 2)`` takes a polynomial for ``|r| ≤ ln(2) / 2`` and an addition to the bits.
"""

from __future__ import annotations

import math
import struct
import sys
from itertools import zip_longest
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bayesgmm.mixture.compilation import jit_exact
from bayesgmm.mixture.instructions import constant, sum_product


def _bits(x: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


_EXPONENT = 52  # where the exponent begins
_BIAS, _FRACTION = 1023, (1 << 52) - 1  # zero as an exponent, and the bits below it
_ONE_BITS = _bits(1.0)
_ROUNDER = 1.5 * 2.0**52  # added to a double, leaves the nearest integer in the lowest bits
_ROUNDER_BITS = _bits(_ROUNDER)
_SQRT_HALF_BITS = _bits(math.sqrt(0.5))
_LOG2_E = 1 / math.log(2)
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # short, so that its multiples by integers are exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # ln 2 = high + low
_UNDERFLOW = -708.0  # exp of anything lower would be subnormal, and counts as zero
_IN_ORDER = ("contract",)  # or else a kernel's own flags apply, which let sums be reordered
_SMALLEST = sys.float_info.min
_INTEGER = ir.IntType(64)
_EXP = [1 / math.factorial(i) for i in range(2, 14)]  # exp(r) = 1 + r + r² Σ c_i r^i, to 1e-17


def _reader(source: Any, target: Any, machine_type: ir.Type) -> Any:
    """Make a function that reads the bits of one type as another; it costs nothing."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], machine_type)

    def read(typing_context: Any, bits: Any) -> Any:
        return target(source), emit

    return intrinsic(read)


_as_int: Any = _reader(types.float64, types.int64, _INTEGER)
_as_float: Any = _reader(types.int64, types.float64, ir.DoubleType())


def emit_exp(builder: Any, x: Any) -> Any:
    """Write e to the power of x ≤ 0, a number or a vector; exactly 0 below -708."""
    shifted = sum_product(builder, x, constant(x, _LOG2_E), constant(x, _ROUNDER))
    n = builder.fsub(shifted, constant(x, _ROUNDER), flags=_IN_ORDER)
    r = sum_product(builder, n, constant(x, -_LN2_HIGH), x)
    r = sum_product(builder, n, constant(x, -_LN2_LOW), r)
    square = builder.fmul(r, r, flags=_IN_ORDER)
    p = _polynomial(builder, [constant(x, c) for c in _EXP], r)
    p = builder.fadd(sum_product(builder, square, p, r), constant(x, 1.0), flags=_IN_ORDER)
    whole = constant(x, 0.0, _INTEGER).type
    power = builder.shl(builder.bitcast(shifted, whole), constant(x, _EXPONENT, _INTEGER))
    value = builder.bitcast(builder.add(builder.bitcast(p, whole), power), x.type)
    return builder.select(
        builder.fcmp_ordered("<", x, constant(x, _UNDERFLOW)), constant(x, 0.0), value
    )


def _polynomial(builder: Any, coefficients: list[Any], x: Any) -> Any:
    """Write a polynomial, halving it until it is a number: few steps wait for one another."""
    while len(coefficients) > 1:
        halves = zip_longest(coefficients[::2], coefficients[1::2])
        coefficients = [a if b is None else sum_product(builder, b, x, a) for a, b in halves]
        x = builder.fmul(x, x, flags=_IN_ORDER)
    return coefficients[0]


def _exp(context: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit_exp(builder, *arguments)

    return types.float64(types.float64), emit


exp: Any = intrinsic(_exp)


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
