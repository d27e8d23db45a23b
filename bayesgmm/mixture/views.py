"""Views of arrays, in compiled code, that cost nothing to make.

At run time, numba's `reshape` first asks whether it may, which takes as long as to multiply two
small matrices.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils as numba_cgutils
from numba.core import imputils as numba_imputils
from numba.extending import intrinsic
from numba.np import arrayobj as numba_arrayobj

cgutils: Any = numba_cgutils  # these have no annotations
imputils: Any = numba_imputils
arrayobj: Any = numba_arrayobj


def _cut(context: Any, vector: Any, start: Any, shape: Any) -> Any:
    kind = vector.copy(ndim=len(shape))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole, first, shape = arguments
        source = context.make_array(vector)(context, builder, whole)
        found = context.make_array(kind)(context, builder)
        lengths, strides = cgutils.unpack_tuple(builder, shape), [source.itemsize]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        arrayobj.populate_array(
            found,
            data=builder.gep(source.data, [first]),
            shape=lengths,
            strides=strides,
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return imputils.impl_ret_borrowed(context, builder, kind, found._getvalue())

    return kind(vector, types.intp, shape), generate


# cut(x, 3, (2, 2)): x[3:7] as a matrix; nobody checks that there are so many
cut: Any = intrinsic(_cut)
