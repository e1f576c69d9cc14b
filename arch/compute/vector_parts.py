"""What the vector code of `vectors` is put together from: loads and stores, sums of entries, conversion, noise.

A vector is a block of LANES columns. The functions emit LLVM's intermediate code; they compute nothing themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils

from pillarsim.arch.compute.noise import LN2, LOGARITHM, MIX, QUANTILE

LANES = 16  # columns worked on in one pass
UNROLL = 2  # entries added at once; a list of entries is filled up to a multiple with entry 0, a zero
WORD, INDEX = ir.IntType(32), ir.IntType(64)
VECTOR, REALS = ir.VectorType(WORD, LANES), ir.VectorType(ir.FloatType(), LANES)
ZERO = ir.Constant(VECTOR, None)

# What a code generator gets and gives is llvmlite's, which has no types of its own.
Value = Any

_FUSED = ("contract",)  # a * b + c is rounded once where the processor can


def views(context: Any, builder: Any, kinds: Sequence[Any], values: Sequence[Value]) -> list[Any]:
    """The arrays among the arguments."""
    return [context.make_array(kind)(context, builder, value) for kind, value in zip(kinds, values, strict=True)]


def slot(builder: Any, kind: Any = VECTOR) -> Value:
    """A stack slot that becomes a register."""
    reserve: Callable[..., Value] = cgutils.alloca_once
    return reserve(builder, kind)


def load(builder: Any, view: Any, word: Value, kind: Any = VECTOR) -> Value:
    """The vector from a word of an array on."""
    return builder.load(_vector_at(builder, view, word, kind), align=4)


def store(builder: Any, view: Any, word: Value, value: Value) -> None:
    """Store a vector from a word of an array on."""
    builder.store(value, _vector_at(builder, view, word, value.type), align=4)


def load_word(builder: Any, view: Any, index: Value) -> Value:
    """One element of a flat array."""
    return builder.load(builder.gep(view.data, [index]))


def index(value: int) -> Value:
    """A constant index."""
    return ir.Constant(INDEX, value)


def splat(builder: Any, value: Value) -> Value:
    """The same word or float in every lane."""
    single = builder.insert_element(ir.Constant(ir.VectorType(value.type, LANES), None), value, ir.Constant(WORD, 0))
    return builder.shuffle_vector(single, single, ZERO)


def lanes_sum(builder: Any, vector: Value) -> Value:
    """Sum over the lanes, as an index."""
    count = ir.Constant(WORD, 0)
    for lane in range(LANES):
        count = builder.add(count, builder.extract_element(vector, ir.Constant(WORD, lane)))
    return builder.sext(count, INDEX)


def add_up(
    builder: Any, tables: Sequence[Any], entries: Any, start: Value, stop: Value, slots: Sequence[Sequence[Value]]
) -> list[Value]:
    """For each table the sum of its lines that entries start to stop - 1 name; UNROLL slots a table, one a chain."""
    for one in (one for chains in slots for one in chains):
        builder.store(ZERO, one)
    step = index(UNROLL)
    with cgutils.for_range(builder, builder.udiv(stop, step), start=builder.udiv(start, step)) as loop:
        first = builder.gep(entries.data, [builder.mul(loop.index, step)])
        for i in range(UNROLL):
            word = builder.sext(builder.load(builder.gep(first, [index(i)])), INDEX)
            for table, chains in zip(tables, slots, strict=True):
                builder.store(builder.add(builder.load(chains[i]), load(builder, table, word)), chains[i])
    totals = []
    for chains in slots:
        total = builder.load(chains[0])
        for one in chains[1:]:
            total = builder.add(total, builder.load(one))
        totals.append(total)
    return totals


def code_of(builder: Any, total: Value, half: Value, shift: Value, low: Value, high: Value, lost: Value) -> Value:
    """(total + half) >> shift clipped to [low, high]; slot `lost` counts the lanes that were clipped."""
    raw = builder.ashr(builder.add(total, half), shift)
    above = builder.select(builder.icmp_signed("<", raw, low), low, raw)
    code = builder.select(builder.icmp_signed(">", above, high), high, above)
    missed = builder.sext(builder.icmp_signed("!=", raw, code), VECTOR)
    builder.store(builder.sub(builder.load(lost), missed), lost)
    return code


def worth_of(builder: Any, code: Value, plane: Value, last: Value) -> Value:
    """code << plane, or its negative in plane `last`."""
    shifted = builder.shl(code, splat(builder, plane))
    # Two's complement: (x ^ -1) - (-1) = -x, and 0 in place of -1 leaves x.
    taken = builder.icmp_signed("==", builder.sext(plane, INDEX), last)
    mask = splat(builder, builder.sext(taken, WORD))
    return builder.sub(builder.xor(shifted, mask), mask)


def noise_of(builder: Any, key: Value, first: Value, spread: Value, scale: Value) -> Value:
    """Read noise of LANES columns, the first with number `first` in its read: `noise.normals` step by step.

    spread: variances as integers; spread * scale: of the noise, in integer steps.
    """

    def word(value: int) -> Value:
        return ir.Constant(VECTOR, [value & 0xFFFFFFFF] * LANES)

    def real(value: float) -> Value:
        return ir.Constant(REALS, [float(value)] * LANES)

    def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
        value = real(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            value = builder.fadd(real(c), builder.fmul(x, value, flags=_FUSED), flags=_FUSED)
        return value

    def mixed(h: Value, by: int) -> Value:
        return builder.xor(h, builder.lshr(h, word(by)))

    number = builder.add(splat(builder, first), ir.Constant(VECTOR, list(range(LANES))))
    h = builder.add(splat(builder, builder.trunc(key, WORD)), builder.mul(number, word(MIX[0])))
    second = splat(builder, builder.trunc(builder.lshr(key, index(32)), WORD))
    h = builder.xor(builder.mul(mixed(h, 16), word(MIX[1])), second)
    h = mixed(builder.mul(mixed(h, 15), word(MIX[2])), 15)
    x = builder.sitofp(builder.ashr(h, word(8)), REALS)
    x = builder.fmul(builder.fadd(x, real(0.5)), real(2.0**-23))
    tail = builder.bitcast(builder.fmul(builder.fsub(real(1.0), x), builder.fadd(real(1.0), x)), VECTOR)
    exponent = builder.sitofp(builder.sub(builder.ashr(tail, word(23)), word(127)), REALS)
    m = builder.fmul(builder.sitofp(builder.and_(tail, word(0x7FFFFF)), REALS), real(2.0**-23))
    m = builder.fsub(m, real(0.5))
    log = builder.fadd(builder.fmul(exponent, real(LN2), flags=_FUSED), polynomial(m, LOGARITHM), flags=_FUSED)
    draw = builder.fmul(x, polynomial(builder.fneg(log), QUANTILE))
    declare: Callable[..., Value] = cgutils.get_or_insert_function
    root = declare(builder.module, ir.FunctionType(REALS, [REALS]), f"llvm.sqrt.v{LANES}f32")
    deviation = builder.call(root, [builder.fmul(builder.sitofp(spread, REALS), splat(builder, scale))])
    return builder.fptosi(builder.fmul(draw, deviation), VECTOR)


def _vector_at(builder: Any, view: Any, word: Value, kind: Any) -> Value:
    return builder.bitcast(builder.gep(view.data, [word]), kind.as_pointer())
