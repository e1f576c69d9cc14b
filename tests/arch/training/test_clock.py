"""Steps put together: pulses in both orders, phases, wear and limits, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.updates import Circuits, circuits_of, update_pulses
from tests.arch.training.builders import ARRAYS_PER_TILE, GATED, ON, TIMING, counts, layer, placement
from tests.arch.training.test_schedule import TWO, simulated

SHARED = replace(TIMING, base=replace(TIMING.base, write=replace(TIMING.base.write, arrays_per_circuit=2)))


def pulses(slots: list[list[int]], images: int = 1) -> StepCounts:
    """Steps of TWO that only pulse."""
    made = StepCounts.none(len(slots), 2, 2)
    made.images[:] = images
    made.slots[:] = slots
    return made


def test_circuits_serve_neighbouring_slots() -> None:
    """Slots 0 and 1 share a circuit, slot 2 and the other tile have their own."""
    made = placement(layer("a", 4, 2, [(0, 0), (0, 2)], rows=2), layer("b", 4, 2, [(1, 1), (0, 1)], rows=2))
    circuits = circuits_of(made, 2)
    assert circuits.circuit.tolist() == [0, 1, 2, 0]
    assert circuits.layer.tolist() == [0, 0, 1, 1]


def test_orders_of_the_update() -> None:
    """Layers ready at 100 and 40 ps, two arrays each, first and last in one circuit.

    All at once: array 3 (layer 1, ready first) goes before array 0 in their circuit. Layer by layer: all wait for 100,
    layer 1 for the end of layer 0.
    """
    circuits = Circuits(np.array([0, 1, 2, 0]), np.array([0, 0, 1, 1]))
    durations = np.array([[30, 10, 20, 90], [5, 0, 0, 0]])
    free = update_pulses(circuits, durations, (100, 40), "all_at_once")
    assert free.starts[0].tolist() == [130, 100, 40, 40]
    assert free.done.tolist() == [160, 105]
    turns = update_pulses(circuits, durations, (100, 40), "layer_by_layer")
    assert turns.starts[0].tolist() == [100, 100, 130, 130]
    assert turns.done.tolist() == [220, 105]


def test_phases_of_steps() -> None:
    """Forward ends with the loss, backward with the errors; verification adds its part; refresh follows."""
    timing = replace(SHARED, verify_ps=7)
    made = pulses([[3, 5], [2, 0]])
    made.refresh_slots[1] = [1, 2]
    made.refresh_reset_slots[1] = [4, 0]
    clock = TrainingClock(TWO, timing, ON, ARRAYS_PER_TILE)
    clock.add(made)
    schedule, trace = simulated(TWO, 1, timing), clock.trace()
    assert trace.phase_ps == {
        "forward": 2 * schedule.loss_ps,
        "backward": 2 * (schedule.errors_ps - schedule.loss_ps),
        "update": 2 * (max(schedule.ready_ps) - schedule.errors_ps) + 10 * 100,
        "verify": 10 * 7,
        "refresh": 4 * 30 + 3 * 110,
        "programming": 0,
    }
    assert trace.busy_ps["update", "fc1"] == 5 * 100
    assert trace.busy_ps["verify", "fc2"] == 5 * 7
    assert trace.busy_ps["refresh", "fc1"] == 4 * 30 + 110
    assert (trace.steps, trace.images, trace.schedules) == (2, 2, 1)


def test_programming_comes_first() -> None:
    """First weights: RESET slots, then verified SET slots, arrays of a circuit in turn; no image, no step."""
    written = StepCounts.none(1, 2, 2)
    written.refresh_slots[:] = [[2, 3]]
    written.refresh_reset_slots[:] = [[1, 1]]
    written.refresh_sets[:] = [[20, 30]]
    clock = TrainingClock(TWO, SHARED, ON, ARRAYS_PER_TILE)
    clock.program(written)
    trace = clock.trace()
    assert trace.span_ps == trace.phase_ps["programming"] == 2 * 30 + 5 * 110
    assert trace.ledgers["programming"].counts["write_circuit", "set", "fc2"] == 30
    assert trace.totals.refresh_sets.sum() == 0


def test_time_is_linear_in_steps() -> None:
    """The same step n times takes n times as long, and n times the actions; one schedule is simulated."""
    one, many = (TrainingClock(TWO, SHARED, ON, ARRAYS_PER_TILE) for _ in range(2))
    one.add(pulses([[4, 9]], images=3))
    many.add(pulses([[4, 9]] * 700, images=3))
    first, last = one.trace(), many.trace()
    assert last.span_ps == 700 * first.span_ps
    assert last.schedules == 1
    assert last.events == first.events
    for phase, ledger in first.ledgers.items():
        assert last.ledgers[phase].counts == {place: 700 * count for place, count in ledger.counts.items()}


def test_power_states_fill_the_span() -> None:
    """Every group's states sum to units x span, unused units and gated ones included; off-chip never sleeps."""
    clock = TrainingClock(TWO, replace(SHARED, verify_ps=3), GATED, ARRAYS_PER_TILE)
    clock.add(counts([2, 2, 3], TWO))
    trace = clock.trace()
    for state in trace.states:
        assert state.active_ps + state.idle_ps + state.gated_ps == state.units * trace.span_ps
    by_group = {state.group: state for state in trace.states}
    assert by_group["arrays"].active_ps == sum(trace.busy_ps.values())
    assert by_group["off_chip"].gated_ps == 0 < by_group["mesh"].gated_ps


def test_values_decide_counters_drives_and_pulses() -> None:
    """Two counter steps a request, generators of all lines in every slot of a train, pulses as counted."""
    clock = TrainingClock(TWO, replace(TIMING, pulse_train=31), ON, ARRAYS_PER_TILE)
    made = counts([3, 3], TWO)
    clock.add(made)
    ledger = clock.trace().ledgers
    assert ledger["update"].counts["counter", "count", "fc1"] == 2 * made.requests[:, 0].sum()
    assert ledger["update"].counts["pulse_generator", "slot", "fc1"] == 6 * 31 * (4 + 2)
    assert ledger["backward"].counts["column_driver", "drive", "fc2"] == made.drives[:, 1, 1].sum()
    assert ledger["update"].counts["write_circuit", "reset", "fc2"] == made.resets[:, 1].sum()


def test_a_run_that_is_too_long_is_told_so() -> None:
    """Beyond what int64 picoseconds hold there is one message, and the time before it stays."""
    clock = TrainingClock(TWO, TIMING, ON, ARRAYS_PER_TILE)
    made = counts([3], TWO)
    clock.add(made)
    before = clock.now_ps
    with pytest.raises(InputError, match="more than 53 days of the chip's time"):
        clock.add(replace(made, slots=np.full_like(made.slots, (1 << 61) // (TIMING.slot_ps + TIMING.verify_ps))))
    assert clock.now_ps == before


def test_state_of_another_chip() -> None:
    """A state of another placement is refused by name; counts of one are a defect."""
    clock = TrainingClock(TWO, TIMING, ON, ARRAYS_PER_TILE)
    other = TrainingClock(placement(layer("fc", 4, 2, [(0, 0)])), TIMING, ON, ARRAYS_PER_TILE)
    with pytest.raises(InputError, match="checkpoint: clock/units/arrays: expected an array of shape"):
        clock.restore(other.state())
    with pytest.raises(ModelError, match="not of this placement"):
        clock.add(StepCounts.none(1, 1, 1))
