"""The checkpoint of one device seed: all that changes while it trains, in one file that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.workloads.checkpoint import FILE_NAME, Identity, read_checkpoint, write_checkpoint

__all__ = ["Held", "Kept", "check_folder_is_free"]

SCHEMA_VERSION = 1  # of the file; rises when what it holds changes
Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Held:
    """What a checkpoint holds.

    steps: done; accuracy, loss: of whole epochs. loss_sum, images: of the present epoch so far, the loss times images.
    learner, clock: their own states.
    """

    steps: int
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]
    loss_sum: float
    images: int
    learner: Arrays
    clock: Arrays


@dataclass(frozen=True)
class Kept:
    """Where the state of a device seed is kept. identity: what the run is, in words that a message may show."""

    path: Path
    identity: Identity

    @classmethod
    def of(cls, folder: Path, number: int, identity: Identity) -> Kept:
        """The file of device seed `number` in a folder."""
        return cls(folder / f"seed_{number}" / FILE_NAME, {**identity, "device seed": str(number)})

    def save(self, held: Held) -> None:
        """Write the state, whole or not at all; raises InputError where it cannot be written."""
        content = {
            **vars(held),
            "accuracy": list(held.accuracy),
            "loss": list(held.loss),
            "learner": _tensors(held.learner),
            "clock": _tensors(held.clock),
        }
        write_checkpoint(self.path, SCHEMA_VERSION, self.identity, content)

    def load(self) -> Held | None:
        """The state, or None where there is none.

        Raises InputError for a file that cannot be read, of another schema version, and of another run, with what
        differs.
        """
        content = read_checkpoint(self.path, SCHEMA_VERSION, self.identity)
        if content is None:
            return None
        return Held(
            steps=content["steps"],
            accuracy=tuple(content["accuracy"]),
            loss=tuple(content["loss"]),
            loss_sum=content["loss_sum"],
            images=content["images"],
            learner=_arrays(content["learner"]),
            clock=_arrays(content["clock"]),
        )


def check_folder_is_free(folder: Path) -> None:
    """Raise InputError where a folder already holds a checkpoint that a fresh run would overwrite."""
    held = sorted(folder.glob(f"seed_*/{FILE_NAME}"))
    if held:
        raise InputError(
            f"--checkpoint: {held[0]} is there already: expected --resume to go on from it, or another folder"
        )


def _tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.generic]]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
