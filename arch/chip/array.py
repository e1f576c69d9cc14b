"""The crossbar: geometry, wires, access devices, and how it is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.chip.cell import CellCard
from pillarsim.arch.units import (
    AreaOrZero,
    CapacitanceOrZero,
    CurrentOrZero,
    EnergyOrZero,
    Length,
    LengthOrZero,
    Resistance,
    ResistanceOrZero,
    Time,
    Voltage,
    show_quantity,
)
from pillarsim.devices.in_series import in_series_s
from pillarsim.devices.polynomial import LARGEST_V, polynomial_conductance_s


class LineResistance(Section):
    """Resistances of the array's wires, per cell pitch, and of what drives and senses them."""

    word_line_segment: ResistanceOrZero = 0.0
    bit_line_segment: ResistanceOrZero = 0.0
    pillar_segment: ResistanceOrZero = 0.0
    driver: ResistanceOrZero = 0.0
    sense: ResistanceOrZero = 0.0
    select_on: ResistanceOrZero = Field(default=0.0, description="On-resistance of a pillar's select transistor")
    select_off: Resistance | None = Field(default=None, description="Its off-resistance; none: open")


class LineCapacitance(Section):
    """Capacitances of the array's wires, per cell pitch, cells included."""

    word_line_segment: CapacitanceOrZero = 0.0
    bit_line_segment: CapacitanceOrZero = 0.0
    pillar_segment: CapacitanceOrZero = 0.0


_ROUNDING = 1e-9  # of a limit: a state that rounding pushed past it is still covered


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


# word lines -> what may carry the inputs, the default first
READINGS: dict[str, tuple[str, ...]] = {
    "finger": ("layer_parallel", "layer_serial"),
    "plane": ("word_line", "select_line"),
    "comb": ("word_line",),
    "comb2": ("word_line",),
}
_VERTICAL_KEYS = (
    "layers", "word_lines", "rows_per_finger", "reading", "staircase_step", "select_transistor_area",
)  # fmt: skip


class Array(Section):
    """A crossbar. Planar: rows x columns cells. Vertical: layers x rows x columns, columns x rows pillars.

    Inputs of a planar array are its rows. A vertical array's stand on word-line electrodes or on select lines:
    layer_parallel  finger: all layers' fingers of the pillar rows that are on, layers x rows on a read
    layer_serial    finger: the same rows' fingers of one layer a read, the other layers at 0 V
    select_line     plane: one layer at read voltage a read, binary inputs on the select lines
    word_line       plane, comb, comb2: one pillar row on, an input on each electrode that it touches
    Wires: `ideal` leaves them out of the values and estimates what that hides; `exact` solves them.
    """

    geometry: Literal["planar", "vertical"] = "planar"
    layers: int = Field(default=1, ge=1, le=1024)
    word_lines: Literal["plane", "comb", "comb2", "finger"] | None = None
    rows_per_finger: int = Field(default=1, ge=1, le=2, description="Pillar rows that a finger of a comb touches")
    reading: Literal["layer_parallel", "layer_serial", "select_line", "word_line"] | None = Field(
        default=None, description="Vertical: what carries the inputs; default layer_parallel (finger) or word_line"
    )
    circuit: Literal["ideal", "exact"] = Field(
        default="ideal", description="Whether values, read energy and half-select use the solved array circuit"
    )
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
    cycles: float = Field(
        default=0.0, ge=0, description="SET and RESET cycles that every cell has had; needs the endurance of its card"
    )

    @model_validator(mode="after")
    def _worn(self) -> Array:
        endurance = self.cell.endurance
        if self.cycles and endurance is None:
            raise ValueError("cycles: expected 0 with this cell, whose card (cell) has no endurance")
        if endurance is not None and self.cycles >= endurance.cycles:
            raise ValueError(
                f"cycles: expected below cell.endurance.cycles ({endurance.cycles:g}), where the window is gone, "
                f"found {self.cycles:g}"
            )
        return self

    @model_validator(mode="after")
    def _geometry(self) -> Array:
        if self.geometry == "planar":
            for name in _VERTICAL_KEYS:
                if name in self.model_fields_set and getattr(self, name) not in (1, None, 0.0):
                    raise ValueError(f"{name}: expected only with geometry 'vertical'")
            for name, value in (
                ("resistance.pillar_segment", self.resistance.pillar_segment),
                ("resistance.select_on", self.resistance.select_on),
                ("resistance.select_off", self.resistance.select_off),
                ("capacitance.pillar_segment", self.capacitance.pillar_segment),
            ):
                if value:
                    raise ValueError(f"{name}: expected only with geometry 'vertical'")
        elif self.word_lines is None:
            raise ValueError("word_lines: expected plane, comb, comb2 or finger for a vertical array")
        elif self.access.device != "none":
            raise ValueError("access: expected device 'none' for a vertical array (pillars have select transistors)")
        elif self.reading not in (None, *READINGS[self.word_lines]):
            wanted = " or ".join(READINGS[self.word_lines])
            raise ValueError(f"reading: expected {wanted} with word_lines '{self.word_lines}', found '{self.reading}'")
        off, on = self.resistance.select_off, self.resistance.select_on
        if off is not None and off <= on:
            raise ValueError(
                f"resistance.select_off: expected above select_on ({show_quantity(on, 'Ohm')}), "
                f"found {show_quantity(off, 'Ohm')}"
            )
        if self.rows_per_finger > 1 and self.word_lines != "comb":
            raise ValueError("rows_per_finger: expected only with word_lines 'comb'")
        if self.read_mode == "word_line" and self.max_active_rows not in (None, 1):
            raise ValueError(
                f"max_active_rows: expected 1 with reading 'word_line' (one pillar row is on at a time), "
                f"found {self.max_active_rows}"
            )
        return self

    @model_validator(mode="after")
    def _cell_law(self) -> Array:
        iv = self.cell.iv
        if iv.model != "linear" and self.access.on_resistance:
            raise ValueError(f"cell.iv.model: expected 'linear' with access.on_resistance, found '{iv.model}'")
        if self.read_voltage > iv.limit_v:
            raise ValueError(f"read_voltage: expected {iv.limit_text}, found {self.read_voltage:g} V")
        if iv.model == "polynomial" and self.geometry == "vertical":
            raise ValueError(
                "cell.iv.model: expected linear, sinh or poole_frenkel for a vertical array, found 'polynomial'"
            )
        if iv.model == "polynomial" and self.read_voltage > LARGEST_V:
            raise ValueError(
                f"read_voltage: expected at most {LARGEST_V} V, where the polynomial law was fitted, "
                f"found {self.read_voltage:g} V"
            )
        return self

    @model_validator(mode="after")
    def _covered(self) -> Array:
        """The card's fits and tables hold for its states, as the read voltage and wear leave them."""
        (low, high), cell = self.cell_range, self.cell
        ranges = {}
        if cell.level_error is not None:
            ranges["level_error"] = cell.level_error.lowest, cell.level_error.highest
        if cell.quantiles is not None:
            ranges["quantiles"] = cell.quantiles.levels[0].target, cell.quantiles.levels[-1].target
        for name, (lowest, highest) in ranges.items():
            if low < lowest * (1 - _ROUNDING) or high > highest * (1 + _ROUNDING):
                raise ValueError(
                    f"cell.{name}: it covers {lowest * 1e6:.6g} to {highest * 1e6:.6g} uS; the cell's states, "
                    f"read at {self.read_voltage:g} V, are {low * 1e6:.6g} to {high * 1e6:.6g} uS"
                )
        return self

    @property
    def read_mode(self) -> str | None:
        """What carries the inputs of a vertical array; None of a planar one."""
        return None if self.word_lines is None else self.reading or READINGS[self.word_lines][0]

    @property
    def sides(self) -> int:
        """Cells of one column in a pillar row and layer: 2 between the fingers of a comb2."""
        return 2 if self.word_lines == "comb2" else 1

    @property
    def inputs(self) -> int:
        """Cells of one column, each an input of its own: rows of a planar array, layers x rows (x 2 of comb2)."""
        return self.rows * self.layers * self.sides

    @property
    def active_rows(self) -> int:
        """Rows, or pillar rows, that are on at once."""
        if self.read_mode == "word_line":
            return 1
        return self.rows if self.max_active_rows is None else min(self.max_active_rows, self.rows)

    @property
    def layer_by_layer(self) -> bool:
        """Whether a read takes inputs of one layer only."""
        return self.read_mode in ("layer_serial", "select_line")

    @property
    def active_inputs(self) -> int:
        """Inputs that can be on at once."""
        return self.active_rows * (1 if self.layer_by_layer else self.layers * self.sides)

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
        """(lowest, highest) I / V in siemens at the read voltage, access device included."""
        low, high = (in_series_s(cell_s, self.series_resistance) for cell_s in self.cell_range)
        return low, high

    @property
    def cell_range(self) -> tuple[float, float]:
        """(lowest, highest) I / V in siemens at the read voltage of the cell alone, after the cycles it has had."""
        low, high = (self._cell_s(ohm) for ohm in (self.hrs, self.cell.lrs))
        return low, high

    def _cell_s(self, ohm: float) -> float:
        """I / V at the read voltage of a cell whose card states `ohm`, alone."""
        iv = self.cell.iv
        if iv.model == "polynomial":
            return polynomial_conductance_s(1 / ohm, self.read_voltage)
        return iv.rise(self.read_voltage) / iv.rise(iv.stated_at) / ohm

    @property
    def hrs(self) -> float:
        """Ohms of the high-resistance state, after the cycles that the cells have had."""
        return self.cell.hrs_after(self.cycles)
