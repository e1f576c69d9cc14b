"""Training of the letters in the array: rank-one phases that respect its lines, or a free update of each cell.

After each letter the pillar of that letter must carry more current than any other, by the margin. Where it does not:

    rank-one  its pillar gets one SET phase, the loudest wrong pillar one RESET phase: all word lines of the letter at
              once, one pulse of fixed width each, so a neuron only says whether it won, and never how far off it was
    free      dW = eta (t - y) x with y = softmax of the currents, in full precision; every cell is written on its own,
              the width of its pulse in proportion to dW
Both disturb half-selected cells in every phase. Which one the paper uses is not known: the first is an interpretation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.streams import stream_seed
from pillarsim.devices.synapses import vertical
from pillarsim.devices.synapses.vertical import Floats, VerticalArray
from pillarsim.devices.synapses.vertical_steps import Steps
from pillarsim.reproduce.sun2019 import plan
from pillarsim.reproduce.sun2019.counts import Counts
from pillarsim.workloads.letters import letters

Rule = Literal["rank-one", "free"]
Start = Literal["chosen", "lrs", "hrs"]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Training:
    """One training. solved: every phase and read goes through the wires of the array (rank-one only)."""

    rule: Rule
    start: Start
    seed: int
    epochs: int
    solved: bool = False

    @property
    def key(self) -> str:
        """Its name in a store."""
        return f"{self.rule}-{self.start}-{'wires' if self.solved else 'ideal'}-{self.seed}"


def with_bias(images: NDArray[np.uint8]) -> Flags:
    """Word lines that images (N, 7, 7) drive, (N, 50): ink, and the bias on the last one."""
    flat = images.reshape(len(images), -1) > 0
    return np.concatenate([flat, np.ones((len(flat), 1), dtype=bool)], axis=1)


def initial(start: Start, shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Places of fresh cells: near a bound, or about the chosen place."""
    drawn: Floats = random.standard_normal(shape)
    if start == "chosen":
        return np.minimum(plan.CHOSEN * np.exp(plan.CHOSEN_SIGMA * drawn), 1.0)
    from_bound: Floats = np.minimum(plan.BOUND_SIGMA * np.abs(drawn), 1.0)
    return 1 - from_bound if start == "lrs" else from_bound


class _Cells:
    """The array as it learns: places, how far disturb has moved each cell, and counts."""

    def __init__(self, training: Training) -> None:
        self.array = plan.wired_array() if training.solved else plan.ideal_array()
        self.wired = vertical.WiredPhases(self.array) if training.solved else None
        self.random = np.random.Generator(np.random.PCG64(stream_seed(plan.SEED, "sun2019", training.seed)))
        shape = (self.array.word_lines, self.array.pillars)
        self.steps = Steps.drawn(plan.cell_steps(), shape, self.random)
        self.x = initial(training.start, shape, self.random)
        self.drift, self.gross = np.zeros(shape), np.zeros(shape)
        self.disturb_v, self.least_v = 0.0, np.inf
        self.counts = Counts()
        self.queue, self.ahead = np.empty((0, 0), dtype=bool), np.empty((0, 0))

    def show(self, queue: Flags) -> None:
        """The letters (N, 2 L) that will be read one after another."""
        self.queue, self.ahead = queue, np.empty((0, 0))

    def read(self, place: int) -> Floats:
        """Pillar currents (P,) of one letter of the queue, with read noise."""
        if not len(self.ahead):
            # All that follow at once: they hold until the next write, and cost little more than one.
            self.ahead = currents(self.array, self.x, self.queue[place:], self.wired is not None, self.random)
        current: Floats = self.ahead[0]
        self.ahead = self.ahead[1:]
        self.counts.reads += 1
        self.counts.read_j += plan.READ_V * float(current.sum()) * plan.READ_S
        return current

    def phase(self, inputs: Flags, pillar: int, write_v: float) -> None:
        """One rank-one write phase: the letter's word lines against one pillar."""
        chosen = np.arange(self.array.pillars) == pillar
        if self.wired is None:
            done = vertical.phase_ideal(self.array, self.x, inputs, chosen, write_v)
        else:
            done = self.wired.solve(self.x, inputs, chosen, write_v)
        self.move(vertical.rate(done.volts, plan.WRITE_V, plan.RATE_V), done.selected)
        self.disturb_v = max(self.disturb_v, done.disturb_v)
        self.least_v = min(self.least_v, float(np.abs(done.volts[done.selected]).min()))
        counts = self.counts
        counts.phases += 1
        counts.cells += int(done.selected.sum())
        counts.half_selected += int(inputs.sum()) * (self.array.pillars - 1) + int((~inputs).sum())
        counts.pulse_time += 1.0
        counts.written_j += done.selected_w * plan.pulse_s()
        counts.other_j += done.other_w * plan.pulse_s()
        counts.wires_j += done.wires_w * plan.pulse_s()

    def write_free(self, pulses: Floats) -> None:
        """Write each cell on its own, `pulses` (2 L, P) of signed parts of a full pulse; ideal wires."""
        written = np.abs(pulses) >= plan.SMALLEST_PULSE
        pulses = np.where(written, pulses, 0.0)
        # A written cell half-selects the rest of its word line and of its pillar; all together, since each is small.
        others = pulses.sum(axis=1, keepdims=True) + pulses.sum(axis=0) - 2 * pulses
        half = float(vertical.rate(plan.WRITE_V / 2, plan.WRITE_V, plan.RATE_V))
        width, half_w = np.abs(pulses), self.array.current_a(self.x, plan.WRITE_V / 2) * plan.WRITE_V / 2
        counts = self.counts
        beside = half_w.sum(axis=1, keepdims=True) + half_w.sum(axis=0) - 2 * half_w
        full_w = self.array.current_a(self.x, plan.WRITE_V) * plan.WRITE_V
        counts.written_j += float((full_w * width).sum()) * plan.pulse_s()
        counts.other_j += float((beside * width).sum()) * plan.pulse_s()
        counts.phases += int(written.sum())
        counts.cells += int(written.sum())
        counts.half_selected += int(written.sum()) * (sum(pulses.shape) - 2)
        counts.pulse_time += float(width.sum())
        self.disturb_v, self.least_v = plan.WRITE_V / 2, plan.WRITE_V
        self.move(pulses, written)
        self.move(half * others, np.zeros_like(written))

    def move(self, parts: Floats, selected: Flags) -> None:
        """Move all cells by parts of pulses; what cells outside `selected` do is disturb."""
        moved = self.steps.moved(self.x, parts, self.random.standard_normal(parts.shape))
        disturbed = np.where(selected, 0.0, moved - self.x)
        self.drift += disturbed
        self.gross += np.abs(disturbed)
        self.x, self.ahead = moved, np.empty((0, 0))


def currents(array: VerticalArray, x: Floats, inputs: Flags, solved: bool, random: np.random.Generator) -> Floats:
    """Pillar currents (B, P) with the read noise of every cell."""
    read = vertical.read_wired if solved else vertical.read_ideal
    noise = plan.read_noise() * np.sqrt(inputs.astype(np.float64) @ array.current_a(x, plan.READ_V) ** 2)
    return np.asarray(read(array, x, inputs, plan.READ_V) + noise * random.standard_normal(noise.shape))


def accuracy(x: Floats, inputs: Flags, labels: NDArray[np.int64], solved: bool, seed: int) -> float:
    """Share of images whose own pillar carries the largest current; draws depend on `seed` alone."""
    array = plan.wired_array() if solved else plan.ideal_array()
    random = np.random.Generator(np.random.PCG64(stream_seed(plan.SEED, "sun2019", "test", seed)))
    found = currents(array, x, inputs, solved, random)
    return float((found.argmax(axis=1) == labels).mean())


def train(training: Training, progress: Callable[[int], None] = lambda epoch: None) -> dict[str, Any]:
    """Train until an epoch has no letter in error, `training.epochs` at most; return plain data.

    accuracy: of each epoch, after it, the letters without noise; settled: the epoch from which on all are right, or
    None; done: whether the last epoch had no letter in error; disturb_v: largest voltage over a cell that is not
    written, least_v: least over one that is; drift, gross: largest sum of what disturb did to a cell, with and without
    sign, in parts of the window; x: the trained state.
    """
    cells, images = _Cells(training), with_bias(letters())
    labels = np.arange(len(images))
    margin = plan.MARGIN * float(cells.array.current_a(np.array(1.0), plan.READ_V))
    reached: list[float] = []
    wrong = 1
    while wrong and len(reached) < training.epochs:
        wrong = 0
        order = cells.random.permutation(len(images))
        cells.show(images[order])
        for place, letter in enumerate(order):
            current = cells.read(place)
            loudest = int(np.where(labels == letter, -np.inf, current).argmax())
            if current[letter] - current[loudest] > margin:
                continue
            wrong += 1
            if training.rule == "rank-one":
                cells.phase(images[letter], int(letter), plan.WRITE_V)
                cells.phase(images[letter], loudest, -plan.WRITE_V)
            else:
                output = np.exp((current - current.max()) / margin)
                error = (labels == letter) - output / output.sum()
                cells.write_free(plan.LEARNING_PULSES * images[letter][:, None] * error)
        cells.counts.updates += wrong
        reached.append(accuracy(cells.x, images, labels, training.solved, training.seed))
        progress(len(reached))
    return {
        "accuracy": reached,
        "settled": _settled(reached),
        "done": not wrong,
        "disturb_v": cells.disturb_v,
        "least_v": cells.least_v,
        "drift": float(np.abs(cells.drift).max()),
        "gross": float(cells.gross.max()),
        "counts": cells.counts.as_data(),
        "x": cells.x.tolist(),
    }


def _settled(reached: list[float]) -> int | None:
    """The first epoch (from 1) from which on the accuracy stays 1."""
    wrong = [epoch for epoch, share in enumerate(reached, start=1) if share < 1]
    last = wrong[-1] if wrong else 0
    return last + 1 if last < len(reached) else None
