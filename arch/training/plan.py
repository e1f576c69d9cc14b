"""What an image and an update make each tile do: services of ports, buses, units and arrays, before any time passes.

An image's values travel as one packet and are fetched as a whole; a bias row takes none and gives no error. Every tile
that holds a part of a layer gets the inputs of its rows (of a convolution all of its map) and the errors of its
outputs, and keeps them until the update: in its buffer where that holds the whole batch's, else outside the chip.
Products and outputs of a layer meet in its home tile, the one with most of its arrays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.simulate.ports import Service
from pillarsim.arch.timing import Port, Unit
from pillarsim.arch.training.placement import SynapseLayer, TrainingPlacement
from pillarsim.arch.training.timing import TrainingTiming
from pillarsim.arch.training.trace import tagged

__all__ = ["LayerPlan", "Reading", "TilePlan", "TrainingPlan", "Work", "access", "make_plan", "unit_work"]

Work = tuple[str, Service]  # a digital unit, or port or bus, of a tile, and what it is asked for
_DERIVATIVES = {  # of batch norm, sums and products as many as forward
    "activation": "activation", "lookup": "multiplier", "pooling": "pooling", "adder": "adder",
    "multiplier": "multiplier",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """All reads of an image by a layer's arrays, in step: `batches` of conversions, each behind `reads` reads.

    counts: actions of all arrays, (role, action) -> count. See `arch.simulate.engine` for the rhythm.
    """

    phase: str
    batches: int
    reads: int
    read_ps: int
    slots: int
    convert_ps: int
    shift_add_ps: int
    sample_hold: bool
    counts: tuple[tuple[tuple[str, str], int], ...]

    @property
    def phase_ps(self) -> int:
        """Reading before a batch of conversions."""
        return self.reads * self.read_ps

    @property
    def batch_ps(self) -> int:
        """A batch of conversions."""
        return self.slots * self.convert_ps


@dataclass(frozen=True)
class TilePlan:
    """A layer's part in one tile. inputs, outputs: different rows (bias included) and outputs; synapses: of its arrays.

    input_bits, error_bits: of an image that come to the tile; fetch, fetch_errors: port and bus for one image's
    reads; partial_bits, transposed_bits: partial sums that go to the home tile (0 in it).
    """

    tile: int
    arrays: int
    synapses: int
    input_bits: int
    error_bits: int
    fetch: tuple[Work, ...]
    fetch_errors: tuple[Work, ...]
    partial_bits: int
    transposed_bits: int


@dataclass(frozen=True)
class LayerPlan:
    """A layer: its tiles, reads and digital work of an image, forward and back.

    steps: behind the forward reads; back_steps: sums of products in the home tile; derivative: in the home tile of
    the layer before; back_bits: errors that go there. transposed, back_*: none for the first layer.
    """

    number: int
    name: str
    home: int
    tiles: tuple[TilePlan, ...]
    forward: Reading
    transposed: Reading | None
    steps: tuple[Work, ...]
    back_steps: tuple[Work, ...]
    derivative: tuple[Work, ...]
    back_bits: int
    windows: int


@dataclass(frozen=True)
class TrainingPlan:
    """All layers; loss: digital work in the last home tile; input_bits: of an image."""

    placement: TrainingPlacement
    timing: TrainingTiming
    layers: tuple[LayerPlan, ...]
    loss: tuple[Work, ...]
    input_bits: int

    @property
    def accumulators_on_chip(self) -> bool:
        """Whether the global buffer holds what weights keep off the arrays."""
        synapses = sum(tile.synapses for layer in self.layers for tile in layer.tiles)
        return synapses * self.timing.accumulator_bits <= self.timing.base.global_buffer.size_bits

    @property
    def kept_bits(self) -> int:
        """The most bits that a tile keeps of one image until the update."""
        return max(self._kept().values())

    def spilled(self, images: int) -> frozenset[int]:
        """Tiles whose buffer does not hold what `images` images leave there until the update."""
        size = self.timing.base.buffer.size_bits
        return frozenset(tile for tile, bits in self._kept().items() if images * bits > size)

    def _kept(self) -> Counter[int]:
        sums: Counter[int] = Counter()
        for layer in self.layers:
            for tile in layer.tiles:
                sums[tile.tile] += tile.input_bits + tile.error_bits
        return sums


def make_plan(placement: TrainingPlacement, timing: TrainingTiming) -> TrainingPlan:
    """Raises InputError for a digital unit that the chip lacks, ModelError where arrays overlap or lie off the chip."""
    places = Counter((array.tile, array.slot) for array in placement.arrays)
    if max(places.values()) > 1:
        raise ModelError(f"array {places.most_common(1)[0][0]} holds parts of several layers")
    if max(array.tile for array in placement.arrays) >= min(placement.tiles, timing.base.grid[0] * timing.base.grid[1]):
        raise ModelError(f"the placement uses a tile that the chip has not ({placement.tiles} tiles)")
    layers = tuple(
        _layer(placement.layers[number - 1] if number else None, layer, number, timing, placement.input_values)
        for number, layer in enumerate(placement.layers)
    )
    last = placement.layers[-1]
    loss = unit_work(timing, tagged("forward", last.name), [("adder", last.handed_on)])
    return TrainingPlan(placement, timing, layers, loss, placement.input_values * timing.input_bits)


def access(role: str, action: str, name: str, port: Port, bits: int, times: int = 1) -> Service:
    """Accesses of a port or bus for `bits`, `times` over."""
    return Service(((role, action),), name, times * port.accesses(bits), 1, port.access_ps)


def unit_work(timing: TrainingTiming, name: str, actions: Iterable[tuple[str, int]]) -> tuple[Work, ...]:
    """Work of digital units, (unit, actions) in order; none is left out."""
    made: list[Work] = []
    for unit, count in actions:
        if unit not in UNITS:
            raise ModelError(f"{name}: no unit {unit!r}")
        owned: Unit | None = getattr(timing.base, unit)
        if owned is None:
            raise InputError(f"tile.{unit}: expected {{component: ...}}: training needs it ({name})")
        if count:
            made.append((unit, Service(((unit, UNITS[unit]),), name, count, owned.count, owned.action_ps)))
    return tuple(made)


def _layer(
    before: SynapseLayer | None, layer: SynapseLayer, number: int, timing: TrainingTiming, input_values: int
) -> LayerPlan:
    forward, backward = tagged("forward", layer.name), tagged("backward", layer.name)
    counts = Counter(array.tile for array in layer.arrays)
    home = min(counts, key=lambda tile: (-counts[tile], tile))
    map_values = input_values if before is None else before.handed_on
    row_blocks = len({array.inputs for array in layer.arrays})
    column_blocks = len({array.outputs for array in layer.arrays})
    merges = ("adder", layer.windows * layer.outputs * row_blocks)
    products = ("adder", layer.windows * (layer.inputs - layer.bias) * column_blocks)
    derivative = [] if before is None else [(_DERIVATIVES[unit], count) for unit, count in reversed(before.digital)]
    return LayerPlan(
        number=number,
        name=layer.name,
        home=home,
        tiles=tuple(_tile(layer, tile, tile == home, number > 0, timing, map_values) for tile in sorted(counts)),
        forward=_reading(layer, timing, transposed=False),
        transposed=_reading(layer, timing, transposed=True) if number else None,
        steps=unit_work(timing, forward, [merges, *layer.digital]),
        back_steps=unit_work(timing, backward, [products]) if number else (),
        derivative=unit_work(timing, backward, derivative),
        back_bits=map_values * timing.error_bits,
        windows=layer.windows,
    )


def _tile(
    layer: SynapseLayer, tile: int, home: bool, transposed: bool, timing: TrainingTiming, map_values: int
) -> TilePlan:
    arrays = [array for array in layer.arrays if array.tile == tile]
    rows, outputs = _covered(array.inputs for array in arrays), _covered(array.outputs for array in arrays)
    has_bias = layer.bias and any(array.inputs[1] == layer.inputs for array in arrays)
    values = rows - has_bias
    base, windows = timing.base, layer.windows
    moved = values if windows == 1 else map_values
    work = {
        phase: tuple(
            (part, access(part, action, tagged(phase, layer.name), port, bits, windows))
            for part, action, port in (("buffer", "read", base.buffer), ("bus", "transfer", base.bus))
            if bits
        )
        for phase, bits in (("forward", values * timing.input_bits), ("backward", outputs * timing.error_bits))
    }
    partial = 0 if home else windows * timing.base.partial_sum_bits
    return TilePlan(
        tile=tile,
        arrays=len(arrays),
        synapses=sum(_size(array.inputs) * _size(array.outputs) for array in arrays),
        input_bits=moved * timing.input_bits,
        error_bits=windows * outputs * timing.error_bits,
        fetch=work["forward"],
        fetch_errors=work["backward"] if transposed else (),
        partial_bits=partial * outputs,
        transposed_bits=partial * values if transposed else 0,
    )


def _reading(layer: SynapseLayer, timing: TrainingTiming, *, transposed: bool) -> Reading:
    base, windows, arrays = timing.base, layer.windows, len(layer.arrays)
    chunks = timing.error_chunks if transposed else timing.chunks
    groups = 1 if transposed else layer.reads
    batches = windows * groups * (1 if base.analog_bits else chunks)
    rows = sum(_size(array.inputs) for array in layer.arrays)
    values = rows - sum(layer.bias and array.inputs[1] == layer.inputs for array in layer.arrays)
    outputs = sum(_size(array.outputs) for array in layer.arrays)
    conversions = batches * (values if transposed else outputs * timing.conversions)
    into, out = (outputs * timing.error_bits, values) if transposed else (rows * timing.input_bits, outputs)
    counts: list[tuple[tuple[str, str], int]] = [
        (("array", "read"), windows * groups * chunks * arrays),
        (("converter", "convert"), conversions),
        (("shift_add", "add"), conversions),
    ]
    if base.sample_hold:
        counts.append((("row_sample_hold" if transposed else "sample_hold", "sample"), conversions))
    for register, bits in (("input_register", into), ("output_register", out * base.partial_sum_bits)):
        counts += [((register, action), windows * bits) for action in ("write", "read")]
    return Reading(
        phase="backward" if transposed else "forward",
        batches=batches,
        reads=chunks if base.analog_bits else 1,
        read_ps=base.read_ps,
        slots=timing.error_slots if transposed else base.slots,
        convert_ps=base.convert_ps,
        shift_add_ps=base.shift_add_ps,
        sample_hold=base.sample_hold,
        counts=tuple(counts),
    )


def _size(part: tuple[int, int]) -> int:
    return part[1] - part[0]


def _covered(parts: Iterable[tuple[int, int]]) -> int:
    """How many numbers the ranges [start, stop) cover."""
    covered = end = 0
    for start, stop in sorted(set(parts)):
        covered += max(0, stop - max(start, end))
        end = max(end, stop)
    return covered


def updates_of(plan: TrainingPlan, layer: LayerPlan, images: int) -> Iterator[tuple[TilePlan, tuple[Work, ...]]]:
    """Each tile of a layer with what it does before its pulses: fetch inputs and errors of the batch, and gradients."""
    timing, name = plan.timing, tagged("update", layer.name)
    base, (multiplications, additions, lookups) = timing.base, timing.optimizer
    for tile in layer.tiles:
        work: list[Work] = []
        for bits in (tile.input_bits, tile.error_bits):
            if bits:
                work.append(("buffer", access("buffer", "read", name, base.buffer, bits, images)))
                work.append(("bus", access("bus", "transfer", name, base.bus, bits, images)))
        if timing.gradient:
            macs = images * layer.windows * tile.synapses
            own = tile.synapses
            work += unit_work(timing, name, [("multiplier", macs), ("adder", macs)])
            if timing.optimizer != (0, 0, 0):
                steps = [("multiplier", multiplications * own), ("adder", additions * own), ("lookup", lookups * own)]
                work += unit_work(timing, name, steps)
        yield tile, tuple(work)
