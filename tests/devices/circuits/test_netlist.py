"""The netlist of a case: what stands in it, and that ngspice finds in it what the solver found."""

from __future__ import annotations

import re
import shutil
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from pillarsim.devices.circuits import CircuitError, ngspice, solve
from pillarsim.devices.circuits.netlist import Tolerances, build_deck, netlist
from pillarsim.devices.circuits.ngspice import NgspiceError, NgspiceFallback, NgspiceMissing, run_netlist
from pillarsim.devices.circuits.spice_check import check_case
from tests.devices.circuits.builders import (
    EXP,
    NO_WIRES,
    POOLE_FRENKEL,
    SINH,
    THRESHOLD,
    WORD_LINES,
    Spec,
    conductances,
    memory,
    planar,
    vertical,
)
from tests.near import near

POLYNOMIAL = {"model": "polynomial", "g_lrs": 2.2e-4, "g_hrs": 6e-5}
OHMIC = {"model": "ohmic", "g": 1e-3}

HAND = """\
Array circuit at DC
* Case hand: 2d memory, cells 1 x 2, scheme half, V = 1.0 V
* Run it: ngspice -n -b -r FILE.raw FILE.cir
* FILE.raw then holds v(node) of every node and i(source) of every source, which delivers -i(source).
* This is the run sel_lrs. For sel_hrs move the asterisk of the two .param lines marked with the runs.
* Nodes: srow_I source of row I, rend_I the row's driven end, a_I_J the row at cell (I, J),
*        b_I_J the column at cell (I, J), cend_J the column's sensed end, scol_J its source.
*        Nodes that 0 ohm joins are one node, under the name that comes first here.
* Reject a run whose log mentions `stepping` or `Transient op`: its answer may hold shunts to ground.

.options gmin=1e-18 itl1=100 gminsteps=0 srcsteps=0 reltol=1e-9 abstol=1e-18 vntol=1e-13

* Cells: I = G V
* Conductance of the selected cells, S
.param g_sel=0.0001  ; sel_lrs
* .param g_sel=1e-06  ; sel_hrs

* Sources of the rows (word-line electrodes)
vrow_0 srow_0 0 dc 1.0  ; selected

* Sources of the columns (bit lines)
vcol_0 scol_0 0 dc 0.5
vcol_1 scol_1 0 dc 0.0  ; selected

* Drivers and sense resistances
rdriver_row_0 srow_0 rend_0 110.0
rdriver_col_1 scol_0 b_0_0 110.0
rsense_2 scol_1 b_0_1 45.0

* Row segments
rrow_0 rend_0 a_0_0 3.0
rrow_1 a_0_0 a_0_1 3.0

* Last segment of each column: none, all of them are 0 ohm

* Cells, from row to column
rcell_0_0 a_0_0 b_0_0 10000.0
vsel_0_1 a_0_1 m_0_1 dc 0
rcell_0_1 m_0_1 b_0_1 {1/g_sel}

.op
.end
"""


def drawn(spec: Spec, seed: int = 1) -> tuple[Spec, Any]:
    """A compute case with inputs and conductances that fit its shape and its cells."""
    shape = [spec[key] for key in ("layers", "rows", "cols") if key in spec]
    electrodes = {"plane": 1, "comb": 2, "comb2": 2, "finger": spec["rows"]}
    if spec["geometry"] == "3d":
        kind = spec["wl"]["type"]
        spec = spec | {"v_in": [[0.1 + 0.05 * k for k in range(electrodes[kind])]] * spec["layers"]}
        shape += [2] if kind == "comb2" else []
    g = conductances(*shape, seed=seed)
    return spec, 5e-5 + g if spec["cell"]["model"] == "polynomial" else g


COMPUTE = {
    "planar": planar(4, 5),
    "planar, sinh": planar(4, 5, cell=SINH),
    "planar, poole_frenkel": planar(4, 5, cell=POOLE_FRENKEL),
    "comb, poole_frenkel": vertical(2, 4, 3, "comb", cell=POOLE_FRENKEL, on_rows=[1, 3]),
    "planar, polynomial": planar(3, 4, cell=POLYNOMIAL),
    **{f"{name}, sinh": vertical(2, 4, 3, name, cell=SINH, on_rows=[1, 3]) for name in WORD_LINES},
    "finger, ohmic": vertical(2, 3, 3, "finger", selector=OHMIC),
    "plane, no word-line wire": vertical(2, 3, 3, "plane", r_wl=0.0),
}
MEMORY = {
    **{f"planar, {scheme}": memory(planar(4, 5), scheme) for scheme in ("half", "third", "ground", "float")},
    "planar, no wires": memory(planar(3, 3, **NO_WIRES)),
    "planar, RESET": memory(planar(4, 4, cell=SINH), "third", v=-1.5, sel_rows=[2, 0], sel_cols=[1, 3]),
    "planar, exp": memory(planar(4, 4, cell=SINH, selector=EXP), "float"),
    "planar, poole_frenkel, RESET": memory(planar(4, 4, cell=POOLE_FRENKEL), "third", v=-1.5),
    "planar, poole_frenkel and exp": memory(planar(4, 4, cell=POOLE_FRENKEL, selector=EXP), "float"),
    "finger, poole_frenkel": memory(vertical(2, 4, 3, "finger", cell=POOLE_FRENKEL)),
    "planar, threshold": memory(planar(4, 4, cell=SINH, selector=THRESHOLD)),
    "planar, linear and threshold": memory(planar(4, 4, selector=THRESHOLD)),
    "planar, polynomial": memory(planar(3, 4, cell=POLYNOMIAL), "half", v=-0.45),
    "planar, polynomial and ohmic": memory(planar(3, 4, cell=POLYNOMIAL, selector=OHMIC), "float", v=0.45),
    "planar, ohmic": memory(planar(3, 4, selector=OHMIC)),
    **{name: memory(vertical(2, 4, 3, name, cell=SINH)) for name in WORD_LINES},
    "comb, float": memory(vertical(2, 4, 3, "comb", cell=SINH), "float", sel_cols=[0, 2], sel_layers=[1, 0]),
    "comb2, exp": memory(vertical(2, 3, 3, "comb2", cell=SINH, selector=EXP), "third"),
    "finger, polynomial, float": memory(vertical(2, 3, 4, "finger", cell=POLYNOMIAL, r_off=1e6), "float", v=-0.45),
}


@pytest.fixture
def _ngspice() -> None:
    """The test is skipped where ngspice is missing."""
    try:
        ngspice.find_ngspice()
    except NgspiceMissing as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("_ngspice")
@pytest.mark.parametrize("name", MEMORY)
def test_ngspice_agrees_in_memory_mode(name: str) -> None:
    """ngspice solves both runs of the netlist to the solver's results: every scheme, word line, law and selector."""
    check = check_case(MEMORY[name])
    assert check.agrees, [row for row in check.rows if not row.agrees]
    assert check.largest < 1e-7
    assert set(check.tolerances) == {"sel_lrs", "sel_hrs"}


@pytest.mark.usefixtures("_ngspice")
@pytest.mark.parametrize("name", COMPUTE)
def test_ngspice_agrees_in_compute_mode(name: str) -> None:
    """The same for columns at virtual ground, with conductances that all differ."""
    spec, g = drawn(COMPUTE[name])
    check = check_case(spec, g=g)
    assert check.agrees, [row for row in check.rows if not row.agrees]
    assert check.largest < 1e-8
    assert ("i_col_switch" in check.tolerances) == (spec["geometry"] == "3d")


@pytest.mark.usefixtures("_ngspice")
def test_a_wrong_result_differs() -> None:
    """One current that is off by 2e-6 of the largest shows as that quantity and no other."""
    spec, g = drawn(planar(4, 5))
    results = solve(spec, g=g)
    results["i_col"][1] += 2e-6 * max(results["i_col"])
    check = check_case(spec, g=g, results=results)
    assert [row.quantity for row in check.rows if not row.agrees] == ["i_col"]
    assert check.largest == near(2e-6, rel=1e-3)


@pytest.mark.usefixtures("_ngspice")
def test_parameters_keep_their_digits() -> None:
    """A conductance of 16 digits reaches a B source whole, so that a cell without wires has its exact current."""
    g, k = 1.2345678901234567e-6, 2.3456789012345678
    spec = planar(1, 1, **NO_WIRES, cell=SINH | {"k": k}, v_in=[0.4])
    check = check_case(spec, g=[[g]])
    assert check.largest < 1e-14


def test_netlist_by_hand() -> None:
    """The netlist of a 1 x 2 array with ideal columns, letter by letter."""
    spec = memory(planar(1, 2, id="hand", r_col=0.0))
    assert netlist(spec) == HAND
    assert netlist(spec, run="sel_hrs") == (
        HAND.replace("run sel_lrs. For sel_hrs", "run sel_hrs. For sel_lrs")
        .replace(".param g_sel=0.0001", "* .param g_sel=0.0001")
        .replace("* .param g_sel=1e-06", ".param g_sel=1e-06")
    )


def test_every_element_is_there() -> None:
    """An array without a short has one element for every wire, switch, driver, source, cell and selector."""
    layers, rows, cols = 3, 4, 5
    text = netlist(memory(vertical(layers, rows, cols, "comb2", cell=SINH, selector=EXP), "half"))
    names = [line.split()[0] for line in text.splitlines() if re.match(r"[rvb]", line)]
    assert len(names) == len(set(names))
    counts = {kind: len([name for name in names if name.startswith(kind)]) for kind in ("r", "vrow", "vcol", "b")}
    cells = layers * rows * cols * 2
    assert counts == {
        # electrodes and bit lines; finger segments; pillar segments and switches; bit-line segments
        "r": 2 * layers + cols + layers * (rows + 1) * cols + (layers + 1) * rows * cols + rows * cols,
        "vrow": 2 * layers,
        "vcol": cols,
        "b": 2 * cells,
    }
    assert [name for name in names if name.startswith("vsel")] == ["vsel_2_3_4_1"]


def test_floating_lines_have_no_source() -> None:
    """A floating line is named in a comment and has neither source nor driver."""
    deck = build_deck(memory(planar(3, 2), "float"))
    assert deck.row_sources == (None, None, "vrow_2")
    assert "* 2 floating: 0, 1" in deck.text()
    assert "srow_0" not in deck.text()


def test_id_cannot_add_elements() -> None:
    """Line ends in an id stay within its comment."""
    assert "\nr1 a 0 1" not in netlist(planar(1, 1, id="x\nr1 a 0 1", v_in=[1.0]), g=[[1e-6]])


@pytest.mark.parametrize(
    ("changes", "run", "message"),
    [
        ({}, "run", "run: expected sel_lrs or sel_hrs, found 'run'"),
        ({"r_driver": -1}, None, "r_driver: expected a resistance"),
        ({"sel_rows": [9]}, None, "sel_rows: 9 lies outside the array"),
        ({"cell": {"model": "linear"}}, None, "g_lrs and g_hrs"),
    ],
)
def test_bad_cases_are_refused(changes: Spec, run: str | None, message: str) -> None:
    """A case that the solver refuses has no netlist either, for the same reason."""
    with pytest.raises(CircuitError, match=re.escape(message)):
        netlist(memory(planar(2, 2)) | changes, run=run)


# running ngspice, with a stand-in for the program


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a shell script named ngspice first on the PATH."""
    program = folder / "ngspice"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    "line", ["Note: Starting dynamic gmin stepping", "Note: Starting source stepping", "Note: Transient op started"]
)
def test_fallbacks_are_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose log speaks of a fallback is refused, after every step of the ladder was tried."""
    stand_in(tmp_path, monkeypatch, f"echo run >> {tmp_path}/count; echo '{line}'")
    with pytest.raises(NgspiceFallback, match=f"fallback.*{line}"):
        check_case(memory(planar(2, 2)))
    assert (tmp_path / "count").read_text().count("run") == len(ngspice.LADDER)


@pytest.mark.usefixtures("_ngspice")
def test_real_fallback_is_refused() -> None:
    """ngspice says so when it leaves plain Newton steps, as for v + 1 + v^2 = 0, which no voltage solves."""
    with pytest.raises(NgspiceFallback):
        run_netlist("title\n.options gminsteps=0 srcsteps=0\nr1 a 0 1\nb1 a 0 i=1+v(a)*v(a)\n.op\n.end\n")


def test_limits_are_relaxed_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first limits that need no fallback are used, and named in the answer."""
    program = ngspice.find_ngspice() if shutil.which("ngspice") else pytest.skip("ngspice is not installed")
    stand_in(tmp_path, monkeypatch, f'grep -q abstol=1e-15 circuit.cir || echo stepping; exec {program} "$@"')
    check = check_case(memory(planar(2, 2)))
    assert check.agrees
    assert set(check.tolerances.values()) == {Tolerances("1e-8", "1e-15", "1e-12")}


def test_failures_have_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that fails, hangs or is missing is one NgspiceError, and no folder stays behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    stand_in(tmp_path, monkeypatch, "echo 'Error: unknown thing'; exit 1")
    with pytest.raises(NgspiceError, match=r"failed \(status 1\): Error: unknown thing"):
        run_netlist("")
    stand_in(tmp_path, monkeypatch, "exec sleep 60")
    with pytest.raises(NgspiceError, match=r"longer than 0\.2 s"):
        run_netlist("", timeout_s=0.2)
    stand_in(tmp_path, monkeypatch, "echo nothing > circuit.raw")
    with pytest.raises(NgspiceError, match="one real operating point"):
        run_netlist("")
    assert not list(temporary.iterdir())
    monkeypatch.setenv("PATH", str(temporary))
    assert shutil.which("ngspice") is None
    with pytest.raises(NgspiceMissing, match="not installed"):
        run_netlist("")


def test_raw_file_is_read() -> None:
    """Names and 53-bit values of a binary raw file of one point."""
    head = (
        b"Title: x\nFlags: real\nNo. Variables: 2\nVariables:\n\t0\tv(a_0)\tvoltage\n\t1\ti(vrow_0)\tcurrent\nBinary:\n"
    )
    assert ngspice.read_raw(head + struct.pack("=2d", 0.1, -3e-9)) == {"v(a_0)": 0.1, "i(vrow_0)": -3e-9}
    with pytest.raises(NgspiceError, match="not finite"):
        ngspice.read_raw(head + struct.pack("=2d", 0.1, float("nan")))


def test_limits_stand_in_the_options() -> None:
    """The netlist of a relaxed step differs in its options line alone."""
    deck = build_deck(memory(planar(2, 2)))
    tight, loose = (deck.text(limits).splitlines() for limits in (None, Tolerances("1e-8", "1e-15", "1e-12")))
    assert [(a, b) for a, b in zip(tight, loose, strict=True) if a != b] == [
        (
            ".options gmin=1e-18 itl1=100 gminsteps=0 srcsteps=0 reltol=1e-9 abstol=1e-18 vntol=1e-13",
            ".options gmin=1e-18 itl1=100 gminsteps=0 srcsteps=0 reltol=1e-8 abstol=1e-15 vntol=1e-12",
        )
    ]


@pytest.mark.usefixtures("_ngspice")
def test_quantities_of_size_zero_agree() -> None:
    """Leakage of a single cell is 0 but for rounding, which no relative difference can judge."""
    check = check_case(memory(planar(1, 1, cell=SINH)))
    assert check.agrees
    leak = next(row for row in check.rows if row.quantity == "sel_lrs.i_leak")
    assert abs(leak.solver) + abs(leak.ngspice) < 1e-14
