"""A case solved by ngspice beside the solver's own results, quantity by quantity.

Compared is what both solve: currents, voltages and power of each run. What is calculated from these alone (`margin`,
`ir_drop_*`) and the closed form `i_col_ideal` have no circuit of their own and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.case import solve
from pillarsim.devices.circuits.netlist import COMPUTE_RUN, Deck, Tolerances, build_deck, runs_of
from pillarsim.devices.circuits.ngspice import TIMEOUT_S, SpicePoint, operating_point

Array = NDArray[np.float64]

TOLERANCE = 1e-6  # of the largest entry of a quantity; one wire segment too many moves results by 4e-6 or more
# A nodal solve leaves about eps V / R of the smallest resistance in each current; measured up to 27 of these.
_ROUNDING = 32 * float(np.finfo(np.float64).eps)
_NO_WIRES = dict.fromkeys(("r_wl", "r_pillar", "r_bl", "r_driver", "r_sense"), 0.0)  # what `i_col_switch` leaves out


@dataclass(frozen=True)
class Row:
    """One quantity: its entry of largest size by both programs, and the largest difference of all its entries.

    `relative` is relative to the largest entry. A difference that rounding alone may cause agrees too, as long as it
    stays below 1e-6 of the current of the whole array.
    """

    quantity: str
    solver: float
    ngspice: float
    relative: float
    agrees: bool


@dataclass(frozen=True)
class Check:
    """The rows of a case, and the limits to which ngspice solved each run."""

    rows: tuple[Row, ...]
    tolerances: dict[str, Tolerances]

    @property
    def agrees(self) -> bool:
        """Whether every quantity agrees."""
        return all(row.agrees for row in self.rows)

    @property
    def largest(self) -> float:
        """The largest relative difference."""
        return max(row.relative for row in self.rows)


def check_case(
    spec: fields.Spec,
    states: object = None,
    g: object = None,
    results: dict[str, Any] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Check:
    """Solve a case with ngspice and compare with `results`, those of `solve` unless given.

    Raises CircuitError for a case that has no circuit, NgspiceError where ngspice gives no answer that counts.
    """
    found = solve(spec, states, g) if results is None else results
    rows: list[Row] = []
    tolerances: dict[str, Tolerances] = {}
    for name, case, run in _circuits(spec):
        deck = build_deck(case, states, g, run)
        point = operating_point(deck.text, timeout_s)
        tolerances[name] = point.tolerances
        if name == "i_col_switch":
            own, measured = {name: found[name]}, {name: -_delivered(point, deck.col_sources)}
        else:
            own = found if name == COMPUTE_RUN else found[name]
            measured = compute_quantities(deck, point) if name == COMPUTE_RUN else memory_quantities(deck, point)
        prefix = f"{name}." if name.startswith("sel_") else ""
        current = float(measured.get("i_total", 0.0))
        rows += (_row(prefix + key, own[key], value, _floor(key, deck, current)) for key, value in measured.items())
    return Check(tuple(rows), tolerances)


def memory_quantities(deck: Deck, point: SpicePoint) -> dict[str, Any]:
    """Return the quantities of one run of a memory case, from the source currents and node voltages of ngspice."""
    rows, cols = deck.bias.rows, deck.bias.cols
    row_current, col_current = _delivered(point, deck.row_sources), _delivered(point, deck.col_sources)
    i_sel = np.array([point.values[f"i({source})"] for source in deck.ammeters])
    cell_volts = _cell_volts(deck, point)
    selected = np.zeros(deck.layout.cell_shape, dtype=bool)
    chosen = tuple(np.array(deck.bias.cells).T)
    selected[chosen] = True
    total = _total(row_current, col_current)
    groups = {}
    for side, lines, current in (("row", rows, row_current), ("col", cols, col_current)):
        for kind, member in (("sel", lines.selected), ("unsel", lines.driven & ~lines.selected)):
            if member.any():
                groups[f"{kind}_{side}"] = float(current[member].sum())
    return {
        "i_sel": i_sel,
        "i_sel_sum": float(i_sel.sum()),
        "i_total": total,
        "i_leak": total - abs(float(i_sel.sum())),
        "i_drive": float(row_current[rows.selected].sum()),
        "i_sense": -float(col_current[cols.selected].sum()),
        "i_sense_lines": -col_current[cols.selected],
        "i_group": groups,
        "power": float(rows.volts @ row_current + cols.volts @ col_current),
        "v_cell": cell_volts[chosen],
        "v_disturb_max": float(np.abs(cell_volts[~selected]).max(initial=0.0)),
    }


def compute_quantities(deck: Deck, point: SpicePoint) -> dict[str, Any]:
    """Return the quantities of a compute case, from the source currents of ngspice."""
    row_current, col_current = _delivered(point, deck.row_sources), _delivered(point, deck.col_sources)
    found = {
        "i_col": -col_current,
        "i_col_sum": -float(col_current.sum()),
        "i_total": _total(row_current, col_current),
        "power": float(deck.bias.rows.volts @ row_current + deck.bias.cols.volts @ col_current),
    }
    if len(deck.layout.row_shape) == 2:
        found["i_in"] = row_current.reshape(deck.layout.row_shape)
    return found


def _circuits(spec: fields.Spec) -> Iterator[tuple[str, fields.Spec, str]]:
    """(name of the results, case, run) of every circuit that ngspice has to solve."""
    for run in runs_of(spec):
        yield run, spec, run
    if runs_of(spec) == (COMPUTE_RUN,) and spec["geometry"] == "3d":
        yield "i_col_switch", {**spec, **_NO_WIRES}, COMPUTE_RUN


def _row(name: str, own: Any, measured: Any, floor: float) -> Row:
    if isinstance(measured, dict):
        own, measured = [own[part] for part in measured], list(measured.values())
    first, second = np.ravel(np.array(own, dtype=np.float64)), np.ravel(np.array(measured, dtype=np.float64))
    place = int(np.argmax(np.maximum(np.abs(first), np.abs(second))))
    largest = float(max(abs(first[place]), abs(second[place])))
    difference = float(np.abs(first - second).max())
    agrees = difference <= TOLERANCE * largest or difference <= floor
    relative = difference / largest if largest else 0.0
    return Row(name, float(first[place]), float(second[place]), relative, agrees)


def _floor(key: str, deck: Deck, current: float) -> float:
    """What rounding alone may leave in a quantity, in its unit; `current` (A) is that of the whole array."""
    volts = float(max(np.abs(deck.bias.rows.volts).max(), np.abs(deck.bias.cols.volts).max()))
    if key in ("v_cell", "v_disturb_max"):
        return _ROUNDING * volts
    floor = min(_ROUNDING * volts / deck.smallest_ohm, TOLERANCE * current)
    return floor * volts if key == "power" else floor


def _delivered(point: SpicePoint, sources: tuple[str | None, ...]) -> Array:
    """The current (A) that each line's source delivers; 0 of a floating line."""
    return np.array([0.0 if source is None else point.delivered(source) for source in sources])


def _total(rows: Array, cols: Array) -> float:
    return float(np.maximum(rows, 0).sum() + np.maximum(cols, 0).sum())


def _cell_volts(deck: Deck, point: SpicePoint) -> Array:
    a = np.array([point.volts(node) for node in deck.cell_a])
    b = np.array([point.volts(node) for node in deck.cell_b])
    return np.asarray((a - b).reshape(deck.layout.cell_shape), dtype=np.float64)
