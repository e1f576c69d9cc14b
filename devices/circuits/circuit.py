"""A biased array as a list of elements between merged nodes: what the solver sees.

Nodes that an ideal short joins are one node. Nodes 0 .. free - 1 are unknown; the rest are held by a source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pillarsim.devices.circuits.bias import Bias
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.layout import Indices, Layout

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Circuit:
    """Elements between merged nodes.

    free                       number of unknown node voltages
    wire_a, wire_b, wire_s     ends and conductance (S) of each resistor: segments, switches, drivers, sense resistances
    cell_a, cell_b             ends of each cell; a cell's current flows from a to b
    held                       the node of each driven line, rows before columns
    layout, bias               what the circuit was made from
    origin                     a node of the layout that stands for each merged node (for messages)
    """

    free: int
    wire_a: Indices
    wire_b: Indices
    wire_s: Array
    cell_a: Indices
    cell_b: Indices
    held: Indices
    layout: Layout
    bias: Bias
    origin: Indices

    @property
    def nodes(self) -> int:
        """Unknown and held nodes."""
        return self.free + len(self.held)

    def potentials(self, row_volts: Array, col_volts: Array) -> Array:
        """Return node voltages (nodes,) with the sources set and every unknown at 0 V."""
        volts = np.zeros(self.nodes)
        volts[self.held] = np.concatenate([row_volts[self.bias.rows.driven], col_volts[self.bias.cols.driven]])
        return volts

    def name(self, node: int) -> str:
        """Return the name of a merged node."""
        return self.layout.name(int(self.origin[node]))


def build_circuit(layout: Layout, bias: Bias, r_driver: float, r_sense: float, negligible_ohm: float = 0.0) -> Circuit:
    """Add sources, drivers and sense resistances to a layout and merge its shorted nodes.

    A resistance of at most `negligible_ohm` is an ideal short (`negligible` says where that costs no accuracy).
    Raises CircuitError where nodes float (no path to a source) or where shorts tie two sources together.
    """
    row_source, row_end = _sources(layout.row_ends, bias.rows.driven, layout.node_count)
    col_source, col_end = _sources(layout.col_ends, bias.cols.driven, layout.node_count + len(row_source))
    col_ohm = np.where(bias.cols.selected[bias.cols.driven], r_sense, r_driver)
    ends_a = np.concatenate([layout.wire_a, row_source, col_source])
    ends_b = np.concatenate([layout.wire_b, row_end, col_end])
    ohm = np.concatenate([layout.wire_ohm, np.full(len(row_source), r_driver), col_ohm])

    total = layout.node_count + len(row_source) + len(col_source)
    short = ohm <= negligible_ohm
    merged, names = _merge(total, ends_a[short], ends_b[short])
    held = merged[np.concatenate([row_source, col_source])]
    if len(np.unique(held)) < len(held):
        raise CircuitError("resistances of 0 ohm tie two sources together")

    order = _held_last(merged, held, int(merged.max()) + 1)
    node = order[merged]
    keep = ~short & (node[ends_a] != node[ends_b])
    origin = np.empty(len(order), dtype=np.intp)
    origin[order] = names
    circuit = Circuit(
        free=len(order) - len(held),
        wire_a=node[ends_a[keep]],
        wire_b=node[ends_b[keep]],
        wire_s=1 / ohm[keep],
        cell_a=node[layout.cell_a],
        cell_b=node[layout.cell_b],
        held=order[held],
        layout=layout,
        bias=bias,
        origin=origin,
    )
    _refuse_floating(circuit)
    return circuit


def _sources(ends: Indices, driven: NDArray[np.bool_], first: int) -> tuple[Indices, Indices]:
    """New source nodes, and the line ends that they drive."""
    return np.arange(first, first + int(driven.sum()), dtype=np.intp), ends[driven]


def _merge(total: int, a: Indices, b: Indices) -> tuple[Indices, Indices]:
    """The merged node of every node, and the first node of each merged one."""
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(total, total))
    _, merged = connected_components(graph, directed=False)
    _, first = np.unique(merged, return_index=True)
    return np.asarray(merged, dtype=np.intp), np.asarray(first, dtype=np.intp)


def _held_last(merged: Indices, held: Indices, count: int) -> Indices:
    """New numbers of the merged nodes: unknown ones first, then the held ones in the order of `held`."""
    fixed = np.zeros(count, dtype=bool)
    fixed[held] = True
    order = np.empty(count, dtype=np.intp)
    order[~fixed] = np.arange(count - len(held))
    order[held] = np.arange(count - len(held), count)
    return order


def _refuse_floating(circuit: Circuit) -> None:
    a, b = np.concatenate([circuit.wire_a, circuit.cell_a]), np.concatenate([circuit.wire_b, circuit.cell_b])
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(circuit.nodes, circuit.nodes))
    count, part = connected_components(graph, directed=False)
    tied = np.zeros(count, dtype=bool)
    tied[part[circuit.held]] = True
    if not tied.all():
        node = circuit.name(int(np.flatnonzero(~tied[part])[0]))
        raise CircuitError(f"the circuit is singular: node {node} floats, no path leads to a source")
