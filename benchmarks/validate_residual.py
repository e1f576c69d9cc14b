"""Residual networks with and without back-pressure: how much of the time is communication.

    python benchmarks/validate_residual.py [--only NAME] [--bytes N ...] [--json FILE|-]

The chip is `isaac_isca_2016`. A network is compiled once; then the same placement runs with tile buffers just large
enough (`least`), a little larger, as the chip file has them, and of 64 MiB, which no input fills: there back-pressure
never acts.

The share of communication of a time T is 1 - T(ideal network) / T. In the ideal network a packet is one flit of 1 ps,
routers take no time, and buffers have 64 MiB; all else is the same: arrays, ports, buses, digital units, off-chip link.
T is the latency of one image, the steady time an image, or the time of the second convolution, from its first fetch to
its last output. `links`: the share of the latency that ideal links and routers alone would take away, the buffers being
as they are. `waits`: share of the second convolution's time in which its arrays do not multiply, whatever they wait
for.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.arch.timing import Timing
from pillarsim.arch.trace import Trace
from pillarsim.compiled import compile_for
from pillarsim.samples import random_inputs
from pillarsim.workloads.architectures.graph import Graph
from pillarsim.workloads.drawn import drawn
from pillarsim.workloads.network import Network
from pillarsim.workloads.topology import load_network

CHIP = "isaac_isca_2016"
BYTE = 8  # bits
UNBOUNDED = 64 << 20  # bytes; larger than all inputs of all stages of any network here
ABOVE_LEAST = (1.05, 1.1)  # times the least size
STREAM = 6  # images; the steady time is the mean of the last five
SECOND = 1  # number of the second convolution among the stages
# PIMSIM-NN (send and receive wait for one another) and MNSIM 2.0 (a closed form), second convolution; the figure is
# quoted from their comparison (DATE, late breaking results), which the facts at hand do not define further.
PEERS = MappingProxyType({"PIMSIM-NN": 0.77, "MNSIM 2.0": 0.18})
BALANCED = "mapping.replicas=balanced"
COPIES = "mapping.replicas=4"
SMALL_BUFFERS = "tile.buffer.size=24 KiB"  # the compiler takes 22 016 B or more for ResNet-18
SMALL_TILES = "tile.macro.count=1"  # 8 arrays a tile, so that a small network is not in one tile


@dataclass(frozen=True, eq=False)
class Placed:
    """A network on the chip."""

    chip: Chip
    timing: Timing
    placement: Placement


@dataclass(frozen=True)
class Line:
    """One line of the table; seconds, shares from 0 to 1, flits times links in an image."""

    network: str
    buffer: str
    buffer_bytes: int
    first_s: float
    steady_s: float
    share_first: float
    share_steady: float
    share_second: float
    links_first: float
    waits_second: float
    flit_hops: int


def small(*, residual: bool) -> Network:
    """Six convolutions 3 x 3 on 3 x 32 x 32, 32 channels; with `residual` a sum over each two of the last four."""
    graph = Graph("small-residual" if residual else "small-plain", (3, 32, 32))
    for number in range(2):
        graph.conv(f"conv{number + 1}", 32, 3, padding=1)
        graph.relu(f"relu{number + 1}")
    for block in range(2):
        taken = graph.at
        graph.conv(f"block{block}.conv1", 32, 3, padding=1)
        graph.relu(f"block{block}.relu1")
        found = graph.conv(f"block{block}.conv2", 32, 3, padding=1)
        if residual:
            graph.residual(f"block{block}.add", found, taken)
        graph.relu(f"block{block}.relu2")
    graph.global_average("average")
    graph.linear("fc", 10)
    return drawn(graph.network(), seed=0)


# name -> (network, what is set over the chip file)
CASES: Mapping[str, tuple[Callable[[], Network], tuple[str, ...]]] = MappingProxyType(
    {
        "resnet18": (partial(load_network, "resnet18"), ()),
        "resnet18-balanced": (partial(load_network, "resnet18"), (BALANCED,)),
        "resnet18-24KiB": (partial(load_network, "resnet18"), (BALANCED, SMALL_BUFFERS)),
        "small-residual": (partial(small, residual=True), (SMALL_TILES,)),
        "small-residual-4": (partial(small, residual=True), (SMALL_TILES, COPIES)),
        "small-plain-4": (partial(small, residual=False), (SMALL_TILES, COPIES)),
    }
)


def place(network: Network, sets: Sequence[str]) -> Placed:
    """Compile a network; its scales come from random inputs and change no time."""
    chip = load_chip(CHIP, sets).chip
    timing = build_timing(chip.hardware, build_components(chip.hardware), chip.idle)
    return Placed(chip, timing, compile_for(chip, network, random_inputs(network, 2, 0).inputs, timing))


def with_buffers(timing: Timing, size_bytes: int) -> Timing:
    """The same with tile buffers of another size, and the same time of an access."""
    return replace(timing, buffer=replace(timing.buffer, size_bits=size_bytes * BYTE))


def ideal_links(timing: Timing) -> Timing:
    """Routers without time, and a packet one flit of 1 ps, the event model's shortest."""
    return replace(timing, router_ps=0, flit_ps=1, link_width=1 << 40)


def ideal_network(timing: Timing) -> Timing:
    """Ideal links, and buffers that are never full."""
    return ideal_links(with_buffers(timing, UNBOUNDED))


def least_bytes(placed: Placed) -> int:
    """The smallest tile buffer, to the byte, with which this placement runs."""
    low, high = 0, placed.timing.buffer.size_bits // BYTE
    while high - low > 1:
        middle = (low + high) // 2
        try:
            make_plan(placed.placement, with_buffers(placed.timing, middle), 1)
            high = middle
        except FitError:
            low = middle
    return high


def timed(placed: Placed, timing: Timing, images: int) -> Trace:
    """Stream images through the placement."""
    arrays = placed.chip.tile.arrays_per_level
    return simulate(placed.placement, timing, placed.chip.idle, images, "window", arrays_per_tile=arrays)


def flit_hops(trace: Trace) -> int:
    """Flits over links, an image."""
    return sum(n for (role, _, _), n in trace.ledger.counts.items() if role == "link") // trace.images


def lines(
    name: str, network: Network, sets: Sequence[str], images: int = STREAM, more: Sequence[int] = ()
) -> list[Line]:
    """The lines of one network, by size of the tile buffer; `more`: further sizes in bytes."""
    placed = place(network, sets)
    least, own = least_bytes(placed), placed.timing.buffer.size_bits // BYTE
    above = {f"{times:g} x least": int(times * least) for times in ABOVE_LEAST}
    sizes = {"least": least, **{label: size for label, size in above.items() if size < own}}
    sizes |= {
        "as the chip": own,
        "unbounded": UNBOUNDED,
        **{f"asked {place}": size for place, size in enumerate(more) if size >= least},
    }
    ideal = _Times.of(placed, ideal_network(placed.timing), images)
    made = []
    for label, size in sizes.items():
        timing = with_buffers(placed.timing, size)
        found = _Times.of(placed, timing, images)
        links_ps = timed(placed, ideal_links(timing), 1).finished_ps[0]
        made.append(
            Line(
                network=name,
                buffer=label,
                buffer_bytes=size,
                first_s=found.first_ps * 1e-12,
                steady_s=found.steady_ps * 1e-12,
                share_first=1 - ideal.first_ps / found.first_ps,
                share_steady=1 - ideal.steady_ps / found.steady_ps,
                share_second=1 - ideal.second_ps / found.second_ps,
                links_first=1 - links_ps / found.first_ps,
                waits_second=1 - found.busy_ps / found.second_ps,
                flit_hops=found.hops,
            )
        )
    return made


@dataclass(frozen=True)
class _Times:
    """Picoseconds of one image alone (first, second convolution, a copy's busy arrays) and of a stream; flits."""

    first_ps: int
    steady_ps: float
    second_ps: int
    busy_ps: float
    hops: int

    @classmethod
    def of(cls, placed: Placed, timing: Timing, images: int) -> _Times:
        """Run one image, and a stream."""
        once, stream = timed(placed, timing, 1), timed(placed, timing, images)
        second, stage = once.layers[SECOND], placed.placement.stages[SECOND]
        copies = len(placed.placement.layers[stage.layers[0]].replicas)
        return cls(
            first_ps=once.finished_ps[0],
            steady_ps=(stream.finished_ps[-1] - stream.finished_ps[0]) / (images - 1),
            second_ps=second.last_end_ps - second.first_start_ps,
            busy_ps=second.busy_ps / copies,
            hops=flit_hops(once),
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=tuple(CASES))
    parser.add_argument("--bytes", type=int, nargs="*", default=[], metavar="N", help="further sizes of the buffer")
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    options = parser.parse_args()
    names = [options.only] if options.only else list(CASES)
    found = [line for name in names for line in lines(name, CASES[name][0](), CASES[name][1], STREAM, options.bytes)]
    text = json.dumps({"peers": dict(PEERS), "lines": [asdict(line) for line in found]}, indent=2)
    if options.json == "-":
        print(text)
        return
    print(f"{'':19}{'tile buffer':>24}{'latency':>12}{'an image':>12}", end="")
    print(f"{'share of':>10}{'':9}{'second':>10}{'links':>8}{'waits':>8}{'flits x':>12}")
    print(f"{'':19}{'B':>24}{'us':>12}{'us':>12}{'latency':>10}{'stream':>9}{'conv.':>10}{'':16}{'links':>12}")
    for line in found:
        first, steady, second, links, waits = (
            round(share, 3) + 0.0  # no "-0.0"
            for share in (
                line.share_first, line.share_steady, line.share_second, line.links_first, line.waits_second
            )
        )  # fmt: skip
        shares = f"{first:10.1%}{steady:9.1%}{second:10.1%}{links:8.1%}{waits:8.1%}"
        times = f"{line.first_s * 1e6:12.2f}{line.steady_s * 1e6:12.2f}"
        print(f"{line.network:19}{line.buffer:>14}{line.buffer_bytes:10}{times}{shares}{line.flit_hops:12}")
    print("\nsecond convolution, published:", ", ".join(f"{name} {share:.0%}" for name, share in PEERS.items()))
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
