"""The hardware: what a chip file says, validated, in SI units.

`Chip` is the root; its sections are what the stages of a run take (never the whole, design rule 11).
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import model_validator

from pillarsim.arch.chip.ageing import Retention
from pillarsim.arch.chip.array import Access, Array
from pillarsim.arch.chip.base import Section, label
from pillarsim.arch.chip.cell import CellCard, auto_bits_per_cell
from pillarsim.arch.chip.hierarchy import ROLES, Buffer, Bus, Level, Mapping, Mesh, OffChip, Part, Tile
from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.chip.learning_checks import check_learning
from pillarsim.arch.chip.operation import Idle, Input, Neuron, Readout, Verify, Weights, Write
from pillarsim.arch.chip.technology import Supply, Technology
from pillarsim.arch.units import show_quantity, show_time

__all__ = [
    "ROLES", "Access", "Array", "Buffer", "Bus", "CellCard", "Chip", "Hardware", "Idle", "Input", "Learning", "Level",
    "Mapping", "Mesh", "Neuron", "OffChip", "Part", "Readout", "Retention", "Section", "Supply", "Technology", "Tile",
    "Verify", "Weights", "Write",
]  # fmt: skip


class Hardware(Section):
    """The circuits of a chip: all that costs area, power or time, without its name, policies and compiler choices."""

    technology: Technology
    off_chip: OffChip
    global_buffer: Buffer
    mesh: Mesh
    tile: Tile
    array: Array
    weights: Weights = Weights()
    input: Input
    readout: Readout = Readout()
    write: Write
    learning: Learning | None = None

    @model_validator(mode="after")
    def _across(self) -> Self:
        rails = self.technology.supply.rails()
        highest = max(rails.values())
        wanted = {"array.read_voltage": self.array.read_voltage, "write.voltage": self.write.voltage}
        if self.write.reset is not None:
            wanted["write.reset.voltage"] = self.write.reset.voltage
        for key, volts in wanted.items():
            if volts > highest:
                listed = ", ".join(f"{name} {value:g} V" for name, value in rails.items())
                raise ValueError(f"{key}: expected at most the highest declared supply ({listed}), found {volts:g} V")
        iv = self.array.cell.iv
        for key, volts in wanted.items():
            if volts > iv.limit_v:
                raise ValueError(f"{key}: expected {iv.limit_text}, found {volts:g} V")
        if self.bits_per_cell > auto_bits_per_cell(self.array.cell):
            raise ValueError(
                f"weights.bits_per_cell: expected at most {auto_bits_per_cell(self.array.cell)} "
                f"(the cell has {self.array.cell.levels} levels), found {self.bits_per_cell}"
            )
        self._check_binary_inputs()
        self._check_writes()
        if self.readout.neuron is not None and self.weights.accumulate_bits == "analog":
            raise ValueError(
                "weights.accumulate_bits: expected 'digital' with integrate_and_fire (counters add the bits)"
            )
        if self.readout.neuron is not None and self.array.read_time != "derived":
            raise ValueError(
                "array.read_time: expected 'derived' with integrate_and_fire (readout.neuron.window sets it)"
            )
        if self.array.columns < self.weights.polarities:
            raise ValueError(
                f"array.columns: an array of {self.array.columns} column(s) is too small for one weight slice; "
                f"expected at least {self.weights.polarities}"
            )
        if self.array.geometry == "vertical" and self.write.scheme == "isolated":
            raise ValueError(
                "write.scheme: expected half, third or ground for a vertical array (pillars share their transistors)"
            )
        passive = self.array.access.device == "none" and self.array.geometry == "planar"
        if passive and self.write.scheme == "isolated":
            raise ValueError("write.scheme: expected half, third or ground for a passive array (no access device)")
        if self.array.geometry == "planar" and not passive and self.write.scheme != "isolated":
            raise ValueError("write.scheme: expected 'isolated' for cells with an access transistor")
        if self.learning is not None:
            check_learning(self.learning, self.array, self.write)
        return self

    def _check_writes(self) -> None:
        """What a card says of programming, and the chip's write circuit."""
        cell, write = self.array.cell, self.write
        if cell.verified and write.verify is not None:
            raise ValueError(
                "write.verify: expected null with this cell, whose card (array.cell) states what write-verify left"
            )
        if cell.programming == "trials" or cell.pulse_update is None:
            return
        if write.verify is None:
            raise ValueError("write.verify: expected with array.cell.programming 'pulses', which stop at a verify read")
        if cell.pulse_update.model != "stanford_pku":
            return
        own = cell.pulse_update
        pulses = [("write", write.voltage, write.pulse, own.set_voltage)]
        if write.reset is not None:
            pulses.append(("write.reset", write.reset.voltage, write.reset.pulse, own.reset_voltage))
        for key, volts, seconds, wanted in pulses:
            for name, found, expected, unit in (("voltage", volts, wanted, "V"), ("pulse", seconds, own.pulse, "s")):
                if abs(found - expected) > 1e-9 * expected:
                    raise ValueError(
                        f"{key}.{name}: expected {show_quantity(expected, unit)}, as array.cell.pulse_update has it, "
                        f"found {show_quantity(found, unit)}"
                    )

    def _check_binary_inputs(self) -> None:
        """Select lines know two inputs, 0 and the read voltage; nonlinear cells take more only as pairs, ideal wires.

        A cell's offset level is not proportional to the input where its law is not linear, so that no digital sum of
        the inputs takes it off; within a pair it cancels.
        """
        if self.input.coding != "amplitude" or self.input.chunk_bits == 1:
            return
        model, found = self.array.cell.iv.model, f"found amplitude with dac_bits {self.input.chunk_bits}"
        if self.array.read_mode == "select_line":
            raise ValueError(
                "input.coding: expected bit_serial or pulse_width, since array.reading 'select_line' takes binary "
                f"inputs, {found}"
            )
        if model == "linear":
            return
        binary = f"input.coding: expected bit_serial or pulse_width, since array.cell.iv.model '{model}' takes binary"
        if self.array.circuit == "exact":
            raise ValueError(f"{binary} inputs with array.circuit 'exact', {found}")
        if self.weights.scheme != "differential" or self.weights.pair_subtract != "analog":
            raise ValueError(
                f"{binary} inputs unless weights.scheme is differential and weights.subtract analog, {found}"
            )

    @property
    def bits_per_cell(self) -> int:
        """Weight bits a cell holds."""
        bits = self.weights.bits_per_cell
        return auto_bits_per_cell(self.array.cell) if bits == "auto" else bits

    @property
    def slices(self) -> int:
        """Cells a weight's magnitude takes."""
        return -(-self.weights.magnitude_bits // self.bits_per_cell)

    @property
    def arrays(self) -> int:
        """Arrays on the chip."""
        return self.tile.count.total * self.tile.arrays_per_level

    @property
    def outputs_per_array(self) -> int:
        """Column outputs to be converted: columns, or pairs of them when subtracted in analog."""
        pairs = self.weights.scheme == "differential" and self.weights.pair_subtract == "analog"
        return self.array.columns // 2 if pairs else self.array.columns

    @property
    def converters_per_array(self) -> int:
        """Converters beside one array."""
        return -(-self.outputs_per_array // self.readout.columns_shared)


class Chip(Hardware):
    """A chip file. `extends` names the preset it starts from; only what differs is written."""

    name: str = label("chip", "name of the chip in reports")
    description: str = label("", "what the chip is and where it was published")
    idle: Idle = Idle()
    mapping: Mapping = Mapping()
    retention: Retention | None = None

    @model_validator(mode="after")
    def _cells_that_age(self) -> Self:
        if self.retention is not None and self.array.cell.retention is None:
            raise ValueError("retention: expected not with this cell, whose card (array.cell) has no retention")
        if self.retention is not None and self.array.cell.retention is not None:
            age, card = self.retention, self.array.cell.retention
            if age.time > card.longest:
                limit = show_time(card.longest)
                raise ValueError(f"retention.time: expected at most {limit}, what the cell's card covers")
            if not card.coldest <= age.temperature <= card.hottest:
                limits = f"{card.coldest:g} K to {card.hottest:g} K"
                raise ValueError(
                    f"retention.temperature: expected {limits}, what the cell's card covers, "
                    f"found {age.temperature:g} K"
                )
        return self

    @property
    def hardware(self) -> Hardware:
        """The circuits alone, for what depends on nothing else."""
        return Hardware.model_construct(**{name: getattr(self, name) for name in Hardware.model_fields})


def chip_from_data(data: dict[str, Any]) -> Chip:
    """Validate plain data (as the reader gives it) into a Chip; raises pydantic.ValidationError."""
    return Chip.model_validate(data)
