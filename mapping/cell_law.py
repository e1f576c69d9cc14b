"""The law of a chip's cells in plain numbers, and whether a network was trained for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pillarsim.arch.chip import Array, Input, Weights
from pillarsim.arch.errors import InputError
from pillarsim.mapping.matrix import Matrix
from pillarsim.mapping.response import device_law
from pillarsim.workloads.network import CellLaw, NetworkError

_SAME = 1e-6  # relative: numbers of a network and a chip that differ less are the same


def cell_law(array: Array) -> CellLaw:
    """The law that an array's cells follow at its read voltage, for training with them in the loop."""
    iv, (low, high) = array.cell.iv, array.conductance_range
    parameters: tuple[tuple[str, float], ...] = ()
    if iv.voltage is not None:
        parameters = (("v0_v", iv.voltage),)
    elif iv.permittivity is not None and iv.thickness is not None:
        parameters = (("permittivity_relative", iv.permittivity), ("thickness_m", iv.thickness))
    return CellLaw(iv.model, parameters, array.read_voltage, low, high)


def check_responses(
    matrices: Sequence[Matrix], array: Array, weights: Weights, bits_per_cell: int, inputs: Input
) -> None:
    """Raise InputError where a layer's response is not what the chip's cells compute with its codes.

    A conventional network runs on any chip, nonlinear cells included: one without responses, or with those of linear
    cells, which only fix its ranges. The range of conductances counts only where the law's shape follows it.
    """
    chip = cell_law(array)
    for stage in matrices:
        if stage.response is None or stage.response.law.name == "linear":
            continue
        law, which = stage.response.law, f"layer '{stage.name}' has a response"
        try:
            rank = device_law(law).rank
        except NetworkError as error:
            raise InputError(f"layer '{stage.name}': {error}") from error
        if law.name != chip.name or not _near(law.parameters, chip.parameters):
            raise InputError(
                f"array.cell.iv: {which} of a {_shown(law)} cell, the chip's cells are {_shown(chip)}: "
                "train the network with the chip's device, or take one without a response"
            )
        if not _close(law.read_voltage_v, chip.read_voltage_v):
            raise InputError(
                f"array.read_voltage: {which} trained at {law.read_voltage_v:g} V, found {chip.read_voltage_v:g} V"
            )
        ends = (law.g_min_s, chip.g_min_s), (law.g_max_s, chip.g_max_s)
        if rank > 1 and not all(_close(*pair) for pair in ends):
            raise InputError(
                f"array.cell: {which} trained from {law.g_min_s * 1e6:.4g} to {law.g_max_s * 1e6:.4g} uS, "
                f"found {chip.g_min_s * 1e6:.4g} to {chip.g_max_s * 1e6:.4g} uS at the read voltage"
            )
        _check_coding(which, rank, weights, bits_per_cell, inputs)


def _check_coding(which: str, rank: int, weights: Weights, bits_per_cell: int, inputs: Input) -> None:
    if inputs.coding != "amplitude" or inputs.chunk_bits != inputs.bits:
        raise InputError(
            f"input.coding: {which} to whole inputs as voltages: expected amplitude with dac_bits {inputs.bits}, "
            f"found {inputs.coding} with {inputs.chunk_bits} bit(s) a read"
        )
    if weights.scheme != "differential":
        raise InputError(f"weights.scheme: {which} of cell pairs: expected differential, found {weights.scheme}")
    if rank > 1 and weights.magnitude_bits != bits_per_cell:
        raise InputError(
            f"weights.bits: {which} that follows the conductance: expected a weight in one pair of cells, "
            f"{bits_per_cell + 1} bits, found {weights.bits}"
        )


def _near(first: Sequence[tuple[str, float]], second: Sequence[tuple[str, float]]) -> bool:
    return len(first) == len(second) and all(
        a == b and _close(x, y) for (a, x), (b, y) in zip(first, second, strict=True)
    )


def _close(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=_SAME)


def _shown(law: CellLaw) -> str:
    listed = ", ".join(f"{name} {value:.4g}" for name, value in law.parameters)
    return f"{law.name} ({listed})" if listed else law.name
