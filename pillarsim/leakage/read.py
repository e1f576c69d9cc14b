"""One read or write of an array: the case's results, and where its unselected cells see the most voltage.

Unselected cells fall into three classes: those of a selected pillar (of a selected column in a planar array), those on
a selected word line (row), pillars of off rows included, and all others. Left out: how often a cell is disturbed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields, results
from pillarsim.devices.circuits.bias import Bias
from pillarsim.devices.circuits.case import solve_memory
from pillarsim.devices.circuits.circuit import Circuit

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Disturb:
    """Largest |voltage| (V) over the unselected cells of each class, in either run; None of a class without cells."""

    same_pillar_v: float | None
    same_line_v: float | None
    elsewhere_v: float | None

    @property
    def largest_v(self) -> float | None:
        """The largest of the three; None where every cell is selected."""
        found = [volts for volts in (self.same_pillar_v, self.same_line_v, self.elsewhere_v) if volts is not None]
        return max(found, default=None)


@dataclass(frozen=True)
class Read:
    """Both runs and their margin, with the keys of a case file's `results`, and the disturb."""

    lrs: dict[str, Any]
    hrs: dict[str, Any]
    margin: dict[str, Any]
    disturb: Disturb


def solve_read(spec: fields.Spec) -> Read:
    """Solve a memory case twice, its selected cells LRS, then HRS, as `devices.solve` does. Raises CircuitError."""
    both = solve_memory(spec)
    circuit, states = both.circuit, (both.lrs, both.hrs)
    lrs, hrs = (results.memory_run(circuit, state) for state in states)
    margin = results.margin(lrs, hrs, fields.number(spec, "v"), fields.resistance(spec, "r_sense"))
    highest = np.maximum(*(np.abs(state.cell_volts) for state in states))
    found = (float(highest[members].max()) if members.any() else None for members in classes(circuit))
    return Read(lrs, hrs, margin, Disturb(*found))


def classes(circuit: Circuit) -> tuple[Flags, Flags, Flags]:
    """Return which cells (flattened) are unselected and of a selected pillar, on a selected word line, elsewhere.

    A cell that is both counts as one of the pillar.
    """
    shape = circuit.layout.cell_shape
    chosen = _selected(circuit.bias, shape)
    place = np.indices(shape).reshape(len(shape), -1)
    # A planar array's pillar is its column; a vertical one's has a row and a column, whatever the layer and the side.
    pillar = place[1] if len(shape) == 2 else place[1] * shape[2] + place[2]
    on_pillar = np.isin(pillar, pillar[chosen]) & ~chosen
    on_line = circuit.bias.rows.selected[circuit.layout.cell_row] & ~chosen & ~on_pillar
    return on_pillar, on_line, ~(chosen | on_pillar | on_line)


def _selected(bias: Bias, shape: tuple[int, ...]) -> Flags:
    flags = np.zeros(shape, dtype=bool)
    flags[tuple(np.array(bias.cells).T)] = True
    return flags.ravel()
