"""Which cell of an array's circuit each input of a block is, and the part of the array that a block fills.

Weights sit in the corner next to drivers, select transistors and sense circuits, so a block of n inputs and c columns
is the circuit of a smaller array. Cells that hold no weight are unformed and carry nothing.
Left out: the sheet of a plane beyond its block, which would carry some of its current beside it.

Inputs of a vertical array, i from 0: where a read takes whole pillar rows (layer_parallel, word_line), i counts sides,
then layers, then rows; where it takes one layer (layer_serial, select_line), i counts rows, then layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array
from pillarsim.arch.circuit.spec import array_spec
from pillarsim.devices.circuits.layout import cell_rows, row_shape

UNFORMED_S = 1e-15  # S, of a cell that holds no weight: a millionth of the weakest published cell, nothing flows

Floats = NDArray[np.float64]
Index = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True, eq=False)
class Block:
    """The circuit of the part of one array that `inputs` x `columns` weights fill."""

    array: Array
    temperature_k: float
    inputs: int
    columns: int
    rows_below: int = 0
    """planar rows without a cell between the block and the sense circuits"""

    @cached_property
    def cells(self) -> Index:
        """Place of each input's cells in the circuit, without the column: (row,) or (layer, row) or (.., side)."""
        number = np.arange(self.inputs)
        if self.array.geometry == "planar":
            return (number,)
        if self.array.layer_by_layer:
            layer, row = np.divmod(number, self.array.rows)
            return layer, row
        rest, side = np.divmod(number, self.array.sides)
        row, layer = np.divmod(rest, self.array.layers)
        return (layer, row, side) if self.array.sides > 1 else (layer, row)

    @property
    def rows(self) -> NDArray[np.intp]:
        """Row, or pillar row, of each input."""
        return self.cells[0] if self.array.geometry == "planar" else self.cells[1]

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The `spec` of a compute case of this part of the array; `on_rows` of a vertical one are all its rows."""
        used = {"rows": int(self.rows.max()) + 1, "columns": self.columns}
        if self.array.geometry == "vertical":
            used["layers"] = int(self.cells[0].max()) + 1
        # Not validated again: a smaller array need not be a sensible chip.
        spec = array_spec(self.array.model_copy(update=used), self.temperature_k) | {"mode": "compute"}
        if self.array.geometry == "vertical":
            return spec | {"on_rows": list(range(used["rows"]))}
        return spec | {"r_sense": spec["r_sense"] + self.rows_below * spec["r_col"]}

    @cached_property
    def lines(self) -> NDArray[np.intp]:
        """Number of the row or word-line electrode that each input's cells stand on."""
        everywhere = cell_rows(self.spec)
        return np.asarray(everywhere[self._of_column(0)], dtype=np.intp)

    @property
    def line_count(self) -> int:
        """Rows, or word-line electrodes, of the circuit."""
        return int(np.prod(row_shape(self.spec)))

    def _of_column(self, column: int) -> Index:
        """Index of one column's cells, input by input."""
        at = np.full(self.inputs, column, dtype=np.intp)
        return (*self.cells[:2], at, *self.cells[2:]) if self.array.geometry == "vertical" else (self.cells[0], at)

    def circuit_cells(self, block: Floats) -> Floats:
        """Values (inputs, columns) as cells of the circuit; unformed ones are `UNFORMED_S`."""
        if self.array.geometry == "planar":
            return block
        shape = [self.spec["layers"], self.spec["rows"], self.columns]
        cells = np.full([*shape, self.array.sides] if self.array.sides > 1 else shape, UNFORMED_S)
        layer, row = self.cells[:2]
        if self.array.sides > 1:
            cells[layer, row, :, self.cells[2]] = block
        else:
            cells[layer, row] = block
        return cells

    def alone(self, start: int, stop: int) -> Block:
        """The inputs [start, stop) of a planar array while the access transistors of all other rows are off."""
        return replace(self, inputs=stop - start, rows_below=self.inputs - stop)
