"""The graph's totals against the paper's, and what it takes of a chip's tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.multiresbind2021.plan import PRESET, SEED
from pillarsim.workloads.architectures import multi_resbind
from pillarsim.workloads.drawn import drawn
from pillarsim.workloads.network import BatchNorm, Conv2d, Linear, Network, parameters

__all__ = ["TOTALS", "Tiles", "graph_claim", "normalisation", "on_tiles", "tiles_claims"]

# (labels, channels) -> weights and biases as Keras counts them, batch norm included; MACs
# Multi-resBind's public code; None: follows from no printed number
TOTALS: dict[tuple[int, int], tuple[int, int | None]] = {
    (27, 8): (497_563, 18_231_552),
    (21, 8): (496_021, None),
    (11, 8): (493_451, None),
    (27, 14): (503_899, 19_181_952),
    (27, 10): (499_675, 18_548_352),
}
WEIGHTS = 494_619  # of the first, without batch norm
NORMALISATION = 2_944  # numbers of batch norm: 4 a channel of five convolutions of 96 and of 256 units
PERIOD_TOLERANCE = 0.01  # of the closed form, which leaves filling and draining of the pipeline out; our choice


def normalisation(network: Network) -> int:
    """Numbers of batch norm: scale, shift, mean and variance of each channel."""
    norms = [layer for layer in network.layers if isinstance(layer, BatchNorm)]
    return sum(array.size for layer in norms for array in parameters(layer).values())


def graph_claim() -> Claim:
    """Claim e1: the totals of every network that the paper has."""
    wrong, first = [], multi_resbind()
    for (labels, channels), (keras, macs) in TOTALS.items():
        network = multi_resbind(labels, channels)
        found = (network.weights + normalisation(network), network.macs if macs is not None else None)
        if found != (keras, macs) or network.shapes[-1] != (labels,) or normalisation(network) != NORMALISATION:
            wrong.append(
                f"{labels} labels, {channels} channels: {found[0]} and {found[1]}, output {network.shapes[-1]}"
            )
    combinations = ", ".join(f"{labels}/{channels}" for labels, channels in TOTALS)
    return Claim(
        "e1",
        f"graph of 27 labels and 8 channels; Keras's totals, with {NORMALISATION} numbers of batch norm, of labels/"
        f"channels {combinations}",
        f"{WEIGHTS} weights and biases, 18231552 MACs, output (27,)",
        f"{first.weights} weights and biases, {first.macs} MACs, output {first.shapes[-1]}; totals: "
        f"{'; '.join(wrong) or 'all equal'}",
        "",
        "published",
        not wrong and (first.weights, first.macs, first.shapes[-1]) == (WEIGHTS, 18_231_552, (27,)),
    )


@dataclass(frozen=True, eq=False)
class Tiles:
    """The graph of 27 labels and 8 channels on a chip: its report, and what closed forms say of it."""

    report: dict[str, Any]
    cells: int
    period_s: float


def on_tiles() -> Tiles:
    """Run the graph, random parameters, on the preset as it ships; no values."""
    loaded, network = load_chip(PRESET), drawn(multi_resbind(), SEED)
    report = run(loaded, network, RunOptions(samples=0, seeds=1, seed=SEED))
    return Tiles(report, _cells(network, loaded.chip), _period_s(network, loaded.chip))


def tiles_claims(tiles: Tiles) -> tuple[Claim, Claim]:
    """Claims e2 and d2: cells, and the pipeline's period."""
    report = tiles.report
    mapping, energy, latency = report["mapping"], report["energy_j"], report["latency_s"]
    parts = math.fsum(energy["by_component"].values())
    fits = mapping["arrays"] <= mapping["arrays_available"] and mapping["parts"] == 1
    period = latency["per_image_steady"]
    return (
        Claim(
            "e2",
            f"the graph on the tiles of {PRESET}: a pair of cells for each 2 bits of a weight; parts of the energy sum "
            "to the total",
            f"{tiles.cells} cells (closed form)",
            f"{mapping['cells']} cells in {mapping['arrays']} of {mapping['arrays_available']} arrays, "
            f"{mapping['tiles']} tiles; first result {1e6 * latency['first_result']:.0f} us, "
            f"{1e6 * energy['per_image']:.1f} uJ a window of 150 bases, {1e6 * energy['leakage']:.1f} of it leakage",
            "",
            "assumed",
            mapping["cells"] == tiles.cells
            and fits
            and math.isclose(parts, energy["per_image"], rel_tol=1e-9)
            and latency["first_result"] >= period,
            "Random weights and stated default activity; the paper has no hardware.",
        ),
        Claim(
            "d2",
            "a new window every 150 positions x 8 input bits x 8 conversions of one converter, within 1 %",
            1e6 * tiles.period_s,
            1e6 * period,
            "us",
            "assumed",
            abs(period / tiles.period_s - 1) <= PERIOD_TOLERANCE,
        ),
    )


def _cells(network: Network, chip: Chip) -> int:
    weights = sum(layer.weight.size for layer in network.layers if isinstance(layer, Conv2d | Linear))
    slices = -(-(chip.weights.bits - 1) // chip.bits_per_cell)  # the sign stands in the pair
    return weights * slices * 2


def _period_s(network: Network, chip: Chip) -> float:
    """Time between windows of the slowest stage, reading while it converts: sample-and-hold."""
    rate_hz = chip.readout.rate
    assert rate_hz is not None
    return network.input_shape[2] * chip.input.bits * chip.readout.columns_shared / rate_hz
