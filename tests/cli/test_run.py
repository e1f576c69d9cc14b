"""`pillarsim run`: what it prints and writes, and one clear message for each kind of bad input."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pillarsim.cli import status
from tests.near import near

FAST = ("--samples", "20", "--seeds", "2", "--images", "2", "--workload", "mnist-mlp")
VOLATILE = ("versions",)


def report_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """The JSON on standard output of a run that must succeed."""
    assert status(["run", *arguments, "--json", "-"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a run that must be refused with exit status 2."""
    assert status(["run", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


def test_report_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON holds every key that the interface promises."""
    report = report_of(capsys, *FAST)
    promised = {
        "chip": "name hash",
        "workload": "name weights macs hash",
        "accuracy": "metric float quantized chip_mean chip_std per_seed samples",
        "latency_s": "first_result per_image_steady",
        "energy_j": "per_image dynamic leakage by_component",
        "power_w": "average",
        "leakage_w": "total by_component",
        "area_m2": "total by_component",
        "programming": "time_s energy_j pulses",
        "mapping": "arrays tiles cells utilization layers",
        "adc": "conversions clipped_fraction",
        "events": "count detail cpu_s wall_s",
    }
    for section, keys in promised.items():
        value = report[section]
        assert isinstance(value, dict)
        assert set(keys.split()) <= set(value), section
    assert {"schema_version", "seed", "versions", "throughput_per_s", "tops", "tops_per_w"} <= set(report)
    assert report["workload"]["weights"] == 235_146  # type: ignore[index]


def test_same_seed_gives_the_same_bytes_for_any_threads(capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs differ in nothing but the measured seconds, whatever the number of threads."""
    reports = [report_of(capsys, *FAST, "--threads", threads) for threads in ("1", "2", "3")]
    for report in reports:
        report.pop("versions")
        for key in ("cpu_s", "wall_s"):
            report["events"].pop(key)  # type: ignore[attr-defined]
    assert json.dumps(reports[0]) == json.dumps(reports[1]) == json.dumps(reports[2])


def test_another_seed_gives_other_devices(capsys: pytest.CaptureFixture[str]) -> None:
    """The seed reaches the device draws."""
    one, other = (report_of(capsys, *FAST, "--seed", seed) for seed in ("0", "1"))
    assert one["programming"] != other["programming"]


def test_skipped_values_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    """--samples 0 leaves accuracy null and names the default activities; the table says 'not evaluated'."""
    report = report_of(capsys, *FAST, "--samples", "0")
    accuracy = report["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["chip_mean"] is None
    assert accuracy["per_seed"] == []
    assert "default" in report["activity"]["source"]  # type: ignore[index]
    assert status(["run", *FAST, "--samples", "0"]) == 0
    assert "not evaluated" in capsys.readouterr().out


def test_one_image_has_no_steady_state(capsys: pytest.CaptureFixture[str]) -> None:
    """With one image the steady latency is not evaluated; the first result is."""
    latency = report_of(capsys, *FAST, "--images", "1")["latency_s"]
    assert isinstance(latency, dict)
    assert latency["per_image_steady"] is None
    assert latency["first_result"] > 0


def test_tables_are_written_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--csv writes tables whose energies sum to the JSON's total; --json FILE writes the same report."""
    assert status(["run", *FAST, "--csv", str(tmp_path / "out"), "--json", str(tmp_path / "r.json")]) == 0
    shown = capsys.readouterr().out
    report = json.loads((tmp_path / "r.json").read_text())
    with (tmp_path / "out" / "components.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert sum(float(row["energy_per_image_j"] or 0) for row in rows) == near(report["energy_j"]["per_image"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["components.csv", "layers.csv", "summary.csv"]
    assert "accuracy" in shown
    assert "by component" in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["hfox_planr_128"], "hfox_planar_128"),
        (["--workload", "mnist-lenet"], "did you mean 'mnist-lenet5'"),
        (["--set", "array.row=64"], "did you mean 'rows'"),
        (["--set", "array.columns=1"], "too small for one weight slice"),
        (["--set", "tile.count={x: 1, y: 1}", "--set", "tile.arrays=8"], "missing"),
        (["--set", "array.read_voltage=9 V"], "highest declared supply"),
        (["--set", "mapping.replicas={fc9: 2}"], "expected a matrix layer (fc1, fc2, fc3)"),
        (["--samples", "some"], "whole number from 0, or 'all'"),
        (["--data-dir", "no/such/folder"], "no/such/folder"),
        (["--json", "no/such/folder/x.json"], "cannot be written"),
        (["vrram_finger_8layer", "--set", "array.reading=select_line"], "layer_parallel or layer_serial"),
        (["--set", "readout.bits=3", "--set", "readout.model=survey_regression"], "bits"),
    ],
)
def test_bad_input_is_one_message(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    """Each bad input exits with 2 and one message that names what would be right."""
    assert expected in refused(capsys, *FAST, *arguments)


def test_network_too_big_says_what_would_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """Each setting that the message offers does make the network fit."""
    small = ("--set", "tile.count={x: 2, y: 2}")
    message = refused(capsys, *FAST, *small)
    assert "arrays and the chip has 64: " in message
    offers = message.split("make it fit: ")[1].strip().split("; ")
    assert len(offers) >= 2
    for offer in offers:
        sets = [part for item in offer.split(" with ") for part in ("--set", item)]
        assert status(["run", *FAST, "--samples", "0", *small, *sets, "--json", "-"]) == 0, offer
        capsys.readouterr()


def test_truncated_weights_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], root: Path) -> None:
    """A weights file cut in half is refused by name."""
    for file in (root / "workloads" / "zoo").glob("mnist_mlp.*"):
        shutil.copy(file, tmp_path / file.name)
    weights = tmp_path / "mnist_mlp.safetensors"
    weights.write_bytes(weights.read_bytes()[:20_000])
    assert "mnist_mlp.safetensors" in refused(capsys, "--workload", str(tmp_path / "mnist_mlp.yaml"))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C in the middle ends with status 1, one line and no file."""
    command = [sys.executable, "-m", "pillarsim", "run", "--samples", "all", "--json", "r.json", "--csv", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "r.json").exists()
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("technology.clock=1e15 Hz", "at most 1 THz"),
        ("write.pulse=1 fs", "at least 1 ps"),
        ("array.cell.read_noise=1e19", "at most 1"),
        ("tile.extra.array={component: relu}", "no role"),
        ("tile.extra.mine={component: sram_cacti}", "(a memory)"),
        ("mapping.calibration_samples=20000", "mapping.calibration_samples"),
        ("tile.buffer.size=64 B", "expected tile.buffer.size of at least"),
    ],
)
def test_values_outside_physics_are_refused(capsys: pytest.CaptureFixture[str], setting: str, expected: str) -> None:
    """Values that no chip can have end in one message at their option."""
    message = refused(capsys, *FAST, "--set", setting)
    assert message.startswith(f"error: --set {setting.split('=')[0]}")
    assert expected in message


def test_files_are_written_before_the_table_is_printed(tmp_path: Path) -> None:
    """A reader that closes standard output loses the table, never the JSON file."""
    command = f"{sys.executable} -m pillarsim run --samples 0 --images 1 --json r.json | true"
    subprocess.run(command, shell=True, cwd=tmp_path, check=False, stderr=subprocess.DEVNULL)
    assert json.loads((tmp_path / "r.json").read_text())["events"]["count"] > 0


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_interrupt_inside_exec_still_ends_with_status_one(tmp_path: Path) -> None:
    """An interrupt in code that Python compiles while importing leaves status 1, not death by the signal."""
    (tmp_path / "interrupted.py").write_text(
        "import pillarsim.cli as c\n"
        "def interrupted(*a, **k): exec('raise KeyboardInterrupt')\n"
        "c.cli.main = interrupted\n"
        "c.main([])\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "interrupted: nothing was written\n"
