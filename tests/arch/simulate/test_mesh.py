"""The mesh: routes, latency, contention."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pillarsim.arch.ledger import Ledger
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import GLOBAL, Mesh, route
from pillarsim.arch.simulate.ports import Server
from pillarsim.arch.timing import Timing
from tests.arch.simulate.builders import SLOW

TIMING = replace(SLOW, router_ps=7, flit_ps=5, link_width=16, header_bits=8)
Packet = tuple[int, int, int, int]  # time, source, destination, bits


def send(packets: list[Packet], timing: Timing = TIMING) -> tuple[list[int], Ledger, Mesh]:
    """When each packet was delivered."""
    kernel, ledger, delivered = Kernel(), Ledger(), dict[int, int]()

    def link(router: tuple[int, int]) -> Server:
        return Server(kernel, ledger, None)

    mesh = Mesh(kernel, timing, link)
    for number, (at_ps, source, destination, bits) in enumerate(packets):
        key = (0, 0, 0, number, 0)
        mesh.send(at_ps, (source, destination), bits, "a", key, partial(delivered.__setitem__, number))
    kernel.run()
    return [delivered[number] for number in range(len(packets))], ledger, mesh


def test_routes_go_along_x_then_y() -> None:
    """On a 4x4 mesh tile 14 is at (2, 3); packets go along the row first."""
    assert route(TIMING, 5, 14) == [(1, 1), (2, 1), (2, 2), (2, 3)]
    assert route(TIMING, 14, GLOBAL) == [(2, 3), (1, 3), (0, 3), (0, 2), (0, 1), (0, 0)]


def test_routers_serve_blocks() -> None:
    """With a router for 2x2 tiles, tiles 0 and 5 share a router and 15 hangs at router (1, 1)."""
    timing = replace(TIMING, router_block=(2, 2))
    assert route(timing, 0, 5) == [(0, 0)]
    assert route(timing, 0, 15) == [(0, 0), (1, 0), (1, 1)]


def test_latency_of_a_lone_packet() -> None:
    """Without contention a packet takes a router and a flit a hop, and then its remaining flits."""
    bits = 40  # with the header 3 flits
    times, ledger, mesh = send([(100, 0, 2, bits)])
    assert times == [100 + 3 * (7 + 5) + 2 * 5]
    assert (ledger.counts["router", "flit", "a"], ledger.counts["link", "flit", "a"]) == (9, 6)
    assert mesh.sent_flits == mesh.arrived_flits == 3


def test_packets_wait_for_a_link() -> None:
    """Two packets over the same link follow one another; a third over other links is not held up."""
    times, _, _ = send([(0, 0, 1, 40), (0, 0, 1, 40), (0, 4, 5, 40)])
    alone = 2 * (7 + 5) + 2 * 5
    assert times == [alone, alone + 3 * 5, alone]


def test_global_buffer_is_at_the_corner() -> None:
    """From the global buffer to tile 0 there is one router and no link."""
    times, ledger, _ = send([(0, GLOBAL, 0, 8)])
    assert times == [7 + 5]
    assert ("link", "flit", "a") not in ledger.counts
