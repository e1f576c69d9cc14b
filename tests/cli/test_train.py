"""`pillarsim train`: what it prints and writes, runs that are killed, and one clear message for each bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pillarsim.arch.chip.learning import RULES
from pillarsim.cli import status
from pillarsim.training import job

TOPOLOGY = """\
name: tiny
trained: false
dataset: mnist
input: [1, 28, 28]
layers:
  - {name: pool, kind: max_pool2d, kernel: 4}
  - {name: flat, kind: flatten}
  - {name: fc1, kind: linear, features: 12}
  - {name: act, kind: relu}
  - {name: fc2, kind: linear, features: 10}
"""
FEW = ("--train-samples", "60", "--samples", "50", "--batch", "10", "--learning-rate", "0.1")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network of 49-12-10 on pooled digits."""
    path = tmp_path_factory.mktemp("workload") / "tiny.yaml"
    path.write_text(TOPOLOGY, encoding="utf-8")
    return str(path)


def report_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON on standard output of a run that must succeed."""
    assert status(["train", *arguments, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a run that must be refused with exit status 2."""
    assert status(["train", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


PROMISED = {
    "accuracy": "float_baseline per_epoch per_seed final_mean final_std",
    "time_s": "total by_phase",
    "energy_j": "total dynamic leakage by_phase by_layer by_component",
    "pulses": "total per_device_mean per_device_max by_layer",
    "endurance": "cycles used_max",
    "leakage_w": "total",
    "area_m2": "total",
    "counters": "requests pulses energy_j leakage_w area_m2",
    "disturb": "half_selected",
    "datasets": "train test",
}


def test_report_has_the_promised_keys(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every key that the interface promises, an accuracy an epoch, and pulses on every layer."""
    report = report_of(capsys, "--workload", tiny, *FEW, "--epochs", "2", "--seeds", "2")
    for section, keys in PROMISED.items():
        assert set(keys.split()) <= set(report[section]), section
    assert {"schema_version", "seed", "versions", "loss", "options", "warnings"} <= set(report)
    assert [len(one) for one in report["accuracy"]["per_seed"]] == [2, 2]
    assert report["accuracy"]["per_seed"][0] != report["accuracy"]["per_seed"][1]
    assert [layer["name"] for layer in report["pulses"]["by_layer"]] == ["fc1", "fc2"]
    assert all(layer["pulses"] > 0 for layer in report["pulses"]["by_layer"])
    assert {name for name, seconds in report["time_s"]["by_phase"].items() if seconds} >= {"forward", "update"}


def test_files_and_text(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json and --plot write files, and the report is printed; nothing else appears."""
    files = "--json", str(tmp_path / "t.json"), "--plot", str(tmp_path / "t.svg")
    assert status(["train", "--workload", tiny, *FEW, "--epochs", "1", *files]) == 0
    text = capsys.readouterr().out
    report = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert f"{100 * report['accuracy']['final_mean']:.2f} % on the chip" in text
    assert (tmp_path / "t.svg").read_text("utf-8").startswith("<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.json", "t.svg"]


def test_an_interrupted_run_says_how_to_go_on(
    tiny: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C with --checkpoint: status 1, and what to do."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "train", interrupted)
    assert status(["train", "--workload", tiny, "--checkpoint", "state"]) == 1
    told = "state: --resume goes on from the last state there", "interrupted: nothing was written"
    assert [line for line in capsys.readouterr().err.splitlines() if line] == [*told]


def wait_for(path: Path) -> None:
    """Return when the file is there; fail after two minutes."""
    give_up = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_threads_change_no_byte_and_seeds_do(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes for one and three threads, others for another seed."""
    own = ("--workload", tiny, *FEW, "--epochs", "1")
    one, three = (report_of(capsys, *own, "--threads", threads) for threads in ("1", "3"))
    assert json.dumps(one) == json.dumps(three)
    assert report_of(capsys, *own, "--seed", "1")["pulses"] != one["pulses"]


def test_rule_and_devices_are_keys_of_the_chip(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--rule and --devices-per-synapse say what --set learning.... says, to the byte."""
    own = ("--workload", tiny, *FEW, "--epochs", "1")
    short = report_of(capsys, *own, "--rule", "mixed_precision", "--devices-per-synapse", "2")
    sets = ("--set", "learning.rule=mixed_precision", "--set", "learning.devices_per_synapse=2")
    assert short == report_of(capsys, *own, *sets)
    assert (short["options"]["rule"], short["options"]["devices_per_synapse"]) == ("mixed_precision", 2)


def test_a_killed_run_ends_where_an_unbroken_one_ends(tiny: str, tmp_path: Path) -> None:
    """SIGKILL in the middle, then --resume: the same bytes of JSON."""
    own = ["train", "--workload", tiny, *FEW, "--epochs", "25", "--seeds", "2", "--threads", "1"]
    state, whole, resumed = tmp_path / "state", tmp_path / "whole.json", tmp_path / "resumed.json"
    killed = subprocess.Popen(
        [sys.executable, "-m", "pillarsim", *own, "--checkpoint", str(state)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(state / "seed_0" / "training.pt")
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (state / "seed_1").exists()
    assert status([*own, "--json", str(whole)]) == 0
    assert status([*own, "--checkpoint", str(state), "--resume", "--json", str(resumed)]) == 0
    assert resumed.read_bytes() == whole.read_bytes()


def test_checkpoints_are_kept_and_refused(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fresh run does not overwrite one; another chip, rate or damaged file is named; an empty folder begins."""
    own = ("--workload", tiny, *FEW, "--epochs", "1", "--checkpoint", str(tmp_path))
    assert status(["train", *own, "--resume"]) == 0
    capsys.readouterr()
    before = (tmp_path / "seed_0" / "training.pt").read_bytes()
    assert "is there already: expected --resume" in refused(capsys, *own)
    other = refused(capsys, *own, "--resume", "--set", "array.read_voltage=0.11 V")
    assert "another training run: chip " in other
    assert "another training run: learning_rate " in refused(capsys, *own, "--resume", "--learning-rate", "0.017")
    assert "another training run: seed 0, this run has 4" in refused(capsys, *own, "--resume", "--seed", "4")
    assert "--resume: expected with --checkpoint DIR" in refused(capsys, "--workload", tiny, "--resume")
    assert (tmp_path / "seed_0" / "training.pt").read_bytes() == before
    (tmp_path / "seed_0" / "training.pt").write_bytes(before[:1000])
    assert "not a readable checkpoint, perhaps truncated or damaged" in refused(capsys, *own, "--resume")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--devices-per-synapse", "0"), "learning.devices_per_synapse"),
        (("--devices-per-synapse", "3", "--set", "learning.arrangement=differential"), "expected an even number"),
        (("--set", "learning.selection_increment=4", "--devices-per-synapse", "4"), "expected 1 to 3"),
        (("--rule", "stochastics"), "did you mean 'stochastic'"),
        (("--imperfections", "c2"), "did you mean 'c2c'"),
        (("--imperfections", "none,c2c"), "expected 'none' alone"),
        (("--epochs", "0"), "--epochs"),
        (("--seeds", "0"), "--seeds"),
        (("--batch", "0"), "--batch"),
        (("--batch", "61"), "batch: expected 1 to 60"),
        (("--samples", "0"), "--samples: expected a whole number from 1, or 'all'"),
        (("--train-samples", "-5"), "--train-samples: expected a whole number from 1, or 'all'"),
        (("--train-samples", "10001"), "10000"),
        (("--learning-rate", "0"), "learning_rate: expected a number above 0"),
        (("--learning-rate", "nan"), "learning_rate: expected a number above 0"),
        (("--set", "array.cell=hfox_planar"), "pulse_update"),
        (("--set", "array.circuit=exact"), "array.circuit"),
        (("--samples", "10001"), "--samples: expected 1 to 10000 images"),
        (("--plot", "a.gif"), "ends in .svg"),
        (("--json", "no/such/folder.json"), "there is no folder"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], message: str, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of bad input gives its own message, status 2 and no output."""
    assert message in refused(capsys, "--workload", tiny, *FEW, *arguments)


def test_what_cannot_learn(capsys: pytest.CaptureFixture[str]) -> None:
    """A chip without the section, networks that are no chains, and ones without images."""
    assert "no section 'learning'" in refused(capsys, "hfox_planar_128", *FEW)
    assert "resnet18" in refused(capsys, "--workload", "resnet18", *FEW)
    assert "did you mean 'hfox_learning_128'" in refused(capsys, "hfox_learning_182")


def test_weights_that_learn_do_not_age(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A chip whose cells age is refused, at the key of the file; the card may state retention."""
    law = "model: power_law, lrs: 0.01, hrs: 0.01, since: 1 s, longest: 1 day, coldest: 290 K, hottest: 400 K"
    card = f"{{extends: pt_hfo2_ti_tin, retention: {{{law}}}}}"
    age = ("--set", f"array.cell={card}", "--set", "retention={time: 1 h, temperature: 300 K}")
    message = refused(capsys, "--workload", tiny, *FEW, *age)
    assert "retention: expected none for training: weights that learn do not age" in message


def test_a_dataset_of_few_images_is_taken_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """The default of 1000 test images asks for no more than there are; asking for more is refused."""
    letters = ("vrram_comb_learning", "--workload", "letters-perceptron", "--epochs", "1")
    assert report_of(capsys, *letters)["accuracy"]["samples"] == 26
    assert "--samples: expected 1 to 26 images" in refused(capsys, *letters, "--samples", "27")
    assert "--train-samples: expected 1 to 26 images" in refused(capsys, *letters, "--train-samples", "27")


def test_a_rate_that_saturates_every_device(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first epoch drives all devices that it moves to their bounds: said so, and no report is written."""
    many = ("--train-samples", "600", "--batch", "10", "--learning-rate", "1e4", "--devices-per-synapse", "1")
    own = ("--workload", tiny, "--rule", "stochastic", "--samples", "50", *many)
    written = refused(capsys, *own, "--json", str(tmp_path / "t.json"), "--checkpoint", str(tmp_path / "state"))
    assert "the first epoch has saturated the devices" in written
    assert "expected a lower rate" in written
    assert not (tmp_path / "t.json").exists()


def test_help_is_light() -> None:
    """`pillarsim train --help` loads none of the heavy libraries."""
    code = (
        "import sys; from pillarsim.cli import status; status(['train', '--help']); "
        "print(sorted({'numpy', 'torch', 'pydantic', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--devices-per-synapse" in done.stdout
    assert all(rule in done.stdout for rule in RULES)
