"""Software training: cells in the loop, progress, and checkpoints that go on bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.mapping import cell_law
from pillarsim.workloads.checkpoint import FILE_NAME
from pillarsim.workloads.datasets import Dataset, load_dataset
from pillarsim.workloads.in_loop import responds
from pillarsim.workloads.network import BatchNorm, CellLaw, Conv2d, Flatten, Linear, Network, NetworkError, Relu
from pillarsim.workloads.topology import load_network
from pillarsim.workloads.train import TrainingOptions, accuracy, initial_network, main, train_software

SINH = CellLaw("sinh", (("v0_v", 0.25),), 0.75, 1e-6, 9e-6)  # b V_r = 3
OPTIONS = TrainingOptions(epochs=3, batch=40, shift=1)


class Interrupted(Exception):
    """Stands for a user's Ctrl-C."""


def perceptron() -> Network:
    layers = (
        Flatten("flatten"),
        Linear("fc1", np.zeros((16, 784), np.float32), np.zeros(16, np.float32)),
        Relu("relu"),
        Linear("fc2", np.zeros((10, 16), np.float32), np.zeros(10, np.float32)),
    )
    return initial_network(Network("perceptron", (1, 28, 28), layers, "mnist"), 0)


@pytest.fixture(scope="module")
def few() -> Dataset:
    """200 training images."""
    return load_dataset("mnist", "train", 200)


def interrupted(few: Dataset, folder: Path, at_step: int) -> None:
    """Start a run with a checkpoint and cut it at a step."""

    def progress(done: int, total: int) -> None:
        if done == at_step:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_software(perceptron(), few, OPTIONS, 1, device=SINH, progress=progress, checkpoint=folder)


def test_a_device_in_the_loop_recovers_accuracy() -> None:
    """A network trained to products, put on cells of b V_r = 3, loses accuracy; trained with them it wins it back."""
    train, test = load_dataset("mnist", "train", 1500), load_dataset("mnist", "test", 1000)
    options = TrainingOptions(epochs=4, batch=50, shift=0)
    plain = train_software(perceptron(), train, options, 1)
    steep = replace(SINH, read_voltage_v=1.5)
    untrained = train_software(plain, train, replace(options, peak_learning_rate=1e-12), 2, device=steep)
    trained = train_software(plain, train, options, 2, device=steep)
    before, bare, after = (accuracy(network, test) for network in (plain, untrained, trained))
    assert bare < before - 0.02
    assert after > bare + 0.02


def test_weights_stay_within_what_cells_hold(few: Dataset) -> None:
    """After training every weight of a layer with a response lies within its scale; present responses are kept."""
    trained = train_software(perceptron(), few, replace(OPTIONS, peak_learning_rate=0.05), 1, device=SINH)
    again = train_software(trained, few, OPTIONS, 1)
    for network in (trained, again):
        assert responds(network)
        for layer in (network.layers[1], network.layers[3]):
            assert isinstance(layer, Linear)
            assert layer.response is not None
            assert float(np.abs(layer.weight).max()) <= np.float32(layer.response.weight_scale)
    assert [getattr(x, "response", None) for x in again.layers] == [
        getattr(x, "response", None) for x in trained.layers
    ]


def test_progress_counts_steps(few: Dataset) -> None:
    """Every step is reported once, with the number of all steps."""
    seen: list[tuple[int, int]] = []
    train_software(perceptron(), few, OPTIONS, 1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(step, 15) for step in range(1, 16)]


def test_training_needs_no_global_draws(few: Dataset) -> None:
    """The outcome is a function of its arguments."""
    torch.manual_seed(1)
    first = train_software(perceptron(), few, OPTIONS, 1, device=SINH)
    torch.manual_seed(2)
    assert train_software(perceptron(), few, OPTIONS, 1, device=SINH).digest == first.digest
    assert train_software(perceptron(), few, OPTIONS, 2, device=SINH).digest != first.digest


@pytest.mark.parametrize("at_step", [2, 5, 8, 14])
def test_a_cut_run_ends_where_an_unbroken_one_ends(few: Dataset, tmp_path: Path, at_step: int) -> None:
    """Cut within the first, after the first, and within later epochs: the rest gives the same bits."""
    unbroken = train_software(perceptron(), few, OPTIONS, 1, device=SINH)
    interrupted(few, tmp_path / "state", at_step)
    steps: list[int] = []
    resumed = train_software(
        perceptron(), few, OPTIONS, 1, device=SINH, progress=lambda done, _: steps.append(done),
        checkpoint=tmp_path / "state",
    )  # fmt: skip
    assert resumed.digest == unbroken.digest
    assert steps == list(range((at_step - 1) // 5 * 5 + 1, 16))
    held = [file.name for file in (tmp_path / "state").iterdir()]
    assert held == [FILE_NAME]


def test_a_finished_run_is_not_repeated(few: Dataset, tmp_path: Path) -> None:
    """With the checkpoint of its last epoch a run returns at once."""
    first = train_software(perceptron(), few, OPTIONS, 1, checkpoint=tmp_path)
    steps: list[int] = []
    again = train_software(
        perceptron(), few, OPTIONS, 1, progress=lambda done, _: steps.append(done), checkpoint=tmp_path
    )
    assert again.digest == first.digest
    assert not steps


def test_checkpoints_of_other_runs_are_refused(few: Dataset, tmp_path: Path) -> None:
    """Each argument that differs is named, and the file stays as it was."""
    train_software(perceptron(), few, OPTIONS, 1, device=SINH, checkpoint=tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    fewer = replace(few, images=few.images[:100], labels=few.labels[:100])
    other = initial_network(perceptron(), 9)
    with pytest.raises(InputError, match=r"another training run: seed 1, this run has 2$"):
        train_software(perceptron(), few, OPTIONS, 2, device=SINH, checkpoint=tmp_path)
    with pytest.raises(InputError, match=r"another training run: options .*'epochs': 3.*this run has .*'epochs': 4"):
        train_software(perceptron(), few, replace(OPTIONS, epochs=4), 1, device=SINH, checkpoint=tmp_path)
    with pytest.raises(InputError, match=r"another training run: dataset"):
        train_software(perceptron(), fewer, OPTIONS, 1, device=SINH, checkpoint=tmp_path)
    with pytest.raises(InputError, match=r"another training run: network"):
        train_software(other, few, OPTIONS, 1, device=SINH, checkpoint=tmp_path)
    with pytest.raises(InputError, match=r"another training run: device CellLaw.*this run has None"):
        train_software(perceptron(), few, OPTIONS, 1, checkpoint=tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_damaged_and_foreign_checkpoints(few: Dataset, tmp_path: Path) -> None:
    """A truncated file, one that is none, one of another version, and a folder that cannot be made."""
    train_software(perceptron(), few, replace(OPTIONS, epochs=1), 1, checkpoint=tmp_path)
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"nothing of the kind"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"training\.pt: not a readable checkpoint"):
            train_software(perceptron(), few, replace(OPTIONS, epochs=1), 1, checkpoint=tmp_path)
    held = {"schema_version": 99, "identity": {}}
    torch.save(held, path)
    with pytest.raises(InputError, match="expected a checkpoint of schema version 1, found 99"):
        train_software(perceptron(), few, replace(OPTIONS, epochs=1), 1, checkpoint=tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be (read|written)|not a readable checkpoint"):
        train_software(perceptron(), few, replace(OPTIONS, epochs=1), 1, checkpoint=tmp_path / "file" / "below")


def test_what_cannot_be_trained(few: Dataset) -> None:
    """Batch norm and images of another shape are refused."""
    ones = np.ones(1, np.float32)
    conv = Conv2d("conv", np.ones((1, 1, 3, 3), np.float32), ones)
    normed = Network("normed", (1, 28, 28), (conv, BatchNorm("norm", ones, ones, ones, ones)), None)
    with pytest.raises(NetworkError, match="batch norm"):
        train_software(normed, few, OPTIONS, 1)
    small = Network("small", (1, 8, 8), (conv,), None)
    with pytest.raises(NetworkError, match=r"takes images of \(1, 8, 8\)"):
        train_software(small, few, OPTIONS, 1)


def test_weight_noise_is_for_cells_and_changes_nothing_where_it_is_none(few: Dataset) -> None:
    """Noise acts on layers with a response alone, is drawn from the run's seed, and 0 draws nothing."""
    noisy = replace(OPTIONS, weight_noise=0.1)
    plain = train_software(perceptron(), few, OPTIONS, 1)
    assert train_software(perceptron(), few, noisy, 1).digest == plain.digest
    with_device = train_software(perceptron(), few, noisy, 1, device=SINH)
    assert with_device.digest == train_software(perceptron(), few, noisy, 1, device=SINH).digest
    assert with_device.digest != train_software(perceptron(), few, OPTIONS, 1, device=SINH).digest


def test_weight_noise_makes_weights_robust() -> None:
    """Trained with errors of 20 % of the range, a network keeps more of its accuracy under such errors."""
    train, test = load_dataset("mnist", "train", 1500), load_dataset("mnist", "test", 1000)
    options = TrainingOptions(epochs=4, batch=50, shift=0)
    linear = replace(SINH, name="linear", parameters=())
    start = train_software(perceptron(), train, options, 1)
    kept = []
    for noise in (0.0, 0.2):
        trained = train_software(start, train, replace(options, weight_noise=noise), 2, device=linear)
        found = []
        for seed in range(5):
            random = np.random.default_rng(seed)
            layers = tuple(
                replace(x, weight=(x.weight + _errors(random, x)).astype(np.float32)) if isinstance(x, Linear) else x
                for x in trained.layers
            )
            found.append(accuracy(replace(trained, layers=layers), test))
        kept.append(float(np.mean(found)))
    assert kept[1] > kept[0] + 0.01


def test_command_line_trains_for_a_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--chip rebuilds a network around the chip's cells and --save writes what `load_network` reads back."""
    few = {split: load_dataset("mnist", split, 120) for split in ("train", "test")}
    monkeypatch.setattr("pillarsim.workloads.train.load_dataset", lambda name, split, limit, folder: few[split])
    folder = tmp_path / "net.yaml"
    arguments = ["mnist-mlp", "--epochs", "1", "--threads", "1", "--chip", "vrram_finger_8layer"]
    assert main([*arguments, "--save", str(folder)]) == 0
    found = load_network(folder)
    law = cell_law(load_chip("vrram_finger_8layer").chip.array)
    assert responds(found)
    assert all(x.response.law == law for x in found.layers if isinstance(x, Linear) and x.response is not None)
    assert main(arguments) == 2
    assert main([*arguments[:-1], "no_such_chip", "--save", str(folder)]) == 2


def _errors(random: np.random.Generator, layer: Linear) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    assert layer.response is not None
    return random.normal(0, 0.2 * layer.response.weight_scale, layer.weight.shape)
