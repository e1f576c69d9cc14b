"""What each ATen operator becomes that moves values or makes constants."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from pillarsim.workloads.importer import elementwise as each
from pillarsim.workloads.importer import views
from pillarsim.workloads.importer.aten_call import Call, numbers
from pillarsim.workloads.importer.values import Operand, Value

__all__ = ["COMPARISON", "MOVES", "Handler", "Results"]

Results: TypeAlias = Operand | Sequence[Operand] | int
Handler: TypeAlias = Callable[[Call], Results]

COMPARISON = (
    "a choice that depends on the values has no counterpart; use sign, ReLU or a product instead, and save the program "
    "as torch.export gives it, before its activation functions are written out"
)


def _reshape(call: Call) -> Results:
    value = call.value()
    if call.kind == "flatten":
        first, last = (call.b.axis(value, int(call.given[name])) for name in ("start_dim", "end_dim"))
        merged = math.prod(value.shape[first : last + 1])
        return call.b.view(value, (*value.shape[:first], merged, *value.shape[last + 1 :]))
    return views.reshape(call.b, value, call.integers("shape" if "shape" in call.given else "size"))


def _squeeze(call: Call) -> Results:
    return views.drop_axes(call.b, call.value(), call.integers("dim") or None)


def _unsqueeze(call: Call) -> Results:
    return views.new_axes(call.b, call.value(), call.integers("dim"))


def _transpose(call: Call) -> Results:
    value = call.value()
    order = list(range(len(value.shape)))
    if call.kind == "permute":
        order = call.integers("dims")
    else:
        first, second = (0, 1) if call.kind == "t" else (int(call.given["dim0"]), int(call.given["dim1"]))
        first, second = call.b.axis(value, first), call.b.axis(value, second)
        order[first], order[second] = order[second], order[first]
    return views.transpose(call.b, value, order)


def _expand(call: Call) -> Results:
    value, target = call.value(), call.integers("size")
    if call.b.declared_batch > 1 and target and target[0] == call.b.declared_batch:
        target[0] = 1
    padded = (1,) * (len(target) - len(value.shape)) + value.shape
    sizes = tuple(old if new == -1 else new for old, new in zip(padded, target, strict=True))
    return each.expand(call.b, value, sizes)


def _slice(call: Call) -> Results:
    value = call.value()
    axis = call.b.axis(value, int(call.given["dim"]))
    places = range(value.shape[axis])[call.given["start"] : call.given["end"] : int(call.given["step"])]
    if places.step == 1:
        return views.slice_axis(call.b, value, axis, places.start, max(places.stop, places.start))
    return views.take(call.b, value, axis, np.array(places, np.int64))


def _take(call: Call) -> Results:
    if call.kind == "select":
        return views.select(call.b, call.value(), int(call.given["dim"]), int(call.given["index"]))
    indices = call.constant("index")
    assert indices is not None
    return views.take(call.b, call.value(), int(call.given["dim"]), indices)


def _split(call: Call) -> Results:
    value = call.value()
    axis = call.b.axis(value, int(call.given["dim"]))
    size = value.shape[axis]
    if call.kind == "unbind":
        return [views.select(call.b, value, axis, index) for index in range(size)]
    if call.kind == "split_with_sizes":
        return views.split(call.b, value, axis, call.integers("split_sizes"))
    part = int(call.given["split_size"]) if call.kind == "split" else -(-size // int(call.given["chunks"]))
    return views.split(call.b, value, axis, [min(part, size - start) for start in range(0, size, part)])


def _concat(call: Call) -> Results:
    parts = [part if isinstance(part, Value) else numbers(part) for part in call.given["tensors"]]
    return views.concat(call.b, parts, int(call.given["dim"]))


def _pad(call: Call) -> Results:
    value, pads = call.value(), call.integers("pad")
    if call.given.get("mode", "constant") != "constant":
        raise call.b.error(f"padding by '{call.given['mode']}' is not supported; only by a constant")
    rank = len(value.shape)
    before, after = [0] * rank, [0] * rank
    for place in range(len(pads) // 2):
        before[rank - 1 - place], after[rank - 1 - place] = pads[2 * place], pads[2 * place + 1]
    filling = call.number("value", 0.0)
    return views.pad(call.b, value, before, after, 0.0 if filling is None else filling)


def _where(call: Call) -> Results:
    if call.kind == "masked_fill":
        return each.select_where(call.b, call.operand("mask"), call.operand("value"), call.operand("self"))
    return each.select_where(call.b, call.operand("condition"), call.operand("self"), call.operand("other"))


def _filled(call: Call) -> Results:
    number = {"zeros_like": 0.0, "ones_like": 1.0}.get(call.kind)
    return np.full(call.value().shape, call.required("fill_value") if number is None else number)


def _equal(call: Call) -> Results:
    """Whether a score is minus infinity, which attention asks; activations here are finite."""
    if not call.number("other") == -math.inf:
        raise call.b.error(f"a comparison has no counterpart; {COMPARISON}")
    return np.zeros(call.value().shape, np.bool_)


def _size(call: Call) -> Results:
    return call.value().shape[int(call.given["dim"])]


MOVES: dict[str, Handler] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten"), _reshape),
    "squeeze": _squeeze, "unsqueeze": _unsqueeze, **dict.fromkeys(("permute", "transpose", "t"), _transpose),
    "expand": _expand, "slice": _slice, **dict.fromkeys(("select", "index_select"), _take),
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unbind"), _split), "cat": _concat,
    **dict.fromkeys(("constant_pad_nd", "pad"), _pad), **dict.fromkeys(("where", "masked_fill"), _where),
    **dict.fromkeys(("full_like", "zeros_like", "ones_like"), _filled), "eq": _equal, "sym_size": _size,
}  # fmt: skip
