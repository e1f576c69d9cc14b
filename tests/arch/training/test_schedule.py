"""The reading part of a step, computed by hand: times, counts and power states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.training.gating import Policy, UnitTimes, joined_uses
from pillarsim.arch.training.placement import TrainingPlacement
from pillarsim.arch.training.plan import make_plan
from pillarsim.arch.training.schedule import Schedule, group_policies, simulate_schedule
from pillarsim.arch.training.timing import TrainingTiming
from tests.arch.training.builders import ON, TIMING, layer, placement

ONE = placement(layer("fc", 4, 2, [(0, 0)]))
TWO = placement(layer("fc1", 4, 2, [(0, 0)], digital=(("lookup", 2),)), layer("fc2", 3, 2, [(0, 1)]))
BATCHES = 8  # reads of an input of 8 bits


def simulated(made: TrainingPlacement, images: int, timing: TrainingTiming = TIMING) -> Schedule:
    """A step of some images, nothing gated."""
    return simulate_schedule(make_plan(made, timing), images, group_policies(timing.base, ON))


def with_base(timing: TrainingTiming, **changes: object) -> TrainingTiming:
    """Another chip's durations."""
    return replace(timing, base=replace(timing.base, **changes))  # type: ignore[arg-type]


# link, global buffer in and out, mesh (a flit and a router), tile buffer in and out, bus: 1 ps each, all of an image
ARRIVED = 1 + 2 + 2 + 2 + 1


def test_one_image_through_one_layer() -> None:
    """Off-chip to arrays, 8 reads of 1000 ps, last conversions of 400 ps, shift-add, merge, loss, errors, fetch."""
    schedule = simulated(ONE, 1)
    read = ARRIVED + BATCHES * 1000 + 400 + 1
    assert schedule.loss_ps == read + 1 + 1
    assert schedule.errors_ps == schedule.loss_ps + 1
    assert schedule.ready_ps == (schedule.errors_ps + 4,)
    assert schedule.busy_ps == {("forward", "fc"): BATCHES * 1000}


def test_conversions_hold_back_the_next_image() -> None:
    """With slow converters the next image's first sample waits for the last conversions of the one before."""
    schedule = simulated(ONE, 2, with_base(TIMING, convert_ps=300))
    first, batch = ARRIVED + 1000, 4 * 300
    free = first + (BATCHES - 1) * batch
    again = max(free + 1000, free + batch)
    assert schedule.loss_ps == again + BATCHES * batch + 1 + 2


@pytest.mark.parametrize("sample_hold", [True, False])
def test_transposed_reads(sample_hold: bool) -> None:
    """Layer 2 reads its error of 4 bits, 6 rows a converter; layer 1 has none, its errors come a derivative later."""
    two_ports = replace(TIMING.base.buffer, ports=2)  # one layer's fetch and another's errors do not meet
    schedule = simulated(TWO, 1, with_base(TIMING, sample_hold=sample_hold, buffer=two_ports))
    convert, back = 4 * 100, 6 * 100
    forward = BATCHES * 1000 + convert if sample_hold else BATCHES * (1000 + convert)
    behind = forward + 1  # shift-add
    # merge, look-up, then buffer in and out and bus of layer 2, merge, loss
    assert schedule.loss_ps == ARRIVED + 2 * behind + (1 + 1) + 3 + 1 + 1
    transposed = 4 * 1000 + back if sample_hold else 4 * (1000 + back)
    known = schedule.loss_ps + 3 + transposed + 1  # errors into the buffer, out, bus; shift-add
    # sum of products, derivative (a product for each look-up), buffer of layer 1
    assert schedule.errors_ps == known + 1 + 1 + 1
    assert schedule.ready_ps == (schedule.errors_ps + 4, known + 4)


def test_counts_of_a_step() -> None:
    """Reads, conversions, samples, accesses and products of two images, by phase."""
    counts = simulated(TWO, 2).counts
    assert counts["forward", "array", "read", "fc1"] == 2 * 8
    assert counts["forward", "converter", "convert", "fc1"] == 2 * 8 * 2
    assert counts["backward", "array", "read", "fc2"] == 2 * 4
    assert counts["backward", "converter", "convert", "fc2"] == 2 * 4 * 2  # no error of the bias
    assert counts["forward", "sample_hold", "sample", "fc2"] == 2 * 8 * 2
    assert counts["backward", "row_sample_hold", "sample", "fc2"] == 2 * 4 * 2
    assert counts["backward", "multiplier", "multiply", "fc2"] == 2 * 2
    assert counts["forward", "off_chip", "bit", ""] == 2 * 3 * 8
    assert not [place for place in counts if place[0] == "backward" and place[1] == "array" and place[3] == "fc1"]


def test_gradient_and_accumulators_are_digital_work() -> None:
    """Multiply-accumulates of the batch, Adam's operations, and each accumulator in and out of the global buffer."""
    timing = replace(TIMING, gradient=True, optimizer=(7, 3, 1), accumulator_bits=32)
    timing = with_base(timing, global_buffer=replace(TIMING.base.global_buffer, width=8))
    counts = simulated(TWO, 5, timing).counts
    weights = 4 * 2
    assert counts["update", "multiplier", "multiply", "fc1"] == 5 * weights + 7 * weights
    assert counts["update", "adder", "add", "fc1"] == 5 * weights + 3 * weights + weights
    assert counts["update", "lookup", "apply", "fc1"] == weights
    assert counts["update", "global_buffer", "read", "fc1"] == weights * 4
    assert counts["update", "global_buffer", "write", "fc1"] == weights * 4
    assert ("update", "off_chip", "bit", "fc1") not in counts
    small = with_base(timing, global_buffer=replace(timing.base.global_buffer, size_bits=(8 + 6) * 32 - 1))
    assert simulated(TWO, 5, small).counts["update", "off_chip", "bit", "fc1"] == 2 * weights * 32


def test_partial_sums_travel_home() -> None:
    """Row blocks in two tiles: the smaller sends its sums, 32 bits an output, to the home tile."""
    slow = with_base(TIMING, link_width=32)
    split = placement(layer("fc", 6, 2, [(0, 0), (1, 0), (0, 1)], rows=3, bias=False))
    counts = simulated(split, 1, slow).counts
    inputs = 1 + 1  # tile 0 gets 4 values, tile 1 gets 2, of 8 bits: a flit each
    assert counts["forward", "router", "flit", "fc"] == inputs * 1 + 1 + 2 * 2
    assert counts["forward", "link", "flit", "fc"] == 1 + 2
    assert counts["forward", "adder", "add", "fc"] == 2 * 3 + 2


def test_what_a_buffer_cannot_hold_goes_outside() -> None:
    """Two images leave 2 x (3 x 8 + 2 x 4) bits in the tile: with a bit less room all of them go out and come back."""
    kept = 2 * (3 * 8 + 2 * 4)
    found = {}
    for size in (kept, kept - 1):
        timing = with_base(TIMING, buffer=replace(TIMING.base.buffer, size_bits=size))
        assert make_plan(ONE, timing).spilled(2) == ({0} if size < kept else set())
        found[size] = simulated(ONE, 2, timing).counts
    images = 2 * 3 * 8
    assert found[kept]["forward", "off_chip", "bit", ""] == images
    assert not [place for place in found[kept] if place[:2] == ("update", "off_chip")]
    assert found[kept - 1]["forward", "off_chip", "bit", "fc"] == images
    assert found[kept - 1]["backward", "off_chip", "bit", "fc"] == 2 * 2 * 4
    assert found[kept - 1]["update", "off_chip", "bit", "fc"] == kept


def test_a_convolution_reads_every_window() -> None:
    """Windows multiply reads, conversions and fetches; a tile keeps the whole map."""
    conv = placement(layer("conv", 5, 3, [(0, 0)], windows=6), input_values=12)
    plan, counts = make_plan(conv, TIMING), simulated(conv, 1).counts
    assert counts["forward", "array", "read", "conv"] == 6 * 8
    assert counts["forward", "bus", "transfer", "conv"] == 6
    assert plan.kept_bits == 12 * 8 + 6 * 3 * 4


def test_units_that_the_chip_lacks() -> None:
    """A look-up's derivative needs multipliers: the message names the key."""
    with pytest.raises(InputError, match=r"tile\.multiplier: expected .*component"):
        make_plan(TWO, with_base(TIMING, multiplier=None))


def test_an_array_holds_one_layer() -> None:
    """Two layers in one slot, and a tile beyond the mesh, are refused."""
    with pytest.raises(ModelError, match="holds parts of several"):
        make_plan(placement(layer("a", 2, 2, [(0, 0)]), layer("b", 3, 2, [(0, 0)])), TIMING)
    with pytest.raises(ModelError, match="tile that the chip has not"):
        make_plan(placement(layer("a", 2, 2, [(16, 0)])), TIMING)


def test_units_sleep_between_uses() -> None:
    """Uses at 0-10, 5-20, 100-110 with sleep after 30 and a wake-up of 20 ahead: one pause of 80, asleep for 30."""
    policy = Policy(True, 30, 20)
    uses = joined_uses([[(100, 110), (0, 10), (5, 20)], []], policy)
    assert (uses.active_ps.tolist(), uses.gated_ps.tolist(), uses.wakes.tolist()) == ([30, 0], [30, 0], [1, 0])
    assert (uses.first_ps.tolist(), uses.last_ps.tolist()) == ([0, -1], [110, -1])
    times = UnitTimes(2, policy)
    inside = [np.array([value]) for value in (uses.active_ps, uses.gated_ps, uses.wakes)]
    for begin in (0, 1000):
        times.add(np.array([[True, False]]), uses.first_ps[None] + begin, uses.last_ps[None] + begin, inside)
    asleep = 2 * 30 + (1000 - 110 - 50) + (2000 - 1110 - 30)
    never = 2 * (2000 - 30)
    assert times.totals(2000, 3) == (60, 3 * 2000 - 60 - asleep - never, asleep + never, 3)


def test_a_wake_up_costs_no_time() -> None:
    """Gating, with any wake-up time, leaves all times of a step as they are."""
    gated = with_base(TIMING, after_ps=100, wake_ps=5000)
    one, other = simulated(TWO, 3), simulated(TWO, 3, gated)
    assert (one.loss_ps, one.ready_ps, one.counts) == (other.loss_ps, other.ready_ps, other.counts)
