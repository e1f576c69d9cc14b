"""`pillarsim reproduce`: what it prints and writes, and its exit status."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pillarsim import reproduce
from pillarsim.cli import status
from pillarsim.reproduce import chen2021
from pillarsim.reproduce.claims import Result

PROMISED = {"id", "claim", "paper", "simulated", "unit", "basis", "holds"}


@pytest.fixture(scope="module")
def quick() -> Result:
    """The quick run of chen2021, once."""
    return reproduce.run("chen2021", quick=True)


@pytest.fixture
def fake(quick: Result, monkeypatch: pytest.MonkeyPatch) -> Result:
    """The command finds the quick run's result without solving anything again."""
    monkeypatch.setattr(chen2021, "simulate", lambda quick_run, progress, data_dir: quick)
    return quick


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a command that must be refused with exit status 2."""
    assert status(["reproduce", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


def test_every_point_is_a_claim(quick: Result) -> None:
    """The six points of the row are claims e1 to e6 in order, rest on assumed parameters, and hold."""
    names = [claim.id for claim in quick.claims]
    assert names[:6] == ["e1", "e2", "e3", "e4", "e5", "e6"]
    assert {claim.basis for claim in quick.claims} == {"assumed"}
    assert [claim.id for claim in quick.claims if not claim.holds] == []


def test_command_writes_all(fake: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Table, JSON and picture of a run; exit status 0 when all claims hold; the picture does not change."""
    data, pictures = tmp_path / "a.json", [tmp_path / "a.svg", tmp_path / "b.svg", tmp_path / "a.png"]
    for picture in pictures:
        assert status(["reproduce", "chen2021", "--quick", "--json", str(data), "--plot", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "the paper says" in text
    assert "consistent" in text
    assert "validated" not in text
    found: dict[str, Any] = json.loads(data.read_text("utf-8"))
    assert found["name"] == "chen2021"
    assert all(set(claim) >= PROMISED for claim in found["claims"])
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert pictures[0].read_text("utf-8").count("layers") >= 1
    assert pictures[2].read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.png", "a.svg", "b.svg"]


@pytest.mark.parametrize("holds", [False, None])
def test_status_is_1_unless_all_hold(
    holds: bool | None, fake: Result, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One claim that fails or is undecided is exit status 1, and the JSON still appears, alone on standard output."""
    worse = replace(fake, claims=(*fake.claims[:-1], replace(fake.claims[-1], holds=holds)))
    monkeypatch.setattr(chen2021, "simulate", lambda quick_run, progress, data_dir: worse)
    assert status(["reproduce", "chen2021", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["claims"][-1]["holds"] is holds


def test_a_row_that_keeps_its_work_is_given_the_folder(
    fake: Result, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row whose simulate takes `checkpoint` gets the folder of --checkpoint; without the option it gets none."""
    seen: list[Path | None] = []

    def keeping(quick_run: bool, progress: object, data_dir: Path | None, checkpoint: Path | None = None) -> Result:
        seen.append(checkpoint)
        return fake

    monkeypatch.setattr(chen2021, "simulate", keeping)
    assert status(["reproduce", "chen2021", "--checkpoint", str(tmp_path / "state")]) == 0
    assert status(["reproduce", "chen2021"]) == 0
    assert seen == [tmp_path / "state", None]
    assert "claim" in capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """`list` names the rows with one line each and takes no options."""
    assert status(["reproduce", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "chen2021",
        "prabhu2020",
        "qin2021",
        "prakash2016",
        "kim2017",
        "majumdar2021-devices",
        "majumdar2021",
        "multiresbind2021",
        "sun2019",
        "boybat2019",
    ]
    assert "Chen et al. 2021" in lines[0]
    assert "list takes no options" in refused(capsys, "list", "--quick")


def test_bad_input_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown rows, folders, missing folders, other formats and a missing matplotlib: one message, nothing solved."""
    monkeypatch.setattr(chen2021, "simulate", lambda quick_run, progress, data_dir: pytest.fail("it ran"))
    assert "did you mean 'chen2021'" in refused(capsys, "chen21")
    assert "it is a folder" in refused(capsys, "chen2021", "--json", str(tmp_path))
    assert "there is no folder" in refused(capsys, "chen2021", "--plot", str(tmp_path / "no" / "a.svg"))
    assert "ends in .svg, .png, .pdf" in refused(capsys, "chen2021", "--plot", str(tmp_path / "a.gif"))
    nothing = refused(capsys, "chen2021", "--checkpoint", str(tmp_path / "state"))
    assert "chen2021 has nothing to keep; rows that have:" in nothing
    assert "multiresbind2021" in nothing
    assert "list takes no options" in refused(capsys, "list", "--checkpoint", str(tmp_path))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pillarsim[plot]" in refused(capsys, "chen2021", "--plot", str(tmp_path / "a.svg"))
    assert list(tmp_path.iterdir()) == []
