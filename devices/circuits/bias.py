"""What drives each line of an array, and which cells are selected.

    scheme   selected row   selected column   unselected rows   unselected columns
    half     V              0                 V/2               V/2
    third    V              0                 V/3               2V/3
    ground   V              0                 0                 0
    float    V              0                 floating          floating

"Row" stands for the word-line electrode of a vertical array too. In compute mode every row has its own source and
every column ends at 0 V. Losses of the sources of V/2 and V/3 are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields, layout
from pillarsim.devices.circuits.errors import CircuitError

# scheme -> voltage of unselected rows and of unselected columns as a fraction of V; None floats
SCHEMES: dict[str, tuple[float, float] | None] = {
    "half": (1 / 2, 1 / 2),
    "third": (1 / 3, 2 / 3),
    "ground": (0.0, 0.0),
    "float": None,
}


@dataclass(frozen=True, eq=False)
class Lines:
    """One side's lines: source voltage (V), whether a source drives the line, whether the line is selected."""

    volts: NDArray[np.float64]
    driven: NDArray[np.bool_]
    selected: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Bias:
    """The sources of a case. `cells` are the selected cells, one index tuple each; none in compute mode."""

    rows: Lines
    cols: Lines
    cells: tuple[tuple[int, ...], ...]
    on_rows: tuple[int, ...]


def read_compute_bias(spec: fields.Spec, v_in: object) -> Bias:
    """Drive every row by `v_in` (row shape) and end every column at 0 V. Raises CircuitError."""
    volts = fields.array(v_in, "v_in", layout.row_shape(spec)).ravel()
    on_rows: tuple[int, ...] = ()
    if spec["geometry"] == "3d":
        on_rows = fields.indices(spec, "on_rows", fields.count(spec, "rows"))
    cols = fields.count(spec, "cols")
    return Bias(_driven(volts, True), _driven(np.zeros(cols), True), (), on_rows)


def read_memory_bias(spec: fields.Spec) -> Bias:
    """Bias the lines of a read or a write by its scheme. Raises CircuitError."""
    volts = fields.number(spec, "v")
    if volts == 0:
        raise CircuitError("v: a read or a write needs a voltage other than 0")
    unselected = SCHEMES[fields.choice(spec, "scheme", tuple(SCHEMES))]
    cells, on_rows = _selected_cells(spec)
    rows = np.zeros(int(np.prod(layout.row_shape(spec))), dtype=bool)
    rows[[layout.cell_rows(spec)[cell] for cell in cells]] = True
    cols = np.zeros(fields.count(spec, "cols"), dtype=bool)
    cols[[cell[1] if len(cell) == 2 else cell[2] for cell in cells]] = True
    row_rest, col_rest = unselected if unselected is not None else (None, None)
    return Bias(_schemed(rows, volts, row_rest, volts), _schemed(cols, 0.0, col_rest, volts), cells, on_rows)


def _selected_cells(spec: fields.Spec) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """The selected cells in the order of the lists that name them, and the pillar rows that are switched on."""
    rows, cols = fields.count(spec, "rows"), fields.count(spec, "cols")
    chosen = fields.indices(spec, "sel_cols", cols)
    if spec["geometry"] == "2d":
        return tuple((i, j) for i in fields.indices(spec, "sel_rows", rows) for j in chosen), ()
    row = fields.index(spec, "sel_row", rows)
    side = (fields.index(spec, "sel_side", 2),) if layout.word_lines(spec) == "comb2" else ()
    levels = fields.indices(spec, "sel_layers", fields.count(spec, "layers"))
    return tuple((level, row, col, *side) for level in levels for col in chosen), (row,)


def _schemed(selected: NDArray[np.bool_], active: float, rest: float | None, volts: float) -> Lines:
    others = 0.0 if rest is None else rest * volts
    driven = selected if rest is None else np.ones_like(selected)
    return Lines(np.where(selected, active, others), driven, selected)


def _driven(volts: NDArray[np.float64], selected: bool) -> Lines:
    return Lines(volts, np.ones(len(volts), dtype=bool), np.full(len(volts), selected))
