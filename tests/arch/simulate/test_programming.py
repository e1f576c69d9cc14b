"""Programming: arrays one after another on a circuit, circuits side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.simulate import simulate_programming
from pillarsim.arch.timing import WriteTiming
from tests.arch.simulate.builders import FAST, Spec, build

PLACEMENT = build((4, 1, 1), [Spec(3, blocks=2, columns=2, tiles=((0, 0, 1, 0),))])
TIMING = replace(FAST, write=WriteTiming(set_ps=100, reset_ps=30, verify_ps=10, cells_at_once=1, arrays_per_circuit=2))
DETAILS = ("window", "operation")


def writes(resets: int) -> LayerProgramming:
    """Four arrays, of 1 to 4 groups and 5 to 8 pulses of their groups."""
    return LayerProgramming("layer0", 24, 60, resets, (5, 6, 7, 8), (1, 2, 3, 4), 0.0, 0.0, 0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("detail", DETAILS)
def test_arrays_that_share_a_circuit_follow_one_another(detail: str) -> None:
    """Slots 0 and 1 of tile 0 share a circuit, slot 2 and tile 1 have their own: the first pair takes longest."""
    trace = simulate_programming(PLACEMENT, TIMING, [writes(24)], detail)
    assert trace.time_ps == (1 + 2) * 30 + (5 + 6) * 110
    assert trace.pulses == 60
    counts = trace.ledger.counts
    assert [counts["write_circuit", action, "layer0"] for action in ("set", "reset", "verify")] == [60, 24, 60]


@pytest.mark.parametrize("detail", DETAILS)
def test_a_circuit_for_each_array_takes_the_longest_array(detail: str) -> None:
    """Without resets and verify reads, and a circuit an array, the longest array decides."""
    write = replace(TIMING.write, arrays_per_circuit=1, verify_ps=0)
    trace = simulate_programming(PLACEMENT, replace(TIMING, write=write), [writes(0)], detail)
    assert trace.time_ps == 8 * 100
    assert trace.ledger.counts["write_circuit", "verify", "layer0"] == 0


def test_operation_makes_every_pulse_an_event() -> None:
    """Detail `operation` has an event for each reset, pulse and verify read of the groups."""
    window, operation = (simulate_programming(PLACEMENT, TIMING, [writes(24)], detail) for detail in DETAILS)
    # 10 groups, 26 pulses each with a verify read, against 4 arrays
    assert operation.events - window.events == 10 + 2 * 26 - 4


def test_bad_arguments() -> None:
    """An unknown detail is the user's mistake, writes of another placement are a defect."""
    with pytest.raises(InputError, match="detail"):
        simulate_programming(PLACEMENT, TIMING, [writes(0)], "fine")
    with pytest.raises(ModelError, match="layers"):
        simulate_programming(PLACEMENT, TIMING, [], "window")
    with pytest.raises(ModelError, match="4 arrays"):
        simulate_programming(PLACEMENT, TIMING, [replace(writes(0), groups=(1,))], "window")
