"""The integrate-and-fire neuron against a simulation spike by spike."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pillarsim.devices.neuron import spike_count


def simulate(drive: float, dead: float, residual: float) -> tuple[int, float]:
    """Integrate from spike to spike until the window is over."""
    time, charge, spikes = 0.0, residual, 0
    while True:
        time += (1.0 - charge) / drive
        if time > 1.0:
            return spikes, 1.0 - (time - 1.0) * drive
        spikes, charge, time = spikes + 1, 0.0, time + dead
        if time >= 1.0:
            return spikes, 0.0


@given(st.floats(0.01, 200), st.floats(0, 0.5), st.floats(-0.99, 0.99))
def test_count_and_charge_equal_the_simulation(drive: float, dead: float, residual: float) -> None:
    """Spikes and the charge left equal a spike-by-spike simulation, away from spikes due at the window's very end."""
    expected, left = simulate(drive, dead, residual)
    due = (drive * (1 + dead) + residual) / (1 + drive * dead)
    assume(abs(due - round(due)) > 1e-6)
    count, charge = spike_count(drive, dead, residual)
    assert count == expected
    # Just after a spike the dead time decides between the two ends of the ramp.
    assert charge == pytest.approx(left, abs=1e-6 * drive + 1e-9)


@given(st.floats(0, 1e4))
def test_current_to_count_curve(drive: float) -> None:
    """Without dead time and charge the count is floor(Q / (C V_th)), and the rest of the charge is left."""
    assume(abs(drive - round(drive)) > 1e-6)
    count, left = spike_count(drive, 0.0, 0.0)
    assert count == math.floor(drive)
    assert left == pytest.approx(drive - math.floor(drive), abs=1e-9 * max(drive, 1.0))


def test_dead_time_limits_the_rate() -> None:
    """With dead time delta the count saturates at floor((1 + delta) / delta) however large the drive."""
    assert spike_count(1e12, 0.1, 0.0)[0] == 11
    assert [spike_count(drive, 0.1, 0.0)[0] for drive in (1, 2, 4, 8)] == [1, 1, 3, 4]


def test_charge_counts_whole_over_windows() -> None:
    """Charge kept from window to window loses no spike: 10 windows of 0.7 give 7 spikes."""
    total, charge = 0.0, 0.0
    for _ in range(10):
        count, charge = spike_count(0.7, 0.0, charge)
        total += count
    assert total == 7
    assert charge == pytest.approx(0.0, abs=1e-8)


def test_no_drive_no_spike() -> None:
    """Without drive nothing fires and the charge stays."""
    assert spike_count(0.0, 0.1, 0.4) == (0.0, 0.4)
