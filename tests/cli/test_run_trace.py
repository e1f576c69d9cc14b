"""`pillarsim run --trace`: a timeline beside a report that does not know of it, and bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pillarsim.cli import status

FAST = ("--samples", "0", "--images", "3", "--workload", "mnist-mlp")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a run that must be refused with exit status 2."""
    assert status(["run", *FAST, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


def test_timeline_beside_an_equal_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The first images are in the file; the report is that of a run without but for the time that it took."""
    reports = []
    for more in ((), ("--trace", str(tmp_path / "run.json.gz"), "--trace-images", "2")):
        assert status(["run", *FAST, "--json", "-", *more]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report.pop("versions")
        assert {report["events"].pop(key) is None for key in ("cpu_s", "wall_s")} == {False}
        reports.append(report)
    assert reports[0] == reports[1]
    file = json.loads(gzip.decompress((tmp_path / "run.json.gz").read_bytes()))
    assert file["otherData"]["images"] == "the first 2 of 3"
    images = {event["name"].split(" image ")[1].split(" ")[0] for event in file["traceEvents"] if event["ph"] == "X"}
    assert images == {"0", "1"}


def test_one_image_unless_told(tmp_path: Path) -> None:
    """The default of --trace-images; more than there are is all of them."""
    for more, expected in (((), "the first 1 of 3"), (("--trace-images", "9"), "the first 3 of 3")):
        assert status(["run", *FAST, "--trace", str(tmp_path / "run.json"), *more]) == 0
        assert json.loads((tmp_path / "run.json").read_text())["otherData"]["images"] == expected


def test_bad_places_are_refused_before_the_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder, a folder that is not there, and one that cannot be written; nothing is left behind."""
    assert "it is a folder" in refused(capsys, "--trace", str(tmp_path))
    assert "there is no folder" in refused(capsys, "--trace", str(tmp_path / "none" / "run.json"))
    assert "cannot be written" in refused(capsys, "--trace", "/proc/run.json")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_recorded(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Another detail, no image, and a network that runs in parts."""
    file = str(tmp_path / "run.json")
    expected = "--trace: expected --detail window, found operation"
    assert expected in refused(capsys, "--trace", file, "--detail", "operation")
    assert "--trace-images" in refused(capsys, "--trace", file, "--trace-images", "0")
    small = ("--set", "tile.count={x: 2, y: 1}", "--set", "tile.arrays=16", "--set", "mapping.reload=true")
    parts = refused(capsys, "--trace", file, "--workload", "mnist-lenet5", *small)
    assert "mapping.reload" in parts
    assert "cannot be recorded" in parts
    assert list(tmp_path.iterdir()) == []
