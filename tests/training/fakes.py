"""A learner and a clock that do next to nothing, but whose numbers show every step that was done, and its order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.training.counts import StepCounts
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.on_chip.interface import LayerWear, State

FEW = Dataset(
    "mnist", "test", np.zeros((4, 1, 2, 2), np.float32), np.zeros(4, np.int64), "four black images of this test"
)


class FakeLearner:
    """Its weight depends on all steps before; nan_at: the step whose loss is no number.

    saturated: of two layers, of which the first has half of its devices updated; from_start: before the first step too.
    """

    def __init__(
        self,
        steps_per_epoch: int,
        batch: int = 10,
        nan_at: int | None = None,
        saturated: tuple[float, float] = (0.0, 0.0),
        from_start: bool = False,
    ) -> None:
        self.step = 0
        self.steps_per_epoch = steps_per_epoch
        self.batch, self.nan_at = batch, nan_at
        self.saturated, self.from_start = saturated, from_start
        self.weight = 0.125
        self.chunks: list[tuple[int, int]] = []
        self._loss = 0.0

    def advance(self, steps: int) -> StepCounts:
        """Do steps, within an epoch."""
        assert steps > 0
        assert self.step // self.steps_per_epoch == (self.step + steps - 1) // self.steps_per_epoch
        losses = []
        for step in range(self.step, self.step + steps):
            if step == self.nan_at:
                self._loss = float("nan")
                break
            self.weight = (3.7 * self.weight * (1 - self.weight) + 0.001 * (step % 7)) % 1.0
            losses.append(self.weight)
        else:
            self._loss = float(np.mean(losses))
        self.chunks.append((self.step, steps))
        self.step += steps
        counts = StepCounts.none(steps, 1, 1)
        sets = np.full((steps, 1), 1 + int(100 * self.weight), np.int64)
        return replace(counts, images=np.full(steps, self.batch, np.int64), sets=sets)

    def programming(self) -> StepCounts:
        """One pulse."""
        return replace(StepCounts.none(1, 1, 1), refresh_sets=np.ones((1, 1), np.int64))

    def accuracy(self, test: Dataset) -> float:
        """The weight, which is between 0 and 1."""
        return self.weight

    def loss(self) -> float:
        """Of the last chunk."""
        return self._loss

    def wear(self) -> tuple[LayerWear, ...]:
        """Of two layers."""
        one, two = self.saturated if self.step or self.from_start else (0.0, 0.0)
        return (LayerWear("one", 1, self.step, self.step, one, 0.5), LayerWear("two", 1, 0, 0, two, 1.0))

    def state(self) -> State:
        """Weight and step."""
        return {"weight": np.array(self.weight), "step": np.array(self.step)}

    def restore(self, state: State) -> None:
        """Go on."""
        self.weight, self.step = float(state["weight"]), int(state["step"])


class FakeClock:
    """A digest of all that was charged, chunk by chunk."""

    def __init__(self) -> None:
        self.digest = np.zeros(32, np.uint8)

    def program(self, counts: StepCounts) -> None:
        """Charge the first weights."""
        self.add(counts)

    def add(self, counts: StepCounts) -> None:
        """Charge some steps."""
        held: Mapping[str, NDArray[Any]] = vars(counts)
        told = self.digest.tobytes() + b"".join(held[name].tobytes() for name in sorted(held))
        self.digest = np.frombuffer(hashlib.sha256(told).digest(), np.uint8)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The digest."""
        return {"digest": self.digest}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on."""
        if state["digest"].shape != (32,):
            raise InputError("another clock")
        self.digest = np.asarray(state["digest"], np.uint8)
