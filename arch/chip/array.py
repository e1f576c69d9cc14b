"""The crossbar: geometry, wires, access devices, and the cell card."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section, label
from pillarsim.arch.units import (
    AreaOrZero,
    CapacitanceOrZero,
    CurrentOrZero,
    EnergyOrZero,
    Fraction,
    Length,
    LengthOrZero,
    Ratio,
    Resistance,
    ResistanceOrZero,
    Time,
    Voltage,
    show_quantity,
)


class StatePair(Section):
    """One number for the low- and one for the high-resistance state; levels between are interpolated."""

    lrs: Ratio = Field(default=0.0, le=3)
    hrs: Ratio = Field(default=0.0, le=3)


class StuckCells(Section):
    """Fractions of cells that keep one state whatever is written."""

    lrs: Fraction = 0.0
    hrs: Fraction = 0.0


class CellCard(Section):
    """A two-terminal resistive cell with equally spaced conductance levels between 1/hrs and 1/lrs.

    Modelled: log-normal programming error of each write pulse, Gaussian read noise, stuck cells.
    Left out here: nonlinear I-V, drift, endurance.
    """

    lrs: Resistance = Field(description="Low-resistance state")
    hrs: Resistance = Field(description="High-resistance state")
    levels: int = Field(ge=2, le=256, description="Levels a cell can hold; bits_per_cell 'auto' uses all of them")
    programming_error: StatePair = Field(
        default=StatePair(),
        description="Standard deviation of ln(conductance) after one write pulse, by state",
    )
    read_noise: Ratio = Field(
        default=0.0, le=1, description="Standard deviation of a cell's current in one read, relative"
    )
    stuck: StuckCells = Field(default=StuckCells())
    technology: str = label("", "material stack")
    reference: str = label("", "where the numbers come from")

    @model_validator(mode="after")
    def _order(self) -> CellCard:
        if self.hrs <= self.lrs:
            raise ValueError(
                f"hrs: expected above lrs ({show_quantity(self.lrs, 'Ohm')}), found {show_quantity(self.hrs, 'Ohm')}"
            )
        if self.stuck.lrs + self.stuck.hrs > 1:
            raise ValueError("stuck: expected lrs + hrs of at most 1")
        return self


class LineResistance(Section):
    """Resistances of the array's wires, per cell pitch, and of what drives and senses them."""

    word_line_segment: ResistanceOrZero = 0.0
    bit_line_segment: ResistanceOrZero = 0.0
    pillar_segment: ResistanceOrZero = 0.0
    driver: ResistanceOrZero = 0.0
    sense: ResistanceOrZero = 0.0
    select_on: ResistanceOrZero = Field(default=0.0, description="On-resistance of a pillar's select transistor")


class LineCapacitance(Section):
    """Capacitances of the array's wires, per cell pitch, cells included."""

    word_line_segment: CapacitanceOrZero = 0.0
    bit_line_segment: CapacitanceOrZero = 0.0
    pillar_segment: CapacitanceOrZero = 0.0


class Access(Section):
    """What stands in series with a planar cell. `none` is a passive crossbar (0T1R)."""

    device: Literal["none", "transistor"] = "none"
    on_resistance: ResistanceOrZero = Field(default=0.0, description="In series with the cell while its row is on")
    off_current: CurrentOrZero = Field(default=0.0, description="Of one off transistor at read voltage")

    @model_validator(mode="after")
    def _consistent(self) -> Access:
        if self.device == "none" and (self.on_resistance or self.off_current):
            raise ValueError("device: expected 'transistor' where on_resistance or off_current is given")
        return self


class Array(Section):
    """A crossbar. Planar: rows x columns cells. Vertical: layers x rows x columns, columns x rows pillars.

    Inputs of a planar array are its rows; those of a vertical `finger` array are layers x rows.
    Wires are ideal in the values (an estimate of the IR drop is reported); they set read time and energy.
    """

    geometry: Literal["planar", "vertical"] = "planar"
    layers: int = Field(default=1, ge=1, le=1024)
    word_lines: Literal["plane", "comb", "comb2", "finger"] | None = None
    rows: int = Field(ge=1, le=65536)
    columns: int = Field(ge=1, le=65536)
    max_active_rows: int | None = Field(default=None, ge=1, description="Rows on at once; default and larger: all")
    read_voltage: Voltage
    read_time: Time | Literal["derived"] = Field(
        default="derived", description="Bias time of one read; 'derived' settles the lines to half an LSB"
    )
    read_energy: EnergyOrZero | Literal["derived"] = Field(
        default="derived",
        description="Of one read with every row on; 'derived' is V^2 G t plus C V^2 of driven lines",
    )
    area: AreaOrZero | Literal["derived"] = Field(default="derived", description="Of the cells; 'derived' from pitch")
    cell_pitch: Length = Field(description="Side of a planar cell's or a pillar's square")
    staircase_step: LengthOrZero = Field(
        default=0.0, description="Vertical: length that each layer adds to its contacts"
    )
    select_transistor_area: AreaOrZero = Field(default=0.0, description="Vertical: one a pillar")
    resistance: LineResistance = LineResistance()
    capacitance: LineCapacitance = LineCapacitance()
    access: Access = Access()
    cell: CellCard

    @model_validator(mode="after")
    def _geometry(self) -> Array:
        if self.geometry == "planar":
            for name in ("layers", "word_lines", "staircase_step", "select_transistor_area"):
                if name in self.model_fields_set and getattr(self, name) not in (1, None, 0.0):
                    raise ValueError(f"{name}: expected only with geometry 'vertical'")
            for name, value in (
                ("resistance.pillar_segment", self.resistance.pillar_segment),
                ("resistance.select_on", self.resistance.select_on),
                ("capacitance.pillar_segment", self.capacitance.pillar_segment),
            ):
                if value:
                    raise ValueError(f"{name}: expected only with geometry 'vertical'")
        elif self.word_lines is None:
            raise ValueError("word_lines: expected plane, comb, comb2 or finger for a vertical array")
        elif self.access.device != "none":
            raise ValueError("access: expected device 'none' for a vertical array (pillars have select transistors)")
        return self

    @property
    def inputs(self) -> int:
        """Input lines: rows of a planar array, layers x rows of a vertical one."""
        return self.rows * self.layers

    @property
    def active_inputs(self) -> int:
        """Input lines that can be on at once."""
        rows = self.rows if self.max_active_rows is None else min(self.max_active_rows, self.rows)
        return rows * self.layers

    @property
    def cells(self) -> int:
        """Cells of one array."""
        return self.inputs * self.columns

    @property
    def series_resistance(self) -> float:
        """Ohms in series with each cell with ideal wires: the access transistor's on-resistance."""
        return self.access.on_resistance

    @property
    def conductance_range(self) -> tuple[float, float]:
        """(lowest, highest) conductance in siemens that a read sees, access device included."""
        low, high = self.cell.hrs, self.cell.lrs
        return 1 / (low + self.series_resistance), 1 / (high + self.series_resistance)


def auto_bits_per_cell(cell: CellCard) -> int:
    """Bits that `cell` holds: floor(log2(levels))."""
    return int(math.log2(cell.levels))
