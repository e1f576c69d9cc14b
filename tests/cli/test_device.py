"""`device`: cards listed, shown, sampled and fitted; the same seed gives the same bytes; bad input leaves no file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pillarsim.arch.chip.load import load_card
from pillarsim.arch.presets import config_names
from pillarsim.cli import status
from pillarsim.cli.device import command
from pillarsim.device.fit.models import FITS
from tests.device.measured import write_csv
from tests.near import near

SAMPLE_KEYS = [
    "card", "count", "pulses", "resistance_ohm", "level", "levels", "pulses_before", "verify", "imperfections",
    "time_s", "temperature_k", "seed", "schema_version", "versions",
]  # fmt: skip
STATISTICS = ["median", "p05", "p25", "p75", "p95", "mean", "std"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)


def data(*arguments: object) -> dict[str, Any]:
    result = invoke(*arguments, "--json", "-")
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Exit status 2 and one message on standard error."""
    assert status(["device", *(str(one) for one in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    lines = err.strip().splitlines()
    assert sum(line.lower().startswith("error") for line in lines) == 1
    return lines[-1]


def states_csv(folder: Path, count: int = 100) -> Path:
    random = np.random.default_rng(1)
    low, high = 10 * np.exp(0.1 * random.normal(size=count)), 200 * np.exp(0.5 * random.normal(size=count))
    return write_csv(folder, {"lrs (kOhm)": low, "hrs (kOhm)": high})


def test_list_names_every_card() -> None:
    """One line a card, and the same in JSON."""
    lines = invoke("list").stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(config_names("device"))
    rows = {row["name"]: row for row in data("list")["cards"]}
    assert set(rows) == set(config_names("device"))
    planar = rows["hfox_planar"]
    assert (planar["lrs_ohm"], planar["levels"], planar["programming"]) == (1e5, 4, "log-normal")
    assert (rows["majumdar2021"]["programming"], rows["majumdar2021"]["pulse_model"]) == ("pulses", "weak_reset")
    assert rows["neurram_wan_2022"]["retention"] == "spread_growth"
    assert "NeuroSim" in planar["reference"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 160])
def test_list_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """No line is wider than the terminal, down to what four columns need; more width shows more columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = invoke("list").stdout.splitlines()
    assert max(map(len, lines)) <= max(width, 60)
    assert ("reference" in lines[0]) == (width >= 160)


def test_show_every_key_and_source() -> None:
    """Values in engineering notation, each with its source; labels and imperfections beside them."""
    sheet = data("show", "majumdar2021")
    values = {entry["key"]: entry for entry in sheet["values"]}
    assert values["pulse_update.r0.mean"]["value"] == "6.988 kOhm"
    assert "utils_device.py" in values["pulse_update.r0.mean"]["source"]
    assert sheet["imperfections"]["pulsed"] == ["d2d", "rtn", "pink"]
    assert sheet["labels"]["year"] == "2021"
    text = invoke("show", "majumdar2021").stdout
    for entry in sheet["values"]:
        assert entry["key"] in text
        if entry["source"]:
            assert entry["source"].split()[0] in text
    assert "not claimed" in text
    assert "/" not in sheet["file"].removeprefix("configs/devices/")


@pytest.mark.parametrize("name", config_names("device"))
def test_every_card_is_shown_and_sampled(name: str) -> None:
    """Each shipped card, by its default."""
    assert invoke("show", name).exit_code == 0
    found = data("sample", name, "--count", "50")
    assert list(found)[:4] == SAMPLE_KEYS[:4]
    assert all(found["resistance_ohm"][one] > 0 for one in STATISTICS if one != "std")


@pytest.mark.parametrize("imperfections", ["none", "rtn", "pink", "d2d", "all", "d2d,rtn"])
def test_sample_json(imperfections: str) -> None:
    """The keys, exactly; the names that were switched on."""
    found = data("sample", "majumdar2021", "--pulses", "200", "--count", "300", "--imperfections", imperfections)
    assert list(found) == SAMPLE_KEYS
    assert list(found["resistance_ohm"]) == STATISTICS
    assert (found["card"], found["count"], found["pulses"], found["levels"]) == ("majumdar2021", 300, 200, [])
    wanted = {"none": [], "all": ["d2d", "rtn", "pink"], "d2d,rtn": ["d2d", "rtn"]}
    assert found["imperfections"] == wanted.get(imperfections, [imperfections])


def test_sample_levels() -> None:
    """Without --pulses every level, and the chosen one's statistics in front; verify narrows it."""
    found = data("sample", "hfox_planar")
    assert found["pulses"] is None
    assert found["level"] == 3
    assert found["resistance_ohm"] == found["levels"][3]["resistance_ohm"]
    assert [one["level"] for one in found["levels"]] == [0, 1, 2, 3]
    low = data("sample", "hfox_planar", "--level", "0")
    assert low["resistance_ohm"] == low["levels"][0]["resistance_ohm"] == found["levels"][0]["resistance_ohm"]
    verified = data(
        "sample", "hfox_planar", "--verify", "0.5 uS", "--max-pulses", "100", "--imperfections", "programming"
    )
    assert verified["verify"] == {"tolerance_s": near(5e-7), "max_pulses": 100}
    assert verified["resistance_ohm"]["std"] < found["resistance_ohm"]["std"] / 3
    assert verified["levels"][3]["write_pulses_mean"] > 1


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """JSON and pictures repeat byte for byte; a picture changes no number; another seed gives others."""
    pytest.importorskip("matplotlib")
    for arguments in (("sample", "majumdar2021", "--pulses", "50"), ("sample", "hfox_planar")):
        one, other = tmp_path / "one.svg", tmp_path / "other.svg"
        first = invoke(*arguments, "--json", "-", "--plot", one).stdout
        assert first == invoke(*arguments, "--json", "-", "--plot", other).stdout
        assert first == invoke(*arguments, "--json", "-").stdout
        assert first != invoke(*arguments, "--json", "-", "--seed", "1").stdout
        assert one.read_bytes() == other.read_bytes()


def test_devices_do_not_depend_on_the_others() -> None:
    """The first devices of a larger sample are the sample: statistics of one device are those of `--count 1`."""
    lone = data("sample", "majumdar2021", "--pulses", "100", "--count", "1")["resistance_ohm"]
    assert lone["median"] == lone["p05"] == lone["mean"]
    assert lone["std"] == 0


def test_fit_writes_card_json_and_picture(tmp_path: Path) -> None:
    """One command: a card that loads and samples by its path, JSON with errors and goodness, a picture."""
    pytest.importorskip("matplotlib")
    csv, card = states_csv(tmp_path), tmp_path / "mine.yaml"
    arguments = ("fit", csv, "--model", "lognormal", "--out", card, "--json", tmp_path / "fit.json")
    text = invoke(*arguments, "--plot", tmp_path / "fit.svg", "--label", "author=us", "--label", "year=2024").stdout
    assert "median_lrs" in text
    found = json.loads((tmp_path / "fit.json").read_text("utf-8"))
    assert found["model"] == "lognormal"
    assert found["card"] == "mine.yaml"
    assert found["data"]["file"] == "data.csv"
    assert found["parameters"]["sigma_lrs"]["standard_error"] > 0
    assert set(found["goodness"]) == {"ks_lrs", "ks_hrs", "ks_limit_5_percent"}
    assert (load_card(card).card.author, load_card(card).card.year) == ("us", 2024)
    assert (tmp_path / "fit.svg").read_text("utf-8").rstrip().endswith("</svg>")
    sampled = data("sample", card, "--imperfections", "programming")
    assert sampled["card"] == "mine"
    assert sampled["resistance_ohm"]["median"] == near(10e3, rel=0.05)
    before = card.read_bytes()
    assert invoke(*arguments, "--force").exit_code == 0
    assert card.read_bytes() == before.replace(b'author: "us"\nyear: 2024\n', b"") != before


def test_fit_on_a_base(tmp_path: Path) -> None:
    """Pulses in arbitrary units take the base's states; the card then learns by pulses."""
    pulses = np.arange(60)
    up = np.log1p(0.1 * pulses)
    csv = write_csv(tmp_path, {"pulse": pulses, "potentiation (a.u.)": up, "depression (a.u.)": up[-1] - up})
    card = tmp_path / "mine.yaml"
    assert invoke("fit", csv, "--model", "soft_bounds", "--base", "hfox_planar", "--out", card).exit_code == 0
    loaded = load_card(card).card
    assert (loaded.lrs, loaded.programming) == (1e5, "trials")
    assert data("sample", card, "--pulses", "20", "--imperfections", "none")["resistance_ohm"]["median"] < 1.7e6


def test_age_is_printed_as_people_say_it() -> None:
    """Not as 2.592e+06 s."""
    found = invoke("sample", "hfo2_measured", "--count", "50", "--time", "1 month", "--temperature", "85 C").stdout
    assert "; kept for 30 days; " in found


def test_help_names_every_model() -> None:
    """The columns of each model stand in the help, and what the data do not say of the states."""
    text = invoke("fit", "--help").stdout
    assert "--lrs, --hrs,  arrhenius" in text
    assert all(f"  {name}" in text for name in FITS)


@pytest.mark.parametrize(
    ("text", "model", "message"),
    [
        ("voltage,current (A)\n1,1\n", "sinh", "bad.csv:1: column 1 'voltage': expected a unit"),
        (
            "voltage (V),current (A)\n1,1\n2,\n",
            "sinh",
            "bad.csv:3: column 'current (A)': expected a number, found a gap",
        ),
        (
            "lrs (Ohm),hrs (Ohm)\n1,2\n-1,2\n",
            "lognormal",
            "bad.csv:3: column 'lrs (Ohm)': expected a resistance above 0",
        ),
        ("voltage (V)\n1\n", "sinh", "bad.csv:1: expected at least two columns"),
        ("lrs (Ohm),time (s)\n1,2\n", "lognormal", "bad.csv: no fit of lognormal: expected at least 20 cycles"),
        ("voltage (V),time (s)\n1,2\n", "sinh", "bad.csv:1: expected a column 'current (uA)'"),
        ("target (uS),G (uS)\n" + "1,1\n2,2\n" * 20, "quantiles", "expected at least 59 cycles a level"),
        ("voltage (V),current (A)\n" + "".join(f"{v},{v}\n" for v in range(1, 9)), "sinh", "leave V0 open"),
        ("time (s),G (uS)\n1,1\n2,2\n4,4\n8,8\n", "power_law", "the conductance rises"),
        ("time (s),G (uS)\n1,1\n", "nothing", "--model: expected one of lognormal"),
    ],
)
def test_bad_tables_leave_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, model: str, message: str
) -> None:
    """One message that names file, line and column; no card, no JSON, no picture."""
    (tmp_path / "bad.csv").write_text(text, "utf-8")
    outputs = ("--out", tmp_path / "card.yaml", "--json", tmp_path / "fit.json", "--plot", tmp_path / "fit.svg")
    found = refused(capsys, "fit", tmp_path / "bad.csv", "--model", model, "--base", "hfox_planar", *outputs)
    assert message in found
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lrs", "10"), "--lrs: expected a resistance with its unit"),
        (("--lrs", "2 kOhm", "--hrs", "1 kOhm"), "--hrs: expected above --lrs (2 kOhm), found 1 kOhm"),
        (("--levels", "1"), "--levels: expected a whole number from 2 to 256"),
        (("--levels", "300"), "--levels: expected a whole number from 2 to 256"),
        (("--model", "level_error", "--degree", "x"), "--degree: expected a whole number from 0 to 7"),
        (("--model", "arrhenius", "--toward", "lsr"), "did you mean 'lrs'"),
        (("--degree", "2"), "--degree: lognormal does not take it: expected --lrs, --hrs, --levels or --base"),
        (("--model", "sinh", "--temperature", "300 K"), "--levels, --base or --stated-at"),
        (("--model", "level_error", "--thickness", "5 nm"), "--thickness: level_error does not take it"),
        (("--model", "power_law", "--toward", "hrs"), "--toward: power_law does not take it"),
        (("--model", "neurosim", "--stated-at", "1 V"), "--stated-at: neurosim does not take it"),
        (("--model", "poole_frenkel", "--temperature", "-300 C"), "--temperature: expected"),
        (("--out", "/proc/x.yaml"), "--out: /proc/x.yaml: "),
        (("--json", "/dev/full"), "/dev/full: cannot be written"),
        (("--base", "hfox_planer"), "did you mean 'hfox_planar'"),
        (("--label", "colour=red"), "--label: expected KEY=TEXT with one of technology"),
        (("--label", "year=soon"), "--label: expected year=NUMBER"),
        (("--plot", "fit.txt"), "--plot: expected a file name that ends in"),
        (("--json", "no/such/fit.json"), "cannot be written"),
        (("--out", "card.txt"), "--out: expected a file name that ends in .yaml"),
    ],
)
def test_bad_options_of_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Each is one message that names the option; nothing is written."""
    csv = states_csv(tmp_path)
    out = () if "--out" in arguments else ("--out", tmp_path / "card.yaml")
    assert message in refused(capsys, "fit", csv, "--model", "lognormal", *out, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


ONE_FILE = [
    (("--json", "card.yaml"), "--json: card.yaml is the file of --out too"),
    (("--json", "x/../card.yaml"), "is the file of --out too"),
    (("--json", "fit.svg", "--plot", "./fit.svg"), "--plot: fit.svg is the file of --json too"),
    (("--json", "data.csv"), "--json: data.csv is DATA.csv, which is read"),
    (("--json", "link.json"), "--json: link.json is DATA.csv, which is read"),
    (("--base", "base.yaml", "--json", "base.yaml"), "--json: base.yaml is --base, which is read"),
    (("--base", "base.yaml", "--out", "base.yaml", "--force"), "--out: base.yaml is --base, which is read"),
]


@pytest.mark.parametrize(("arguments", "message"), ONE_FILE)
def test_one_file_for_two_uses_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """Both options are named, paths are compared as resolved, every file stays as it was."""
    states_csv(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "link.json").symlink_to("data.csv")
    (tmp_path / "base.yaml").write_text("extends: hfox_planar\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert message in refused(capsys, "fit", "data.csv", "--model", "lognormal", "--out", "card.yaml", *arguments)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_one_file_for_two_uses_of_sample_and_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture over the JSON, or JSON over the card that is read; data may well end in .yaml."""
    monkeypatch.chdir(tmp_path)
    card = tmp_path / "own.yaml"
    card.write_text("extends: hfox_planar\n", "utf-8")
    assert "--plot: c.svg is the file of --json too" in refused(
        capsys, "sample", "hfox_planar", "--plot", "c.svg", "--json", "c.svg"
    )
    for name in ("sample", "show"):
        assert "--json: own.yaml is NAME, which is read" in refused(capsys, name, "own.yaml", "--json", "own.yaml")
    assert card.read_text("utf-8") == "extends: hfox_planar\n"
    data = states_csv(tmp_path).rename(tmp_path / "data.yaml")
    arguments = ("fit", data, "--model", "lognormal", "--out", data, "--force")
    assert "is DATA.csv, which is read" in refused(capsys, *arguments)


@pytest.mark.parametrize("failing", ["--json", "stdout", "--plot"])
def test_failing_output_leaves_all_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """No card beside a JSON, a picture or a terminal that could not be written; older files stay."""
    csv, card, json_file, picture = (
        states_csv(tmp_path),
        tmp_path / "mine.yaml",
        tmp_path / "f.json",
        tmp_path / "f.svg",
    )
    card.write_text("old", "utf-8")
    pytest.importorskip("matplotlib")

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    if failing == "stdout":
        monkeypatch.setattr(
            "pillarsim.cli.device.click.echo", lambda text, **options: full() if "fit" in text else None
        )
    if failing == "--plot":
        monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    wanted = ("--json", "/dev/full" if failing == "--json" else json_file, "--plot", picture)
    assert (
        status([str(one) for one in ("device", "fit", csv, "--model", "lognormal", "--out", card, "--force", *wanted)])
        == 2
    )
    assert card.read_text("utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "mine.yaml"]


def test_temperature_is_stated_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column and the option would be two."""
    csv = write_csv(tmp_path, {"time (s)": [1, 2, 4], "R (kOhm)": [1, 2, 4], "temperature (C)": [25, 25, 25]})
    found = refused(
        capsys, "fit", csv, "--model", "power_law", "--temperature", "300 K", "--out", tmp_path / "card.yaml"
    )
    assert "--temperature: " in found
    assert "has a column 'temperature (C)': expected one of both" in found


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (("--lrs", "30 kOhm", "--hrs", "1 MOhm"), "the data reach 50 uS (20 kOhm), outside the window: expected --lrs"),
        (("--lrs", "10 kOhm", "--hrs", "90 kOhm"), "expected --hrs of at least 100 kOhm, found 90 kOhm (11.11 uS)"),
        (("--lrs", "10 kOhm"), "expected --hrs with --lrs, or neither"),
        (("--hrs", "1 MOhm", "--base", "hfox_planar"), "expected --lrs with --hrs, or neither"),
    ],
)
@pytest.mark.parametrize("model", ["soft_bounds", "linear_step", "neurosim"])
def test_pulses_outside_the_window_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, states: tuple[str, ...], message: str
) -> None:
    """A model that never leaves its window cannot hold them; both numbers are named."""
    up = 10 + 40 * -np.expm1(-np.arange(60) / 20) / -np.expm1(-59 / 20)
    csv = write_csv(tmp_path, {"potentiation (uS)": up, "depression (uS)": 60 - up})
    arguments = ("fit", csv, "--model", model, "--levels", "2", "--out", tmp_path / "card.yaml", *states)
    assert message in refused(capsys, *arguments)
    assert not (tmp_path / "card.yaml").exists()


def test_resistances_stand_for_conductances(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same cells in kOhm and in uS make the same table; a conductance in kOhm is told its name."""
    target = np.repeat([30.0, 70.0, 300.0], 60)
    ohm = target * np.exp(0.1 * np.random.default_rng(3).normal(size=len(target)))
    for model in ("quantiles", "level_error"):
        found: list[dict[str, Any]] = []
        for columns in (
            {"target (kOhm)": target, " resistance (kOhm)": ohm},
            {"target (uS)": 1e3 / target, "conductance (uS)": 1e3 / ohm},
        ):
            csv, card = write_csv(tmp_path, columns), tmp_path / f"{len(found)}.yaml"
            found.append(data("fit", csv, "--model", model, "--out", card, "--force")["parameters"])
            assert data("sample", card)["levels"][-1]["target_ohm"] == near(30e3, rel=1e-9)
        for name, one in found[0].items():
            assert one["value"] == near(found[1][name]["value"], rel=1e-9)
    csv = write_csv(tmp_path, {"target (kOhm)": target, "conductance (kOhm)": ohm})
    message = refused(capsys, "fit", csv, "--model", "quantiles", "--out", tmp_path / "card.yaml")
    assert "a column of that unit is called 'resistance (kOhm)'" in message


def test_states_beyond_the_targets_make_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A quantile table covers its targets alone: a card with states beyond them could not be sampled."""
    target = np.repeat([10.0, 100.0], 60)
    csv = write_csv(
        tmp_path, {"target (kOhm)": target, "R (kOhm)": target * (1 + 0.1 * np.sin(np.arange(len(target))))}
    )
    arguments = ("fit", csv, "--model", "quantiles", "--lrs", "5 kOhm", "--out", tmp_path / "card.yaml")
    assert "could be written: target of an empirical write: expected 1e-05 to 0.0001 S, found 0.0002 S" in refused(
        capsys, *arguments
    )
    assert not (tmp_path / "card.yaml").exists()


def test_states_inside_the_data_are_said(tmp_path: Path) -> None:
    """A card may take other states than the measured ones; the record and the card say so."""
    csv, card = states_csv(tmp_path), tmp_path / "card.yaml"
    found = data("fit", csv, "--model", "lognormal", "--lrs", "50 kOhm", "--out", card)
    low = found["states"]["lrs_ohm"] / 1e3
    assert any(text.startswith("states of 50 kOhm to ") and f"{low:.4g} kOhm" in text for text in found["assumed"])
    assert "states of 50 kOhm" in load_card(card).card.assumed
    wider = data("fit", csv, "--model", "lognormal", "--lrs", "1 kOhm", "--hrs", "1 MOhm", "--out", card, "--force")
    assert not any(text.startswith("states of") for text in wider["assumed"])


def test_existing_card_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --force a card is not replaced; with it a failing fit leaves the old one."""
    csv, card = states_csv(tmp_path, 19), tmp_path / "mine.yaml"
    card.write_text("old", "utf-8")
    assert "exists" in refused(capsys, "fit", csv, "--model", "lognormal", "--out", card)
    assert "20 cycles" in refused(capsys, "fit", csv, "--model", "lognormal", "--out", card, "--force")
    assert card.read_text("utf-8") == "old"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("shaw", "hfox_planar"), "no command 'device shaw': expected list, show, sample, fit (did you mean 'show'?)"),
        (("show", "hfox_planer"), "did you mean 'hfox_planar'"),
        (
            ("sample", "majumdar2021", "--imperfections", "rtm"),
            "no imperfection 'rtm': majumdar2021 has d2d, rtn, pink",
        ),
        (("sample", "majumdar2021", "--pulses", "-3"), "--pulses: majumdar2021 moves one way (down)"),
        (("sample", "majumdar2021", "--pulses", "1.5"), "--pulses: expected a whole number"),
        (("sample", "majumdar2021", "--pulses", "5", "--level", "1"), "--level: expected without --pulses"),
        (("sample", "majumdar2021", "--level", "1"), "programmed by pulses: expected with --verify"),
        (
            ("sample", "hfo2_measured", "--pulses", "5"),
            "hfo2_measured has no pulse_update: expected no --pulses (--level K programs cells)",
        ),
        (("sample", "hfo2_measured", "--temperature", "0 K"), "--temperature: expected a temperature above 0 K"),
        (("sample", "hfox_planar", "--after", "5"), "--after: expected with --pulses"),
        (("sample", "hfox_planar", "--level", "4"), "--level: expected 0 (HRS) to 3 (LRS)"),
        (("sample", "hfox_planar", "--verify", "1"), "--verify: expected a conductance with its unit"),
        (("sample", "hfox_planar", "--max-pulses", "5"), "--max-pulses: expected with --verify"),
        (("sample", "hfox_planar", "--time", "1 month"), "--time: hfox_planar states no retention"),
        (("sample", "hfox_planar", "--time", "1 V"), "--time: expected a time"),
        (("sample", "hfox_planar", "--temperature", "85 C"), "--temperature: hfox_planar states no activation"),
        (("sample", "neurram_wan_2022", "--time", "1 month"), "neurram_wan_2022: time: expected"),
        (
            ("sample", "neurram_wan_2022", "--time", "1 h", "--temperature", "85 C"),
            "temperature: expected 290 to 310 K",
        ),
        (("sample", "hfox_planar", "--count", "0"), "--count: expected a whole number from 1"),
        (("sample", "hfox_planar", "--plot", "x.txt"), "--plot: expected a file name that ends in"),
    ],
)
def test_bad_input_is_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """One message, exit status 2."""
    assert message in refused(capsys, *arguments)


def test_card_outside_its_range_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A card whose states lie beyond its own error's range makes no sample."""
    card = tmp_path / "mine.yaml"
    card.write_text("extends: hfo2_milo_2021\niv: {model: linear}\nhrs: 100 kOhm\n", "utf-8")
    assert "expected" in refused(capsys, "sample", card)
