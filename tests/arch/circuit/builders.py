"""Small arrays of every kind, their circuits written out by hand, and layers compiled for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array, Chip, Write
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.circuit.places import Block
from pillarsim.arch.compute.program import LayerLevels, placement_levels, program
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule, read_rule
from pillarsim.arch.placement import Placement
from pillarsim.devices.circuits import solve
from pillarsim.mapping import compile_network
from pillarsim.workloads.network import Linear, Network

Floats = NDArray[np.float64]
Spec = dict[str, Any]
Group = tuple[int, int]

LAYERS, ROWS, COLUMNS = 3, 4, 4
VOLTS, V0 = 0.6, 0.3
OPEN_S = 1e-15  # S, of cells without a weight in the circuits written by hand

# kind of array -> the keys that make it
KINDS: dict[str, dict[str, Any]] = {
    "passive": {"geometry": "planar"},
    "transistor": {"geometry": "planar", "access": {"device": "transistor"}},
    "layer_parallel": {"word_lines": "finger", "max_active_rows": 2},
    "layer_serial": {"word_lines": "finger", "reading": "layer_serial", "max_active_rows": 2},
    "select_line": {"word_lines": "plane", "reading": "select_line", "max_active_rows": 2},
    "plane": {"word_lines": "plane"},
    "comb": {"word_lines": "comb"},
    "wide comb": {"word_lines": "comb", "rows_per_finger": 2},
    "comb2": {"word_lines": "comb2"},
}
WIRES = {
    "word_line_segment": "40 Ohm", "bit_line_segment": "70 Ohm", "driver": "1.1 kOhm", "sense": "450 Ohm",
}  # fmt: skip
PILLARS = {"pillar_segment": "110 Ohm", "select_on": "20 kOhm", "select_off": "5 MOhm"}
LAWS: dict[str, dict[str, Any]] = {"linear": {}, "sinh": {"iv": {"model": "sinh", "voltage": "0.3 V"}}}


def array(kind: str, law: str = "linear", *, wires: bool = True, **keys: Any) -> Array:
    """An array of one kind whose wires, where it has any, all differ and drop a lot."""
    vertical = "word_lines" in KINDS[kind]
    data: dict[str, Any] = {"geometry": "vertical", "layers": LAYERS} if vertical else {}
    data |= {"rows": ROWS, "columns": COLUMNS, "read_voltage": "0.6 V", "cell_pitch": "200 nm", "circuit": "exact"}
    data |= KINDS[kind] | {"cell": {"lrs": "10 kOhm", "hrs": "1 MOhm", "levels": 4} | LAWS[law]}
    if wires:
        data["resistance"] = WIRES | (PILLARS if vertical else {})
        if kind == "select_line":  # else rows that are off would add to every read, whatever its inputs
            data["resistance"].pop("select_off")
    return Array.model_validate(data | keys)


def block(one: Array, inputs: int, columns: int = COLUMNS) -> Block:
    """The block of an array at the temperature that its wires are stated for."""
    return Block(one, 300.0, inputs, columns)


def cells(inputs: int, columns: int = COLUMNS, seed: int = 3) -> Floats:
    """I / V at the read voltage, siemens, over two decades."""
    found: Floats = 10 ** np.random.default_rng(seed).uniform(-6, -4, (inputs, columns))
    return found


def place(kind: str, number: int) -> tuple[int, int, int]:
    """(layer, pillar row, side) of one input of a vertical array, counted one by one."""
    count = 0
    if kind in ("layer_serial", "select_line"):
        for layer in range(LAYERS):
            for row in range(ROWS):
                if count == number:
                    return layer, row, 0
                count += 1
    for row in range(ROWS):
        for layer in range(LAYERS):
            for side in range(2 if kind == "comb2" else 1):
                if count == number:
                    return layer, row, side
                count += 1
    raise AssertionError(number)


def electrode(kind: str, row: int, side: int) -> int:
    """The word-line electrode, within its layer, that a cell stands on."""
    return {
        "layer_parallel": row, "layer_serial": row, "select_line": 0, "plane": 0, "comb": row % 2,
        "wide comb": row // 2 % 2, "comb2": (row + side) % 2,
    }[kind]  # fmt: skip


def electrodes(kind: str) -> int:
    """Electrodes of a layer."""
    return {"layer_parallel": ROWS, "layer_serial": ROWS, "select_line": 1, "plane": 1}.get(kind, 2)


def hand_spec(kind: str, law: str, wires: bool = True) -> Spec:
    """The whole array as a compute case, in the numbers of this file; inputs and rows that are on are left out."""
    ohm = [40.0, 70.0, 1100.0, 450.0, 110.0, 20e3, 1e20 if kind == "select_line" else 5e6]
    ohm = ohm if wires else [0.0] * 6 + [1e20]
    cell = {"model": "linear"} if law == "linear" else {"model": "sinh", "k": 1 / V0}
    spec = {"mode": "compute", "cols": COLUMNS, "rows": ROWS, "r_driver": ohm[2], "r_sense": ohm[3], "cell": cell}
    if kind in ("passive", "transistor"):
        return spec | {"geometry": "2d", "r_row": ohm[0], "r_col": ohm[1]}
    wl: Spec = {"type": KINDS[kind]["word_lines"]}
    if wl["type"] == "comb":
        wl |= {"rows_per_finger": KINDS[kind].get("rows_per_finger", 1), "n_combs": 2}
    lines = {"r_wl": ohm[0], "r_bl": ohm[1], "r_pillar": ohm[4], "r_on": ohm[5], "r_off": ohm[6]}
    return spec | {"geometry": "3d", "layers": LAYERS, "wl": wl} | lines


def hand_read(
    kind: str, law: str, seen_s: Floats, group: Group, volts: Floats, on: NDArray[np.bool_] | None = None,
    wires: bool = True,
) -> Spec:  # fmt: skip
    """Results of one read of a block, solved on the whole array with cells placed one by one.

    seen_s: I / V at the read voltage (inputs, columns); volts: of the group's inputs; on: which of them, of a select
    line reading, are on (the plane is at the read voltage).
    """
    spec = hand_spec(kind, law, wires)
    slopes = seen_s if law == "linear" else seen_s * (VOLTS / V0) / np.sinh(VOLTS / V0)
    inputs = len(seen_s)
    if spec["geometry"] == "2d":
        # Without a plane to cut, the block sits in the last rows, next to the sense circuits.
        first = ROWS - inputs
        g, v_in = np.full((ROWS, COLUMNS), OPEN_S), np.zeros(ROWS)
        for number in range(inputs):
            if kind == "passive" or group[0] <= number < group[1]:
                g[first + number] = slopes[number]
        v_in[first + group[0] : first + group[1]] = volts
        return solve(spec | {"v_in": v_in.tolist()}, g=g)
    rows = ROWS
    if spec["wl"]["type"] == "plane":  # the sheet is cut where the block ends
        rows = max(place(kind, number)[1] for number in range(inputs)) + 1
    shape = (LAYERS, rows, COLUMNS, 2) if kind == "comb2" else (LAYERS, rows, COLUMNS, 1)
    g, v = np.full(shape, OPEN_S), np.zeros((LAYERS, electrodes(kind)))
    for number in range(inputs):
        layer, row, side = place(kind, number)
        g[layer, row, :, side] = slopes[number]
    chosen = set()
    for at, number in enumerate(range(*group)):
        layer, row, side = place(kind, number)
        v[layer, electrode(kind, row, side)] = VOLTS if kind == "select_line" else volts[at]
        if on is None or on[at]:
            chosen.add(row)
    spec |= {"rows": rows, "v_in": v.tolist(), "on_rows": sorted(chosen)}
    return solve(spec, g=g if kind == "comb2" else g[..., 0])


@dataclass(frozen=True)
class Made:
    """A linear layer compiled for a chip, and its programmed device."""

    chip: Chip
    placement: Placement
    levels: tuple[LayerLevels, ...]
    device: tuple[ProgrammedLayer, ...]
    rule: ReadRule
    images: NDArray[np.float32]


def made(one: Array, rows: int, outputs: int, *sets: str, images: NDArray[np.float32] | None = None) -> Made:
    """Compile one linear layer of random weights for the default chip with another array, and program it."""
    chip = load_chip("hfox_planar_128", ("weights.bits=3", "weights.bits_per_cell=2", *sets)).chip
    write = chip.write if one.access.device == "transistor" else chip.write.model_copy(update={"scheme": "half"})
    chip = chip.model_copy(update={"array": one, "write": write})
    random = np.random.default_rng(4)
    weight = random.normal(size=(outputs, rows)).astype(np.float32)
    network = Network("one", (rows,), (Linear("fc", weight, np.zeros(outputs, np.float32)),), None)
    if images is None:
        images = random.random((6, rows), dtype=np.float32)
    placement = compile_network(
        network,
        images,
        array=one,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
    )
    levels = placement_levels(placement, chip.weights, chip.bits_per_cell)
    device = program(placement, levels, one, chip.write, chip.bits_per_cell, 7)
    rule = read_rule(one, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    return Made(chip, placement, levels, device, rule, images)


def write_of(scheme: str, **keys: Any) -> Write:
    """A write circuit of 1.2 V."""
    return Write.model_validate(
        {"scheme": scheme, "voltage": "1.2 V", "pulse": "50 ns", "component": "write_driver"} | keys
    )
