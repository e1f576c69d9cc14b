"""Which inputs a run computes on: a dataset's, a user's arrays, or stated random ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.devices.streams import generator
from pillarsim.workloads.datasets import TooFewImages, load_arrays, load_dataset
from pillarsim.workloads.network import Network

__all__ = ["DEFAULT_SAMPLES", "Count", "Samples", "choose_samples", "random_inputs", "read_samples"]

DEFAULT_SAMPLES = 1000  # test images where none were asked for, the project's own choice
RANDOM_INPUTS = 2  # calibration inputs of a network without data, the project's own choice

Count: TypeAlias = int | Literal["all"] | None


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs (N, *input_shape) float32, in [0, 1] for images; labels (N,) or (N, classes), or None; what they are."""

    inputs: NDArray[np.float32]
    labels: NDArray[Any] | None
    source: str


def read_samples(path: Path) -> Samples:
    """A user's inputs: an .npz file with `x` (samples first) and, optionally, labels `y`.

    Raises InputError as `datasets.load_arrays` does.
    """
    inputs, labels = load_arrays(path)
    return Samples(inputs, labels, str(path.name))


def choose_samples(
    network: Network, calibration: int, count: Count, given: Samples | None, seed: int, data_dir: Path | None
) -> tuple[Samples, Samples | None]:
    """(calibration inputs, inputs to evaluate or None) of a run.

    count: inputs to evaluate; None: all that are given, the first DEFAULT_SAMPLES of a trained network's dataset,
    none of another network. Given inputs calibrate too; a network without data is calibrated on random inputs.
    Raises InputError for inputs of another shape, and for more than there are.
    """
    if given is not None:
        if tuple(given.inputs.shape[1:]) != network.input_shape:
            raise InputError(
                f"--inputs: expected x of (samples, {', '.join(map(str, network.input_shape))}) for workload "
                f"{network.name!r}, found {given.inputs.shape}"
            )
        _check_given(network, given)
        test = _first(given, count)
        return Samples(given.inputs[:calibration], None, f"first of {given.source}"), test
    if network.dataset is None or not network.trained:
        if count not in (0, None):
            lack = "names no dataset" if network.dataset is None else "has no trained parameters"
            raise InputError(f"workload {network.name!r} {lack}: expected --samples 0 (no accuracy), or --inputs")
        return random_inputs(network, min(calibration, RANDOM_INPUTS), seed), None
    train = _dataset(network, "train", calibration, data_dir, "mapping.calibration_samples")
    if count == 0:
        return train, None
    limit = DEFAULT_SAMPLES if count is None else None if count == "all" else count
    return train, _dataset(network, "test", limit, data_dir, "--samples")


def random_inputs(network: Network, count: int, seed: int) -> Samples:
    """Stated stand-ins for the inputs of a network without data: uniform in [0, 1]."""
    draws = torch.rand((count, *network.input_shape), generator=generator(seed, "calibration"))
    return Samples(draws.numpy(), None, "no dataset: uniform random inputs in [0, 1]")


def _check_given(network: Network, given: Samples) -> None:
    """Raise InputError for inputs that are not finite numbers, and labels that are not classes of the network.

    Labels are numbers (N,), or 0 and 1 (N, classes).
    """
    inputs, labels = given.inputs, given.labels
    if len(inputs) == 0:
        raise InputError(f"--inputs: expected at least 1 sample in {given.source}")
    if not np.isfinite(inputs).all():
        raise InputError(f"--inputs: expected finite numbers in x of {given.source}")
    if labels is None:
        return
    if len(labels) != len(inputs) or labels.dtype.kind not in "iub":
        raise InputError(
            f"--inputs: expected integer labels y, one a sample ({len(inputs)}), found {labels.dtype} {labels.shape}"
        )
    classes = math.prod(network.shapes[-1])
    if labels.ndim == 2 and labels.shape[1] != classes:
        raise InputError(f"--inputs: expected y of (samples, {classes}) or (samples,), found {labels.shape}")
    high = 2 if labels.ndim == 2 else classes
    bad = labels[(labels < 0) | (labels >= high)]
    if bad.size:
        raise InputError(f"--inputs: expected labels y from 0 to {high - 1}, found {bad.flat[0]}")


def _first(given: Samples, count: Count) -> Samples | None:
    if count == 0:
        return None
    if count in (None, "all"):
        return given
    assert isinstance(count, int)
    if not 0 < count <= len(given.inputs):
        raise InputError(f"--samples: expected 0 to {len(given.inputs)}, the samples of --inputs, found {count}")
    labels = None if given.labels is None else given.labels[:count]
    return Samples(given.inputs[:count], labels, given.source)


def _dataset(
    network: Network, split: Literal["train", "test"], limit: int | None, data_dir: Path | None, key: str
) -> Samples:
    assert network.dataset is not None
    try:
        found = load_dataset(network.dataset, split, limit, data_dir)
    except TooFewImages as error:
        raise InputError(f"{key}: {error}") from None
    if tuple(found.images.shape[1:]) != network.input_shape:
        raise InputError(
            f"workload {network.name!r} takes inputs of {network.input_shape}; "
            f"dataset {network.dataset!r} has {tuple(found.images.shape[1:])}"
        )
    return Samples(found.images, found.labels, found.source)
