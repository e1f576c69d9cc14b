"""Two chips in silicon and two simulators beside this one: energy, latency and area as they come out, and what differs.

    python benchmarks/validate_peers.py [--only chips|peers|reasons|NAME] [--json FILE|-]

chips    `neurram_wan_2022` and `huo_natelec_2022`, one array multiplying without pause, beside what was measured
peers    the LeNet of docs/validation/lenet_peers.yaml on chips set up like configurations of MNSIM 2.0 and of
         DNN+NeuroSim V1.4 (docs/validation/*.yaml), beside what those simulators print
reasons  the same with one key changed, for each difference above two

Weights are drawn from a seed and no image is evaluated, so every input bit is 1 with probability 0.5. Energy is dynamic
unless it is called leakage. The peers start and end on the chip, so off-chip link and global buffer are left out of
our side (NeuroSim has a global buffer: there it stays).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.array_clock import partial_sum_bits
from pillarsim.arch.reader import read_yaml
from pillarsim.job import RunOptions, run
from pillarsim.workloads.network import Conv2d, Flatten, Layer, Linear, Network
from pillarsim.workloads.topology import load_network

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "validation"
SILICON = ("neurram_wan_2022", "huo_natelec_2022")
PIPELINED = 4  # images of a pipelined run: the steady time is the mean of the last three
MULTIPLICATIONS = 32  # of one array; energies and times are means over them
REPLICAS = "mapping.replicas={conv1: 16, conv2: 8}"  # 52 of the 80 arrays that NeuroSim takes
HELD = "readout.sample_hold=isaac_sample_hold"
CHEAP_DRIVER = "input.driver.component=dac_multibit"
CIMLOOP_CELL = (
    "array.cell.lrs=250 kOhm",
    "array.cell.level_error=null",
    "array.cell.retention=null",
    "array.cell.verified=false",
)
# What one choice does: chip, what is set over its file, the quantity that differs.
REASONS = (
    ("neurram_wan_2022", CIMLOOP_CELL, "input pulses"),
    ("neurram_wan_2022", CIMLOOP_CELL, "tops_per_w"),
    ("huo_natelec_2022", (CHEAP_DRIVER,), "tops_per_w"),
    ("huo_natelec_2022", (CHEAP_DRIVER, "technology.regulator=ideal"), "tops_per_w"),
    ("huo_natelec_2022", ("weights.accumulate_bits=digital",), "tops_per_w"),
    ("huo_natelec_2022", ("array.staircase_step=0 nm",), "bit_per_um2"),
    ("mnsim_default", ("tile.buffer.width=1024",), "layer_by_layer_us"),
    ("mnsim_default", (HELD,), "crossbars"),
    ("mnsim_default", (HELD, "array.read_time=3.16 ns"), "crossbars"),
    ("mnsim_isaac128", ("readout.columns_shared=6",), "first_us"),
    ("mnsim_isaac128", ("readout.columns_shared=16",), "first_us"),
    ("mnsim_isaac128", (HELD,), "energy_nj"),
    ("neurosim_rram22", (REPLICAS,), "layer_by_layer_us"),
    ("neurosim_rram22", (REPLICAS,), "steady_us"),
    ("neurosim_rram22", (HELD,), "energy_nj"),
    ("neurosim_rram22", (HELD, CHEAP_DRIVER), "energy_nj"),
    ("neurosim_rram22", ("tile.count={x: 5, y: 4}", "tile.arrays=4"), "interconnect"),
    ("neurosim_rram22", ("readout.model=isaac_isca_2016", CHEAP_DRIVER), "leakage_uw"),
    ("neurosim_rram65", (REPLICAS,), "layer_by_layer_us"),
    ("neurosim_rram65", (HELD,), "energy_nj"),
)


@dataclass(frozen=True)
class Measured:
    """One run: seconds and joules an image, watts, square metres; by part where a mapping."""

    first_s: float
    steady_s: float | None
    dynamic_j: Mapping[str, float]
    leakage_w: Mapping[str, float]
    area_m2: Mapping[str, float]
    conversions: int


@dataclass(frozen=True)
class Line:
    """One line of a table; `reference` is what was published, measured, or printed by the peer."""

    of: str
    what: str
    reference: float
    ours: float

    def json(self) -> dict[str, Any]:
        """The line as plain data."""
        ratio = self.ours / self.reference
        return {"of": self.of, "what": self.what, "reference": self.reference, "ours": self.ours, "ratio": ratio}


def measure(chip: str, network: Network, images: int = 1, sets: Sequence[str] = ()) -> Measured:
    """Run `network` on a preset or a file of docs/validation, without values."""
    file = FOLDER / f"{chip}.yaml"
    loaded = load_chip(str(file) if file.is_file() else chip, sets)
    report = run(loaded, network, RunOptions(samples=0, seeds=1, images=images))
    leakage_w: dict[str, float] = report["leakage_w"]["by_component"]
    dynamic_j = {
        part: energy_j - leakage_w.get(part, 0.0) * report["span_s"] / images
        for part, energy_j in report["energy_j"]["by_component"].items()
    }
    return Measured(
        first_s=report["latency_s"]["first_result"],
        steady_s=report["latency_s"]["per_image_steady"],
        dynamic_j=dynamic_j,
        leakage_w=leakage_w,
        area_m2=report["area_m2"]["by_component"],
        conversions=report["adc"]["conversions"] // images,
    )


def some(values: Mapping[str, float], parts: Sequence[str]) -> float:
    """Sum over the parts that are named."""
    return sum(values.get(part, 0.0) for part in parts)


def but(values: Mapping[str, float], parts: Sequence[str]) -> float:
    """Sum over all parts but those named."""
    return sum(value for part, value in values.items() if part not in parts)


def seeded(network: Network, seed: int = 0) -> Network:
    """The network with normal weights of variance 2 / inputs, drawn from `seed`, and biases of 0."""
    draws = np.random.default_rng(seed)
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Conv2d | Linear):
            shape = layer.weight.shape
            scale = float(np.sqrt(2 / np.prod(shape[1:])))
            layers.append(replace(layer, weight=(draws.standard_normal(shape) * scale).astype(np.float32)))
        else:
            layers.append(layer)
    return replace(network, layers=tuple(layers))


def lenet() -> Network:
    """The LeNet of the peers; its weights are drawn when it is loaded."""
    return load_network(FOLDER / "lenet_peers.yaml")


def layers_alone(network: Network) -> list[Network]:
    """Each matrix layer with the operators behind it, as a network of its own."""
    parts, shape, start = [], network.input_shape, 0
    for index, out in enumerate(network.shapes):
        if index + 1 < len(network.layers) and not isinstance(network.layers[index + 1], Conv2d | Linear):
            continue
        ending = () if len(out) == 1 else (Flatten("ending"),)
        name = network.layers[start].name
        parts.append(Network(name, shape, (*network.layers[start : index + 1], *ending), None))
        shape, start = out, index + 1
    return parts


def one_array(inputs: int, outputs: int) -> Network:
    """A 1 x 1 convolution: one multiplication with a matrix of `inputs` x `outputs` a position."""
    weight, bias = np.zeros((outputs, inputs, 1, 1), np.float32), np.zeros(outputs, np.float32)
    layers = (Conv2d("conv1", weight, bias), Flatten("flatten"))
    return seeded(Network("one-array", (inputs, MULTIPLICATIONS, 1), layers, None))


def neurram(published: dict[str, Any], sets: Sequence[str] = ()) -> list[Line]:
    """One core of NeuRRAM multiplying without pause; 256 x 128 weights are a core's, rates are of 48 cores."""
    inputs, outputs, cores = 256, 128, 48
    name, parts = "neurram_wan_2022", published["parts"]
    found = measure(name, one_array(inputs, outputs), 3, sets)
    assert found.steady_s is not None
    ops, time_s = 2 * inputs * outputs, found.steady_s / MULTIPLICATIONS
    core_parts = [*parts["word lines"], *parts["neurons"], *parts["input pulses"]]
    energy_j = some(found.dynamic_j, core_parts) / MULTIPLICATIONS
    lines = [
        Line(name, "tops", published["tops"], cores * ops / time_s / 1e12),
        Line(name, "tops_per_w", published["tops_per_w"], ops / energy_j / 1e12),
    ]
    for part, reference in published["energy_fj_per_op"].items():
        ours = some(found.dynamic_j, parts[part]) / MULTIPLICATIONS / ops * 1e15
        lines.append(Line(name, f"{part}, fJ an operation", reference, ours))
    for part, reference in published["core_area_mm2"].items():
        lines.append(Line(name, f"{part}, mm2 a core", reference, some(found.area_m2, parts[part]) / cores * 1e6))
    return lines


def huo(published: dict[str, Any], sets: Sequence[str] = ()) -> list[Line]:
    """The macro of Huo et al. multiplying 128 inputs with its 128 weights."""
    name, inputs = "huo_natelec_2022", 128
    found = measure(name, one_array(inputs, 1), 3, sets)
    chip = load_chip(name, sets).chip
    energy_j = some(found.dynamic_j, published["parts"]["macro"]) / MULTIPLICATIONS
    array, bits = chip.array, chip.bits_per_cell
    stored = array.layers * array.rows * array.columns * bits
    return [
        Line(name, "tops_per_w", published["tops_per_w"], 2 * inputs / energy_j / 1e12),
        Line(name, "bit_per_um2", published["bit_per_um2"], stored / (found.area_m2["array"] * 1e12)),
        Line(name, "output_bits", published["output_bits"], partial_sum_bits(chip.hardware)),
    ]


def peer(name: str, published: dict[str, Any], sets: Sequence[str] = ()) -> list[Line]:
    """The LeNet on one peer's configuration: what the peer prints, and ours."""
    network, without = lenet(), published["without"]
    once = measure(name, network, 1, sets)
    ours = {
        "first_us": once.first_s * 1e6,
        "area_mm2": but(once.area_m2, without) * 1e6,
        "energy_nj": but(once.dynamic_j, without) * 1e9,
        "leakage_uw": but(once.leakage_w, without) * 1e6,
    }
    if "layer_by_layer_us" in published:
        alone = [measure(name, part, 1, _fitting(sets, part)) for part in layers_alone(network)]
        ours["layer_by_layer_us"] = sum(part.first_s for part in alone) * 1e6
    if "steady_us" in published:
        steady_s = measure(name, network, PIPELINED, sets).steady_s
        assert steady_s is not None
        ours["steady_us"] = steady_s * 1e6
    lines = [Line(name, what, published[what], value) for what, value in ours.items() if what in published]
    for part, reference in published.get("energy_by_part_nj", {}).items():
        lines.append(Line(name, f"{part}, nJ", reference, some(once.dynamic_j, published["parts"][part]) * 1e9))
    for part, reference in published.get("area_by_part_mm2", {}).items():
        lines.append(Line(name, f"{part}, mm2", reference, some(once.area_m2, published["parts"][part]) * 1e6))
    return lines


def _fitting(sets: Sequence[str], part: Network) -> list[str]:
    """`sets` with the replicas of a layer that stands alone only."""
    counts = {"conv1": 16, "conv2": 8}
    own = f"mapping.replicas={counts.get(part.layers[0].name, 1)}"
    return [own if text == REPLICAS else text for text in sets]


def compare(name: str, published: dict[str, Any], sets: Sequence[str] = ()) -> list[Line]:
    """The lines of one chip or configuration, with `sets` over its file."""
    if name == "neurram_wan_2022":
        return neurram(published, sets)
    if name == "huo_natelec_2022":
        return huo(published, sets)
    return peer(name, published, sets)


def reasons(published: dict[str, Any], base: Sequence[Line]) -> list[dict[str, Any]]:
    """For each of REASONS the line before and after the change."""
    found = []
    for name, sets, what in REASONS:
        before, after = (
            next(line for line in lines if line.of == name and line.what.split(",")[0] == what)
            for lines in (base, compare(name, published[name], sets))
        )
        found.append({**before.json(), "what": before.what, "changed": list(sets), "changed_to": after.ours})
    return found


def tables(only: str | None) -> dict[str, list[dict[str, Any]]]:
    """The tables by name; `only` takes one of them, or the lines of one chip or configuration."""
    published = cast(dict[str, Any], read_yaml(FOLDER / "published.yaml").data)
    names = [name for name in published if only in (None, "reasons", name, _table(name))]
    lines = {name: compare(name, published[name]) for name in names}
    found: dict[str, list[dict[str, Any]]] = {}
    if only != "reasons":
        for name in names:
            found.setdefault(_table(name), []).extend(line.json() for line in lines[name])
    if only in (None, "reasons"):
        found["reasons"] = reasons(published, [line for name in names for line in lines[name]])
    return found


def _table(name: str) -> str:
    return "chips" if name in SILICON else "peers"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="TABLE|NAME", help="chips, peers, reasons, or one chip or configuration")
    parser.add_argument("--json", metavar="FILE", help="'-' is standard output")
    options = parser.parse_args()
    result = tables(options.only)
    if not result:
        parser.error(
            f"--only {options.only}: expected chips, peers, reasons, or a name of docs/validation/published.yaml"
        )
    text = json.dumps(result, indent=2)
    if options.json == "-":
        print(text)
        return
    for kind, rows in result.items():
        print(f"{kind:18}{'':28}{'reference':>12}{'ours':>12}{'ratio':>10}")
        for row in rows:
            changed = f"  {row['changed_to']:.4g} with {', '.join(row['changed'])}" if "changed" in row else ""
            ratio = f"{row['reference']:12.4g}{row['ours']:12.4g}{row['ratio']:10.3g}"
            print(f"{row['of']:18}{row['what']:28}{ratio}{changed}")
        print()
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
