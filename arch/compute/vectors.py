"""The two innermost loops of the value model as vector code: adding up table entries, and converting the sums.

Written by hand because a compiler keeps the sums of a plain loop in memory, and checks at every call whether the
arrays overlap: together two to three times the cost. The vectors are LLVM's own, so every processor runs them at its
own width. Every array is contiguous int32, its length a multiple of LANES, and none overlaps another; nothing is
checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 32  # columns worked on in one pass
_WORD, _INDEX = ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, 8)
_PARTS = LANES // 8

# What a code generator gets and gives is llvmlite's, which has no types of its own.
Value = Any


def _sum_entries(typing: Any, total: Any, table: Any, entries: Any, count: Any, start: Any) -> tuple[Any, Any]:
    """sum_entries(total, table, entries, count, start): total[i] = sum over n of table[entries[n], start + i].

    total (C,); table (E, at least start + C); entries (at least count,).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        views = _views(context, builder, signature.args[:3], arguments[:3])
        line = builder.extract_value(views[1].shape, 1)
        first = builder.gep(views[1].data, [arguments[4]])
        kept = _slots(builder)

        def block(column: Value) -> None:
            for slot in kept:
                builder.store(ir.Constant(_VECTOR, None), slot)
            with cgutils.for_range(builder, arguments[3]) as loop:
                number = builder.sext(builder.load(builder.gep(views[2].data, [loop.index])), _INDEX)
                row = builder.gep(first, [builder.add(builder.mul(number, line), column)])
                for slot, value in zip(kept, _load(builder, row), strict=True):
                    builder.store(builder.add(builder.load(slot), value), slot)
            _store(builder, builder.gep(views[0].data, [column]), [builder.load(slot) for slot in kept])

        _for_blocks(builder, views[0], block)
        return context.get_dummy_value()

    return types.void(total, table, entries, types.intp, types.intp), generate


def _convert_sums(
    typing: Any, sums: Any, half: Any, shift: Any, low: Any, high: Any, partial: Any, chunk: Any, negative: Any
) -> tuple[Any, Any]:
    """convert_sums(sums, half, shift, low, high, partial, chunk, negative) -> codes that were clipped.

    code = (sums + half) >> shift, clipped to [low, high]; partial += code << chunk, or -= where negative.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        kinds, values = signature.args, arguments
        views = _views(context, builder, (*kinds[:3], kinds[5]), (*values[:3], values[5]))
        low, high, chunk = (_splat(builder, builder.trunc(values[i], _WORD)) for i in (3, 4, 6))
        # Two's complement: (x ^ -1) - (-1) = -x, and 0 in place of -1 leaves x.
        mask = _splat(builder, builder.sext(builder.trunc(values[7], ir.IntType(1)), _WORD))
        lost = _slots(builder)
        for slot in lost:
            builder.store(ir.Constant(_VECTOR, None), slot)

        def block(column: Value) -> None:
            pointers = [builder.gep(view.data, [column]) for view in views]
            found = []
            for part in zip(lost, *(_load(builder, pointer) for pointer in pointers), strict=True):
                slot, total, add, by, before = part
                raw = builder.ashr(builder.add(total, add), by)
                above = builder.select(builder.icmp_signed("<", raw, low), low, raw)
                code = builder.select(builder.icmp_signed(">", above, high), high, above)
                missed = builder.zext(builder.icmp_signed("!=", raw, code), _VECTOR)
                builder.store(builder.add(builder.load(slot), missed), slot)
                signed = builder.sub(builder.xor(builder.shl(code, chunk), mask), mask)
                found.append(builder.add(before, signed))
            _store(builder, pointers[3], found)

        _for_blocks(builder, views[0], block)
        count = ir.Constant(_WORD, 0)
        for slot in lost:
            vector = builder.load(slot)
            for lane in range(_VECTOR.count):
                count = builder.add(count, builder.extract_element(vector, ir.Constant(_WORD, lane)))
        return builder.sext(count, _INDEX)

    arguments = (sums, half, shift, types.intp, types.intp, partial, types.intp, types.boolean)
    return types.intp(*arguments), generate


def _views(context: Any, builder: Any, kinds: Sequence[Any], values: Sequence[Value]) -> list[Any]:
    return [context.make_array(kind)(context, builder, value) for kind, value in zip(kinds, values, strict=True)]


def _slots(builder: Any) -> list[Value]:
    """Stack slots that become registers."""
    reserve: Any = cgutils.alloca_once
    return [reserve(builder, _VECTOR) for _ in range(_PARTS)]


def _for_blocks(builder: Any, view: Any, block: Callable[[Value], None]) -> None:
    """Emit `block` for every LANES columns of a one-dimensional array."""
    step = ir.Constant(_INDEX, LANES)
    blocks = builder.udiv(builder.extract_value(view.shape, 0), step)
    with cgutils.for_range(builder, blocks) as loop:
        block(builder.mul(loop.index, step))


def _load(builder: Any, pointer: Value) -> list[Value]:
    return [builder.load(_part(builder, pointer, i), align=4) for i in range(_PARTS)]


def _store(builder: Any, pointer: Value, values: Sequence[Value]) -> None:
    for i, value in enumerate(values):
        builder.store(value, _part(builder, pointer, i), align=4)


def _part(builder: Any, pointer: Value, number: int) -> Value:
    moved = builder.gep(pointer, [ir.Constant(_INDEX, number * _VECTOR.count)])
    return builder.bitcast(moved, _VECTOR.as_pointer())


def _splat(builder: Any, word: Value) -> Value:
    """The same word in every lane."""
    single = builder.insert_element(ir.Constant(_VECTOR, None), word, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(_WORD, _VECTOR.count), [0] * 8))


sum_entries: Any = intrinsic(_sum_entries)
convert_sums: Any = intrinsic(_convert_sums)
