"""Solve the cases of `comb2` compute and `finger` memory with ngspice and store them as tests/spice/cases/*.json.

Run it from the root of the checkout where ngspice is installed: ``python -m tests.spice.record``. The circuits are
those of independent.py; of pillarsim only the running of ngspice is used, with its refusal of fallbacks.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from pillarsim.devices.circuits.ngspice import SpicePoint, find_ngspice, operating_point
from tests.spice import independent

FOLDER = Path(__file__).resolve().parent / "cases"

LINEAR = {"model": "linear", "g_lrs": 1e-4, "g_hrs": 1e-6}
SINH = {"model": "sinh", "g_lrs": 1e-6, "g_hrs": 1e-8, "k": 3.0}
EXP = {"model": "exp", "g0": 1e-7, "ks": 8.0}


def array(layers: int, rows: int, cols: int, **changes: Any) -> dict[str, Any]:
    """A vertical array whose resistances all differ, so that none can stand for another."""
    wires = {"r_wl": 2.0, "r_pillar": 5.0, "r_bl": 3.0, "r_driver": 50.0, "r_sense": 20.0, "r_on": 2e3, "r_off": 1e10}
    size = {"geometry": "3d", "layers": layers, "rows": rows, "cols": cols}
    return size | wires | {"cell": LINEAR, "selector": None} | changes


COMB2 = {"mode": "compute", "op": "compute", "wl": {"type": "comb2", "n_combs": 2}}
FINGER = {"mode": "memory", "op": "read", "wl": {"type": "finger"}}
SPECS: dict[str, dict[str, Any]] = {
    "a3c01": array(2, 4, 4, **COMB2, on_rows=[0]),
    "a3c02": array(4, 8, 8, **COMB2, cell=SINH, on_rows=[0, 3, 7]),
    "a3c03": array(3, 5, 6, **COMB2, on_rows=[1, 4], r_off=1e6, r_on=500.0),
    "a3c04": array(2, 3, 5, **COMB2, cell=SINH, selector=EXP, on_rows=[2, 0]),
    "a3m01": array(2, 4, 4, **FINGER, scheme="half", v=0.3, sel_row=3, sel_cols=[3], sel_layers=[1]),
    "a3m02": array(4, 8, 8, **FINGER, cell=SINH, scheme="third", v=1.0, sel_row=2, sel_cols=[7], sel_layers=[0, 3]),
    "a3m03": array(3, 6, 5, **FINGER, cell=SINH, scheme="ground", v=1.0, sel_row=5, sel_cols=[4, 0, 2], sel_layers=[1])
    | {"r_wl": 0.0},
    "a3m04": array(4, 6, 6, **FINGER, cell=SINH, scheme="float", v=1.0, sel_row=0, sel_cols=[5], sel_layers=[2]),
    "a3m05": array(4, 8, 8, **FINGER, scheme="half", v=-1.5, sel_row=7, sel_cols=[0, 7], sel_layers=[3, 1])
    | {"cell": SINH, "selector": EXP, "op": "write"},
    "a3m06": array(2, 3, 4, **FINGER, scheme="float", v=0.2, sel_row=1, sel_cols=[1, 2], sel_layers=[0, 1], r_off=1e7),
}


def main() -> None:
    """Solve and store every case."""
    FOLDER.mkdir(exist_ok=True)
    for seed, (name, spec) in enumerate(SPECS.items(), start=301):
        case = solved({"id": name} | spec, seed)
        (FOLDER / f"{name}.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")


def solved(spec: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a case file: `spec` with its inputs, cells, results and how ngspice solved it."""
    draw = np.random.default_rng(seed)
    limits: list[str] = []

    def solve(elements: list[str]) -> dict[str, float]:
        point = solve_elements(elements)
        limits.append(point.tolerances.text)
        return point.values

    found: dict[str, Any] = {"spec": spec}
    shape = (spec["layers"], spec["rows"], spec["cols"])
    if spec["mode"] == "compute":
        lowest = -0.2 if spec["id"] == "a3c04" else 0.0  # V; one case with inputs of both signs
        spec["v_in"] = draw.uniform(lowest, 0.2, (spec["layers"], 2)).round(6).tolist()
        low, high = np.log10(spec["cell"]["g_hrs"]), np.log10(spec["cell"]["g_lrs"])
        g = 10 ** draw.uniform(low, high, (*shape, 2))
        found["g"] = np.vectorize(lambda one: float(f"{one:.7e}"))(g).tolist()
        found["results"] = independent.comb2_compute(spec, found["g"], solve)
    else:
        bits = draw.random(shape) < 0.5
        found["states"] = [["".join("01"[bit] for bit in row) for row in layer] for layer in bits.astype(int)]
        found["results"] = independent.finger_memory(spec, found["states"], solve)
    found["ngspice"] = {"version": version(), "options": limits}
    return found


def solve_elements(elements: list[str]) -> SpicePoint:
    """Solve elements with ngspice, the limits relaxed only where it does not converge."""
    return operating_point(
        lambda limits: "\n".join(
            [
                "independent circuit",
                f".options gmin=1e-18 itl1=100 gminsteps=0 srcsteps=0 {limits.text}",
                *elements,
                ".op",
                ".end",
                "",
            ]
        )
    )


def version() -> str:
    """Return the name and version that ngspice gives, such as ngspice-39."""
    done = subprocess.run([find_ngspice(), "--version"], capture_output=True, text=True, check=True, timeout=60)
    return next(word for word in done.stdout.split() if word.startswith("ngspice-"))


if __name__ == "__main__":
    main()
