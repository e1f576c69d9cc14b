"""Arbitrated parts: order of service, both servers alike, Little's law and utilisation."""

from __future__ import annotations

import random
from functools import partial
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from simpy.events import Event, EventPriority

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import GRANT, Kernel
from pillarsim.arch.simulate.ports import Key, OnTime, Server, Service
from pillarsim.arch.simulate.power import PowerTracker
from tests.near import near

AFTER = cast(EventPriority, GRANT + 1)
Request = tuple[int, int, int]  # time, steps, layer (first part of the key)
Ask = tuple[int, Service, Key, OnTime, OnTime]


def serve(
    requests: list[Request], ports: int = 1, step_ps: int = 10, power: PowerTracker | None = None
) -> tuple[list[tuple[int, int]], Ledger]:
    """(head, tail) of each request, and the ledger."""
    kernel, ledger = Kernel(), Ledger()
    server = Server(kernel, ledger, power, ports)
    heads, tails = dict[int, int](), dict[int, int]()
    for number, (at_ps, steps, layer) in enumerate(requests):
        service = Service((("buffer", "read"),), "a", steps, 1, step_ps)
        key = (layer, 0, 0, number, 0)
        ask = (at_ps, service, key, partial(heads.__setitem__, number), partial(tails.__setitem__, number))
        kernel.at(at_ps, lambda event: server.request(*cast(Ask, event.value)), ask)
    kernel.run()
    return [(heads[number], tails[number]) for number in range(len(requests))], ledger


def test_first_come_first_served() -> None:
    """One port serves in the order of requests; the second waits for the first, the third finds the port free."""
    times, ledger = serve([(0, 3, 0), (5, 1, 0), (100, 2, 0)])
    assert times == [(10, 30), (40, 40), (110, 120)]
    assert ledger.counts["buffer", "read", "a"] == 6
    assert ledger.busy_ps["buffer", "a"] == 60


def test_ties_go_by_key() -> None:
    """Of two requests of the same picosecond the lower layer goes first, whichever came first."""
    assert serve([(0, 1, 2), (0, 1, 1)])[0] == [(20, 20), (10, 10)]


def test_ports_serve_side_by_side() -> None:
    """With two ports the third request takes the port that is free first."""
    assert [tail for _, tail in serve([(0, 5, 0), (0, 2, 0), (1, 1, 0)], ports=2)[0]] == [50, 20, 30]


def test_gated_part_serves_after_its_wake_up() -> None:
    """A unit idle for longer than the policy's time takes the wake-up time once; a busy one does not."""
    power = PowerTracker(gated=True, after_ps=20, wake_ps=7)
    times, _ = serve([(50, 1, 0), (52, 1, 1), (90, 1, 0)], power=power)
    assert [tail for _, tail in times] == [67, 77, 100]
    assert power.wakes == 1
    assert power.close(100) == (30, 100 - 30 - 30, 30)


@given(
    requests=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=20),
    ports=st.integers(1, 3),
)
@settings(max_examples=100, deadline=None)
def test_a_real_queue_equals_busy_until_times(requests: list[Request], ports: int) -> None:
    """What takes the port that is free first, in the order of (time, key), is what the queue of events does."""
    free = [0] * ports
    expected = dict[int, tuple[int, int]]()
    for number, (at_ps, steps, layer) in sorted(enumerate(requests), key=lambda job: (job[1][0], job[1][2], job[0])):
        start = max(at_ps, min(free))
        free[free.index(min(free))] = start + 4 * steps
        expected[number] = (start + 4, start + 4 * steps)
        assert layer >= 0
    assert serve(requests, ports, 4)[0] == [expected[number] for number in range(len(requests))]


def test_littles_law() -> None:
    """The mean number of requests at a port, watched picosecond by picosecond, is their rate times their mean stay."""
    draw = random.Random(7)
    at, requests = 0, list[Request]()
    for _ in range(300):
        at += draw.randrange(1, 30)
        requests.append((at, draw.randrange(1, 4), 0))
    kernel = Kernel()
    server = Server(kernel, Ledger(), None)
    present = [0]
    stays = list[int]()
    watched = list[int]()

    def arrive(event: Event) -> None:
        number = cast(int, event.value)
        present[0] += 1
        asked = kernel.time_ps
        service = Service((("buffer", "read"),), "a", requests[number][1], 1, 6)

        def tail(time_ps: int) -> None:
            stays.append(time_ps - asked)
            kernel.at(time_ps, lambda _: present.__setitem__(0, present[0] - 1))

        server.request(asked, service, (0, 0, 0, number, 0), None, tail)

    for number, request in enumerate(requests):
        kernel.at(request[0], arrive, number)
    for time_ps in range(requests[-1][0] + 20 * len(requests)):
        kernel.at(time_ps, lambda _: watched.append(present[0]), priority=AFTER)
    kernel.run()
    assert present[0] == 0
    span = len(watched)
    rate, stay = len(requests) / span, sum(stays) / len(stays)
    # the watch looks when everything of a picosecond is done, so a stay of n ps is seen n times
    assert sum(watched) / span == near(rate * stay, rel=1e-12)
    assert stay > 1.2 * 6 * sum(request[1] for request in requests) / len(requests)  # requests did wait
