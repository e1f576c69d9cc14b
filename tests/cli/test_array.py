"""`array`: case files in, results out."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pillarsim.arch.errors import InputError
from pillarsim.cli import status
from pillarsim.cli.array import command
from pillarsim.devices import solve
from pillarsim.devices.circuits.netlist import netlist
from tests.devices.circuits.builders import SINH
from tests.near import near

YAML = """
geometry: 2d
mode: memory
rows: 4
cols: 3
r_row: 2.0
r_col: 2.0
r_driver: {value: 100, source: assumed}
r_sense: 100
cell: {model: sinh, g_lrs: 1e-6, g_hrs: 1e-8, k: 3.0}
scheme: half
v: 1.0
pattern: {kind: checker}
sel_rows: [0]
sel_cols: [2]
"""


def run(*arguments: object) -> str:
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False).output


def refusal(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(one) for one in arguments])
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def written(folder: Path, text: str = YAML, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_reference_case_is_solved_to_a_file(shared: Path, tmp_path: Path) -> None:
    """Each case becomes DIR/<id>.json whose results are those of the reference file."""
    cases = [shared / "spice" / "cases" / f"{name}.json" for name in ("o2m06", "o3c01")]
    text = run(*cases, "--out", tmp_path / "new" / "folder")
    assert text.count("\n") == 2
    for case in cases:
        reference = json.loads(case.read_text("utf-8"))["results"]
        found = json.loads((tmp_path / "new" / "folder" / case.name).read_text("utf-8"))["results"]
        assert found.keys() == reference.keys()
        for key in ("i_col_sum", "power"):
            if key in reference:
                assert found[key] == near(reference[key], rel=1e-7)
        if "margin" in reference:
            assert found["margin"] == near(reference["margin"], rel=1e-7)


def test_yaml_case_with_a_pattern(tmp_path: Path) -> None:
    """A YAML file may hold the spec itself; states come from the pattern, the id from the file's name."""
    data: dict[str, Any] = json.loads(run(written(tmp_path), "--json", "-"))
    (case,) = data["cases"]
    assert case["id"] == "mine"
    assert case["spec"]["r_driver"] == 100
    assert case["results"] == solve(case["spec"], states=["101", "010", "101", "010"])


def test_summary_line(tmp_path: Path) -> None:
    """The terminal gets one line a case: currents, margin, leakage, power."""
    path, results = written(tmp_path), tmp_path / "all.json"
    text = run(path, "--json", results)
    lrs = json.loads(results.read_text("utf-8"))["cases"][0]["results"]["sel_lrs"]
    assert text.startswith("mine: memory 4 x 3, half: sense ")
    assert f"{lrs['i_leak'] * 1e6:.3g} uA" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("sel_rows: [0]", "sel_rows: [4]"), "mine.yaml: sel_rows: 4 lies outside the array"),
        (("r_row: 2.0", "r_row: 2 Ohm"), "mine.yaml: r_row: expected a finite number, found '2 Ohm'"),
        (("g_hrs: 1e-6", "g_hrs: -1e-6"), "g_hrs"),
        (("geometry: 2d", "id: a/b\ngeometry: 2d"), "id: expected a name that a file can have"),
        (("geometry: 2d", "spec: 3\ngeometry: 2d"), "mine.yaml:2: spec: expected a mapping"),
        (("geometry: 2d", "geometry: [2d"), "mine.yaml"),
    ],
)
def test_bad_cases_are_refused(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    """A bad case file is one message that names the file and the key."""
    text = YAML.replace("g_hrs: 1e-8", "g_hrs: 1e-6").replace(*change)
    assert message in refusal(written(tmp_path, text))


def test_bad_paths_are_refused(tmp_path: Path) -> None:
    """A missing file, two cases of one id and a folder that is a file are refused before anything is solved."""
    path = written(tmp_path)
    assert "no such file" in refusal(tmp_path / "absent.yaml")
    assert "two cases have the id 'mine'" in refusal(path, path)
    assert "cannot be" in refusal(path, "--out", path)
    assert "cannot be written" in refusal(path, "--json", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"selektor: null\n{YAML}", r"mine.yaml: selektor: unknown key (did you mean 'selector'?)"),
        (YAML.replace("scheme: half", "scheme: Half"), "found 'Half' (did you mean 'half'?)"),
        (YAML.replace("kind: checker", "kind: checker, sede: 1"), "pattern.sede: unknown key (did you mean 'seed'?)"),
        (YAML.replace("kind: checker", "kind: random, p_lrs: 0.5"), "mine.yaml: pattern.seed: missing from the case"),
        (YAML.replace("rows: 4", "rows: 400000000"), "rows, cols: expected at most 16000000 cells"),
        ('{"spec": {}, "result": 1}', "result: unknown key (did you mean 'results'?)"),
        ('id: "a\\tb"\n' + YAML, r"id: expected a name that a file can have, of at most 200 bytes, found 'a\tb'"),
        ("id: .\n" + YAML, "id: expected a name"),
        ("id: ..\n" + YAML, "id: expected a name"),
        ('id: ""\n' + YAML, "id: expected a name"),
        (f"id: {'x' * 201}\n{YAML}", f"found '{'x' * 60}...'"),
        ("id: " + "\u00e4" * 101 + f"\n{YAML}", "id: expected a name"),
    ],
)
def test_bad_keys_and_names_are_refused(text: str, message: str, tmp_path: Path) -> None:
    """Unknown keys, words and names that no file can have are refused with the nearest valid one."""
    assert message in refusal(written(tmp_path, text), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


STATES = ["111", "000", "101", "010"]


def test_states_stand_in_the_spec_or_beside_it(tmp_path: Path) -> None:
    """Stored states count wherever they stand; in both places they are refused."""
    spec = {"states": STATES} | yaml.safe_load(YAML) | {"r_driver": 100, "cell": SINH}
    bare = {key: value for key, value in spec.items() if key != "states"}
    expected = solve(bare, states=STATES)
    assert expected != solve(bare)
    for number, content in enumerate((spec, {"spec": spec}, {"spec": bare, "states": STATES})):
        path = written(tmp_path, json.dumps(content), f"{number}.json")
        (case,) = json.loads(run(path, "--json", "-"))["cases"]
        assert case["results"] == expected
        assert case["spec"] == bare
    both = written(tmp_path, json.dumps({"spec": spec, "states": STATES}), "both.json")
    assert "states: expected in the spec or beside it, found in both" in refusal(both)


def test_conductances_in_the_spec(tmp_path: Path) -> None:
    """Stored conductances count in the spec too."""
    spec = yaml.safe_load(YAML) | {"r_driver": 100, "cell": SINH}
    g = [[1e-6, 2e-6, 3e-6]] * 4
    path = written(tmp_path, json.dumps({"spec": spec | {"g": g}}), "g.json")
    assert json.loads(run(path, "--json", "-"))["cases"][0]["results"] == solve(spec, g=g)


def test_an_empty_id_is_no_id(tmp_path: Path) -> None:
    """`id: null` leaves the name of the file; the longest id has its file."""
    assert run(written(tmp_path, f"id: null\n{YAML}")).startswith("mine: ")
    run(written(tmp_path, f"id: {'x' * 200}\n{YAML}"), "--out", tmp_path)
    assert (tmp_path / f"{'x' * 200}.json").is_file()


def outputs(folder: Path) -> list[object]:
    return ["--out", folder / "new" / "out", "--json", folder / "all.json"]


def test_bad_later_case_leaves_nothing(tmp_path: Path) -> None:
    """A case that cannot be solved after one that can leaves no file, no folder and no line."""
    good = written(tmp_path)
    bad = written(tmp_path, YAML.replace("sel_rows: [0]", "sel_rows: [4]"), "bad.yaml")
    result = CliRunner().invoke(command, [str(one) for one in (good, bad, *outputs(tmp_path))])
    assert isinstance(result.exception, InputError)
    assert result.output == ""
    assert sorted(tmp_path.iterdir()) == [bad, good]


def test_interrupt_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while the second case is solved leaves nothing of the first."""
    first, second = written(tmp_path), written(tmp_path, name="second.yaml")
    calls = []

    def interrupted(*arguments: Any, **named: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solve(*arguments, **named)

    monkeypatch.setattr("pillarsim.devices.solve", interrupted)
    assert status(["array", str(first), str(second), *(str(one) for one in outputs(tmp_path))]) == 1
    assert capsys.readouterr().out == ""
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_netlist_comes_after_the_solution(tmp_path: Path) -> None:
    """A case that does not converge has no netlist written."""
    text = YAML.replace("k: 3.0", "k: 1e4").replace("v: 1.0", "v: 5.0").replace("half", "float")
    message = refusal(written(tmp_path, text), "--netlist", tmp_path / "x.cir", "--out", tmp_path / "out")
    assert "mine.yaml: no operating point: " in message
    assert [one.name for one in tmp_path.iterdir()] == ["mine.yaml"]


def test_outputs_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs without a name, or that cannot be written, are refused before anything is solved."""
    path = written(tmp_path)
    monkeypatch.setattr("pillarsim.devices.solve", lambda *_, **__: pytest.fail("was solved"))
    for option, kind in (("--out", "folder"), ("--netlist", "file"), ("--json", "file")):
        assert f"{option}: expected the name of a {kind}, found ''" in refusal(path, option, "")
    assert "only one of the two" in refusal(path, "--netlist", "-", "--json", "-")
    (tmp_path / "mine.json").mkdir()
    assert "mine.json: cannot be written (it is a folder)" in refusal(path, "--out", tmp_path)


def test_netlist_to_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With `--netlist -` standard output is the netlist alone; the summary goes to standard error."""
    path = written(tmp_path)
    assert status(["array", str(path), "--netlist", "-"]) == 0
    captured = capfd.readouterr()
    run(path, "--netlist", tmp_path / "mine.cir")
    assert captured.out == (tmp_path / "mine.cir").read_text("utf-8")
    assert captured.err.startswith("mine: memory 4 x 3, half: sense ")
    assert captured.err.count("\n") == 1


needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")


def test_netlist_is_written(tmp_path: Path) -> None:
    """--netlist writes the circuit of one case under its id; two cases are refused before anything is written."""
    path, circuit = written(tmp_path), tmp_path / "mine.cir"
    run(path, "--netlist", circuit)
    spec = json.loads(run(path, "--json", "-"))["cases"][0]["spec"]
    assert circuit.read_text("utf-8") == netlist({"id": "mine"} | spec)
    other = tmp_path / "two.cir"
    assert "--netlist writes the circuit of one CASE, found 2" in refusal(path, path, "--netlist", other)
    assert "cannot be written" in refusal(path, "--netlist", tmp_path / "absent" / "x.cir")
    assert not other.exists()


@needs_ngspice
def test_check_prints_both_results(tmp_path: Path) -> None:
    """--check ngspice shows each quantity twice with the difference; JSON and DIR/<id>.json hold a `check` object."""
    path, out = written(tmp_path), tmp_path / "out"
    text = run(path, "--check", "ngspice", "--out", out, "--json", tmp_path / "all.json")
    case = json.loads((out / "mine.json").read_text("utf-8"))
    assert case == json.loads((tmp_path / "all.json").read_text("utf-8"))["cases"][0]
    check = case["check"]
    assert check["agrees"]
    assert check["largest"] == max(check["relative_difference"].values()) < 1e-8
    assert check["tolerance"] == 1e-6
    assert set(check["options"]) == {"sel_lrs", "sel_hrs"}
    (row,) = [line.split() for line in text.splitlines() if line.split()[0] == "sel_hrs.i_sense"]
    assert float(row[1]) == near(case["results"]["sel_hrs"]["i_sense"], rel=1e-13)
    assert float(row[2]) == near(float(row[1]), rel=1e-8)
    assert "ngspice solved sel_lrs with reltol=1e-9 abstol=1e-18 vntol=1e-13" in text


@needs_ngspice
def test_differing_results_end_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A quantity that differs by more than 1e-6 is named on standard error; the results are still written."""

    def wrong(*arguments: Any, **named: Any) -> dict[str, Any]:
        results = solve(*arguments, **named)
        results["sel_lrs"]["power"] *= 1 + 1e-5
        return results

    monkeypatch.setattr("pillarsim.devices.solve", wrong)
    path = written(tmp_path)
    assert status(["array", str(path), "--check", "ngspice", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"error: {path}: ngspice differs in sel_lrs.power\n"
    assert "1.0e-05  differs" in captured.out
    assert not json.loads((tmp_path / "mine.json").read_text("utf-8"))["check"]["agrees"]


def test_fallback_ends_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of ngspice that used a fallback is a failed check."""
    program = tmp_path / "ngspice"
    program.write_text("#!/bin/sh\necho 'Note: Transient op started'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert status(["array", str(written(tmp_path)), "--check", "ngspice"]) == 1
    captured = capsys.readouterr()
    assert "used a fallback" in captured.err
    assert "mine: memory 4 x 3" in captured.out


def test_missing_ngspice_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program nothing is solved or written."""
    path = written(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ngspice is not installed" in refusal(path, "--check", "ngspice", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
