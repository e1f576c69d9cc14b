"""Power states: idle, active and gated time, and their sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.power import PowerTracker, group_states


def test_ungated_unit_is_active_or_idle() -> None:
    """Overlapping uses count once and there is no gated time without the policy."""
    tracker = PowerTracker(gated=False, after_ps=0, wake_ps=5)
    assert tracker.ready(10) == 10
    tracker.use(10, 30)
    tracker.use(20, 40)
    assert tracker.close(100) == (30, 70, 0)


def test_gating_starts_after_the_idle_time() -> None:
    """A unit is gated from `after` past its last use until it is asked again, and then takes the wake-up time."""
    tracker = PowerTracker(gated=True, after_ps=10, wake_ps=5)
    assert tracker.ready(30) == 35
    tracker.use(35, 40)
    assert tracker.ready(50) == 50  # idle for exactly `after`: not gated yet
    tracker.use(50, 60)
    assert (tracker.wakes, tracker.close(100)) == (1, (15, 35, 50))


def test_two_askers_wake_a_unit_once() -> None:
    """A second request during the wake-up waits for the same wake-up."""
    tracker = PowerTracker(gated=True, after_ps=0, wake_ps=8)
    assert (tracker.ready(10), tracker.ready(10), tracker.ready(12)) == (18, 18, 18)
    assert tracker.wakes == 1


def test_held_unit_is_not_gated() -> None:
    """A unit that waits for a planned use stays awake."""
    tracker = PowerTracker(gated=True, after_ps=1, wake_ps=0)
    tracker.hold(50)
    assert tracker.ready(50) == 50
    assert tracker.close(50) == (0, 50, 0)


@given(
    uses=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=20),
    gated=st.booleans(),
    after=st.integers(0, 10),
    wake=st.integers(0, 10),
)
def test_open_uses_equal_known_ones(uses: list[tuple[int, int]], gated: bool, after: int, wake: int) -> None:
    """Entering and leaving gives the same states as uses known from their start, and the states fill the span."""
    known, stepped = PowerTracker(gated, after, wake), PowerTracker(gated, after, wake)
    now = 0
    for gap, length in uses:
        start = known.ready(now + gap)
        assert stepped.ready(now + gap) == start
        known.use(start, start + length)
        stepped.enter(start)
        stepped.leave(start + length)
        now = start + length
    assert known.close(now + 7) == stepped.close(now + 7)
    assert sum(known.close(now + 7)) == now + 7


def test_group_counts_units_that_were_never_used() -> None:
    """Unused units are idle, or gated after the policy's time; more uses than units are a defect."""
    used = PowerTracker(gated=True, after_ps=10, wake_ps=0)
    used.use(0, 100)
    never = PowerTracker(gated=True, after_ps=10, wake_ps=0)
    states = group_states("arrays", 5, [(used, 2)], never, 100)
    assert (states.active_ps, states.idle_ps, states.gated_ps, states.wakes) == (200, 30, 270, 0)
    with pytest.raises(ModelError, match="chip has 1"):
        group_states("arrays", 1, [(used, 2)], never, 100)
    with pytest.raises(ModelError, match="power states"):
        used.close(50)
