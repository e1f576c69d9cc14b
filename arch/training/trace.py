"""What the event model of training returns: times, counts, power states and sums of pulses; no joules yet."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.trace import StateTimes
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import TrainingPlacement

__all__ = ["PHASES", "TrainingTrace", "no_counts", "tagged", "untagged", "value_actions", "with_counts"]

PHASES = ("forward", "backward", "update", "verify", "refresh", "programming")


@dataclass(frozen=True, eq=False)
class TrainingTrace:
    """A finished (or so far simulated) training run; time 0 is the start of programming, or of the first step.

    phase_ps     wall-clock time by phase; they sum to span_ps. Of a step, `forward` ends with the last image's loss,
                 `backward` with the last image's errors (images overlap: what of it lies before the last loss counts as
                 forward), `update` with the last pulse as if nothing were verified; `verify` is what verification adds
    busy_ps      array-picoseconds by (phase, layer): time that arrays are held, summed over a layer's arrays; over all
                 phases and layers they sum to the active time of the group `arrays`
    ledgers      actions of each phase, by (role, action, layer)
    totals, written   all `StepCounts` of the steps, of programming, summed into one step each
    kept_bits    the most that a tile has to keep for one batch, inputs and errors of all its images; beyond its
                 buffer's size they go outside the chip and come back
    events       SimPy events of the schedules that were simulated, `schedules` of them
    """

    span_ps: int
    phase_ps: dict[str, int]
    busy_ps: dict[tuple[str, str], int]
    ledgers: dict[str, Ledger]
    states: tuple[StateTimes, ...]
    totals: StepCounts
    written: StepCounts
    steps: int
    images: int
    kept_bits: int
    events: int
    schedules: int


def tagged(phase: str, layer: str) -> str:
    """A layer's name with its phase: what services of a schedule are recorded under."""
    return f"{phase} {layer}"


def untagged(name: str) -> tuple[str, str]:
    """(phase, layer) of a tagged name."""
    phase, _, layer = name.partition(" ")
    return phase, layer


def no_counts(layers: int, arrays: int) -> StepCounts:
    """The sum of no steps."""
    return StepCounts.none(1, layers, arrays)


def with_counts(totals: StepCounts, counts: StepCounts) -> StepCounts:
    """Totals with some more steps; sums of floats go step by step, so that they do not depend on how steps are cut."""
    made = {
        each.name: np.cumsum(np.concatenate([getattr(totals, each.name), getattr(counts, each.name)]), axis=0)[-1:]
        for each in fields(StepCounts)
    }
    return StepCounts(**made)


def value_actions(
    placement: TrainingPlacement, totals: StepCounts, written: StepCounts, train_slots: int, counter_steps: int
) -> dict[tuple[str, str, str, str], int]:
    """Actions that values decide, by (phase, role, action, layer); train_slots: of one line's random pulses, a window;
    counter_steps: of a request.

    A line is a row or an output's bit line of an array; its pulse generator acts once a slot of every train.
    """
    made: dict[tuple[str, str, str, str], int] = {}
    for number, layer in enumerate(placement.layers):
        lines = sum(sum(stop - start for start, stop in (array.inputs, array.outputs)) for array in layer.arrays)
        own: dict[tuple[str, str, str], int] = {
            ("forward", "driver", "drive"): totals.drives[0, number, 0],
            ("backward", "column_driver", "drive"): totals.drives[0, number, 1],
            ("update", "counter", "count"): counter_steps * totals.requests[0, number],
            ("update", "pulse_generator", "slot"): train_slots * layer.windows * lines,
            ("update", "write_circuit", "set"): totals.sets[0, number],
            ("update", "write_circuit", "reset"): totals.resets[0, number],
            ("verify", "write_circuit", "verify"): totals.verifies[0, number],
        }
        for phase, counts in (("refresh", totals), ("programming", written)):
            own[phase, "write_circuit", "set"] = counts.refresh_sets[0, number]
            own[phase, "write_circuit", "reset"] = counts.refresh_resets[0, number]
            own[phase, "write_circuit", "verify"] = counts.refresh_verifies[0, number]
        made |= {(*place, layer.name): int(count) for place, count in own.items()}
    return made
