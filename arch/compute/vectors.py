"""The innermost loops of the value model as vector code: tables of partial sums, and reads of bit lists.

Written by hand because a compiler keeps the sums of a plain loop in memory, and checks at every call whether the
arrays overlap: together two to three times the cost. The vectors are LLVM's own, so every processor runs them at its
own width. All work on a block of LANES columns, whose table of 128 rows stays in a core's first-level cache. Every
array is contiguous, its columns a multiple of LANES, and none overlaps another; nothing is checked here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pillarsim.arch.compute.vector_parts import (
    INDEX,
    LANES,
    REALS,
    UNROLL,
    WORD,
    ZERO,
    Value,
    add_up,
    code_of,
    index,
    lanes_sum,
    load,
    load_word,
    noise_of,
    slot,
    splat,
    store,
    views,
    worth_of,
)

__all__ = [
    "LANES",
    "UNROLL",
    "WINDOWS",
    "add_products",
    "list_patterns",
    "plane_masks",
    "read_lists",
    "sum_entries",
    "tabulate",
]

WINDOWS = 8  # whose products are summed side by side: as many chains of additions as keep a processor busy
_BYTES = ir.VectorType(ir.IntType(8), 64)


def _tabulate(typing: Any, cells: Any, row: Any, column: Any, table: Any) -> tuple[Any, Any]:
    """tabulate(cells, row, column, table): sums of every subset of rows row to row + 3, for LANES columns.

    cells (R, C); rows beyond R count as 0; table (>= 4 row + 16, LANES): entry 4 row + p takes the rows of the bits
    that are 1 in p.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        source, target = views(context, builder, signature.args[::3], arguments[::3])
        height, line = (builder.extract_value(source.shape, i) for i in range(2))
        found = []
        for i in range(4):
            number = builder.add(arguments[1], index(i))
            inside = builder.icmp_signed("<", number, height)
            held = builder.select(inside, number, index(0))
            place = builder.add(builder.mul(held, line), arguments[2])
            found.append(builder.select(inside, load(builder, source, place), ZERO))
        sums = [ZERO]
        for pattern in range(1, 16):
            bit = pattern & -pattern
            sums.append(builder.add(sums[pattern - bit], found[bit.bit_length() - 1]))
        first = builder.mul(arguments[1], index(4 * LANES))
        for pattern, value in enumerate(sums):
            store(builder, target, builder.add(first, index(pattern * LANES)), value)
        return context.get_dummy_value()

    return types.void(cells, types.intp, types.intp, table), generate


def _sum_entries(
    typing: Any, table: Any, entries: Any, start: Any, stop: Any, total: Any, place: Any
) -> tuple[Any, Any]:
    """sum_entries(table, entries, start, stop, total, place): total.flat[place + i] = sum of the entries' column i.

    table (E, LANES); entries: first words of lines of the table, start and stop multiples of UNROLL.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        kinds, values = signature.args, arguments
        held, listed, target = views(context, builder, (*kinds[:2], kinds[4]), (*values[:2], values[4]))
        slots = [[slot(builder) for _ in range(UNROLL)]]
        (found,) = add_up(builder, [held], listed, values[2], values[3], slots)
        store(builder, target, values[5], found)
        return context.get_dummy_value()

    return types.void(table, entries, types.intp, types.intp, total, types.intp), generate


def _read_lists(
    typing: Any, table: Any, variances: Any, entries: Any, lists: Any, keys: Any, width: Any, scale: Any, last: Any,
    half: Any, shift: Any, low: Any, high: Any, column: Any, partial: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """read_lists(table, variances, entries, lists, keys, width, scale, last, half, shift, low, high, column, partial).

    For every list (`BitLists`) and LANES columns from `column`: sum up the entries and convert the sum,
    code = (sum + half) >> shift clipped to [low, high]; code << plane is added to the window's line of partial
    (W, LANES), the codes of plane `last` are taken off (-1: none are). Returns how many codes were clipped.
    variances: None, or a table of the noise's variances times `scale`; keys (W,): of the windows' noise, whose draws
    are numbered driven plane * width + column.
    """
    noisy = not isinstance(variances, types.NoneType)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        kinds, values = signature.args, arguments

        def view(*numbers: int) -> list[Any]:
            return views(context, builder, [kinds[i] for i in numbers], [values[i] for i in numbers])

        listed, records, stream, target = view(2, 3, 4, 13)
        tables = view(0, 1) if noisy else view(0)
        half, shift = (load(builder, one, values[12]) for one in view(8, 9))
        low, high = (splat(builder, builder.trunc(values[i], WORD)) for i in (10, 11))
        slots, lost = [[slot(builder) for _ in range(UNROLL)] for _ in tables], slot(builder)
        builder.store(ZERO, lost)
        with cgutils.for_range(builder, builder.extract_value(records.shape, 0)) as loop:
            record = builder.gep(records.data, [builder.mul(loop.index, index(5))])
            start, stop, window, plane, rank = (builder.load(builder.gep(record, [index(i)])) for i in range(5))
            place = builder.sext(window, INDEX)
            start, stop = (builder.sext(end, INDEX) for end in (start, stop))
            total, *spreads = add_up(builder, tables, listed, start, stop, slots)
            for spread in spreads:
                key = load_word(builder, stream, place)
                first = builder.add(builder.mul(rank, builder.trunc(values[5], WORD)), builder.trunc(values[12], WORD))
                total = builder.add(total, noise_of(builder, key, first, spread, values[6]))
            code = code_of(builder, total, half, shift, low, high, lost)
            word = builder.mul(place, index(LANES))
            before = load(builder, target, word)
            store(builder, target, word, builder.add(before, worth_of(builder, code, plane, values[7])))
        return lanes_sum(builder, builder.load(lost))

    arguments = (
        table, variances, entries, lists, keys, types.intp, types.float32, types.intp, half, shift, types.intp,
        types.intp, types.intp, partial,
    )  # fmt: skip
    return types.intp(*arguments), generate


def _add_products(typing: Any, codes: Any, places: Any, offsets: Any, weights: Any, sums: Any) -> tuple[Any, Any]:
    """add_products(codes, places, offsets, weights, sums): sums[i] = sum over r of codes[places[i] + offsets[r]] w_r.

    codes (any number,), float32; places (WINDOWS,), offsets (R,); w_r: row r of weights (R, LANES); sums (WINDOWS,
    LANES). Exact, in any order of additions, where all are whole numbers and no sum of products' sizes passes 2^24.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        given, starts, rows, factors, target = views(context, builder, signature.args, arguments)
        slots = [slot(builder, REALS) for _ in range(WINDOWS)]
        for one in slots:
            builder.store(ir.Constant(REALS, None), one)
        firsts = [builder.gep(given.data, [load_word(builder, starts, index(i))]) for i in range(WINDOWS)]
        with cgutils.for_range(builder, builder.extract_value(rows.shape, 0)) as loop:
            offset = load_word(builder, rows, loop.index)
            factor = load(builder, factors, builder.mul(loop.index, index(LANES)), REALS)
            for one, first in zip(slots, firsts, strict=True):
                code = splat(builder, builder.load(builder.gep(first, [offset])))
                product = builder.fmul(code, factor, flags=("contract",))
                builder.store(builder.fadd(builder.load(one), product, flags=("contract",)), one)
        for i, one in enumerate(slots):
            store(builder, target, index(i * LANES), builder.load(one))
        return context.get_dummy_value()

    return types.void(codes, places, offsets, weights, sums), generate


def _plane_masks(typing: Any, codes: Any, masks: Any) -> tuple[Any, Any]:
    """plane_masks(codes, masks): of 64 bytes, bit t of byte i becomes bit i of masks[t]; codes (64,), masks (8,)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        source, target = views(context, builder, signature.args, arguments)
        value = builder.load(builder.bitcast(source.data, _BYTES.as_pointer()), align=1)
        for plane in range(7, -1, -1):
            top = builder.icmp_signed("<", value, ir.Constant(_BYTES, None))
            builder.store(builder.bitcast(top, INDEX), builder.gep(target.data, [index(plane)]))
            value = builder.add(value, value)
        return context.get_dummy_value()

    return types.void(codes, masks), generate


def _list_patterns(typing: Any, mask: Any, first: Any, entries: Any, length: Any) -> tuple[Any, Any]:
    """list_patterns(mask, first, entries, length) -> new length of entries, with those of 32 rows added.

    mask: the rows that are 1, lowest bit first; first: the first word of their first table. Patterns of 4 rows that
    are 0 are left out: each is written over by the next one, the last one by what follows.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        (target,) = views(context, builder, signature.args[2:3], arguments[2:3])
        rows, line, end = builder.trunc(arguments[0], WORD), builder.trunc(arguments[1], WORD), arguments[3]
        for k in range(8):
            pattern = builder.and_(builder.lshr(rows, ir.Constant(WORD, 4 * k)), ir.Constant(WORD, 15))
            word = builder.add(builder.mul(pattern, ir.Constant(WORD, LANES)), ir.Constant(WORD, 16 * LANES * k))
            builder.store(builder.add(word, line), builder.gep(target.data, [end]))
            driven = builder.icmp_unsigned("!=", pattern, ir.Constant(WORD, 0))
            end = builder.add(end, builder.zext(driven, INDEX))
        return end

    return types.intp(types.uint64, types.intp, entries, types.intp), generate


tabulate: Any = intrinsic(_tabulate)
sum_entries: Any = intrinsic(_sum_entries)
read_lists: Any = intrinsic(_read_lists)
add_products: Any = intrinsic(_add_products)
plane_masks: Any = intrinsic(_plane_masks)
list_patterns: Any = intrinsic(_list_patterns)
