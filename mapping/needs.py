"""What a tile's buffer must hold, and what the network brings there: values of its inputs that the arrays in it use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

from pillarsim.arch.placement import INPUT, Codes, Edge, PlacedLayer, Placement, Stage
from pillarsim.workloads.network import Flatten, Reshape

__all__ = ["Need", "code_bits", "layer_need", "operator_need", "pixels_of"]


@dataclass(frozen=True)
class Need:
    """Values of one input that a layer's row blocks use, in units: whole channels, or single rows of a whole map.

    blocks      [first, last) units of each row block; neighbours may share one
    unit_bits   of one unit, all pixels of an image
    pixels      of the stream; least: those that must be held
    """

    blocks: tuple[tuple[int, int], ...]
    unit_bits: int
    pixels: int
    least: int

    def units(self, chosen: Collection[int]) -> int:
        """Different units of some row blocks."""
        total, end = 0, -1
        for number in sorted(chosen):
            first, last = self.blocks[number]
            total += last - max(first, end)
            end = max(end, last)
        return total

    def image_bits(self, chosen: Collection[int]) -> int:
        """Bits of an image that some row blocks use."""
        return self.units(chosen) * self.unit_bits

    def held_bits(self, chosen: Collection[int]) -> int:
        """Bits that must be held for some row blocks."""
        return -(-self.least * self.image_bits(chosen) // self.pixels)


def code_bits(placement: Placement, source: int) -> int:
    """Bits of a value that stage `source`, or the network's input, gives."""
    codes: Codes | None = placement.input if source == INPUT else placement.stages[source].output
    assert codes is not None  # only the last stage gives floats, and nobody takes them
    return codes.bits


def pixels_of(placement: Placement, source: int) -> int:
    """Pixels of an image of a stage's output, or of the network's input."""
    stream = placement.input_stream if source == INPUT else placement.stages[source].stream
    return stream[1] * stream[2]


def _values(placement: Placement, source: int) -> int:
    """Values of an image of a stage's output, or of the network's input."""
    return prod(placement.input_stream if source == INPUT else placement.stages[source].stream)


def layer_need(
    placement: Placement, number: int, stage: Stage, layer: PlacedLayer, least: Mapping[tuple[int, int], int] | None
) -> Need:
    """The need of one matrix of stage `number`.

    Of a window that is the whole map each value goes to one row, else a row's channel is needed of every pixel. Behind
    views that change the order of the values every tile takes all that the stage takes.
    """
    edge, matrix = stage.inputs[0], layer.matrix
    pixels, bits = pixels_of(placement, edge.source), code_bits(placement, edge.source)
    held = 0 if least is None else least[number, 0]
    once = matrix.windows == 1 and not any(matrix.padding)  # each value goes to one row
    if edge.access == "map":
        plain = all(isinstance(view, Flatten | Reshape) for view in edge.views)
        if not once or not plain or matrix.weight.shape[0] != _values(placement, edge.source):
            everything = ((0, 1),) * len(layer.row_blocks)
            return Need(everything, _taken(edge, pixels) * bits, pixels, held)
    each = 1 if once else prod(matrix.kernel)
    blocks = tuple((block.start // each, -(-block.stop // each)) for block in layer.row_blocks)
    return Need(blocks, bits if once else pixels * bits, pixels, held)


def operator_need(
    placement: Placement, number: int, stage: Stage, place: int, least: Mapping[tuple[int, int], int] | None
) -> Need:
    """The need of one input of a digital operator, as a single block."""
    edge = stage.inputs[place]
    pixels = pixels_of(placement, edge.source)
    held = 0 if least is None else least[number, place]
    return Need(((0, 1),), _taken(edge, pixels) * code_bits(placement, edge.source), pixels, held)


def _taken(edge: Edge, pixels: int) -> int:
    """Values of an image that the consumer takes at all."""
    return edge.values * pixels if isinstance(edge.values, int) else sum(edge.values)
