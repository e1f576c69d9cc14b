"""The array of the row `chen2021`: its cell, its wires, and what is read off one solved point.

A cell is I(V) = (V_r / R_LRS) sinh(a V) / sinh(a V_r); its nonlinearity is NL = I(V) / I(V / 2) = 2 cosh(a V / 2).
a = 0 stands for a linear cell, NL = 2. Every layer is a word-line plane. Worst case: all other cells are LRS, and the
selected cell is the farthest one (top layer, last pillar row, last bit line). Left out: losses of the V/2 and V/3
regulators, disturb, spread of the cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pillarsim.devices.circuits import case, results


@dataclass(frozen=True)
class Cell:
    """A cell by its LRS resistance (ohm) at `stated_v` volts; `a` in 1/V, the same in both states."""

    a: float = 6.0  # 1/V, assumed; NL = 20.1 at 1 V
    r_lrs: float = 1e6  # ohm, assumed; card hfox_taox_selfselective
    stated_v: float = 1.0  # V, assumed; card hfox_taox_selfselective
    ratio: float = 17.0  # HRS / LRS, assumed: card hfox_taox_selfselective (NeuroSim V1.4's RRAM)

    def current(self, volts: float) -> float:
        """Current (A) of the LRS."""
        i_c = self.stated_v / self.r_lrs
        if self.a == 0:
            return i_c * volts / self.stated_v
        return i_c * math.sinh(self.a * volts) / math.sinh(self.a * self.stated_v)

    def nonlinearity(self, volts: float) -> float:
        """I(V) / I(V / 2)."""
        return 2 * math.cosh(self.a * volts / 2)

    def spec(self) -> dict[str, Any]:
        """Return `cell` of a case."""
        if self.a == 0:
            return {"model": "linear", "g_lrs": 1 / self.r_lrs, "g_hrs": 1 / (self.r_lrs * self.ratio)}
        g_lrs = self.a * self.stated_v / (self.r_lrs * math.sinh(self.a * self.stated_v))
        return {"model": "sinh", "k": self.a, "g_lrs": g_lrs, "g_hrs": g_lrs / self.ratio}


@dataclass(frozen=True)
class Wires:
    """Resistances in ohm; the defaults are those of the chip preset vrram_finger_8layer."""

    r_pillar: float = 10.0  # ohm, preset
    r_wl: float = 2.5  # ohm, preset; between neighbouring pillars of a plane
    r_bl: float = 2.0  # ohm, preset
    r_on: float = 5e3  # ohm, preset: select transistor
    r_off: float = 1e11  # ohm, assumed: 1 V / 10 pA, the off-current of the preset hfox_planar_128
    r_driver: float = 30.0  # ohm, preset (from hfox_planar_128)
    r_sense: float = 30.0  # ohm, preset (from hfox_planar_128)


NO_WIRES = Wires(**dict.fromkeys(("r_pillar", "r_wl", "r_bl", "r_on", "r_off", "r_driver", "r_sense"), 0.0))


@dataclass(frozen=True)
class Array:
    """A biased array: `layers` planes, `rows` x `cols` pillars, `bits` cells read at once on the top plane."""

    layers: int = 8
    rows: int = 1
    cols: int = 64
    bits: int = 1
    volts: float = 1.0
    scheme: str = "half"
    cell: Cell = Cell()
    wires: Wires = Wires()

    @property
    def pillars(self) -> int:
        """Pillars of a plane."""
        return self.rows * self.cols

    def loaded(self) -> Array:
        """The same array read as a voltage across a load resistor of R_LRS in place of the sense amplifier."""
        return replace(self, wires=replace(self.wires, r_sense=self.cell.r_lrs))

    def spec(self) -> dict[str, Any]:
        """Return the case that `pillarsim.devices.solve` takes."""
        return {
            "geometry": "3d",
            "mode": "memory",
            "layers": self.layers,
            "rows": self.rows,
            "cols": self.cols,
            "wl": {"type": "plane"},
            **vars(self.wires),
            "cell": self.cell.spec(),
            "pattern": {"kind": "all_lrs"},
            "scheme": self.scheme,
            "v": self.volts,
            "sel_layers": [self.layers - 1],
            "sel_row": self.rows - 1,
            "sel_cols": list(range(self.cols - self.bits, self.cols)),
        }


@dataclass(frozen=True)
class Point:
    """What is read off a solved array; leakages with the selected cells LRS.

    leak_cells_a    sum of |current| over the unselected cells (A), as in the closed forms
    leak_supply_a   `i_leak`: what the line sources deliver beyond the selected cells' current (A)
    selected_a      current of the selected cells (A)
    margin_array    (I_sel LRS - I_sel HRS) / (I_sel LRS + leak_cells_a), the array's own margin
    margin_volts    (V_sense LRS - V_sense HRS) / V across the sense resistance
    margin_sense    (I_sense LRS - I_sense HRS) / I_sense LRS, what a sense amplifier sees
    """

    leak_cells_a: float
    leak_supply_a: float
    selected_a: float
    margin_array: float
    margin_volts: float
    margin_sense: float


def measure(array: Array) -> Point:
    """Solve the array twice, its selected cells LRS, then HRS. Raises CircuitError where it cannot be solved."""
    solved = case.solve_memory(array.spec())
    circuit, lrs, hrs = solved.circuit, solved.lrs, solved.hrs
    low, high = (results.memory_run(circuit, state) for state in (lrs, hrs))
    margin = results.margin(low, high, array.volts, array.wires.r_sense)
    chosen = np.abs(lrs.cell_current.reshape(circuit.layout.cell_shape)[tuple(np.array(circuit.bias.cells).T)])
    leak = float(np.abs(lrs.cell_current).sum() - chosen.sum())
    return Point(
        leak_cells_a=leak,
        leak_supply_a=low["i_leak"],
        selected_a=low["i_sel_sum"],
        margin_array=(low["i_sel_sum"] - high["i_sel_sum"]) / (low["i_sel_sum"] + leak),
        margin_volts=margin["rm_v"],
        margin_sense=margin["rm_i"],
    )
