"""ISAAC-CE with every array reading all the time: power and throughput of an event run beside the published table.

    python benchmarks/validate_isaac.py [--tiles XxY] [--images N] [--json FILE|-]

The chip is `isaac_isca_2016` as shipped with two replicas a layer. The workload is a chain of convolutions 3 x 1 from
256 to 256 channels over 128 positions: 768 x 256 weights fill the 96 arrays of a tile to the last cell, a replica a
tile, 84 layers on 168 tiles. Inputs are 1; weights are seeded and so small beside a bias of 1 that every activation
takes the largest code: every input bit is 1 but the padding's.
A replica's partial sums meet in its own tile (1536 additions in a window of 1920 cycles); it hands 128 flits a window
to each tile of the next layer, beside it in the mesh. Neither the mesh nor the off-chip link can be the limit: in 1.6
us two replicas send 512 flits (1920 fit), and 2 x 256 inputs of 16 bits and outputs of 32 cross 15.4 of 204.8 Gb/s.

Two runs of N and N + 2 images, N large enough that the last layer is at work long before the first is done. Their
difference is two images of steady state, without filling and draining: energy of each part over time, and the share of
that time in which the arrays of each layer read. `--tiles` takes a smaller mesh; powers scale with its tiles.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.activity import Activity, LayerActivity
from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.costing import Costs, cost
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.trace import Trace
from pillarsim.compiled import compile_for
from pillarsim.workloads.network import Conv2d, Layer, Network, Relu

CHANNELS, KERNEL, POSITIONS, REPLICAS, MORE_IMAGES = 256, 3, 128, 2, 2
WEIGHTS = 2e-8  # deviation of a weight: 768 of them move a value of 1 by 2e-6 at most, a quarter of half a code
CHUNKS, SLICES, ROWS, OUTPUTS_PER_ARRAY = 16, 8, 128, 16  # ISAAC: bits read one by one, 2-bit cells, 128 x 128
TILES, MACROS = 168, 12  # ISAAC (ISCA 2016), Table I: tiles of the chip, IMAs of a tile
TOPS = 41.29  # 16 128 arrays x 128 rows x 16 weights x 2 / 1.6 us, from Table I
SATURATED = ("array", "converter", "driver", "sample_hold", "shift_add")
TWICE = "   written and read at the full rate, each charged with the published energy"
NOTES = {"input_register": TWICE, "output_register": TWICE}
# ISAAC (ISCA 2016), Table I: milliwatts of all instances in one IMA, in one tile, on the chip
IMA_MW = {
    "array": 2.4, "converter": 16.0, "driver": 4.0, "sample_hold": 0.01, "shift_add": 0.2,
    "input_register": 1.24, "output_register": 0.23,
}  # fmt: skip
TILE_MW = {
    "buffer": 20.7, "bus": 7.0, "router": 10.5, "activation": 0.52, "adder": 0.05, "pooling": 0.4,
    "tile_output_register": 1.68,
}  # fmt: skip
CHIP_MW = {"off_chip": 10.4e3}


@dataclass(frozen=True)
class Row:
    """One part: published watts of the chip, watts of the event run (scaled to the chip's tiles), and their ratio."""

    part: str
    published_w: float
    simulated_w: float
    saturated: bool

    @property
    def ratio(self) -> float:
        """Simulated over published."""
        return self.simulated_w / self.published_w


def network(depth: int, seed: int = 0) -> Network:
    """A chain of `depth` convolutions with one set of seeded weights, whose sums move no code, and biases of 1."""
    draws = np.random.default_rng(seed).standard_normal((CHANNELS, CHANNELS, KERNEL, 1), dtype=np.float32)
    weights, bias = draws * np.float32(WEIGHTS), np.ones(CHANNELS, np.float32)
    layers: list[Layer] = []
    for number in range(depth):
        layers.append(Conv2d(f"conv{number + 1}", weights, bias, padding=(KERNEL // 2, 0)))
        layers.append(Relu(f"relu{number + 1}"))
    return Network(f"saturating-{depth}", (CHANNELS, POSITIONS, 1), tuple(layers), None)


def ones() -> NDArray[np.float32]:
    """One image, all 1."""
    return np.ones((1, CHANNELS, POSITIONS, 1), np.float32)


def saturating_chip(x: int = 14, y: int = 12) -> Chip:
    """ISAAC with a mesh of x by y tiles and two replicas a layer."""
    return load_chip("isaac_isca_2016", [f"tile.count={{x: {x}, y: {y}}}", f"mapping.replicas={REPLICAS}"]).chip


def place(chip: Chip, depth: int) -> Placement:
    """Compile the chain for the chip."""
    return compile_for(chip, network(depth), ones())


def full_activity(name: str) -> LayerActivity:
    """Every input bit is 1 but the padding's, which the first and the last window have in a third of their rows."""
    driven = KERNEL * CHANNELS * (1 - 2 / (KERNEL * POSITIONS))
    return LayerActivity(
        name=name,
        chunks=CHUNKS,
        drives=driven * CHUNKS * CHANNELS / OUTPUTS_PER_ARRAY,
        conductance_s=0.0,  # the chip states its read energy
        sneak_s=0.0,
        wires_s=0.0,
        conductance_time=0.0,
        spikes=0.0,
        conversions=KERNEL * CHANNELS // ROWS * CHUNKS * CHANNELS * SLICES,
        clipped=0.0,
    )


def event_run(chip: Chip, placement: Placement, images: int) -> tuple[Trace, Costs]:
    """Simulate `images` images and cost them."""
    components = build_components(chip.hardware)
    timing = build_timing(chip.hardware, components, chip.idle)
    trace = simulate(placement, timing, chip.idle, images, "window", arrays_per_tile=chip.tile.arrays_per_level)
    activity = Activity(tuple(full_activity(layer.name) for layer in placement.layers), (), "every input bit is 1")
    costs = cost(
        trace,
        placement,
        components,
        activity,
        array=chip.array,
        technology=chip.technology,
        idle=chip.idle,
        timing=timing,
    )
    return trace, costs


def validate(x: int, y: int, images: int) -> dict[str, Any]:
    """Run and compare; powers and throughput are those of 168 tiles."""
    chip, tiles = saturating_chip(x, y), x * y
    placement = place(chip, tiles // REPLICAS)
    short, less = event_run(chip, placement, images)
    if short.layers[-1].first_start_ps >= short.layers[0].last_end_ps:
        raise SystemExit(f"--images {images}: the first layer is done before the last starts; expected more images")
    long, more = event_run(chip, placement, images + MORE_IMAGES)
    steady_s, scale = (long.span_ps - short.span_ps) * 1e-12, TILES / tiles
    before, after = less.by("role"), more.by("role")
    published = {
        **{part: TILES * MACROS * mw * 1e-3 for part, mw in IMA_MW.items()},
        **{part: TILES * mw * 1e-3 for part, mw in TILE_MW.items()},
        **{part: mw * 1e-3 for part, mw in CHIP_MW.items()},
    }
    rows = []
    for part, watts in published.items():
        power_w = (after.get(part, 0.0) - before.get(part, 0.0)) / steady_s * (1 if part in CHIP_MW else scale)
        rows.append(Row(part, watts, power_w, part in SATURATED))
    weights = len(placement.layers) * KERNEL * CHANNELS**2
    macs = weights * POSITIONS
    tops = 2 * macs * MORE_IMAGES / steady_s * scale / 1e12
    busy = [
        (b.busy_ps - a.busy_ps) / (long.span_ps - short.span_ps) / REPLICAS
        for a, b in zip(short.layers, long.layers, strict=True)
    ]
    total_w = sum(row.simulated_w for row in rows)
    return {
        "chip": "isaac_isca_2016",
        "tiles": tiles,
        "layers": len(placement.layers),
        "arrays": sum(layer.arrays for layer in placement.layers),
        "weights": weights,
        "images": [images, images + MORE_IMAGES],
        "first_result_s": short.finished_ps[0] * 1e-12,
        "steady_s_per_image": steady_s / MORE_IMAGES,
        "arrays_busy": {"least": min(busy), "most": max(busy)},
        "tops": {"published": TOPS, "simulated": tops, "ratio": tops / TOPS},
        "power_w": [
            {
                "part": row.part,
                "published": row.published_w,
                "simulated": row.simulated_w,
                "ratio": row.ratio,
                "saturated": row.saturated,
            }
            for row in rows
        ],
        "total_w": {
            "published": sum(published.values()),
            "simulated": total_w,
            "ratio": total_w / sum(published.values()),
        },
        "events": short.events + long.events,
        "cpu_s": short.cpu_s + long.cpu_s,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """The result as a table."""
    busy = result["arrays_busy"]
    shown = [
        f"{result['tiles']} tiles, {result['arrays']} arrays, {result['layers']} layers of {REPLICAS} replicas, "
        f"{result['weights']} weights; {result['images'][1]} images less {result['images'][0]}",
        f"arrays busy {busy['least']:.4%} to {busy['most']:.4%} of the time, by layer; "
        f"{result['events']} events, {result['cpu_s']:.1f} CPU s",
        "",
        f"{'of 168 tiles':22}{'published':>12}{'event run':>12}{'ratio':>9}",
        f"{'throughput, TOPS':22}{TOPS:12.2f}{result['tops']['simulated']:12.2f}{result['tops']['ratio']:9.4f}",
    ]
    for row in result["power_w"]:
        note = "" if row["saturated"] else NOTES.get(row["part"], "   as this workload uses it, not at its peak")
        label = f"{row['part']}, W"
        shown.append(f"{label:22}{row['published']:12.4g}{row['simulated']:12.4g}{row['ratio']:9.4f}{note}")
    total = result["total_w"]
    shown.append(f"{'all, W':22}{total['published']:12.4g}{total['simulated']:12.4g}{total['ratio']:9.4f}")
    return shown


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiles", default="14x12", metavar="XxY", help="tiles of the mesh, an even number")
    parser.add_argument("--images", type=int, default=6, help="images of the shorter run")
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    options = parser.parse_args()
    x, _, y = options.tiles.partition("x")
    if not (x.isdigit() and y.isdigit()) or int(x) * int(y) < REPLICAS or int(x) * int(y) % REPLICAS:
        parser.error(f"--tiles {options.tiles}: expected two numbers as in 14x12, with an even product")
    result = validate(int(x), int(y), options.images)
    text = json.dumps(result, indent=2)
    if options.json == "-":
        print(text)
        return
    print("\n".join(lines(result)))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
