"""Training that survives an interruption: its whole state in a file, written as it goes.

The file appears whole or not at all, so that a run that was cut goes on from the last one, and ends bit for bit where
an unbroken run ends (with the same thread count and torch build). `write_checkpoint` and `read_checkpoint` keep any
contents; `save_state` and `load_state` those of software training, which are written after every epoch.
"""

import contextlib
import hashlib
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import Dataset

__all__ = [
    "FILE_NAME",
    "Identity",
    "TrainingState",
    "dataset_digest",
    "load_state",
    "read_checkpoint",
    "save_state",
    "write_checkpoint",
]

FILE_NAME = "training.pt"
SCHEMA_VERSION = 1
# What a run is, in words that a message may show; runs with equal words continue one another.
Identity: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The state after whole epochs: parameters by name, and those of optimizer, learning rate and random draws."""

    epochs: int
    named: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    generator: Tensor


def save_state(folder: Path, identity: Identity, state: TrainingState) -> None:
    """Write the state to `folder`, which is made where it is missing; raises InputError where that fails."""
    write_checkpoint(folder / FILE_NAME, SCHEMA_VERSION, identity, vars(state))


def load_state(folder: Path, identity: Identity) -> TrainingState | None:
    """The state in `folder`, or None where it holds none; raises InputError as `read_checkpoint` does."""
    held = read_checkpoint(folder / FILE_NAME, SCHEMA_VERSION, identity)
    return None if held is None else TrainingState(**held)


def write_checkpoint(path: Path, schema_version: int, identity: Identity, content: Mapping[str, Any]) -> None:
    """Write tensors and plain data by name to a file, whole or not at all; its folder is made where it is missing.

    Raises InputError where that fails.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            torch.save({"schema_version": schema_version, "identity": dict(identity), **content}, stream)
            stream.flush()
            os.fsync(stream.fileno())  # a loss of power after the next line must not leave an empty file
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch wraps what a full disk says
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise InputError(f"{path}: the checkpoint cannot be written: {reason}") from error
    finally:
        _remove(partial)


def read_checkpoint(path: Path, schema_version: int, identity: Identity) -> dict[str, Any] | None:
    """What `write_checkpoint` wrote, or None where there is no file.

    Raises InputError for a file that cannot be read, of another schema version, or of another run: the message names
    what differs (network, dataset, options, seed, ...).
    """
    try:
        with ZipFile(path) as file:
            damaged = file.testzip()  # torch does not look at the checksums
        if damaged is not None:
            raise ValueError(f"{damaged}: wrong checksum")
        held = torch.load(path, weights_only=True)
    except FileNotFoundError:
        return None
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        NotImplementedError,
        pickle.UnpicklingError,
        BadZipFile,
    ) as error:
        line = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a readable checkpoint, perhaps truncated or damaged ({line})") from error
    version = held.pop("schema_version", None) if isinstance(held, dict) else None
    if version != schema_version:
        raise InputError(f"{path}: expected a checkpoint of schema version {schema_version}, found {version}")
    found = held.pop("identity", {})
    differing = [name for name in sorted(set(identity) | set(found)) if identity.get(name) != found.get(name)]
    if differing:
        listed = "; ".join(f"{name} {found.get(name)}, this run has {identity.get(name)}" for name in differing)
        raise InputError(f"{path}: the checkpoint is of another training run: {listed}")
    content: dict[str, Any] = held
    return content


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def dataset_digest(dataset: Dataset) -> str:
    """sha256 (hex) of images and labels."""
    hasher = hashlib.sha256(repr(dataset.images.shape).encode())
    hasher.update(dataset.images.tobytes())
    hasher.update(dataset.labels.tobytes())
    return hasher.hexdigest()
