"""Small simplifications of a list of layers: dead layers go, and what belongs to one operator becomes one.

Done: a shift per output behind a fully connected or convolution layer becomes its bias; two affine layers in a row
become one; scale and shift behind a layer norm become its own; scalar factors around a product of activations become
its scale. None changes the values but for rounding.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from pillarsim.workloads.operators import (
    Affine,
    Conv2d,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MatMul,
    Reshape,
    Slice,
    Transpose,
)

__all__ = ["Step", "tidy"]

Step: TypeAlias = tuple[Layer, tuple[str, ...]]  # a layer and the names of its sources
MOVES = (Reshape, Transpose, Slice, Flatten)  # a factor may pass these


def tidy(steps: Mapping[str, Step], last: str) -> dict[str, Step]:
    """The layers that `last` depends on, simplified, in an order in which each comes after its sources."""
    kept = _needed(steps, last)
    while True:
        simpler = _once(kept, last)
        if simpler is None:
            return kept
        kept = _needed(*simpler)
        last = simpler[1]


def _needed(steps: Mapping[str, Step], last: str) -> dict[str, Step]:
    wanted = {last}
    for name in reversed(list(steps)):
        if name in wanted:
            wanted.update(steps[name][1])
    return {name: step for name, step in steps.items() if name in wanted}


def _once(steps: dict[str, Step], last: str) -> tuple[dict[str, Step], str] | None:
    """One pass: every affine layer that can join a neighbour does; None where none can."""
    uses = Counter(source for _, sources in steps.values() for source in sources)
    found, renamed = dict(steps), dict[str, str]()
    for name in steps:
        layer, sources = found[name]
        sources = tuple(renamed.get(source, source) for source in sources)
        found[name] = (layer, sources)
        if not isinstance(layer, Affine):
            continue
        source = sources[0]
        before = found[source][0] if source in found and uses[source] == 1 else None
        joined = _join(before, layer) if before is not None else None
        if joined is not None:
            found[source] = (joined, found[source][1])
        elif not _into_product(found, uses, name, layer):
            continue
        renamed[name] = source
        uses[source] = uses[name]
        del found[name]
    return (found, renamed.get(last, last)) if renamed else None


def _join(before: Layer, layer: Affine) -> Layer | None:
    """Both layers as one of the kind of the first, None where that cannot be."""
    scale, shift = layer.scale, layer.shift
    if isinstance(before, Affine):
        return replace(before, scale=before.scale * scale, shift=before.shift * scale + shift)
    if isinstance(before, MatMul) and scale.ndim == 0 and not np.any(shift):
        return replace(before, scale=before.scale * float(scale))
    if isinstance(before, LayerNorm) and {scale.shape, shift.shape} <= {(), before.gamma.shape}:
        return replace(before, gamma=before.gamma * scale, beta=before.beta * scale + shift)
    if isinstance(before, Linear | Conv2d) and np.all(scale == 1):
        outputs = before.bias.shape[0]
        trailing = 0 if isinstance(before, Linear) else 2
        per_output = shift.shape in ((), (outputs, *(1,) * trailing), (1,) * (trailing + 1))
        if per_output and scale.ndim <= trailing + 1:
            return replace(before, bias=before.bias + shift.reshape(-1))
    return None


def _into_product(found: dict[str, Step], uses: Mapping[str, int], name: str, layer: Affine) -> bool:
    """Whether the factor of `layer` went into the one product of activations behind it."""
    if layer.scale.ndim or np.any(layer.shift) or layer.shift.ndim:
        return False
    here = name
    while uses[here] == 1:
        here = next(other for other, (_, sources) in found.items() if _takes(sources, here))
        after, sources = found[here]
        if isinstance(after, MatMul):
            found[here] = (replace(after, scale=after.scale * float(layer.scale)), sources)
            return True
        if not isinstance(after, MOVES):
            return False
    return False


def _takes(sources: Iterable[str], name: str) -> bool:
    return name in tuple(sources)
