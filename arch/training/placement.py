"""Where the synapses of a network that learns sit. A synapse takes `columns` neighbouring cells of its row."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SynapseArray:
    """One array: tile, slot in it, and the inputs (rows) and outputs of its layer that it holds, [start, stop)."""

    tile: int
    slot: int
    inputs: tuple[int, int]
    outputs: tuple[int, int]


@dataclass(frozen=True)
class SynapseLayer:
    """A matrix of synapses (inputs, outputs); with `bias` the last input is a constant.

    windows: input vectors an image (output positions of a convolution); columns: cells of a synapse, side by side;
    reads: row groups of an array that are read one after another, forward; digital: values that digital units handle
    an image behind it, as (action, count): ("activation", n), ("pooling", n), ("lookup", n); values: of an image that
    it hands on behind them (0: all its outputs, no pool has thinned them).
    """

    name: str
    inputs: int
    outputs: int
    windows: int
    columns: int
    bias: bool
    reads: int
    arrays: tuple[SynapseArray, ...]
    digital: tuple[tuple[str, int], ...] = ()
    values: int = 0

    @property
    def handed_on(self) -> int:
        """Values of an image that go to the next layer."""
        return self.values or self.windows * self.outputs

    @property
    def devices(self) -> int:
        """Devices of all synapses."""
        return self.inputs * self.outputs * self.columns


@dataclass(frozen=True)
class TrainingPlacement:
    """All layers in forward order. input_values: of an image; tiles: of the chip. `digest` names it."""

    network: str
    layers: tuple[SynapseLayer, ...]
    input_values: int
    tiles: int
    digest: str = field(default="")

    @property
    def arrays(self) -> tuple[SynapseArray, ...]:
        """All arrays, layer by layer: the order of the columns of `StepCounts.slots`."""
        return tuple(array for layer in self.layers for array in layer.arrays)
