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

LANES = 4  # doubles in a vector, unless told otherwise; longer ones are cut into what there is

cgutils: Any = numba_cgutils  # it has no annotations


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

    def vector(self, *index: Any, lanes: int = LANES) -> Any:
        """Point to the vector that begins at an element."""
        return self._builder.bitcast(self.at(*index), vector_type(lanes).as_pointer())


def vector_type(lanes: int = LANES) -> Any:
    """Return the type of so many doubles."""
    return ir.VectorType(ir.DoubleType(), lanes)


def number(value: int) -> Any:
    """Return an integer."""
    return ir.Constant(ir.IntType(64), value)


def everywhere(value: float, lanes: int = LANES) -> Any:
    """Return a vector of equal numbers."""
    return ir.Constant(vector_type(lanes), [value] * lanes)


ZERO = everywhere(0.0)


def spread(builder: Any, value: Any, lanes: int = LANES) -> Any:
    """Put a number into every lane of a vector."""
    single = builder.insert_element(everywhere(0.0, lanes), value, number(0))
    to_all = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(single, single, to_all)


def sum_of_lanes(builder: Any, vector: Any) -> Any:
    """Return the sum of a vector's numbers."""
    a, b, c, d = (builder.extract_element(vector, number(lane)) for lane in range(LANES))
    return builder.fadd(builder.fadd(a, c), builder.fadd(b, d))


def zeros(builder: Any, n: int) -> list[Any]:
    """Reserve vectors for sums: they become registers."""
    totals = [cgutils.alloca_once(builder, ZERO.type) for _ in range(n)]
    for total in totals:
        builder.store(ZERO, total)
    return totals


def in_memory(builder: Any, values: list[float], lanes: int) -> list[Any]:
    """Point to vectors of equal numbers, for a loop that takes them from there each time.

    A compiler that knows what is there spends two instructions on each, one for its address: the
    code might lie anywhere. If it does not know, each is an operand of the instruction that needs
    it. So nothing, as an instruction of assembly, is done to the address.
    """
    kind = vector_type(lanes)
    rows = ir.Constant(
        ir.ArrayType(kind, len(values)), [everywhere(value, lanes) for value in values]
    )
    table = cgutils.global_constant(builder, "table", rows)
    table.align = 8 * LANES
    address = builder.bitcast(table, ir.IntType(8).as_pointer())
    nothing = ir.FunctionType(address.type, [address.type])
    address = builder.asm(nothing, "", "=r,0", [address], False)
    table = builder.bitcast(address, kind.as_pointer())
    return [builder.gep(table, [number(i)]) for i in range(len(values))]


def sum_product(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a b + c``, rounded once where the processor can."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def add_product(builder: Any, a: Any, b: Any, total: Any) -> None:
    """Add ``a b`` to a vector that `zeros` reserved."""
    builder.store(sum_product(builder, a, b, builder.load(total)), total)


@contextmanager
def steps(builder: Any, n: Any, lanes: int = LANES) -> Iterator[Any]:
    """Write a loop over the multiples of a number of lanes below n."""
    with cgutils.for_range_slice(builder, number(0), n, number(lanes), inc=True) as (r, _):
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
