"""`pillarsim run --workload FILE --inputs x.npz --outputs y.npz`: a user's own model and data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.cli import status


class Small(torch.nn.Module):
    """A residual sum behind a depthwise convolution, global pooling, four classes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.each = torch.nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.last = torch.nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits."""
        found = torch.relu(self.norm(self.first(images)))
        found = torch.relu(self.each(found) + found)
        logits: torch.Tensor = self.last(torch.nn.functional.adaptive_avg_pool2d(found, 1).flatten(1))
        return logits


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.float32], NDArray[np.float32]]:
    """A saved program, inputs, and what torch makes of them."""
    torch.manual_seed(3)
    net, path = Small().eval(), tmp_path_factory.mktemp("model") / "small.pt2"
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 8, 8),)), path)
    inputs = np.random.default_rng(1).random((12, 3, 8, 8), dtype=np.float32)
    with torch.no_grad():
        return path, inputs, net(torch.from_numpy(inputs)).numpy()


FAST = ("--images", "1", "--seeds", "2")


def test_outputs_of_float_quantized_and_chip(
    model: tuple[Path, NDArray[np.float32], NDArray[np.float32]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without labels all inputs are computed and written; the float network is torch's, the others near it."""
    path, inputs, wanted = model
    np.savez(tmp_path / "x.npz", x=inputs)
    files = ("--inputs", str(tmp_path / "x.npz"), "--outputs", str(tmp_path / "y.npz"))
    assert status(["run", "--workload", str(path), *files, *FAST, "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["options"]["samples"] == 12
    assert report["accuracy"]["chip_mean"] is None
    with np.load(tmp_path / "y.npz") as held:
        outputs = {name: held[name] for name in held}
    assert {name: array.shape for name, array in outputs.items()} == {
        "float": (12, 4), "quantized": (12, 4), "chip": (2, 12, 4),
    }  # fmt: skip
    np.testing.assert_allclose(outputs["float"], wanted, rtol=1e-5, atol=1e-6)
    reach = np.abs(wanted).max()
    assert 0 < np.abs(outputs["quantized"] - wanted).max() < 0.05 * reach
    assert np.abs(outputs["chip"] - wanted).max() < 0.1 * reach
    assert np.abs(outputs["chip"][0] - outputs["chip"][1]).max() > 0


def test_labels_give_accuracy(
    model: tuple[Path, NDArray[np.float32], NDArray[np.float32]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With torch's own decisions as labels the float network is always right; --samples takes the first."""
    path, inputs, wanted = model
    np.savez(tmp_path / "x.npz", x=inputs, y=wanted.argmax(axis=1))
    files = ("--inputs", str(tmp_path / "x.npz"))
    assert status(["run", "--workload", str(path), *files, *FAST, "--samples", "5", "--json", "-"]) == 0
    accuracy = json.loads(capsys.readouterr().out)["accuracy"]
    assert (accuracy["float"], accuracy["samples"], len(accuracy["per_seed"])) == (1.0, 5, 2)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": np.zeros((2, 3, 9, 8), np.float32)}, (), r"expected x of \(samples, 3, 8, 8\).*found \(2, 3, 9, 8\)"),
        ({"x": np.zeros((2, 3, 8, 8), np.float32), "y": np.array([0, 4])}, (), "labels y from 0 to 3, found 4"),
        ({"x": np.zeros((2, 3, 8, 8), np.float32), "y": np.array([0, -1])}, (), "-1"),
        ({"x": np.full((2, 3, 8, 8), np.nan, np.float32)}, (), "finite"),
        ({"z": np.zeros((2, 3, 8, 8), np.float32)}, (), "x"),
        ({"x": np.array([["a"]])}, (), "x"),
        ({"x": np.zeros((2, 3, 8, 8), np.float32)}, ("--samples", "3"), "expected 0 to 2"),
        ({"x": np.zeros((2, 3, 8, 8), np.float32)}, ("--samples", "0"), "--outputs"),
    ],
)
def test_bad_inputs_write_nothing(
    model: tuple[Path, NDArray[np.float32], NDArray[np.float32]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Any],
    options: tuple[str, ...],
    message: str,
) -> None:
    """One message, exit status 2, and no outputs file."""
    np.savez(tmp_path / "x.npz", **arrays)
    files = ("--inputs", str(tmp_path / "x.npz"), "--outputs", str(tmp_path / "y.npz"))
    assert status(["run", "--workload", str(model[0]), *files, *FAST, *options]) == 2
    shown = capsys.readouterr()
    assert re.search(message, shown.err), shown.err
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert not (tmp_path / "y.npz").exists()


def test_outputs_need_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network with random parameters and no inputs has no outputs to write."""
    assert status(["run", "--workload", "multi-resbind", "--outputs", str(tmp_path / "y.npz")]) == 2
    assert "--inputs" in capsys.readouterr().err
    assert not (tmp_path / "y.npz").exists()
