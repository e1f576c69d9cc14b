"""The layer pipeline of one run, built from a placement: source, layers with their replicas and buffers, sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import PlacedArray, PlacedLayer, Placement
from pillarsim.arch.simulate.buffers import PixelRing, TileInput, share_pixels
from pillarsim.arch.simulate.engine import Engine, EnginePower, WindowEngine, engine_plan
from pillarsim.arch.simulate.geometry import values_needed, windows_of
from pillarsim.arch.simulate.layers import Home, LayerStage
from pillarsim.arch.simulate.operation import OperationEngine
from pillarsim.arch.simulate.parts import Parts
from pillarsim.arch.simulate.ports import Service
from pillarsim.arch.simulate.replicas import Part, Replica
from pillarsim.arch.simulate.source_sink import Border, Sink, Source, half_of_global
from pillarsim.arch.simulate.streams import Stream
from pillarsim.arch.trace import LayerTrace

__all__ = ["LOGIT_BITS", "Pipeline"]

LOGIT_BITS = 32  # bits of an output of the last layer, which has no output codes: a float32


@dataclass(frozen=True)
class _Run:
    """What every layer of a run needs to be built."""

    parts: Parts
    placement: Placement
    images: int
    conversions_per_unit: int


class LayerRun:
    """One layer of the pipeline: its inputs in tiles, its replicas, and the stage behind them."""

    def __init__(self, run: _Run, index: int, stream: tuple[int, int, int], sharers: Counter[int]) -> None:
        layer = run.placement.layers[index]
        self.layer, self.windows = layer, windows_of(layer, stream)
        self.total = self.windows.count * run.images
        sender = run.placement.layers[index - 1].name if index else ""
        self.inputs = _inputs(run, self, stream, sender, sharers)
        homes = [_home(layer, replica) for replica in range(len(layer.replicas))]
        timing = run.parts.timing
        self.stage = LayerStage(
            run.parts.kernel,
            run.parts.mesh,
            layer.name,
            self.windows,
            tuple(_home_parts(run.parts, tile) for tile in homes),
            (timing.adder, timing.activation, timing.pooling),
            layer.matrix.weight.shape[1] * len(layer.row_blocks),
        )
        self.engines: list[Engine] = []
        self.powers: list[EnginePower] = []
        self.replicas = [self._replica(run, index, number, home) for number, home in enumerate(homes)]

    def _replica(self, run: _Run, index: int, number: int, home: int) -> Replica:
        layer, parts = self.layer, run.parts
        arrays = layer.replicas[number]
        tiles = sorted({array.tile for array in arrays})
        power = EnginePower(*parts.engine_trackers(len(arrays)), [parts.tile(tile).digital for tile in tiles])
        replica = Replica(
            parts.kernel,
            (index, number, len(layer.replicas)),
            self.windows,
            self.total,
            [self._part(run, number, tile, home) for tile in tiles],
            [power.arrays, power.converters, *power.digital],
            self.stage.partials,
        )
        plan = engine_plan(layer, number, parts.timing, run.conversions_per_unit)
        ends = (replica.arrays_free, replica.converted)
        replica.engine = (
            OperationEngine(parts.kernel, plan, power, *ends, parts.ledger)
            if parts.detail == "operation"
            else WindowEngine(parts.kernel, plan, power, *ends)
        )
        for part in replica.parts:
            part.source.on_arrival.append(replica.try_fetch)
        self.engines.append(replica.engine)
        self.powers.append(power)
        return replica

    def _part(self, run: _Run, number: int, tile: int, home: int) -> Part:
        layer, timing, parts = self.layer, run.parts.timing, run.parts.tile(tile)
        arrays = [array for array in layer.replicas[number] if array.tile == tile]
        bits = _input_bits(layer, arrays)
        port, bus = timing.buffer, timing.bus
        readers = _readers(layer, tile)
        return Part(
            tile=tile,
            source=self.inputs[tile],
            reader=readers.index(number),
            port=parts.port,
            bus=parts.bus,
            fetch=Service((("buffer", "read"),), layer.name, port.accesses(bits), 1, port.access_ps),
            transfer=Service((("bus", "transfer"),), layer.name, bus.accesses(bits), 1, bus.access_ps),
            fetch_bits=bits,
            partial_bits=0 if tile == home else timing.partial_sum_bits * _outputs(layer, arrays),
        )

    def trace(self) -> LayerTrace:
        """Return what the layer did."""
        starts = [replica.first_start_ps for replica in self.replicas if replica.first_start_ps is not None]
        return LayerTrace(
            name=self.layer.name,
            windows=sum(replica.windows for replica in self.replicas),
            first_start_ps=min(starts),
            last_end_ps=self.stage.last_end_ps,
            busy_ps=sum(replica.busy_ps for replica in self.replicas),
            stalled_ps=sum(replica.stalled_ps for replica in self.replicas),
        )


class Pipeline:
    """All layers between source and sink; `start` offers the first row."""

    def __init__(
        self,
        parts: Parts,
        placement: Placement,
        images: int,
        conversions_per_unit: int,
        finished: Callable[[int, int], None],
    ) -> None:
        run = _Run(parts, placement, images, conversions_per_unit)
        sharers = Counter(tile for layer in placement.layers for tile in _tiles(layer))
        if max(sharers) >= min(placement.tiles, prod(parts.timing.grid)):
            raise ModelError(f"tile {max(sharers)} is in use, but the chip has {placement.tiles}")
        streams = [placement.input_shape, *(layer.final_shape for layer in placement.layers)]
        self.layers = [LayerRun(run, index, streams[index], sharers) for index in range(len(placement.layers))]
        self.sink = _sink(run, streams[-1], finished)
        targets: list[list[TileInput]] = [list(layer.inputs.values()) for layer in self.layers]
        for index, layer in enumerate(self.layers):
            last = layer is self.layers[-1]
            layer.stage.stream = Stream(index, [self.sink] if last else targets[index + 1])
        self.source = _source(run, Stream(-1, targets[0]))
        pumps = [self.source.pump, *(layer.stage.pump for layer in self.layers)]
        for pump, inputs in zip(pumps, targets, strict=False):
            for target in inputs:
                target.on_credit = pump
        self.sink.on_credit = pumps[-1]
        self._images = images

    def start(self) -> None:
        """Offer the first row; windows that need nothing but padding start by themselves."""
        self.source.offer()
        for layer in self.layers:
            for replica in layer.replicas:
                replica.try_fetch()

    def check(self, mesh_flits: tuple[int, int]) -> None:
        """Raise ModelError unless every window was done and every flit sent arrived."""
        for layer in self.layers:
            if layer.stage.completed != layer.total:
                raise ModelError(
                    f"layer {layer.layer.name!r} stopped after {layer.stage.completed} of {layer.total} windows"
                )
            for tile, target in layer.inputs.items():
                ring = target.ring
                if not ring.taken == ring.arrived == ring.freed == layer.windows.pixels * self._images:
                    raise ModelError(f"layer {layer.layer.name!r} in tile {tile}: pixels were lost")
        if mesh_flits[0] != mesh_flits[1]:
            raise ModelError(f"mesh: {mesh_flits[0]} flits were sent and {mesh_flits[1]} arrived")


def _tiles(layer: PlacedLayer) -> set[int]:
    return {array.tile for replica in layer.replicas for array in replica}


def _readers(layer: PlacedLayer, tile: int) -> list[int]:
    """The replicas with arrays in a tile."""
    return [number for number, arrays in enumerate(layer.replicas) if any(array.tile == tile for array in arrays)]


def _home(layer: PlacedLayer, replica: int) -> int:
    """The tile where a replica's windows are finished (see `layers`)."""
    pooled = any(operator.kind in ("max_pool", "avg_pool") for operator in layer.post)
    counts = Counter(array.tile for array in layer.replicas[0 if pooled else replica])
    return min(counts, key=lambda tile: (-counts[tile], tile))


def _home_parts(parts: Parts, tile: int) -> Home:
    at = parts.tile(tile)
    return Home(tile, at.adder, at.activation, at.pooling)


def _input_bits(layer: PlacedLayer, arrays: list[PlacedArray]) -> int:
    """Bits of a window's inputs that go to some arrays, rows that they share once."""
    blocks = [layer.row_blocks[number] for number in {array.row_block for array in arrays}]
    return sum(block.stop - block.start for block in blocks) * layer.matrix.input.bits


def _outputs(layer: PlacedLayer, arrays: list[PlacedArray]) -> int:
    """Different outputs that some arrays hold a slice of."""
    held: set[int] = set()
    for array in arrays:
        held.update(range(array.units[0] // layer.slices, -(-array.units[1] // layer.slices)))
    return len(held)


def _inputs(
    run: _Run, at: LayerRun, stream: tuple[int, int, int], sender: str, sharers: Counter[int]
) -> dict[int, TileInput]:
    """The layer's share of the buffer of each of its tiles."""
    timing, layer, windows = run.parts.timing, at.layer, at.windows
    made = {}
    for tile in sorted(_tiles(layer)):
        arrays = [array for replica in layer.replicas for array in replica if array.tile == tile]
        pixel_bits = [values * layer.matrix.input.bits for values in values_needed(layer, stream, arrays)]
        size, least = timing.buffer.size_bits, windows.span + windows.row
        capacity = share_pixels(layer.name, tile, size, sharers[tile], pixel_bits, least)
        end = run.images * windows.pixels
        keep = [windows.keep_from(first) if first < at.total else end for first in _readers(layer, tile)]
        made[tile] = TileInput(
            run.parts.kernel,
            run.parts.mesh,
            run.parts.tile(tile).port,
            tile,
            PixelRing(capacity, keep),
            pixel_bits,
            partial(_write, run, layer.name),
            sender,
        )
    return made


def _write(run: _Run, layer: str, bits: int) -> Service:
    port = run.parts.timing.buffer
    return Service((("buffer", "write"),), layer, port.accesses(bits), 1, port.access_ps)


def _source(run: _Run, stream: Stream) -> Source:
    channels, height, width = run.placement.input_shape
    bits = channels * width * run.placement.layers[0].matrix.input.bits
    border = Border(run.parts.timing, run.parts.off_chip, run.parts.global_buffer, bits)
    capacity = half_of_global(run.parts.timing, "a row of the input", bits)
    return Source(run.parts.kernel, border, capacity, height * run.images, width, stream)


def _sink(run: _Run, shape: tuple[int, int, int], finished: Callable[[int, int], None]) -> Sink:
    last = run.placement.layers[-1]
    bits = shape[0] * output_bits(last)
    border = Border(run.parts.timing, run.parts.off_chip, run.parts.global_buffer, bits)
    ring = PixelRing(half_of_global(run.parts.timing, "an output pixel", bits), [0])
    place = (len(run.placement.layers), last.name, shape[1] * shape[2], bits)
    return Sink(run.parts.kernel, run.parts.mesh, border, ring, place, finished)


def output_bits(layer: PlacedLayer) -> int:
    """Bits of one output value of a layer."""
    return LOGIT_BITS if layer.matrix.output is None else layer.matrix.output.bits
