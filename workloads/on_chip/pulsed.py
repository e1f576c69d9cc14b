"""Networks that learn by pulses on banks of multi-device synapses, step by step.

A step is a batch: all of its reads first, forward and transposed, then the updates of every layer (`rules`), the
disturb of half-selected devices, and refresh where it is due. The errors of a batch are read before its updates, so it
makes no difference to values whether layers are updated one after another or as soon as their errors are known.
Ranges of inputs and converters are set by the first 256 training images at the start of every epoch; in the first one
also after 8, 16, 32 ... steps, since that is when weights move most. Errors set their own range (`scales`).
Order of images, first weights, read noise, rounding and pulses come from named streams of the seed and the step, so a
run goes on from its state bit for bit, on any number of threads (all work is done on one).
Simplified: calibration is not counted and sees no read noise. Left out: retention between steps, devices that wear out,
exact array circuits.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pillarsim.arch.errors import InputError
from pillarsim.arch.training.counts import StepCounts
from pillarsim.devices.streams import generator
from pillarsim.devices.synapses import bank as banks
from pillarsim.devices.synapses.counts import PULSED_S, RESETS, SETS, VERIFIES, no_counts
from pillarsim.devices.synapses.programming import bring_to, refresh
from pillarsim.devices.synapses.serial import Block
from pillarsim.workloads.datasets import Dataset
from pillarsim.workloads.on_chip.interface import LayerWear, Setup, State
from pillarsim.workloads.on_chip.pulsed_dense import activations_of, run_steps
from pillarsim.workloads.on_chip.pulsed_layer import PulsedLayer, Ranges
from pillarsim.workloads.on_chip.pulsed_pass import Seen, calibrate, logits, train_pass
from pillarsim.workloads.on_chip.pulsed_schedule import Schedule
from pillarsim.workloads.on_chip.rules import UPDATES, Done, Given, block_of, block_slots, outer_done
from pillarsim.workloads.on_chip.start import epoch_order, one_thread

__all__ = ["PulsedLearner"]

CALIBRATION_IMAGES = 256  # assumed, as mapping.calibration_samples of the shipped chips
_STEPS_AT_ONCE = 100  # in one compiled call, which bounds memory
_TEST_IMAGES = 250  # evaluated at once, which bounds memory


class PulsedLearner:
    """`Learner` of the rules stochastic, sign, per_device and mixed_precision (see the module)."""

    def __init__(
        self,
        setup: Setup,
        layers: Sequence[PulsedLayer],
        first: Sequence[NDArray[np.float32]],
        max_pulses: int,
        disturb_ratio: float,
        *,
        compiled: bool = True,
    ) -> None:
        """Write the first weights and set the first ranges.

        layers: with fresh banks; first (inputs, outputs), a matrix a layer, is written by at most `max_pulses` a
        device, verified; disturb_ratio: part of an update pulse's step that a half-selected device makes; compiled:
        whether many steps may be done in one compiled call, which changes values by rounding alone.
        """
        self.step = 0
        rule, every = setup.learning.rule, setup.learning.refresh
        self.layers = tuple(layers)
        self._setup, self._disturb_ratio = setup, disturb_ratio
        self._schedule = Schedule(len(setup.train.images), setup.batch, None if every is None else every.every)
        self.steps_per_epoch = self._schedule.steps
        self._images, self._labels = torch.from_numpy(setup.train.images), torch.from_numpy(setup.train.labels)
        self._loss = 0.0
        self._order: tuple[int, Tensor] | None = None  # epoch, and which images it shows when
        self._activations = activations_of(layers) if compiled and rule == "stochastic" else None
        self._accumulators = [
            np.zeros(layer.bank.weights.shape) if rule == "mixed_precision" else None for layer in layers
        ]
        self._first = self._none(1)
        for place, (layer, weights) in enumerate(zip(self.layers, first, strict=True)):
            counts, sums = no_counts()
            given = np.zeros(layer.bank.pulses.shape, np.int32)
            bring_to(layer.bank, weights, max_pulses, counts, sums, given, self._block(layer))
            layer.bank.core.row_pulses[:], layer.bank.core.column_pulses[:] = 0.0, 0.0  # written, not disturbed
            self._add_refresh(self._first, 0, place, counts, sums, given)
        self._written = [layer.bank.pulses.copy() for layer in self.layers]
        with one_thread():
            self._ranges = self._calibrated()

    def advance(self, steps: int) -> StepCounts:
        """Do `steps` more steps; see `Learner`. Raises ValueError for more than this epoch has left, or none."""
        start, left = self.step, self.steps_per_epoch - self.step % self.steps_per_epoch
        if not 1 <= steps <= left:
            raise ValueError(f"steps: expected 1 to {left}, the steps left of this epoch, found {steps}")
        out, total = self._none(steps), 0.0
        with one_thread():
            while self.step < start + steps:
                if self._schedule.calibrates(self.step):
                    self._ranges = self._calibrated()
                row = self.step - start
                total += self._one(out, row) if self._activations is None else self._some(out, row, self._activations)
                if self._schedule.refreshes(self.step):
                    self._refresh(out, self.step - start - 1)
        self._loss = total / int(out.images.sum())
        return out

    def programming(self) -> StepCounts:
        """One step of no images: the pulses that wrote the first weights."""
        return self._first

    def accuracy(self, test: Dataset) -> float:
        """Share of images that the chip gets right as it now is, with ranges set anew for it; changes nothing."""
        noise, right = self._noise("test noise"), 0
        with one_thread(), torch.no_grad():
            ranges = self._calibrated()
            for start in range(0, len(test.images), _TEST_IMAGES):
                images = torch.from_numpy(test.images[start : start + _TEST_IMAGES])
                found = logits(self.layers, ranges, images, noise).argmax(1).numpy()
                right += int((found == test.labels[start : start + _TEST_IMAGES]).sum())
        return right / len(test.images)

    def loss(self) -> float:
        """Mean loss of the images of the last `advance`."""
        return self._loss

    def wear(self) -> tuple[LayerWear, ...]:
        """Wear of each layer so far."""
        return tuple(
            LayerWear(
                name=layer.placed.name,
                devices=layer.bank.pulses.size,
                pulses=int(layer.bank.pulses.sum(dtype=np.int64)),
                pulses_max=int(layer.bank.pulses.max()),
                saturated=banks.saturated(layer.bank),
                updated=float(np.count_nonzero(layer.bank.pulses > written)) / written.size,
            )
            for layer, written in zip(self.layers, self._written, strict=True)
        )

    def state(self) -> State:
        """All that changes, as arrays."""
        found: State = {
            "setup": self._identity,
            "step": np.array(self.step),
            "loss": np.array(self._loss),
            "ranges": np.array([astuple(each) for each in self._ranges]),
        }
        for number, (layer, kept) in enumerate(zip(self.layers, self._accumulators, strict=True)):
            found |= {f"{number}/{name}": array for name, array in banks.state(layer.bank).items()}
            if kept is not None:
                found[f"{number}/accumulator"] = kept.copy()
        return found

    def restore(self, state: State) -> None:
        """Go on from a state; raises InputError, and changes nothing, where it is of another setup."""
        if not np.array_equal(state.get("setup", np.zeros(0)), self._identity):
            raise InputError(
                "state of training: expected one of this network, chip, rule, data and seed, found another"
            )
        for number, (layer, kept) in enumerate(zip(self.layers, self._accumulators, strict=True)):
            start = f"{number}/"
            own = {name.removeprefix(start): array for name, array in state.items() if name.startswith(start)}
            banks.restore(layer.bank, own)
            if kept is not None:
                kept[...] = own["accumulator"]
        self.step, self._loss = int(state["step"]), float(state["loss"])
        self._ranges = tuple(Ranges(*(float(value) for value in row)) for row in state["ranges"])

    def _one(self, out: StepCounts, row: int) -> float:
        """One step; returns the summed loss of its images."""
        images, labels = self._shown(1)
        rate = self._setup.rate(self.step // self.steps_per_epoch)
        batch = train_pass(self.layers, self._ranges, images, labels, self._noise("read noise"))
        if not batch.layers:
            raise self._no_number()
        out.images[row] = len(images)
        for place, (layer, seen) in enumerate(zip(self.layers, batch.layers, strict=True)):
            out.drives[row, place, 0], out.read_s[row, place, 0] = layer.forward_activity(seen.codes)
            if place:  # nothing needs the errors of the images
                out.drives[row, place, 1], out.read_s[row, place, 1] = layer.transposed_activity(seen.errors)
            self._add_update(out, row, place, self._updated(place, seen, rate / len(images)))
        self.step += 1
        return float(batch.losses.sum())

    def _updated(self, place: int, seen: Seen, rate: float) -> Done:
        setup, layer = self._setup, self.layers[place]
        x, d = seen.codes * self._ranges[place].scale, seen.errors * seen.scales
        draws = generator(setup.seed, "updates", layer.placed.name, self.step)
        given = Given(
            layer, x, d, rate, setup.learning, setup.write, draws, self._accumulators[place], self._disturb_ratio
        )
        return UPDATES[setup.learning.rule](given)

    def _some(self, out: StepCounts, row: int, activations: NDArray[np.int64]) -> float:
        """As many steps as one compiled call can do; returns the summed loss of their images."""
        setup = self._setup
        # Scheme 'third' takes the conductance of all devices at every step.
        most = 1 if setup.write.scheme == "third" else min(len(out.images) - row, _STEPS_AT_ONCE)
        steps = self._schedule.together(self.step, most)
        images, labels = self._shown(steps)
        batch = len(images) // steps
        made = run_steps(
            self.layers, self._ranges, activations, images, labels, batch,
            first=self._schedule.seen(self.step), rate=setup.rate(self.step // self.steps_per_epoch) / batch,
            train=setup.learning.pulse_train, disturb=self._disturb_ratio, seed=setup.seed,
            noisy="read_noise" in setup.imperfections,
        )  # fmt: skip
        for step, (place, layer) in itertools.product(range(made.done), enumerate(self.layers)):
            out.images[row + step] = batch
            out.drives[row + step, place] = made.drives[step, place] * layer.lines
            out.read_s[row + step, place] = made.read_s[step, place]
            done = outer_done(layer, setup.write.scheme, made.counts[step, place], made.sums[step, place])
            self._add_update(out, row + step, place, done)
        self.step += made.done
        if made.done < steps:
            raise self._no_number()
        return float(made.losses.sum()) * batch

    def _add_update(self, out: StepCounts, row: int, place: int, done: Done) -> None:
        for name in ("requests", "sets", "resets", "verifies", "lines", "half_selected", "pulse_s", "half_s"):
            getattr(out, name)[row, place] = getattr(done, name)
        out.slots[row, self._arrays(place)] = done.slots

    def _refresh(self, out: StepCounts, row: int) -> None:
        rule = self._setup.learning.refresh
        if rule is None:
            return
        for place, layer in enumerate(self.layers):
            counts, sums = no_counts()
            given = np.zeros(layer.bank.pulses.shape, np.int32)
            refresh(layer.bank, rule.threshold, rule.max_pulses, counts, sums, given, self._block(layer))
            self._add_refresh(out, row, place, counts, sums, given)

    def _add_refresh(
        self, out: StepCounts, row: int, place: int, counts: NDArray[np.int64], sums: NDArray[np.float64],
        given: NDArray[np.int32],
    ) -> None:  # fmt: skip
        arrays, at_once = self._arrays(place), self._setup.write.cells_at_once
        out.refresh_sets[row, place], out.refresh_resets[row, place] = counts[SETS], counts[RESETS]
        out.refresh_verifies[row, place], out.refresh_s[row, place] = counts[VERIFIES], sums[PULSED_S]
        sets, resets = block_slots(self.layers[place], given, at_once)
        out.refresh_slots[row, arrays], out.refresh_reset_slots[row, arrays] = sets, resets

    def _block(self, layer: PulsedLayer) -> Block:
        return block_of(layer, self._setup.write.cells_at_once)

    def _arrays(self, place: int) -> slice:
        """Columns of a layer's arrays in counts of slots."""
        before = sum(len(layer.placed.arrays) for layer in self.layers[:place])
        return slice(before, before + len(self.layers[place].placed.arrays))

    def _none(self, steps: int) -> StepCounts:
        return StepCounts.none(steps, len(self.layers), len(self._setup.placement.arrays))

    def _noise(self, name: str) -> torch.Generator | None:
        if "read_noise" not in self._setup.imperfections:
            return None
        return generator(self._setup.seed, name, self.step)

    def _calibrated(self) -> tuple[Ranges, ...]:
        images, labels = self._images[:CALIBRATION_IMAGES], self._labels[:CALIBRATION_IMAGES]
        return calibrate(self.layers, self._setup.input, images, labels)

    def _shown(self, steps: int) -> tuple[Tensor, Tensor]:
        """Images and labels of the next steps."""
        epoch = self.step // self.steps_per_epoch
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(self._setup.seed, epoch, len(self._images))
        chosen = self._order[1][self._schedule.shown(self.step, steps)]
        return self._images.index_select(0, chosen), self._labels.index_select(0, chosen)

    def _no_number(self) -> InputError:
        return InputError(
            f"training: the loss is not a number at step {self.step + 1}: expected a lower learning rate, "
            f"found {self._setup.learning_rate:g}"
        )

    @functools.cached_property
    def _identity(self) -> NDArray[np.uint8]:
        """Names the setup: network, placement, chip, data and seed; the number of threads does not count."""
        setup = self._setup
        sections = (setup.learning, setup.array, setup.weights, setup.input, setup.readout, setup.write)
        words = [setup.network.digest, repr(setup.placement), *(section.model_dump_json() for section in sections)]
        words += [
            repr(sorted(setup.imperfections)),
            repr((setup.learning_rate, setup.learning_rate_decay, setup.batch, setup.seed)),
        ]
        hasher = hashlib.sha256("\n".join(words).encode())
        hasher.update(setup.train.labels.tobytes())
        hasher.update(setup.train.images[:CALIBRATION_IMAGES].tobytes())
        return np.frombuffer(hasher.digest(), np.uint8)
