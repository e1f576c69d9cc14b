"""`pillarsim map`: what it prints, writes and draws, and one clear message for each kind of bad input."""

from __future__ import annotations

import contextlib
import json
import signal
from pathlib import Path

import pytest

from pillarsim.cli import status

CHIP = ("hfox_planar_128", "--workload", "mnist-lenet5", "--set", "mapping.calibration_samples=8")


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Standard output of a map that must succeed."""
    assert status(["map", *CHIP, *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a map that must be refused with exit status 2."""
    assert status(["map", *CHIP, *arguments]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert "Traceback" not in found.err
    return found.err


def test_text_and_json_say_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Arrays, tiles and the bottleneck of the table are those of the JSON; files and standard output agree."""
    text = shown(capsys)
    file = tmp_path / "map.json"
    assert shown(capsys, "--json", str(file)) == text
    record = json.loads(file.read_text())
    assert json.loads(shown(capsys, "--json", "-")) == record
    assert f"{record['arrays']['used']} of 1 024" in text
    assert record["bottleneck"]["layers"] == ["conv1"]
    for layer in record["layers"]:
        assert layer["name"] in text
    promised = {
        "schema_version", "chip", "workload", "seed", "versions", "placement", "arrays", "tiles", "parts", "bottleneck",
        "busiest", "time_per_image_s", "layers", "traffic", "readings", "floor", "grid",
    }  # fmt: skip
    assert set(record) == promised


def test_choices_of_the_compiler_show(capsys: pytest.CaptureFixture[str]) -> None:
    """Balanced copies, shared arrays, the order of tiles and parts are said in words."""
    sets = ("--set", "mapping.replicas=balanced", "--set", "mapping.array_budget=100")
    text = shown(capsys, *sets, "--set", "mapping.share_arrays=true", "--set", "mapping.placement=traffic")
    assert "shared by several layers" in text
    assert "order: traffic" in text
    parts = shown(capsys, "--set", "mapping.reload=true", "--set", "tile.count={x: 2, y: 1}")
    assert "programmed in turn" in parts


def test_vertical_chips_show_their_readings(capsys: pytest.CaptureFixture[str]) -> None:
    """The chip's own way of reading is marked, and the other one stands below it."""
    assert status(["map", "vrram_finger_8layer", "--set", "mapping.calibration_samples=8"]) == 0
    text = capsys.readouterr().out
    assert "layer_parallel (this chip)" in text
    assert "layer_serial" in text


def test_the_floor_plan_is_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same bytes twice; a picture that names the layers."""
    pytest.importorskip("matplotlib")
    files = [tmp_path / name for name in ("one.svg", "two.svg")]
    for file in files:
        shown(capsys, "--plot", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    shown(capsys, "--plot", str(tmp_path / "floor.png"))
    assert (tmp_path / "floor.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "mapping.replicas=balanced", "--set", "mapping.array_budget=41"), "needs 42 arrays, 1 more than 41"),
        (("--set", "mapping.array_budget=41"), "array_budget: expected only with replicas 'balanced'"),
        (("--set", "mapping.replicas=evenly"), "expected an integer (or 'balanced'), found 'evenly'"),
        (("--set", "mapping.replicas={conv3: 2}"), "mapping.replicas.conv3: expected a matrix layer"),
        (("--set", "mapping.placement=trafic"), "did you mean 'traffic'?"),
        (("--set", "mapping.share_arrays=perhaps"), "mapping.share_arrays"),
        (("--set", "tile.count={x: 2, y: 1}"), "needs 42 arrays and the chip has 32: 10 missing"),
        (("--set", "tile.buffer.size=20 B"), "tile.buffer.size: layer 'conv1': the inputs of one of its arrays need"),
        (("--plot", "plan.txt"), "--plot: expected a file name that ends in .svg, .png, .pdf"),
        (("--json", "no/such/folder/map.json"), "cannot be written"),
        (("--workload", "mnist-lenet6"), "mnist-lenet5"),
    ],
)
def test_bad_input_is_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """Status 2 and the key, the option or the nearest name."""
    assert message in refused(capsys, *arguments)


def test_nothing_is_left_half_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A map that fails writes no file."""
    file, plot = tmp_path / "map.json", tmp_path / "map.svg"
    refused(capsys, "--set", "tile.count={x: 1, y: 1}", "--json", str(file), "--plot", str(plot))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_a_library_swallows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in a callback that cannot pass it on stops the command all the same, before anything is written."""

    def swallowing(*_: object) -> dict[str, object]:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return {}

    monkeypatch.setattr("pillarsim.map.map_record", swallowing)
    file = tmp_path / "map.json"
    assert status(["map", *CHIP, "--json", str(file)]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert "interrupted: nothing was written" in found.err
    assert not file.exists()
