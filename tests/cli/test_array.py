"""`array`: case files in, results out."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pillarsim.arch.errors import InputError
from pillarsim.cli.array import command
from pillarsim.devices import solve

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
                assert found[key] == pytest.approx(reference[key], rel=1e-7)
        if "margin" in reference:
            assert found["margin"] == pytest.approx(reference["margin"], rel=1e-7)


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
