"""Netlists of `comb2` in compute mode and `finger` in memory mode, written from the words of the convention alone.

Plain loops over node names, nothing of pillarsim: docs/array_circuits.md, "Additions to the circuit convention", says
what is built here. A resistance of 0 ohm is a 0 V source. `values` maps ngspice's v(node) and i(source) to numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Spec = dict[str, Any]
Values = dict[str, float]
Solve = Callable[[list[str]], Values]

# what the switch-only circuit behind `i_col_switch` leaves out
NO_WIRES = {"r_wl": 0.0, "r_pillar": 0.0, "r_bl": 0.0, "r_driver": 0.0, "r_sense": 0.0}


def resistor(name: str, a: str, b: str, ohm: float) -> str:
    """A resistance; an ideal short is a source of 0 V."""
    return f"r{name} {a} {b} {ohm!r}" if ohm else f"vshort{name} {a} {b} dc 0"


def cell(spec: Spec, name: str, a: str, b: str, g: float) -> list[str]:
    """A cell of conductance `g` (S) from word line to pillar."""
    model, selector = spec["cell"], spec.get("selector")
    inner = f"x{name}" if selector else b
    if model["model"] == "linear":
        lines = [f"rc{name} {a} {inner} {1 / g!r}"]
    else:
        lines = [f"bc{name} {a} {inner} i={g!r}*sinh({model['k']!r}*v({a},{inner}))/{model['k']!r}"]
    if selector:
        assert selector["model"] == "exp"
        g0, ks = selector["g0"], selector["ks"]
        lines.append(f"bs{name} {inner} {b} i={g0!r}*sinh({ks!r}*v({inner},{b}))/{ks!r}")
    return lines


def pillars_and_bit_lines(spec: Spec, on_rows: list[int]) -> list[str]:
    """Pillars with their transistors, and the bit lines as far as their end e, which their driver joins."""
    lines = []
    for c in range(spec["cols"]):
        lines.append(resistor(f"bl0_{c}", f"be{c}", f"q0_{c}", spec["r_bl"]))
        for r in range(1, spec["rows"]):
            lines.append(resistor(f"bl{r}_{c}", f"q{r - 1}_{c}", f"q{r}_{c}", spec["r_bl"]))
    for r in range(spec["rows"]):
        for c in range(spec["cols"]):
            switch = spec["r_on"] if r in on_rows else spec["r_off"]
            lines.append(resistor(f"t{r}_{c}", f"q{r}_{c}", f"t{r}_{c}", switch))
            lines.append(resistor(f"p0_{r}_{c}", f"t{r}_{c}", f"p0_{r}_{c}", spec["r_pillar"]))
            for level in range(1, spec["layers"]):
                below, here = f"p{level - 1}_{r}_{c}", f"p{level}_{r}_{c}"
                lines.append(resistor(f"p{level}_{r}_{c}", below, here, spec["r_pillar"]))
    return lines


def finger(spec: Spec, level: int, number: int, electrode: str) -> list[str]:
    """One finger: electrode, then a segment before each column's node; the far end is open."""
    lines, before = [], electrode
    for c in range(spec["cols"]):
        here = f"w{level}_{number}_{c}"
        lines.append(resistor(f"w{level}_{number}_{c}", before, here, spec["r_wl"]))
        before = here
    return lines


def driven(name: str, end: str, volts: float, ohm: float) -> list[str]:
    """A source of its own behind its resistance."""
    return [f"v{name} s{name} 0 dc {volts!r}", resistor(f"d{name}", f"s{name}", end, ohm)]


# comb2, compute


def comb2_netlist(spec: Spec, g: Any) -> list[str]:
    """Two cells a pillar and layer: side 0 on finger r, side 1 on finger r + 1; finger f hangs on comb f mod 2."""
    lines = pillars_and_bit_lines(spec, spec["on_rows"])
    for c in range(spec["cols"]):
        lines += driven(f"col{c}", f"be{c}", 0.0, spec["r_sense"])
    for level in range(spec["layers"]):
        for comb in (0, 1):
            lines += driven(f"row{level}_{comb}", f"e{level}_{comb}", spec["v_in"][level][comb], spec["r_driver"])
        for f in range(spec["rows"] + 1):
            lines += finger(spec, level, f, f"e{level}_{f % 2}")
        for r in range(spec["rows"]):
            for c in range(spec["cols"]):
                for side in (0, 1):
                    line, pillar = f"w{level}_{r + side}_{c}", f"p{level}_{r}_{c}"
                    lines += cell(spec, f"{level}_{r}_{c}_{side}", line, pillar, g[level][r][c][side])
    return lines


def comb2_compute(spec: Spec, g: Any, solve: Solve) -> dict[str, Any]:
    """Return the results of a `comb2` compute case."""
    layers, cols = range(spec["layers"]), range(spec["cols"])
    values = solve(comb2_netlist(spec, g))
    i_col = [values[f"i(vcol{c})"] for c in cols]
    i_in = [[-values[f"i(vrow{level}_{comb})"] for comb in (0, 1)] for level in layers]
    ideal = [
        math.fsum(
            law_current(spec, g[level][r][c][side], spec["v_in"][level][(r + side) % 2])
            for level in layers
            for r in spec["on_rows"]
            for side in (0, 1)
        )
        for c in cols
    ]
    switched = solve(comb2_netlist({**spec, **NO_WIRES}, g))
    drops = [1 - i / i0 for i, i0 in zip(i_col, ideal, strict=True)]
    given = [one for level in i_in for one in level]
    volts = [one for level in spec["v_in"] for one in level]
    return {
        "i_col": i_col,
        "i_col_ideal": ideal,
        "i_col_sum": math.fsum(i_col),
        "i_total": math.fsum(max(0.0, one) for one in [*given, *(-one for one in i_col)]),
        "power": math.fsum(v * i for v, i in zip(volts, given, strict=True)),
        "ir_drop_max": max(abs(drop) for drop in drops),
        "ir_drop_mean": math.fsum(drops) / len(drops),
        "i_in": i_in,
        "i_col_switch": [switched[f"i(vcol{c})"] for c in cols],
    }


def law_current(spec: Spec, g: float, volts: float) -> float:
    """The current of a cell at a voltage, its selector included (found by bisection)."""

    def element(v: float) -> float:
        return g * v if spec["cell"]["model"] == "linear" else g * math.sinh(spec["cell"]["k"] * v) / spec["cell"]["k"]

    selector = spec.get("selector")
    if not selector:
        return element(volts)
    low, high = 0.0, abs(volts)
    for _ in range(200):
        middle = (low + high) / 2
        behind = selector["g0"] * math.sinh(selector["ks"] * (abs(volts) - middle)) / selector["ks"]
        low, high = (middle, high) if element(middle) < behind else (low, middle)
    return math.copysign(element((low + high) / 2), volts)


# finger, memory


def finger_netlist(spec: Spec, states: list[list[str]], selected_g: float) -> list[str]:
    """Every pillar row has a word line of its own in each layer; only those of the selected cells are selected."""
    volts = spec["v"]
    rest = {"half": (1 / 2, 1 / 2), "third": (1 / 3, 2 / 3), "ground": (0.0, 0.0), "float": None}[spec["scheme"]]
    lines = pillars_and_bit_lines(spec, [spec["sel_row"]])
    for c in range(spec["cols"]):
        if c in spec["sel_cols"]:
            lines += driven(f"col{c}", f"be{c}", 0.0, spec["r_sense"])
        elif rest:
            lines += driven(f"col{c}", f"be{c}", rest[1] * volts, spec["r_driver"])
    for level in range(spec["layers"]):
        for r in range(spec["rows"]):
            if level in spec["sel_layers"] and r == spec["sel_row"]:
                lines += driven(f"row{level}_{r}", f"e{level}_{r}", volts, spec["r_driver"])
            elif rest:
                lines += driven(f"row{level}_{r}", f"e{level}_{r}", rest[0] * volts, spec["r_driver"])
            lines += finger(spec, level, r, f"e{level}_{r}")
            for c in range(spec["cols"]):
                name, start = f"{level}_{r}_{c}", f"w{level}_{r}_{c}"
                g = spec["cell"]["g_lrs"] if states[level][r][c] == "1" else spec["cell"]["g_hrs"]
                if (level, r, c) in selected_cells(spec):
                    lines.append(f"vm{name} {start} m{name} dc 0")
                    start, g = f"m{name}", selected_g
                lines += cell(spec, name, start, f"p{name}", g)
    return lines


def selected_cells(spec: Spec) -> list[tuple[int, int, int]]:
    """Layer after layer, column after column."""
    return [(level, spec["sel_row"], c) for level in spec["sel_layers"] for c in spec["sel_cols"]]


def finger_memory(spec: Spec, states: list[list[str]], solve: Solve) -> dict[str, Any]:
    """Return the results of a `finger` memory case."""
    lrs = finger_run(spec, solve(finger_netlist(spec, states, spec["cell"]["g_lrs"])))
    hrs = finger_run(spec, solve(finger_netlist(spec, states, spec["cell"]["g_hrs"])))
    difference = lrs["i_sense"] - hrs["i_sense"]
    margin = {
        "di_sense": difference,
        "rm_i": difference / lrs["i_sense"],
        "ratio_sense": lrs["i_sense"] / hrs["i_sense"],
        "ratio_sel": lrs["i_sel_sum"] / hrs["i_sel_sum"],
        "rm_v": spec["r_sense"] * difference / len(spec["sel_cols"]) / spec["v"],
        "v_cell_min_fraction": min(volts / spec["v"] for volts in lrs["v_cell"]),
    }
    return {"sel_lrs": lrs, "sel_hrs": hrs, "margin": margin}


def finger_run(spec: Spec, values: Values) -> dict[str, Any]:
    """Return the quantities of one run."""
    sources = {name: -current for name, current in values.items() if name.startswith(("i(vrow", "i(vcol"))}
    selected_rows = [f"i(vrow{level}_{spec['sel_row']})" for level in spec["sel_layers"]]
    selected_cols = [f"i(vcol{c})" for c in sorted(spec["sel_cols"])]
    groups: dict[str, float] = {}
    for kind, chosen in (("row", selected_rows), ("col", selected_cols)):
        others = [name for name in sources if name.startswith(f"i(v{kind}") and name not in chosen]
        groups[f"sel_{kind}"] = math.fsum(sources[name] for name in chosen)
        if others:
            groups[f"unsel_{kind}"] = math.fsum(sources[name] for name in others)
    cells = selected_cells(spec)
    volts = {
        (level, r, c): values[f"v(w{level}_{r}_{c})"] - values[f"v(p{level}_{r}_{c})"]
        for level in range(spec["layers"])
        for r in range(spec["rows"])
        for c in range(spec["cols"])
    }
    i_sel = [values[f"i(vm{level}_{r}_{c})"] for level, r, c in cells]
    total = math.fsum(max(0.0, current) for current in sources.values())
    return {
        "i_sel": i_sel,
        "i_sel_sum": math.fsum(i_sel),
        "i_total": total,
        "i_leak": total - abs(math.fsum(i_sel)),
        "i_drive": groups["sel_row"],
        "i_sense": -groups["sel_col"],
        "i_sense_lines": [-sources[name] for name in selected_cols],
        "i_group": groups,
        "power": math.fsum(values[f"v(s{name[3:-1]})"] * current for name, current in sources.items()),
        "v_cell": [volts[place] for place in cells],
        "v_disturb_max": max(abs(one) for place, one in volts.items() if place not in cells),
    }
