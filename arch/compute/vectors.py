"""The innermost loop of the value model: adding up table entries, with the sums held in vector registers.

Written as vector code because a compiler keeps the sums of a plain loop in memory, at two to three times the cost.
The vectors are LLVM's own, so that every processor runs it with whatever width it has.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 32  # columns summed at once, in one pass over the entries
_VECTOR = 8  # columns a vector


def _sum_entries(
    typing: Any, total: types.Array, table: types.Array, entries: types.Array, count: Any, start: Any
) -> tuple[Any, Any]:
    """sum_entries(total, table, entries, count, start): total[i] = sum over n of table[entries[n], start + i].

    total (C,) with C a multiple of 32, table (E, at least start + C), entries (at least count,): contiguous int32
    arrays; nothing is checked.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views = [
            context.make_array(kind)(context, builder, value) for kind, value in zip(signature.args[:3], arguments)
        ]
        sums, rows, numbers = (view.data for view in views)
        width = builder.extract_value(views[0].shape, 0)
        line = builder.extract_value(views[1].shape, 1)
        vector = ir.VectorType(ir.IntType(32), _VECTOR)
        first = builder.gep(rows, [arguments[4]])
        kept = [cgutils.alloca_once(builder, vector) for _ in range(LANES // _VECTOR)]

        def part(pointer: Any, number: int) -> Any:
            moved = builder.gep(pointer, [ir.Constant(ir.IntType(64), number * _VECTOR)])
            return builder.bitcast(moved, vector.as_pointer())

        step = ir.Constant(ir.IntType(64), LANES)
        with cgutils.for_range(builder, builder.udiv(width, step)) as block:
            column = builder.mul(block.index, step)
            for slot in kept:
                builder.store(ir.Constant(vector, None), slot)
            with cgutils.for_range(builder, arguments[3]) as loop:
                number = builder.sext(builder.load(builder.gep(numbers, [loop.index])), ir.IntType(64))
                row = builder.gep(first, [builder.add(builder.mul(number, line), column)])
                for i, slot in enumerate(kept):
                    value = builder.load(part(row, i), align=4)
                    builder.store(builder.add(builder.load(slot), value), slot)
            target = builder.gep(sums, [column])
            for i, slot in enumerate(kept):
                builder.store(builder.load(slot), part(target, i), align=4)
        return context.get_dummy_value()

    return types.void(total, table, entries, types.intp, types.intp), generate


sum_entries: Any = intrinsic(_sum_entries)
