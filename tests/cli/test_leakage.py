"""`leakage`: arrays and lists in; a table, JSON, a picture and conclusions out."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pillarsim.arch.errors import InputError
from pillarsim.arch.reader import parse_text
from pillarsim.cli import status
from pillarsim.cli.leakage import command
from pillarsim.devices.circuits import ConvergenceError, solve
from pillarsim.leakage import study
from pillarsim.leakage.read import Read, solve_read
from tests.near import near

CASE = """
geometry: 3d
mode: memory
layers: 3
rows: 4
cols: 4
wl: {type: plane}
r_wl: 1.0
r_pillar: 10.0
r_bl: 2.0
r_driver: 100.0
r_sense: 100.0
r_on: 5000.0
r_off: 1e10
cell: {model: sinh, g_lrs: 1e-6, g_hrs: 1e-8, k: 3.0}
scheme: half
v: 0.8
sel_row: 0
sel_cols: [1, 2]
sel_layers: [0]
pattern: {kind: checker}
"""
POINT_KEYS = (
    "layers", "rows", "columns", "voltage_v", "scheme", "bits", "nonlinearity", "i_leak_a", "i_sense_leak_a",
    "i_sel_lrs_a", "i_sense_lrs_a", "i_sense_hrs_a", "read_margin", "read_margin_v", "disturb_v", "disturb_fraction",
    "disturb_same_pillar_v", "disturb_same_line_v", "disturb_elsewhere_v", "power_w",
    "leakage_power_w", "leakage_per_bit_a", "leakage_power_per_bit_w", "error",
)  # fmt: skip


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)


def data(*arguments: object) -> dict[str, Any]:
    result = invoke(*arguments, "--json", "-")
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refusal(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(one) for one in arguments])
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(CASE, encoding="utf-8")
    return path


def test_case_takes_its_own_values(case: Path) -> None:
    """Options left out take the case's own value; the farthest cells are read among LRS cells."""
    found = data(case, "--layers", "3", "--scheme", "half,float")
    assert list(found["points"][0]) == list(POINT_KEYS)
    first = found["points"][0]
    axes = {key: first[key] for key in POINT_KEYS[:6]}
    assert axes == {"layers": 3, "rows": 4, "columns": 4, "voltage_v": 0.8, "scheme": "half", "bits": 2}
    spec = {**_spec(), "sel_row": 3, "sel_cols": [2, 3], "sel_layers": [2], "pattern": {"kind": "all_lrs"}}
    results = solve(spec)
    assert first["i_leak_a"] == results["sel_lrs"]["i_leak"]
    assert first["read_margin"] == results["margin"]["rm_i"]
    assert first["read_margin_v"] == results["margin"]["rm_v"]
    assert found["points"][1]["scheme"] == "float"
    assert found["source"]["kind"] == "case"
    assert len(found["source"]["digest"]) == 64
    assert found["assumptions"]["schemes"]["half"].endswith("all others V/2")
    assert "regulators are left out" in found["assumptions"]["regulators"]


def test_disturb_by_class(case: Path) -> None:
    """The table names pillar, word line and the rest; the largest of the three in the JSON is the disturb."""
    points = data(case, "--layers", "1,3")["points"]
    keys = ("disturb_same_pillar_v", "disturb_same_line_v", "disturb_elsewhere_v")
    for point in points:
        assert max(point[key] for key in keys if point[key] is not None) == point["disturb_v"]
    assert points[0][keys[0]] is None
    assert points[1][keys[0]] is not None
    text = invoke(case, "--layers", "1,3").stdout
    assert "disturb, same pillar" in text
    assert "disturb, same word line" in text


def test_a_write_is_called_a_write(case: Path) -> None:
    """A case with `op: write` has write voltages in its conclusions; its bits, not --bits, clash with --pillars."""
    case.write_text(CASE + "op: write\n", encoding="utf-8")
    found = data(case, "--layers", "1,2", "--voltage", "0.4,0.8")
    text = " ".join(found["conclusions"]["text"])
    assert found["array"]["operation"] == "write"
    assert text.count("write voltage") == 2
    assert "read voltage" not in text
    message = refusal(case, "--pillars", "1")
    assert message.startswith("--pillars: the 2 columns that ")
    assert "mine.yaml selects are 2 bits at once" in message


def test_every_list_makes_the_grid(case: Path) -> None:
    """Each combination of the lists is one point; repeated values count once."""
    found = data(
        case, "--layers", "1,2,2", "--pillars", "2,3x4", "--voltage", "0.4, 600 mV", "--scheme", "third",
        "--bits", "1,2", "--nonlinearity", "2,10",
    )  # fmt: skip
    points = found["points"]
    assert len(points) == 2 * 2 * 2 * 1 * 2 * 2
    assert {(point["rows"], point["columns"]) for point in points} == {(2, 2), (3, 4)}
    assert {point["voltage_v"] for point in points} == {0.4, 0.6}
    assert {point["nonlinearity"] for point in points} == {2.0, 10.0}
    assert len({tuple(point[key] for key in POINT_KEYS[:7]) for point in points}) == 32


def test_conclusions(case: Path) -> None:
    """The limits are named in JSON and in words, with what was searched."""
    arguments = (case, "--layers", "1,4,16", "--voltage", "0.4,0.8,1.6", "--margin", "30%", "--leakage-limit", "1.5 uA")
    found = data(*arguments)["conclusions"]
    assert found["thresholds"]["read_margin"] == 0.3
    assert found["thresholds"]["leakage_a"] == near(1.5e-6)
    assert found["thresholds"]["disturb_v"] == 1.0
    assert found["largest_layers"] == 16
    assert found["lowest_voltage_v"] == 0.4
    assert 0.4 < found["highest_voltage_v"] < 1.6
    assert found["highest_voltage_at"]["layers"] == 1
    assert len(found["layers_by_combination"]) == len(found["voltages_by_combination"]) == 3
    table = invoke(*arguments).stdout
    for sentence in found["text"]:
        assert sentence in table
    assert "Voltages studied: 0.4, 0.8, 1.6 V" in table


def test_refined_limit_is_where_the_array_says(case: Path) -> None:
    """Reading at the highest voltage that is named keeps the limit, a little above it does not."""
    limit = 1.5e-6
    highest = data(case, "--layers", "1", "--voltage", "0.4,1.6", "--leakage-limit", limit)["conclusions"]
    volts = highest["highest_voltage_v"]
    (below, above) = data(case, "--layers", "1", "--voltage", f"{volts!r},{volts * 1.003!r}")["points"]
    assert below["i_leak_a"] <= limit < above["i_leak_a"]


def test_default_preset(tmp_path: Path) -> None:
    """With no array the preset is studied and named; a chip gives wires, cell, scheme and the limit of disturb."""
    results, text = (
        tmp_path / "leakage.json",
        invoke("--pillars", "4", "--layers", "1,2", "--json", tmp_path / "leakage.json"),
    )
    assert "studying the preset vrram_finger_8layer" in text.stderr
    assert "vrram_finger_8layer (chip): finger word lines, 4 x 4 pillars, 600 mV, scheme half, 1 bit" in text.stdout
    found = json.loads(results.read_text("utf-8"))
    assert found["source"]["name"] == "vrram_finger_8layer"
    assert found["array"]["resistances_ohm"]["r_on"] == 5000
    assert found["conclusions"]["thresholds"]["disturb_v"] == 1.0
    assert (
        found["conclusions"]["thresholds"]["disturb_source"]
        == "half the write voltage of 2 V (write.voltage of the chip)"
    )


def test_disturb_limits(case: Path) -> None:
    """A limit of disturb is given in volts or in percent of the read voltage, else half of an assumed write."""
    found = [
        data(case, "--layers", "1", *limit)["conclusions"]["thresholds"]
        for limit in ((), ("--disturb-limit", "0.3 V"), ("--disturb-limit", "60%"))
    ]
    assert [(one["disturb_v"], one["disturb_fraction"]) for one in found] == [(1.0, None), (0.3, None), (None, 0.6)]
    assert [one["disturb_source"] for one in found] == [
        "half the write voltage of 2 V (assumed)",
        "--disturb-limit",
        "--disturb-limit",
    ]


def test_set_changes_the_chip(case: Path) -> None:
    """--set reaches the chip's array, and is refused for a case."""
    small = ("--layers", "1", "--pillars", "2")
    found = data("vrram_finger_8layer", "--set", "array.read_voltage=0.3 V", "--set", "write.scheme=third", *small)
    assert (found["points"][0]["voltage_v"], found["points"][0]["scheme"]) == (0.3, "third")
    assert "expected with a chip" in refusal(case, "--set", "array.rows=2")


def test_transistor_array_is_refused() -> None:
    """A 1T1R chip has no half-selected cells: the error says what it leaks instead."""
    text = refusal("hfox_planar_128")
    assert "hfox_planar_128.yaml" in text
    assert "array.access.device: expected 'none'" in text
    assert "127 off cells a bit line x 10 pA = 1.27 nA a bit read" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layers", "0"), "--layers: expected whole numbers from 1"),
        (("--layers", "1,"), "--layers: expected whole numbers from 1"),
        (("--pillars", "4x4x4"), "--pillars: expected N or ROWSxCOLUMNS"),
        (("--pillars", "0x4"), "--pillars: expected N or ROWSxCOLUMNS"),
        (("--voltage", "-0.5"), "--voltage: expected a voltage above 0"),
        (("--voltage", "1 A"), "--voltage: expected a voltage such as"),
        (("--voltage", "nan"), "--voltage: expected a voltage above 0"),
        (
            ("--scheme", "halv"),
            "--scheme: expected one of half, third, ground, float; found 'halv' (did you mean 'half'?)",
        ),
        (("--bits", "5"), "--bits: 5 bits at once need as many columns, found 4"),
        (("--nonlinearity", "1.5"), "--nonlinearity: expected I(V)/I(V/2) from 2 (linear)"),
        (("--margin", "120%"), "--margin: expected a ratio above 0, at most 1"),
        (("--leakage-limit", "1 V"), "--leakage-limit: expected a current"),
        (("--disturb-limit", "0%"), "--disturb-limit: expected a ratio above 0"),
        (("--plot", "leakage.txt"), "--plot: expected a file name that ends in .svg, .png, .pdf"),
        (("--plot", "no/such/folder.svg"), "cannot be written"),
        (("--json", "no/such/folder.json"), "cannot be written"),
    ],
)
def test_bad_options_are_refused(case: Path, arguments: tuple[str, str], message: str) -> None:
    """A bad value is one message that names the option and what was expected."""
    assert message in refusal(case, *arguments)


def test_missing_array_is_refused(tmp_path: Path) -> None:
    """An array that is neither a file nor a preset is refused with the nearest name."""
    assert "did you mean 'vrram_finger_8layer'" in refusal("vrram_finger_8layers")
    assert "no such file" in refusal(tmp_path / "absent.yaml")


def test_failed_points_are_results(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A point that does not converge stands in the table and JSON with its reason; the exit status is 1."""

    def failing(spec: dict[str, Any]) -> Read:
        if spec["layers"] == 2:
            raise ConvergenceError("no operating point: the currents at node p(1, 0, 0) miss balance")
        return solve_read(spec)

    monkeypatch.setattr(study, "solve_read", failing)
    results = case.with_name("all.json")
    assert status(["leakage", str(case), "--layers", "1,2,3", "--json", str(results)]) == 1
    out, err = capsys.readouterr()
    assert "failed: layers 2: no operating point" in out
    assert "1 of 3 points could not be solved" in err
    good, bad, _ = json.loads(results.read_text("utf-8"))["points"]
    assert good["error"] is None
    assert "miss balance" in bad["error"]
    assert bad["i_leak_a"] is None


@pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_plot(case: Path, suffix: str, magic: bytes) -> None:
    """A picture is written whole in the format of its name, and nothing else is left behind."""
    pytest.importorskip("matplotlib")
    path = case.with_name(f"leakage.{suffix}")
    invoke(case, "--layers", "1,2", "--voltage", "0.8", "--scheme", "half,ground", "--plot", path)
    assert path.read_bytes().startswith(magic)
    assert sorted(file.name for file in case.parent.iterdir()) == [path.name, "mine.yaml"]


def test_plot_is_the_same_again(case: Path) -> None:
    """The same study gives the same bytes."""
    pytest.importorskip("matplotlib")
    paths = [case.with_name(name) for name in ("one.svg", "two.svg")]
    for path in paths:
        invoke(case, "--voltage", "0.5,0.8", "--plot", path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [("--layers", "1", "--pillars", "1"), ("--scheme", "half,third"), ("--pillars", "2,4"), ("--nonlinearity", "2,20")],
)
def test_plot_of_any_axis(case: Path, arguments: tuple[str, str]) -> None:
    """Single points, names and sizes as axes, and an array that leaks nothing can be drawn."""
    pytest.importorskip("matplotlib")
    path = case.with_name("leakage.svg")
    assert invoke(case, "--voltage", "0.5", "--bits", "1", *arguments, "--plot", path).exit_code == 0
    assert path.read_text("utf-8").rstrip().endswith("</svg>")


def test_plot_needs_the_extra(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib the message names the extra, before anything is solved."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "matplotlib" else find(name, *rest)
    )
    monkeypatch.setattr(study, "solve_read", None)
    assert "pip install 'pillarsim[plot]'" in refusal(case, "--plot", case.with_name("leakage.svg"))


def _spec() -> dict[str, Any]:
    return {str(key): value for key, value in parse_text(CASE, "case").data.items()}
