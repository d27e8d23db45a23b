"""Words for vector instructions, in LLVM's language and thus of no particular processor.

Where a compiler does not find the good loop by itself, `bayesgmm.mixture.tiles` and
`bayesgmm.mixture.narrow` write it out with these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as numba_cgutils

LANES = 4  # doubles in a vector

cgutils: Any = numba_cgutils  # it has no annotations
VECTOR = ir.VectorType(ir.DoubleType(), LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
_TO_ALL_LANES = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


class View:
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
        return self._builder.bitcast(self.at(*index), VECTOR.as_pointer())


def number(value: int) -> Any:
    """Return an integer."""
    return ir.Constant(ir.IntType(64), value)


def spread(builder: Any, value: Any) -> Any:
    """Put a number into every lane of a vector."""
    single = builder.insert_element(ZERO, value, number(0))
    return builder.shuffle_vector(single, single, _TO_ALL_LANES)


def sum_of_lanes(builder: Any, vector: Any) -> Any:
    """Return the sum of a vector's numbers."""
    a, b, c, d = (builder.extract_element(vector, number(lane)) for lane in range(LANES))
    return builder.fadd(builder.fadd(a, c), builder.fadd(b, d))


def zeros(builder: Any, n: int) -> list[Any]:
    """Reserve vectors for sums: they become registers."""
    totals = [cgutils.alloca_once(builder, VECTOR) for _ in range(n)]
    for total in totals:
        builder.store(ZERO, total)
    return totals


def everywhere(value: float) -> Any:
    """Return a vector of equal numbers."""
    return ir.Constant(VECTOR, [value] * LANES)


def constant(x: Any, value: float, element: Any = None) -> Any:
    """Return a constant with as many lanes as x, of its type or of another."""
    kind = x.type
    if isinstance(kind, ir.VectorType):
        kind = ir.VectorType(element or kind.element, kind.count)
        return ir.Constant(kind, [value] * kind.count)
    return ir.Constant(element or kind, value)


def sum_product(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a b + c``, rounded once where the processor can."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def add_product(builder: Any, a: Any, b: Any, total: Any) -> None:
    """Add ``a b`` to a vector that `zeros` reserved."""
    builder.store(sum_product(builder, a, b, builder.load(total)), total)


@contextmanager
def fours(builder: Any, n: Any) -> Iterator[Any]:
    """Write a loop over the multiples of four below n."""
    with cgutils.for_range_slice(builder, number(0), n, number(LANES), inc=True) as (r, _):
        yield r


def writer(emit: Any) -> Any:
    """Let numba call a function that writes instructions, with views in place of arrays."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views = [
            View(context, builder, kind, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        result = emit(builder, *views)
        return context.get_dummy_value() if result is None else result

    return write
