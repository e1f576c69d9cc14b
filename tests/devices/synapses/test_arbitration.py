"""The counters that choose a synapse's device: reference and compiled form, equal use, periods."""

from __future__ import annotations

import numpy as np
import pytest

from pillarsim.devices.synapses.arbitration import DEPRESSION, POTENTIATION, Arbiter, request, requested

CASES = [Arbiter(1), Arbiter(5, 2), Arbiter(7, 3, 4, 1), Arbiter(8, 6, 3, 5), Arbiter(2, 1, 1, 7)]


@pytest.mark.parametrize("arbiter", CASES)
def test_the_compiled_form_equals_the_reference(arbiter: Arbiter) -> None:
    """For a thousand requests in random directions both choose the same devices and end with the same counters."""
    plain, fast = arbiter.counters(), arbiter.counters()
    ups = np.random.default_rng(0).random(1000) < 0.6
    chosen = [(requested(arbiter, plain, bool(up)), request(arbiter.rule, fast, bool(up))) for up in ups]
    assert [a for a, _ in chosen] == [b for _, b in chosen]
    assert plain.tolist() == fast.tolist()
    assert (plain[POTENTIATION], plain[DEPRESSION]) == (ups.sum(), (~ups).sum())


@pytest.mark.parametrize(("devices", "increment"), [(7, 3), (8, 3), (9, 2), (16, 15), (5, 1)])
def test_an_increment_coprime_with_the_devices_uses_them_equally(devices: int, increment: int) -> None:
    """Uses of any two devices differ by at most one after any number of requests."""
    arbiter = Arbiter(devices, increment)
    counters, used = arbiter.counters(), np.zeros(devices, int)
    for _ in range(10 * devices + 3):
        used[requested(arbiter, counters, True)] += 1
        assert used.max() - used.min() <= 1


@pytest.mark.parametrize(("devices", "increment", "reached"), [(8, 2, 4), (9, 6, 3), (12, 4, 3)])
def test_a_common_factor_leaves_devices_unused(devices: int, increment: int, reached: int) -> None:
    """Only devices / gcd of them are ever chosen."""
    arbiter = Arbiter(devices, increment)
    counters = arbiter.counters()
    assert len({requested(arbiter, counters, True) for _ in range(100)}) == reached


def test_periods_thin_each_direction_by_its_own_count() -> None:
    """Of 12 requests up with period 3 the first and every third fire; requests down in between do not count for it."""
    arbiter = Arbiter(5, 1, period_up=3, period_down=2)
    counters = arbiter.counters()
    fired = [(requested(arbiter, counters, True), requested(arbiter, counters, False)) for _ in range(6)]
    assert [up >= 0 for up, _ in fired] == [True, False, False] * 2
    assert [down >= 0 for _, down in fired] == [True, False] * 3
    # Selection moved with all 12 requests, whether they fired or not.
    assert [up for up, _ in fired if up >= 0] == [0, 6 % 5]
    assert counters[0] == 12 % 5


@pytest.mark.parametrize(
    ("values", "message"),
    [((0,), "at least 1 to select from"), ((4, 4), "1 to 3 with 4"), ((4, 0), "1 to 3"), ((1, 2), "1 to 1"),
     ((2, 1, 0), "period_up"), ((2, 1, 1, -3), "period_down")],
)  # fmt: skip
def test_impossible_counters_are_refused(values: tuple[int, ...], message: str) -> None:
    """No device, an increment out of range or a period below 1 raise ValueError that names what was expected."""
    with pytest.raises(ValueError, match=message):
        Arbiter(*values)
