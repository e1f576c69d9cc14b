"""The report's section on array circuits: where the arrays' energy goes, and how far linearised cells are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pillarsim.arch.chip import Chip
from pillarsim.arch.circuit.sampled import SampledReads
from pillarsim.arch.costing import Costs

LINEAR_LIMIT = 0.05  # ratio; above it linearised cells are a poor model and a run warns (the project's own limit)

# action of the array's energy rows -> its name in the split
_PARTS = {
    "read": "signal_and_lines",
    "wires": "wires_and_switches",
    "sneak": "sneak",
    "off transistors": "off_transistors",
    "leakage": "idle",
}


def circuit_section(chip: Chip, costs: Costs, sampled: Sequence[SampledReads] | None, images: int) -> dict[str, Any]:
    """Return model, calibration, the split of the arrays' energy an image, and the sampled reads of each layer.

    Shares are of the dissipation of the same reads with ideal wires. `limit` bounds the rms error of the column
    currents that the values use against full solutions.
    """
    energy = dict.fromkeys(_PARTS.values(), 0.0)
    for row in costs.rows:
        if row.role == "array":
            energy[_PARTS[row.action]] += row.energy_j / images
    layers = [] if sampled is None else [asdict(one) for one in sampled]
    return {
        "model": chip.array.circuit,
        "column_gain": chip.readout.column_gain,
        "energy_j": energy,
        "reads_solved": sum(layer["reads"] for layer in layers),
        "linear_rms": max((layer["linear_rms"] for layer in layers), default=None),
        "limit": LINEAR_LIMIT,
        "layers": layers,
    }
