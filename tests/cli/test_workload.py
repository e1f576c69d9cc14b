"""`pillarsim workload`: the list, one network, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pillarsim.cli import status
from pillarsim.workloads.network import Network
from pillarsim.workloads.topology import load_network, workload_names


def test_the_list_has_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    """One entry a shipped name; untrained networks state no accuracy."""
    assert status(["workload", "list", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema_version"] == 1
    assert [row["name"] for row in data["workloads"]] == list(workload_names())
    rows = {row["name"]: row for row in data["workloads"]}
    assert rows["resnet18"]["parameters"] == 11_689_512
    assert rows["mnist-lenet5"]["weights"] == 61_706
    assert rows["multi-resbind"]["macs"] == 18_231_552
    assert all(row["accuracy"] is None for row in rows.values() if not row["trained"])
    assert {name for name, row in rows.items() if row["trained"]} == {"mnist-bnn", "mnist-lenet5", "mnist-mlp"}
    assert status(["workload", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in rows)
    assert "not stated" in text


def test_the_list_finds_published_weights(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the data directory SqueezeNet is trained, on photographs, with the accuracy stated for it."""
    assert status(["workload", "list", "--data-dir", str(data_dir), "--json", "-"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["workloads"]}
    found = rows["squeezenet1_0"]
    assert (found["trained"], found["dataset"], found["accuracy"]) == (True, "imagenet-samples", 0.624)


@pytest.mark.parametrize("name", ["mnist-lenet5", "resnet18", "vit_tiny"])
def test_a_sheet_sums_to_its_totals(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights, parameters and MACs of the layers add up to the network's; shapes follow the graph."""
    assert status(["workload", "show", name, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    network: Network = load_network(name)
    for key, total in (("weights", network.weights), ("macs", network.macs)):
        assert sum(row[key] for row in data["layers"]) == data[key] == total
    assert sum(row["parameters"] for row in data["layers"]) == data["parameters"]
    assert [row["shape"] for row in data["layers"]] == [list(shape) for shape in network.shapes]
    assert [tuple(row["inputs"]) for row in data["layers"]] == list(network.sources)
    assert status(["workload", "show", name]) == 0
    text = capsys.readouterr().out
    assert all(row["name"] in text for row in data["layers"])


def test_a_topology_file_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file needs no weights to be shown; the JSON goes to a file beside the table."""
    path = tmp_path / "own.yaml"
    text = "name: own\ndataset: null\ninput: [5]\nlayers: [{name: fc, kind: linear, features: 3, bias: false}]\n"
    path.write_text(f"{text}weights: absent.safetensors\nabout: mine\naccuracy: 0.5\n", encoding="utf-8")
    assert status(["workload", "show", str(path), "--json", str(tmp_path / "own.json")]) == 0
    shown = capsys.readouterr().out
    assert "own: mine" in shown
    assert "50.00 %" in shown
    data = json.loads((tmp_path / "own.json").read_text(encoding="utf-8"))
    assert (data["weights"], data["macs"], data["accuracy"]) == (15, 15, 0.5)
    assert status(["workload", "show", str(path), "--json", str(path)]) == 2
    assert "is the file that is shown" in capsys.readouterr().err
    path.write_text(f"{text}weights: absent.safetensors\naccuracy: 99.1\n", encoding="utf-8")
    assert status(["workload", "show", str(path)]) == 2
    assert "accuracy: expected a share from 0 to 1, got 99.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shwo", "x"], "no command 'workload shwo': expected list, show, fetch (did you mean 'show'?)"),
        (["show", "resnet81"], "unknown workload 'resnet81' (did you mean 'resnet18'?)"),
        (["show", "mnist-mlp", "--json", "absent/x.json"], "there is no folder absent"),
        (["fetch", "mnist"], "expected --data-dir DIR, or the variable PILLARSIM_DATA"),
        (["fetch", "imagenet", "--data-dir", "."], "unknown dataset 'imagenet'"),
        (["list", "--data-dir", "absent"], "absent: the data directory is not a folder"),
    ],
)
def test_bad_input(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One message on standard error, status 2, nothing on standard output."""
    assert status(["workload", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert not out


def test_help_is_light() -> None:
    """The help of the command loads none of what its work needs."""
    code = (
        "import sys; from pillarsim.cli import status; status(['workload', '--help']); "
        "print(sorted({'numpy', 'torch', 'yaml', 'tabulate', 'rich', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.rstrip().endswith("[]")
