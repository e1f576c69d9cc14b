"""Sizes of the row, and the chips that it runs on."""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip

__all__ = ["CHANNELS", "DROPOUT", "FULL", "LABELS", "LENGTH", "PRESET", "QUICK", "READ_NOISE", "SEED", "Plan", "chip"]

PRESET = "hfox_planar_128"
SEED = 2021  # our choice, made once
LABELS, CHANNELS, LENGTH = 19, 4, 101  # proteins, bases and windows of the data
READ_NOISE = 0.01  # of a cell's conductance, a read: card hfox_planar
# of Zhao and Hamada's code: 0.1 behind the rectifiers of convolutions, 0.2 behind the pool, 0.5 before the last layer
DROPOUT = (
    ("relu1", 0.1), ("res.relu1", 0.1), ("res.relu2", 0.1), ("res.relu3", 0.1), ("pool", 0.2), ("dense.relu", 0.5),
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How large the row is: windows and epochs of training on the data and on synthetic motifs, windows of tests.

    errors: standard deviations of ln G that one write leaves, rising; exact: windows on which the ideal crossbar is
    compared with the integer network.
    """

    training: int
    epochs: int
    motif_training: int
    motif_epochs: int
    motif_test: int
    batch: int
    learning_rate: float
    test: int
    seeds: int
    errors: tuple[float, ...]
    exact: int
    threads: int = 1


# batch and learning rate of the full run are the authors'; fewer windows want more and larger steps
FULL = Plan(30_000, 6, 4_000, 8, 2_000, 128, 1e-3, 1_000, 5, (0.05, 0.1, 0.2, 0.4, 0.8), 100, 2)
QUICK = Plan(1_000, 3, 500, 3, 500, 16, 3e-3, 160, 3, (0.2, 0.8), 10)


def chip(error: float | None, *sets: str) -> Chip:
    """The preset with one write a cell that is not verified and leaves `error`, the standard deviation of ln G.

    None: cells on target that are read without noise.
    """
    noise = 0.0 if error is None else READ_NOISE
    return load_chip(
        PRESET,
        (
            f"array.cell.programming_error.lrs={error or 0.0}",
            f"array.cell.programming_error.hrs={error or 0.0}",
            f"array.cell.read_noise={noise}",
            "write.verify=null",
            *sets,
        ),
    ).chip
