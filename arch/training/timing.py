"""Durations and widths of training that the event model needs beside `Timing`: transposed reads and updates.

A transposed read drives the bit lines with an error of `error_bits`, chunk by chunk as inputs are, all bit lines of an
array at once, and converts the rows: each of the array's converters does ceil(rows / converters) of them in turn.
An update slot lasts as long as the longer of a SET and a RESET pulse (a weak-RESET network only resets).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pillarsim.arch.chip import Hardware, Learning
from pillarsim.arch.components.component import Component
from pillarsim.arch.errors import InputError
from pillarsim.arch.timing import Timing

__all__ = ["GRADIENT_RULES", "TrainingTiming", "build_training_timing"]

GRADIENT_RULES = ("per_device", "mixed_precision", "binary")  # rules whose gradient is computed off the arrays
# Words of `accumulator_bits` that a weight keeps off the arrays: a sum of gradients, or Adam's two moments.
WORDS = {"mixed_precision": 1, "binary": 2}
COUNTER_STEPS = 2  # Boybat et al., Nat. Commun. 9:2514 (2018): of the counters that a request moves
# (multiplications, additions, look-ups) a weight and step; Adam (Kingma and Ba, ICLR 2015, algorithm 1): two moving
# means, a square, the step's scale and quotient, one inverse root.
ADAM = (7, 3, 1)


@dataclass(frozen=True)
class TrainingTiming:
    """What training takes from a chip, in picoseconds, bits and counts.

    chunks, error_chunks   reads of an input, forward and transposed
    error_slots            conversions of each converter for the rows of an array, one after another
    conversions            of one output, forward: 2 where both signs of a pair are converted apart
    row_hold               outputs of transposed reads have sample-and-hold circuits
    slot_ps                an update slot; verify_ps: the read after it, 0 without
    set_ps, reset_ps, refresh_verify_ps   pulses and reads of refresh and of programming
    gradient               multiply-accumulates of the gradient are done by digital units
    optimizer              (multiplications, additions, look-ups) of a weight and step there
    accumulator_bits       bits a weight keeps off the arrays, 0 for none
    pulse_train            slots of a line's random pulses for an image's window, 0 where lines have no generators
    counter_steps          of a request: the selection counter's, and the potentiation or the depression counter's
    """

    base: Timing
    order: Literal["layer_by_layer", "all_at_once"]
    input_bits: int
    error_bits: int
    chunks: int
    error_chunks: int
    error_slots: int
    conversions: int
    row_hold: bool
    slot_ps: int
    verify_ps: int
    set_ps: int
    reset_ps: int
    refresh_verify_ps: int
    gradient: bool
    optimizer: tuple[int, int, int]
    accumulator_bits: int
    pulse_train: int
    counter_steps: int

    @property
    def writes(self) -> int:
        """Arrays that share a write circuit."""
        return self.base.write.arrays_per_circuit


def build_training_timing(hardware: Hardware, components: Sequence[Component], timing: Timing) -> TrainingTiming:
    """Derive it from a chip, its components and their `Timing`.

    Raises InputError for a chip without `learning`, with spiking readout, without RESET, without verify where updates
    or refresh verify, or without a part that its rule needs.
    """
    learning = hardware.learning
    if learning is None:
        raise InputError("learning: expected a section `learning` in the chip that is to be trained, found none")
    if hardware.readout.neuron is not None:
        raise InputError(
            "readout.converter: expected no integrate_and_fire with `learning`: its spikes are not counted"
        )
    write, verify = hardware.write, hardware.write.verify
    if write.reset is None:
        raise InputError("write.reset: expected with `learning`: updates lower conductances too")
    if verify is None and (learning.verify or learning.refresh is not None):
        what = "learning.verify" if learning.verify else "learning.refresh"
        raise InputError(f"write.verify: expected with {what}: it times and costs the reads")
    _check_parts(learning, components, timing, hardware.readout.sample_hold is not None)
    rule = learning.rule
    return TrainingTiming(
        base=timing,
        order=learning.order,
        input_bits=hardware.input.bits,
        error_bits=learning.error_bits,
        chunks=hardware.input.chunks,
        error_chunks=-(-learning.error_bits // hardware.input.chunk_bits),
        error_slots=-(-hardware.array.inputs // hardware.converters_per_array),
        conversions=_conversions(hardware, learning),
        row_hold=timing.sample_hold,
        slot_ps=timing.write.reset_ps if rule == "binary" else max(timing.write.set_ps, timing.write.reset_ps),
        verify_ps=timing.write.verify_ps if learning.verify else 0,
        set_ps=timing.write.set_ps,
        reset_ps=timing.write.reset_ps,
        refresh_verify_ps=timing.write.verify_ps,
        gradient=rule in GRADIENT_RULES,
        optimizer=ADAM if rule == "binary" else (0, 0, 0),
        accumulator_bits=WORDS.get(rule, 0) * learning.accumulator_bits,
        pulse_train=learning.pulse_train if rule == "stochastic" else 0,
        counter_steps=0 if rule == "binary" else COUNTER_STEPS,
    )


def _conversions(hardware: Hardware, learning: Learning) -> int:
    """All devices of a synapse are summed on the way to one converter, or those of each sign."""
    apart = learning.arrangement == "differential" and hardware.weights.pair_subtract == "digital"
    return 2 if apart else 1


def _check_parts(learning: Learning, components: Sequence[Component], timing: Timing, sample_hold: bool) -> None:
    """Whether the chip has all that its rule uses."""
    roles = {component.role for component in components}
    wanted = {"column_driver": "learning.column_driver"}
    if learning.rule != "binary":
        wanted["counter"] = "learning.counter"
    if learning.rule == "stochastic":
        wanted["pulse_generator"] = "learning.pulse_generator"
    if sample_hold:
        wanted["row_sample_hold"] = "readout.sample_hold"
    for role, key in wanted.items():
        if role not in roles:
            raise InputError(f"{key}: expected a part {role!r} on a chip that learns by rule {learning.rule!r}")
    units = {"multiplier": learning.rule in GRADIENT_RULES, "lookup": learning.rule == "binary"}
    for unit, needed in units.items():
        if needed and getattr(timing, unit) is None:
            raise InputError(f"tile.{unit}: expected {{component: ...}} for the updates of rule {learning.rule!r}")
