"""One device seed from its first step to its last: steps, events, checkpoints, accuracy at the end of every epoch.

Steps are done in chunks of a fixed number of images, which start anew with each epoch; a checkpoint holds the state
between two chunks. So a resumed run does the same chunks, and every sum is added up in the same order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.training.counts import StepCounts
from pillarsim.training.store import Arrays, Held, Kept
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.on_chip.interface import LayerWear, Learner

__all__ = ["SATURATED", "Clock", "Learned", "train_seed"]

CHUNK_IMAGES = 1000  # images between two looks at the clock on the wall; our choice
SATURATED = 0.8  # share of the updated devices that the first epoch has brought to a bound; our choice


class Clock(Protocol):
    """Events of training steps: what `arch.training` keeps of them."""

    def program(self, counts: StepCounts) -> None:
        """Charge the writing of the first weights."""
        ...

    def add(self, counts: StepCounts) -> None:
        """Charge some steps."""
        ...

    def state(self) -> Arrays:
        """All that was charged so far."""
        ...

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from a state."""
        ...


@dataclass(frozen=True)
class Learned:
    """What one device seed reached: accuracy on the test images and mean loss, epoch by epoch."""

    accuracy: tuple[float, ...]
    loss: tuple[float, ...]


@dataclass
class _Run:
    """What changes beside learner and clock."""

    accuracy: list[float]
    loss: list[float]
    loss_sum: float = 0.0
    images: int = 0


def train_seed(
    learner: Learner,
    clock: Clock,
    test: Dataset,
    epochs: int,
    batch: int,
    kept: Kept | None,
    held: Held | None,
    checkpoint_s: float,
    progress: Callable[[int, int], None],
) -> Learned:
    """Train until `epochs` are done, from the state `held` if there is one; kept: where states go.

    progress: called with (steps done, steps in all) after every chunk. Raises InputError where the loss is no number,
    where the first epoch leaves every device at a bound, and for a state of more epochs; the last file stays.
    """
    fresh, each = learner.wear(), learner.steps_per_epoch
    run = _begun(learner, clock, held)
    if len(run.accuracy) > epochs:
        raise InputError(f"--epochs: {len(run.accuracy)} are done already: expected at least as many, found {epochs}")
    saved = time.monotonic()
    progress(learner.step, epochs * each)
    while learner.step < epochs * each:
        _advance(learner, clock, run, max(1, CHUNK_IMAGES // batch), kept)
        ended = learner.step % each == 0
        if ended:
            _end_epoch(learner, run, test, fresh, kept)
        if kept is not None and (ended or time.monotonic() - saved >= checkpoint_s):
            kept.save(_state(learner, clock, run))
            saved = time.monotonic()
        progress(learner.step, epochs * each)
    return Learned(tuple(run.accuracy), tuple(run.loss))


def _begun(learner: Learner, clock: Clock, held: Held | None) -> _Run:
    if held is None:
        clock.program(learner.programming())
        return _Run([], [])
    learner.restore(dict(held.learner))
    clock.restore(dict(held.clock))
    return _Run(list(held.accuracy), list(held.loss), held.loss_sum, held.images)


def _state(learner: Learner, clock: Clock, run: _Run) -> Held:
    return Held(
        steps=learner.step,
        accuracy=tuple(run.accuracy),
        loss=tuple(run.loss),
        loss_sum=run.loss_sum,
        images=run.images,
        learner=learner.state(),
        clock=clock.state(),
    )


def _advance(learner: Learner, clock: Clock, run: _Run, chunk: int, kept: Kept | None) -> None:
    """Do one chunk of steps, not across the end of an epoch."""
    each, first = learner.steps_per_epoch, learner.step
    within = first % each
    steps = min(chunk - within % chunk, each - within)
    try:
        counts = learner.advance(steps)
        loss = learner.loss()
        if not math.isfinite(loss):
            raise InputError("the loss is not a number")
        clock.add(counts)
    except InputError as error:
        where = f"epoch {first // each + 1}, within steps {within + 1} to {within + steps} of {each}"
        raise InputError(f"{error}; {where}{_last(kept)}") from None
    images = int(counts.images.sum())
    run.loss_sum, run.images = run.loss_sum + loss * images, run.images + images


def _end_epoch(learner: Learner, run: _Run, test: Dataset, fresh: tuple[LayerWear, ...], kept: Kept | None) -> None:
    """Note accuracy and loss of an epoch; refuses to go on where the first one has saturated the devices.

    fresh: wear before the first step, as devices of two states are at a bound from the start.
    """
    if not run.accuracy:
        _check_saturation(fresh, learner.wear(), kept)
    run.accuracy.append(learner.accuracy(test))
    run.loss.append(run.loss_sum / run.images)
    run.loss_sum, run.images = 0.0, 0


def _check_saturation(before: tuple[LayerWear, ...], after: tuple[LayerWear, ...], kept: Kept | None) -> None:
    """Raise InputError where nearly all devices that were updated went to a bound, in every layer."""
    shares = [
        (now.saturated - then.saturated) / now.updated if now.updated else 0.0
        for then, now in zip(before, after, strict=True)
    ]
    if min(shares) >= SATURATED:
        raise InputError(
            f"--learning-rate: the first epoch has saturated the devices: {100 * min(shares):.0f} % or more of those "
            "that were updated, in every layer, are at a bound of their window (weak RESET: past their knee), "
            f"where they cannot follow what is learnt: expected a lower rate{_last(kept)}"
        )


def _last(kept: Kept | None) -> str:
    """Which state is left, in words."""
    if kept is None or not kept.path.exists():
        return ""
    return f"; the last checkpoint before it is kept in {kept.path.parent}"
