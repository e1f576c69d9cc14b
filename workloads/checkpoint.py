"""Training that survives an interruption: its whole state in a file, written after every epoch.

The file appears whole or not at all, so that a run that was cut within an epoch goes on from the end of the one before,
and ends bit for bit where an unbroken run ends (with the same thread count and torch build).
"""

import hashlib
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import torch
from torch import Tensor

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import Dataset

__all__ = ["FILE_NAME", "TrainingState", "dataset_digest", "load_state", "save_state"]

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
    path = folder / FILE_NAME
    partial = path.with_name(f".{path.name}.partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"schema_version": SCHEMA_VERSION, "identity": dict(identity), **vars(state)}, partial)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: the checkpoint cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def load_state(folder: Path, identity: Identity) -> TrainingState | None:
    """The state in `folder`, or None where it holds none.

    Raises InputError for a file that cannot be read, of another schema version, or of another run: the message names
    what differs (network, dataset, options, seed, ...).
    """
    path = folder / FILE_NAME
    try:
        held = torch.load(path, weights_only=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, BadZipFile) as error:
        line = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a readable checkpoint, perhaps truncated ({line})") from error
    version = held.pop("schema_version", None) if isinstance(held, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(f"{path}: expected a checkpoint of schema version {SCHEMA_VERSION}, found {version}")
    found = held.pop("identity")
    differing = [name for name in sorted(set(identity) | set(found)) if identity.get(name) != found.get(name)]
    if differing:
        listed = "; ".join(f"{name} {found.get(name)}, this run has {identity.get(name)}" for name in differing)
        raise InputError(f"{path}: the checkpoint is of another training run: {listed}")
    return TrainingState(**held)


def dataset_digest(dataset: Dataset) -> str:
    """sha256 (hex) of images and labels."""
    hasher = hashlib.sha256(repr(dataset.images.shape).encode())
    hasher.update(dataset.images.tobytes())
    hasher.update(dataset.labels.tobytes())
    return hasher.hexdigest()
