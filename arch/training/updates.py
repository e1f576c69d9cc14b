"""Update, verify and refresh of many steps at once: arrays of a write circuit one after another, circuits in parallel.

A max-plus recurrence over the arrays of each circuit, vectorised over steps. Exact: whole picoseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.training.placement import TrainingPlacement

__all__ = ["Circuits", "Pulses", "circuits_of", "in_turn", "update_pulses"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Circuits:
    """The write circuit and the layer of every array, (A,), in the order of the placement."""

    circuit: Ints
    layer: Ints

    @property
    def layers(self) -> int:
        """Layers."""
        return int(self.layer.max()) + 1


@dataclass(frozen=True, eq=False)
class Pulses:
    """When each array is pulsed in each step, (S, A), and when all are done, (S,); of an array without pulses nothing
    is said but that both are the same."""

    starts: Ints
    ends: Ints
    done: Ints


def circuits_of(placement: TrainingPlacement, arrays_per_circuit: int) -> Circuits:
    """Circuits serve neighbouring slots of a tile."""
    places = [(array.tile, array.slot // arrays_per_circuit) for array in placement.arrays]
    numbers = {place: number for number, place in enumerate(sorted(set(places)))}
    layers = [number for number, layer in enumerate(placement.layers) for _ in layer.arrays]
    return Circuits(np.array([numbers[place] for place in places]), np.array(layers))


def update_pulses(circuits: Circuits, durations: Ints, ready_ps: Sequence[int], order: str) -> Pulses:
    """Pulses of steps whose layers are ready at `ready_ps`; durations: (S, A).

    all_at_once: a layer's arrays ask for their circuits when it is ready, ties in the placement's order.
    layer_by_layer: once all layers are ready, first to last; a layer begins when the one before is done.
    """
    ready = np.array(ready_ps, np.int64)
    if order == "all_at_once":
        begin = np.broadcast_to(ready[circuits.layer], durations.shape)
        made = in_turn(circuits, durations, begin, np.lexsort((circuits.layer, ready[circuits.layer])))
        return Pulses(made.starts, made.ends, np.maximum(made.done, ready.max()))
    now = np.full(len(durations), ready.max())
    starts, ends = np.zeros_like(durations), np.zeros_like(durations)
    for layer in range(circuits.layers):
        own = np.flatnonzero(circuits.layer == layer)
        part = Circuits(circuits.circuit[own], circuits.layer[own])
        begin = np.broadcast_to(now[:, None], (len(durations), len(own)))
        made = in_turn(part, durations[:, own], begin, np.arange(len(own)))
        starts[:, own], ends[:, own] = made.starts, made.ends
        now = made.done
    return Pulses(starts, ends, now)


def in_turn(circuits: Circuits, durations: Ints, begin: Ints, order: Ints) -> Pulses:
    """Arrays of each circuit in `order` (array numbers), none before its `begin`, (S, A)."""
    turns: defaultdict[int, list[int]] = defaultdict(list)
    for array in order.tolist():
        turns[int(circuits.circuit[array])].append(array)
    starts, ends = np.zeros_like(durations), np.zeros_like(durations)
    lines = list(turns.values())
    free = np.zeros((len(durations), len(lines)), np.int64)
    for turn in range(max(map(len, lines))):
        served = [place for place, line in enumerate(lines) if len(line) > turn]
        arrays = [lines[place][turn] for place in served]
        starts[:, arrays] = np.maximum(free[:, served], begin[:, arrays])
        ends[:, arrays] = free[:, served] = starts[:, arrays] + durations[:, arrays]
    return Pulses(starts, ends, ends.max(axis=1))
