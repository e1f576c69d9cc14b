"""A case as a commented SPICE netlist (ngspice dialect): the circuit of the solver, element by element.

Nodes carry the names of the layout: p_0_2_3 is p(0, 2, 3). Nodes that a resistance of 0 ohm joins are written as one;
those that are merely negligible to the solver stay as the case has them.
Every line has its own source; a 0 V source in series with each selected cell measures its current.
Left out as in the layout: capacitances, gate and body of the transistors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pillarsim.devices.circuits import bias as biases
from pillarsim.devices.circuits import fields
from pillarsim.devices.circuits.bias import Bias, Lines
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.cells import CellType, read_cell
from pillarsim.devices.circuits.conductances import read_conductances, with_selected
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.keys import check_keys
from pillarsim.devices.circuits.layout import Layout
from pillarsim.devices.circuits.netlist_cells import CellWriter, digits

Array = NDArray[np.float64]

MEMORY_RUNS = ("sel_lrs", "sel_hrs")
COMPUTE_RUN = "run"

# block of a layout -> its nodes' name in the netlist
_NAMES = {"row end": "rend", "column end": "cend", "bit line end": "bend", "E": "e"}
# block of a wire's second end -> (element, heading)
_SECTIONS = {
    "a": ("rrow", "Row segments"),
    "b": ("rcol", "Column segments"),
    "column end": ("rcolend", "Last segment of each column"),
    "w": ("rwl", "Word lines"),
    "t": ("rswitch", "Select transistors, on or off"),
    "p": ("rpillar", "Pillars, layer 0 next to the transistor"),
    "q": ("rbl", "Bit lines, driven from pillar row 0"),
}
_PLANAR_NODES = (
    "* Nodes: srow_I source of row I, rend_I the row's driven end, a_I_J the row at cell (I, J),",
    "*        b_I_J the column at cell (I, J), cend_J the column's sensed end, scol_J its source.",
)
_VERTICAL_NODES = (
    "* Nodes: srow_L_K source of electrode K of layer L, e_L_K the electrode, w_L_F_C finger (or row) F at column C,",
    "*        p_L_R_C pillar (R, C) at layer L, t_R_C above its transistor, q_R_C below it on bit line C,",
    "*        bend_C the bit line's sensed end, scol_C its source.",
)


@dataclass(frozen=True)
class Tolerances:
    """ngspice's convergence limits: relative, of a current (A) and of a node voltage (V)."""

    reltol: str = "1e-9"
    abstol: str = "1e-18"
    vntol: str = "1e-13"

    @property
    def text(self) -> str:
        """The limits as they stand in an options line."""
        return f"reltol={self.reltol} abstol={self.abstol} vntol={self.vntol}"


@dataclass(frozen=True, eq=False)
class Deck:
    """A netlist, and the names under which ngspice stores its values.

    head, body                 lines before and after the options
    cell_a, cell_b             node of the row and the column terminal of each cell, selector included
    row_sources, col_sources   source of each line; None where it floats
    ammeters                   0 V source in series with each selected cell, in the order of the selection
    smallest_ohm               the smallest resistance of a wire, driver or switch; inf without any
    """

    head: tuple[str, ...]
    body: tuple[str, ...]
    cell_a: tuple[str, ...]
    cell_b: tuple[str, ...]
    row_sources: tuple[str | None, ...]
    col_sources: tuple[str | None, ...]
    ammeters: tuple[str, ...]
    bias: Bias
    layout: Layout
    smallest_ohm: float

    def text(self, tolerances: Tolerances | None = None) -> str:
        """Return the netlist; ngspice solves it to these limits, the tightest unless given."""
        limits = tolerances or Tolerances()
        options = f".options gmin=1e-18 itl1=100 gminsteps=0 srcsteps=0 {limits.text}"
        return "\n".join([*self.head, "", options, *self.body]) + "\n"


def runs_of(spec: fields.Spec) -> tuple[str, ...]:
    """Return the names of a case's runs: sel_lrs and sel_hrs of a memory case, run of a compute case."""
    return MEMORY_RUNS if fields.choice(spec, "mode", ("memory", "compute")) == "memory" else (COMPUTE_RUN,)


def netlist(spec: fields.Spec, states: object = None, g: object = None, run: str | None = None) -> str:
    """Return the circuit of a case as a SPICE netlist.

    Arguments are those of `solve`. Both runs of a memory case stand in the netlist: their selected cells differ in one
    `.param` line, of which one is a comment; `run` (default `sel_lrs`) says which one is active.
    Raises CircuitError.
    """
    return build_deck(spec, states, g, run).text()


def build_deck(spec: fields.Spec, states: object = None, g: object = None, run: str | None = None) -> Deck:
    """Return the netlist of a case with the names in it; raises CircuitError."""
    check_keys(spec)
    runs = runs_of(spec)
    active = runs[0] if run is None else run
    if active not in runs:
        raise CircuitError(f"run: expected {' or '.join(runs)}, found {active!r}")
    cell = read_cell(spec)
    memory = runs == MEMORY_RUNS
    bias = biases.read_memory_bias(spec) if memory else biases.read_compute_bias(spec, fields.value(spec, "v_in"))
    conductances = read_conductances(spec, cell, states, g)
    layout = circuit_of(spec, bias).layout  # refuses floating nodes and sources that shorts tie together
    row_labels = ["_".join(map(str, place)) for place in np.ndindex(layout.row_shape)]
    col_labels = [str(col) for col in range(len(bias.cols.volts))]
    rows = _LineNames("row", row_labels, bias.rows)
    cols = _LineNames("col", col_labels, bias.cols)
    drivers = _drivers(spec, layout, bias)
    names = _node_names(layout, rows, cols, drivers)
    writer = _cell_writer(cell, conductances, bias, memory)
    body = [
        "",
        *writer.parameters(active),
        *_sources("Sources of the rows (word-line electrodes)", rows, names, layout.node_count),
        *_sources("Sources of the columns (bit lines)", cols, names, layout.node_count + len(rows.driven)),
        *_resistors("Drivers and sense resistances", drivers, names),
        *_wires(layout, names),
        "",
        "* Cells, from row to column",
        *writer.elements([names[a] for a in layout.cell_a], [names[b] for b in layout.cell_b]),
        "",
        ".op",
        ".end",
    ]
    ohms = [*layout.wire_ohm, *(ohm for *_, ohm in drivers)]
    return Deck(
        head=tuple(_header(spec, layout, memory, active)),
        body=tuple(body),
        cell_a=tuple(names[a] for a in layout.cell_a),
        cell_b=tuple(names[b] for b in layout.cell_b),
        row_sources=rows.sources,
        col_sources=cols.sources,
        ammeters=writer.ammeters,
        bias=bias,
        layout=layout,
        smallest_ohm=min((float(ohm) for ohm in ohms if ohm), default=float("inf")),
    )


class _LineNames:
    """Names of one side's lines."""

    def __init__(self, side: str, labels: list[str], lines: Lines) -> None:
        self.side, self.labels, self.lines = side, labels, lines
        self.driven = [int(line) for line in np.flatnonzero(lines.driven)]
        self.nodes = [f"s{side}_{labels[line]}" for line in self.driven]
        self.sources = tuple(
            f"v{side}_{label}" if driven else None for label, driven in zip(labels, lines.driven, strict=True)
        )


def _cell_writer(cell: CellType, g: Array, bias: Bias, memory: bool) -> CellWriter:
    if not memory:
        return CellWriter(cell.law, g, {}, ())
    if cell.g_lrs is None or cell.g_hrs is None:
        raise CircuitError("cell: a memory case needs g_lrs and g_hrs")
    values = dict(zip(MEMORY_RUNS, (cell.g_lrs, cell.g_hrs), strict=True))
    return CellWriter(cell.law, with_selected(g, bias.cells, cell.g_lrs), values, bias.cells)


def _drivers(spec: fields.Spec, layout: Layout, bias: Bias) -> list[tuple[str, int, int, float]]:
    """(element, source node, line end, ohm) of each driven line; source nodes count on from the layout's nodes."""
    driver, sense = fields.resistance(spec, "r_driver"), fields.resistance(spec, "r_sense")
    rows = [("rdriver_row", int(end), driver) for end in layout.row_ends[bias.rows.driven]]
    cols = [
        ("rsense", int(end), sense) if selected else ("rdriver_col", int(end), driver)
        for end, selected in zip(layout.col_ends[bias.cols.driven], bias.cols.selected[bias.cols.driven], strict=True)
    ]
    return [(kind, layout.node_count + place, end, ohm) for place, (kind, end, ohm) in enumerate(rows + cols)]


def _node_names(
    layout: Layout, rows: _LineNames, cols: _LineNames, drivers: list[tuple[str, int, int, float]]
) -> list[str]:
    """The name of every node of the layout, then of every source; shorted nodes share the name of the first."""
    names = [
        "_".join([_NAMES.get(block, block), *map(str, place)])
        for block, shape in layout.blocks
        for place in np.ndindex(shape)
    ]
    names += rows.nodes + cols.nodes
    shorts = layout.wire_ohm == 0
    a = [*layout.wire_a[shorts], *(source for _, source, _, ohm in drivers if ohm == 0)]
    b = [*layout.wire_b[shorts], *(end for _, _, end, ohm in drivers if ohm == 0)]
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(names), len(names)))
    _, merged = connected_components(graph, directed=False)
    _, first = np.unique(merged, return_index=True)
    return [names[place] for place in first[merged]]


def _header(spec: fields.Spec, layout: Layout, memory: bool, active: str) -> Iterator[str]:
    # ngspice echoes the first line and nothing of the comments, so that no id can look like one of its messages.
    yield "Array circuit at DC"
    name = " ".join(str(spec.get("id", "without id")).split())
    kind = f", {spec['wl']['type']} word lines" if spec["geometry"] == "3d" else ""
    bias = f", scheme {spec['scheme']}, V = {digits(fields.number(spec, 'v'))} V" if memory else ""
    cells = " x ".join(map(str, layout.cell_shape))
    yield f"* Case {name}: {spec['geometry']} {spec['mode']}, cells {cells}{kind}{bias}"
    yield "* Run it: ngspice -n -b -r FILE.raw FILE.cir"
    yield "* FILE.raw then holds v(node) of every node and i(source) of every source, which delivers -i(source)."
    if memory:
        other = next(run for run in MEMORY_RUNS if run != active)
        yield f"* This is the run {active}. For {other} move the asterisk of the two .param lines marked with the runs."
    yield from _PLANAR_NODES if spec["geometry"] == "2d" else _VERTICAL_NODES
    yield "*        Nodes that 0 ohm joins are one node, under the name that comes first here."
    yield "* Reject a run whose log mentions `stepping` or `Transient op`: its answer may hold shunts to ground."


def _sources(heading: str, lines: _LineNames, names: list[str], first: int) -> Iterator[str]:
    yield ""
    yield f"* {heading}"
    for number, line in enumerate(lines.driven):
        mark = "  ; selected" if lines.lines.selected[line] else ""
        yield f"{lines.sources[line]} {names[first + number]} 0 dc {digits(lines.lines.volts[line])}{mark}"
    floating = [label for line, label in enumerate(lines.labels) if not lines.lines.driven[line]]
    if floating:
        yield f"* {len(floating)} floating: {', '.join(floating)}"


def _resistors(heading: str, wires: list[tuple[str, int, int, float]], names: list[str]) -> Iterator[str]:
    """The resistors that join two different nodes, numbered."""
    written = [(kind, names[a], names[b], ohm) for kind, a, b, ohm in wires if names[a] != names[b]]
    yield ""
    yield f"* {heading}{'' if written else ': none, all of them are 0 ohm'}"
    for number, (kind, a, b, ohm) in enumerate(written):
        yield f"{kind}_{number} {a} {b} {digits(ohm)}"


def _wires(layout: Layout, names: list[str]) -> Iterator[str]:
    starts = np.cumsum([0, *(int(np.prod(shape)) for _, shape in layout.blocks)])
    block = np.searchsorted(starts, layout.wire_b, side="right") - 1
    for number, (name, _) in enumerate(layout.blocks):
        chosen = np.flatnonzero(block == number)
        if not len(chosen):
            continue
        kind, heading = _SECTIONS[name]
        wires = [
            (kind, int(layout.wire_a[one]), int(layout.wire_b[one]), float(layout.wire_ohm[one])) for one in chosen
        ]
        yield from _resistors(heading, wires, names)
