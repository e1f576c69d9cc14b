"""The wiring of an array before it is biased: named nodes, wires, cells and the ends of its lines.

Planar array (`rows` x `cols`): row i enters at a(i, 0), column j leaves at b(rows - 1, j), each through one segment.
Vertical array (`layers` x `rows` x `cols` pillars): word-line electrodes E, nodes w on planes or fingers, pillar nodes
p above a select transistor t - q, bit lines q from r = 0. Left out: gate and body of the transistors, capacitance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.errors import CircuitError

Indices = NDArray[np.intp]
Wires = tuple[Indices, Indices, "NDArray[np.float64] | float"]

_MOST_CELLS = 16_000_000  # of one array; its factorisation alone takes tens of GB


@dataclass(frozen=True, eq=False)
class Layout:
    """Nodes are numbered through `blocks` (name, shape); the element arrays hold node numbers, cells flattened.

    wire_a, wire_b, wire_ohm   the two ends and the resistance of each wire segment and transistor
    cell_a, cell_b             the row and the column terminal of each cell, in the order of `cell_shape`
    cell_row, cell_col         the row line and the column line that each cell's current passes
    row_ends, col_ends         the node where each line meets its driver or sense resistance
    row_shape                  (rows,) of a planar array, (layers, electrodes a layer) of a vertical one
    """

    blocks: tuple[tuple[str, tuple[int, ...]], ...]
    wire_a: Indices
    wire_b: Indices
    wire_ohm: NDArray[np.float64]
    cell_a: Indices
    cell_b: Indices
    cell_row: Indices
    cell_col: Indices
    cell_shape: tuple[int, ...]
    row_ends: Indices
    col_ends: Indices
    row_shape: tuple[int, ...]

    @property
    def node_count(self) -> int:
        """Nodes of all blocks."""
        return sum(int(np.prod(shape)) for _, shape in self.blocks)

    def name(self, node: int) -> str:
        """Return the name of a node, such as ``p(0, 2, 3)``."""
        for block, shape in self.blocks:
            size = int(np.prod(shape))
            if node < size:
                return f"{block}({', '.join(str(int(place)) for place in np.unravel_index(node, shape))})"
            node -= size
        return "a source"


def read_layout(spec: fields.Spec, on_rows: Iterable[int] = ()) -> Layout:
    """Return the wiring of a case; `on_rows` are the pillar rows whose transistors conduct. Raises CircuitError."""
    if fields.choice(spec, "geometry", ("2d", "3d")) == "2d":
        return _planar(spec)
    return _vertical(spec, on_rows)


def cell_shape(spec: fields.Spec) -> tuple[int, ...]:
    """Return (rows, cols), (layers, rows, cols) or (layers, rows, cols, 2).

    Raises CircuitError for more cells than can be solved.
    """
    plane = (fields.count(spec, "rows"), fields.count(spec, "cols"))
    if fields.choice(spec, "geometry", ("2d", "3d")) == "2d":
        return _bounded(plane, "rows, cols")
    sides = (2,) if word_lines(spec) == "comb2" else ()
    return _bounded((fields.count(spec, "layers"), *plane, *sides), "layers, rows, cols")


def _bounded(shape: tuple[int, ...], keys: str) -> tuple[int, ...]:
    cells = math.prod(shape)
    if cells > _MOST_CELLS:
        found = " x ".join(map(str, shape))
        raise CircuitError(f"{keys}: expected at most {_MOST_CELLS} cells, found {found} = {cells}")
    return shape


def word_lines(spec: fields.Spec) -> str:
    """Return the kind of word line of a vertical array."""
    return fields.choice(fields.mapping(spec, "wl"), "type", ("plane", "comb", "comb2", "finger"), "wl")


def row_shape(spec: fields.Spec) -> tuple[int, ...]:
    """Return (rows,) or (layers, electrodes a layer)."""
    shape = cell_shape(spec)  # refuses an array that is too large
    if len(shape) == 2:
        return (shape[0],)
    rows = shape[1]
    return (shape[0], int(_electrode_of_finger(spec, rows).max()) + 1)


def cell_rows(spec: fields.Spec) -> Indices:
    """Return the number of the row line of every cell (cell shape); rows of a vertical array count layer by layer."""
    shape = cell_shape(spec)
    place = np.indices(shape)
    if len(shape) == 2:
        return np.asarray(place[0], dtype=np.intp)
    electrodes = row_shape(spec)[1]
    finger = _finger_of_cell(spec, place)
    return np.asarray(place[0] * electrodes + _electrode_of_finger(spec, shape[1])[finger], dtype=np.intp)


class _Nodes:
    """Numbers the nodes of one block after another."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, tuple[int, ...]]] = []
        self.count = 0

    def block(self, name: str, *shape: int) -> Indices:
        first = self.count
        self.count += int(np.prod(shape))
        self.blocks.append((name, shape))
        return np.arange(first, self.count, dtype=np.intp).reshape(shape)


def _planar(spec: fields.Spec) -> Layout:
    rows, cols = cell_shape(spec)
    r_row, r_col = fields.resistance(spec, "r_row"), fields.resistance(spec, "r_col")
    nodes = _Nodes()
    row_ends, a = nodes.block("row end", rows), nodes.block("a", rows, cols)
    b, col_ends = nodes.block("b", rows, cols), nodes.block("column end", cols)
    wires: list[Wires] = [
        (row_ends, a[:, 0], r_row),
        (a[:, :-1], a[:, 1:], r_row),
        (b[:-1], b[1:], r_col),
        (b[-1], col_ends, r_col),
    ]
    return _layout(spec, nodes, wires, a, b, row_ends, col_ends)


def _vertical(spec: fields.Spec, on_rows: Iterable[int]) -> Layout:
    layers, rows, cols = cell_shape(spec)[:3]
    r_wl, r_pillar, r_bl = (fields.resistance(spec, key) for key in ("r_wl", "r_pillar", "r_bl"))
    r_on, r_off = fields.resistance(spec, "r_on"), fields.resistance(spec, "r_off")
    kind, electrode = word_lines(spec), _electrode_of_finger(spec, rows)
    fingers = rows if kind == "plane" else len(electrode)

    nodes = _Nodes()
    ends = nodes.block("E", *row_shape(spec))
    w, p = nodes.block("w", layers, fingers, cols), nodes.block("p", layers, rows, cols)
    t, q, col_ends = nodes.block("t", rows, cols), nodes.block("q", rows, cols), nodes.block("bit line end", cols)

    switch = np.full((rows, 1), r_off)
    switch[list(on_rows)] = r_on
    wires: list[Wires] = [
        (ends[:, electrode if kind != "plane" else np.zeros(rows, dtype=np.intp)], w[:, :, 0], r_wl),
        (w[:, :, :-1], w[:, :, 1:], r_wl),
        (q, t, np.broadcast_to(switch, (rows, cols))),
        (t, p[0], r_pillar),
        (p[:-1], p[1:], r_pillar),
        (col_ends, q[0], r_bl),
        (q[:-1], q[1:], r_bl),
    ]
    if kind == "plane":
        wires.append((w[:, :-1], w[:, 1:], r_wl))
    place = np.indices(cell_shape(spec))
    finger = place[1] if kind == "plane" else _finger_of_cell(spec, place)
    return _layout(spec, nodes, wires, w[place[0], finger, place[2]], p[tuple(place[:3])], ends.ravel(), col_ends)


def _finger_of_cell(spec: fields.Spec, place: NDArray[np.intp]) -> Indices:
    """The finger that each cell touches; 0 of a plane."""
    kind = word_lines(spec)
    row = np.asarray(place[1], dtype=np.intp)
    if kind == "plane":
        return np.zeros_like(row)
    if kind == "comb":
        return row // fields.count(fields.mapping(spec, "wl"), "rows_per_finger", "wl")
    return row + place[3] if kind == "comb2" else row


def _electrode_of_finger(spec: fields.Spec, rows: int) -> Indices:
    """The electrode of each finger of a layer; a plane counts as one finger."""
    kind, wl = word_lines(spec), fields.mapping(spec, "wl")
    if kind == "plane":
        return np.zeros(1, dtype=np.intp)
    if kind == "finger":
        return np.arange(rows, dtype=np.intp)
    if kind == "comb":
        fingers = -(-rows // fields.count(wl, "rows_per_finger", "wl"))
        return np.arange(fingers, dtype=np.intp) % fields.count(wl, "n_combs", "wl")
    if wl.get("n_combs", 2) != 2:
        raise CircuitError(f"wl.n_combs: a comb2 layer has 2 combs, found {wl['n_combs']!r}")
    return np.arange(rows + 1, dtype=np.intp) % 2


def _layout(
    spec: fields.Spec, nodes: _Nodes, wires: list[Wires], a: Indices, b: Indices, row_ends: Indices, col_ends: Indices
) -> Layout:
    shape = cell_shape(spec)
    axis = 1 if len(shape) == 2 else 2
    return Layout(
        blocks=tuple(nodes.blocks),
        wire_a=np.concatenate([one.ravel() for one, _, _ in wires]),
        wire_b=np.concatenate([two.ravel() for _, two, _ in wires]),
        wire_ohm=np.concatenate([np.broadcast_to(ohm, one.shape).ravel() for one, _, ohm in wires]),
        cell_a=a.ravel(),
        cell_b=b.ravel(),
        cell_row=cell_rows(spec).ravel(),
        cell_col=np.indices(shape)[axis].ravel(),
        cell_shape=shape,
        row_ends=row_ends,
        col_ends=col_ends,
        row_shape=row_shape(spec),
    )
