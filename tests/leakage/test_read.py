"""One read: its results are those of a case, its disturb is found by class of cell."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.devices import CircuitError, solve
from pillarsim.leakage.read import Disturb, solve_read
from tests.near import near

WIRES = {"r_wl": 2.5, "r_pillar": 10.0, "r_bl": 2.0, "r_driver": 30.0, "r_sense": 30.0, "r_on": 5e3, "r_off": 1e10}
FREE = dict.fromkeys(WIRES, 0.0) | {"r_off": 1e12}


def vertical(kind: str, wires: dict[str, float], **changes: object) -> dict[str, Any]:
    """Three layers of 2 x 4 pillars, the last column of row 1 and layer 2 selected."""
    return {
        "geometry": "3d", "mode": "memory", "layers": 3, "rows": 2, "cols": 4,
        "wl": {"type": kind, "rows_per_finger": 1, "n_combs": 2}, **wires,
        "cell": {"model": "sinh", "g_lrs": 1e-6, "g_hrs": 1e-8, "k": 3.0}, "scheme": "half", "v": 0.8,
        "sel_row": 1, "sel_side": 1, "sel_cols": [3], "sel_layers": [2], "pattern": {"kind": "all_lrs"}, **changes,
    }  # fmt: skip


def planar(**changes: object) -> dict[str, Any]:
    """A 4 x 5 array without wires, cell (0, 4) selected."""
    return {
        "geometry": "2d", "mode": "memory", "rows": 4, "cols": 5, "r_row": 0.0, "r_col": 0.0, "r_driver": 0.0,
        "r_sense": 0.0, "cell": {"model": "linear", "g_lrs": 1e-4, "g_hrs": 1e-6}, "scheme": "third", "v": 0.9,
        "sel_rows": [0], "sel_cols": [4], "pattern": {"kind": "all_lrs"}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["plane", "comb", "comb2", "finger"])
@pytest.mark.parametrize("scheme", ["half", "third", "ground", "float"])
def test_results_are_those_of_the_case(kind: str, scheme: str) -> None:
    """Both runs and the margin are `solve`'s, to the last digit; the largest disturb of the classes is that of all."""
    # The second has wires too small to count, which `solve` merges.
    for wires in (WIRES, WIRES | {"r_pillar": 1e-9, "r_wl": 1e-9}):
        spec = vertical(kind, wires, scheme=scheme, sel_cols=[2, 3])
        found, expected = solve_read(spec), solve(spec)
        assert (found.lrs, found.hrs, found.margin) == (expected["sel_lrs"], expected["sel_hrs"], expected["margin"])
        assert found.disturb.largest_v == max(expected[run]["v_disturb_max"] for run in ("sel_lrs", "sel_hrs"))


@pytest.mark.parametrize(
    ("scheme", "column", "row", "elsewhere"),
    [("half", 0.45, 0.45, 0.0), ("third", 0.3, 0.3, 0.3), ("ground", 0.0, 0.9, 0.0)],
)
def test_planar_classes_without_wires(scheme: str, column: float, row: float, elsewhere: float) -> None:
    """Without wires the classes see what the scheme says: column, row and the rest of a planar array."""
    found = solve_read(planar(scheme=scheme)).disturb
    assert (found.same_pillar_v, found.same_line_v, found.elsewhere_v) == near((column, row, elsewhere))


def test_vertical_classes_without_wires() -> None:
    """Grounded lines: 0 V on the pillar and elsewhere, V on the selected plane's other pillars."""
    found = solve_read(vertical("plane", FREE, rows=1, sel_row=0, scheme="ground")).disturb
    assert (found.same_pillar_v, found.same_line_v, found.elsewhere_v) == near((0.0, 0.8, 0.0))


def test_reference_voltages_by_class(shared: Path) -> None:
    """ngspice's cell voltages of the HRS run, sorted by hand: no class is below them, the largest of all is equal."""
    compared = 0
    for path in sorted((shared / "spice" / "cases").glob("*.json")):
        case = json.loads(path.read_text("utf-8"))
        spec, results = case["spec"], case["results"]
        if spec["mode"] != "memory" or spec.get("wl", {}).get("type") != "plane":
            continue
        if "cell_voltage_last_run" not in case:
            continue
        size = np.abs(np.array(case["cell_voltage_last_run"]))
        layers, row, cols = spec["sel_layers"], spec["sel_row"], spec["sel_cols"]
        kind = np.zeros(size.shape, dtype=int)
        kind[layers] = 1
        kind[:, row, cols] = 2
        kind[np.ix_(layers, [row], cols)] = 3
        found = solve_read(spec).disturb
        ours = (found.elsewhere_v, found.same_line_v, found.same_pillar_v)
        for name, volts in enumerate(ours):
            members = size[kind == name]
            assert (volts is None) == (not len(members)), path.name
            assert volts is None or volts >= members.max() * (1 - 1e-6), path.name
        worst = max(results[run]["v_disturb_max"] for run in ("sel_lrs", "sel_hrs"))
        assert found.largest_v == near(worst, rel=1e-6), path.name
        compared += 1
    assert compared >= 3


def test_classes_without_cells() -> None:
    """One layer has no cell above the selected one, one pillar none beside it, one cell none at all."""
    one_layer = solve_read(vertical("plane", WIRES, layers=1, sel_layers=[0])).disturb
    one_pillar = solve_read(vertical("plane", WIRES, rows=1, cols=1, sel_row=0, sel_cols=[0])).disturb
    one_cell = solve_read(planar(rows=1, cols=1, sel_cols=[0])).disturb
    assert one_layer.same_pillar_v is None
    assert one_layer.same_line_v is not None
    assert one_layer.elsewhere_v is None
    assert one_pillar.same_pillar_v is not None
    assert (one_pillar.same_line_v, one_pillar.elsewhere_v) == (None, None)
    assert one_cell == Disturb(None, None, None)
    assert one_cell.largest_v is None


def test_unknown_key_is_refused() -> None:
    """A misspelt key is an error, not a default."""
    with pytest.raises(CircuitError, match="r_pilar"):
        solve_read(vertical("plane", WIRES, r_pilar=1.0))


def test_cell_without_states_is_refused() -> None:
    """A memory case needs both conductances of its cell."""
    with pytest.raises(CircuitError, match="g_lrs"):
        solve_read(vertical("plane", WIRES, cell={"model": "linear"}))
