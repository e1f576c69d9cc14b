"""A vertical array whose pillars are neurons: reads of their currents, rank-one write phases, disturb.

L layers, two combs each, and one row of P pillars: word line 2 l + s is comb s of layer l and touches every pillar, so
a pillar has 2 L cells. State x (2 L, P) is each cell's place in the window, G = low + x (high - low), cells of the law
I = G sinh(k V) / k.
Read: word lines at 0 or v, pillars at virtual ground, I_p = sum over word lines of I(v). Write phase: chosen word lines
at +V/2 and chosen pillars at -V/2 (signs swapped for RESET), all others at 0 V. A cell stands between a word line and
a pillar that others share, so a phase writes every crossing of the two choices alike: a rank-one pattern.
    both chosen: V    one of them: V/2 (half-selected)    none: 0
What a pulse does at another voltage follows the rate sinh(V / V0) / sinh(V_w / V0) of ionic hopping (Stanford-PKU
compact model, gap equation).
Left out: further rows of pillars behind select transistors that are off, transients, heat of neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.newton import Factors, operating_point
from pillarsim.devices.circuits.reads import solve_reads

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RESISTANCES = ("r_wl", "r_pillar", "r_bl", "r_on", "r_driver", "r_sense")
_OFF_OHM = 1e10  # ohm; of rows that are off, and there are none


@dataclass(frozen=True)
class VerticalArray:
    """One row of pillars. low_s, high_s: conductance at 0 V; k_per_v of the cells' sinh law; resistances in ohm.

    r_wl, r_bl: a segment of a word line, of a bit line; r_pillar: a layer's part of a pillar; r_on: select transistor
    below a pillar; r_driver, r_sense: of sources.
    """

    layers: int
    pillars: int
    low_s: float
    high_s: float
    k_per_v: float
    r_wl: float = 0.0
    r_pillar: float = 0.0
    r_bl: float = 0.0
    r_on: float = 0.0
    r_driver: float = 0.0
    r_sense: float = 0.0

    @property
    def word_lines(self) -> int:
        """Electrodes of all layers, two a layer."""
        return 2 * self.layers

    def conductance_s(self, x: Floats) -> Floats:
        """Conductances at 0 V of places (2 L, P)."""
        return self.low_s + x * (self.high_s - self.low_s)

    def current_a(self, x: Floats, volts: Floats | float) -> Floats:
        """Current of each cell at its voltage."""
        return np.asarray(self.conductance_s(x) * np.sinh(self.k_per_v * np.asarray(volts)) / self.k_per_v)

    def spec(self) -> dict[str, Any]:
        """The array as a compute case of the circuit convention (docs/array_circuits.md), its inputs at 0 V."""
        return {
            "geometry": "3d",
            "mode": "compute",
            "layers": self.layers,
            "rows": 1,
            "cols": self.pillars,
            "wl": {"type": "comb2"},
            "cell": {"model": "sinh", "k": self.k_per_v, "g_lrs": self.high_s, "g_hrs": self.low_s},
            "on_rows": [0],
            "v_in": np.zeros((self.layers, 2)),
            "r_off": _OFF_OHM,
            **{name: getattr(self, name) for name in _RESISTANCES},
        }

    def as_cells(self, lines: Floats) -> Floats:
        """Values (2 L, P) in the cell shape of the circuit, (L, 1, P, 2)."""
        return np.ascontiguousarray(lines.reshape(self.layers, 2, self.pillars).transpose(0, 2, 1)[:, None])

    def as_lines(self, cells: Floats) -> Floats:
        """Values in the cell shape of the circuit as (2 L, P)."""
        return cells.reshape(self.layers, self.pillars, 2).transpose(0, 2, 1).reshape(self.word_lines, self.pillars)


@dataclass(frozen=True, eq=False)
class Phase:
    """One write phase: voltage over each cell (2 L, P), word line to pillar, and power (W) by where it goes.

    selected: cells that are written; other: all other cells, half-selected ones; wires: segments, switches, drivers.
    """

    volts: Floats
    selected: Flags
    selected_w: float
    other_w: float
    wires_w: float

    @property
    def disturb_v(self) -> float:
        """Largest voltage over a cell that is not written."""
        return float(np.abs(self.volts[~self.selected]).max(initial=0.0))


def read_ideal(array: VerticalArray, x: Floats, inputs: Flags, read_v: float) -> Floats:
    """Pillar currents (B, P) in ampere with ideal wires; `inputs` (B, 2 L): word lines that are driven."""
    return inputs.astype(np.float64) @ array.current_a(x, read_v)


def read_wired(array: VerticalArray, x: Floats, inputs: Flags, read_v: float) -> Floats:
    """The same through the array's wires, solved."""
    return solve_reads(array.spec(), array.as_cells(array.conductance_s(x)), read_v * inputs.astype(np.float64)).i_col


def phase_ideal(array: VerticalArray, x: Floats, word_lines: Flags, pillars: Flags, write_v: float) -> Phase:
    """A write phase with ideal wires; word_lines (2 L,), pillars (P,): the chosen ones; write_v: V with its sign."""
    volts = write_v / 2 * (word_lines[:, None].astype(np.float64) + pillars)
    return _phase(volts, array.current_a(x, volts), word_lines, pillars, 0.0)


class WiredPhases:
    """Write phases solved with the array's wires; all lines are driven in each, so the circuit is built once."""

    def __init__(self, array: VerticalArray) -> None:
        self.array = array
        spec, lines = array.spec(), np.ones(array.word_lines, dtype=bool)
        pillars = np.ones(array.pillars, dtype=bool)
        # Chosen or not, every bit line ends in r_sense, so that one circuit serves all phases.
        still = biases.Bias(
            biases.Lines(np.zeros(array.word_lines), lines, lines),
            biases.Lines(np.zeros(array.pillars), pillars, pillars),
            (),
            (0,),
        )
        self._law = read_cell(spec).law
        self._circuit = circuit_of(spec, still)
        self._factors = Factors(self._circuit)
        # The line of each node, word lines before pillars; the layout's blocks are E, w, p, t, q and the lines' ends.
        word_line, pillar = np.arange(array.word_lines), array.word_lines + np.arange(array.pillars)
        line = (word_line, np.repeat(word_line, array.pillars), np.tile(pillar, array.layers), pillar, pillar, pillar)
        self._line = np.concatenate(line)[self._circuit.origin[: self._circuit.free]]

    def solve(self, x: Floats, word_lines: Flags, pillars: Flags, write_v: float) -> Phase:
        """Return the phase; arguments as `phase_ideal`."""
        lines, ends = np.where(word_lines, write_v / 2, 0.0), np.where(pillars, -write_v / 2, 0.0)
        g, start = self.array.as_cells(self.array.conductance_s(x)).ravel(), self._circuit.potentials(lines, ends)
        start[: self._circuit.free] = np.concatenate([lines, ends])[self._line]  # as with ideal wires
        state = operating_point(self._circuit, self._law, g, start, self._factors)
        in_wires = float(state.wire_current**2 @ (1 / self._circuit.wire_s))
        volts, current = self.array.as_lines(state.cell_volts), self.array.as_lines(state.cell_current)
        return _phase(volts, current, word_lines, pillars, in_wires)


def _phase(volts: Floats, current: Floats, word_lines: Flags, pillars: Flags, wires_w: float) -> Phase:
    selected, power = word_lines[:, None] & pillars, volts * current
    return Phase(volts, selected, float(power[selected].sum()), float(power[~selected].sum()), wires_w)


def rate(volts: Floats | float, write_v: float, v0_v: float) -> Floats:
    """Part of a full pulse that a pulse at `volts` is, with its sign: sinh(V / V0) / sinh(V_w / V0), V_w > 0."""
    scaled, full = np.abs(np.asarray(volts)) / v0_v, write_v / v0_v
    # exp(a) (1 - exp(-2 a)) / 2 of both, so that a small V0 does not overflow
    part = np.exp(scaled - full) * np.expm1(-2 * scaled) / np.expm1(-2 * full)
    return np.asarray(np.sign(volts) * part)
