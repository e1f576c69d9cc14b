"""Stream images through the layer pipeline: when things happen and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.ledger import Ledger
from pillarsim.arch.placement import PlacedArray, PlacedLayer, Placement
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.parts import Parts
from pillarsim.arch.simulate.pipeline import LayerRun, Pipeline
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import Trace

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["simulate"]

DETAILS = ("window", "operation")


def simulate(
    placement: Placement,
    timing: Timing,
    idle: Idle,
    images: int,
    detail: str,
    *,
    arrays_per_tile: int,
    conversions_per_unit: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Trace:
    """Stream `images` images through `placement` without pause and return times, counts and power states.

    placement.tiles and arrays_per_tile say how many units the chip has, used or not. conversions_per_unit is 2 where
    the columns of a differential pair are converted apart. `progress` is called with the number of finished images.
    Both details return the same Trace but for `detail`, `events`, `cpu_s` and `wall_s`.

    Raises FitError where a buffer cannot hold what one window needs, InputError for an unknown detail or no image,
    ModelError where a conservation law fails.
    """
    if detail not in DETAILS:
        raise InputError(f"detail: expected {' or '.join(map(repr, DETAILS))}, found {detail!r}")
    if images < 1:
        raise InputError(f"images: expected at least 1, found {images}")
    cpu, wall = time.process_time(), time.perf_counter()
    finished: dict[int, int] = {}

    def finish(image: int, time_ps: int) -> None:
        finished[image] = time_ps
        if progress is not None:
            progress(len(finished))

    kernel = Kernel()
    parts = Parts(kernel, timing, idle, detail)
    pipeline = Pipeline(parts, placement, images, conversions_per_unit, finish)
    pipeline.start()
    kernel.run()
    pipeline.check((parts.mesh.sent_flits, parts.mesh.arrived_flits))
    if len(finished) != images:
        raise ModelError(f"{len(finished)} of {images} images left the chip")
    for layer in pipeline.layers:
        _settle(layer, parts.ledger, timing.partial_sum_bits)
    span_ps = kernel.time_ps
    return Trace(
        detail=detail,
        images=images,
        finished_ps=tuple(finished[image] for image in range(images)),
        span_ps=span_ps,
        ledger=parts.ledger,
        states=parts.states(placement.tiles, arrays_per_tile, span_ps),
        layers=tuple(layer.trace() for layer in pipeline.layers),
        events=kernel.processed(),
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - wall,
    )


def _settle(layer: LayerRun, ledger: Ledger, partial_sum_bits: int) -> None:
    """Enter what follows from the number of windows: engines in closed form, registers, busy time."""
    name, placed = layer.layer.name, layer.layer
    for engine, power, replica in zip(layer.engines, layer.powers, layer.replicas, strict=True):
        engine.settle(ledger)
        arrays = placed.replicas[replica.index]
        ledger.busy("array", name, power.arrays.active_ps * len(arrays))
        ledger.busy("converter", name, power.converters.active_ps * len(arrays))
        for role, bits in (
            ("input_register", sum(input_bits(placed, array) for array in arrays)),
            ("output_register", sum(outputs_of(placed, array) for array in arrays) * partial_sum_bits),
        ):
            ledger.add(role, "write", name, replica.windows * bits)
            ledger.add(role, "read", name, replica.windows * bits)


def input_bits(layer: PlacedLayer, array: PlacedArray) -> int:
    """Bits of a window's inputs in the input register beside one array."""
    block = layer.row_blocks[array.row_block]
    return (block.stop - block.start) * layer.matrix.input.bits


def outputs_of(layer: PlacedLayer, array: PlacedArray) -> int:
    """Outputs of which one array holds a slice: partial sums in the output register beside it."""
    first, last = array.units
    return -(-last // layer.slices) - first // layer.slices
