"""Arrays that several replicas use: one window at a time, first come first served."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pillarsim.arch.chip import Idle
from pillarsim.arch.placement import INPUT, Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.sharing import groups_of
from pillarsim.arch.timing import Port, Unit
from pillarsim.arch.trace import Trace
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, Spec, build

# nothing but the arrays takes time: 8 reads of 1000 ps a window, with 4 slots of 100 ps behind the last one
IDEAL = replace(
    FAST,
    buffer=Port(0, 1, 1, 1 << 40),
    bus=Port(0, 1),
    global_buffer=Port(0, 1, 1, 1 << 40),
    adder=Unit(0, 1),
    activation=Unit(0, 1),
    shift_add_ps=0,
    router_ps=0,
    flit_ps=0,
)
DETAILS = ("window", "operation")


def run(placement: Placement, images: int, detail: str) -> Trace:
    """A run on a chip where only arrays take time."""
    return simulate(placement, IDEAL, Idle(), images, detail, arrays_per_tile=ARRAYS_PER_TILE)


@pytest.mark.parametrize("detail", DETAILS)
def test_two_layers_in_one_array_by_hand(detail: str) -> None:
    """Two stages of one window an image take turns in one array.

    A pixel comes in every 16 ps or so, that is at once. Stage 0 reads image 0 in [0, 8000); its values are converted
    400 ps later, but image 1 of stage 0 has claimed the array before. So the order is 0, 0, 1, 0, 1, ... by claims:
    image 1 of stage 0 ends at 16000; stage 1 claimed image 0 at 8400, stage 0 image 2 at 16000.
    """
    placement = build((1, 1, 1), [Spec(1), Spec(1, share=0)])
    arrive = 8  # ps that the 8 bits of the input take over the link of 1e12 bits a second
    slow = replace(IDEAL, off_chip_bits_per_s=1e12)
    trace = simulate(placement, slow, Idle(), 4, detail, arrays_per_tile=ARRAYS_PER_TILE)
    # ends of the windows' reads: 0:0 8, 0:1 16, 1:0 24, 0:2 32, 1:1 40, 0:3 48, 1:2 56, 1:3 64 (thousands of ps)
    ends = [arrive + 1000 * end for end in (24, 40, 56, 64)]
    assert trace.finished_ps == tuple(end + 400 + 32 for end in ends)
    assert [layer.busy_ps for layer in trace.layers] == [4 * 8000] * 2
    states = {state.group: state for state in trace.states}
    assert states["arrays"].active_ps == 8 * 8000  # one array, counted once


@pytest.mark.parametrize("detail", DETAILS)
def test_ties_go_to_the_lower_stage(detail: str) -> None:
    """Two stages that take the same pixel at the same time: the lower one reads first."""
    placement = build((1, 1, 1), [Spec(1, inputs=(INPUT,)), Spec(1, inputs=(INPUT,), share=0)])
    trace = run(placement, 1, detail)
    assert [layer.last_end_ps - layer.first_start_ps for layer in trace.layers] == [8400, 16400]


@pytest.mark.parametrize("detail", DETAILS)
def test_replicas_in_one_array_are_no_faster_than_one(detail: str) -> None:
    """Two replicas of a stage in the same array take turns: the time of one, and the states of one array."""
    shared = build((1, 1, 8), [Spec(1), Spec(1, share=0, tiles=((0,), (0,)))])
    apart = build((1, 1, 8), [Spec(1), Spec(1, tiles=((1,), (2,)))])
    sharing, free = run(shared, 1, detail), run(apart, 1, detail)
    assert sharing.layers[0].windows == sharing.layers[1].windows == 8
    states = {state.group: state for state in sharing.states}
    assert states["arrays"].active_ps == 16 * 8000
    assert sharing.finished_ps[0] >= 16 * 8000 > free.finished_ps[0]


@pytest.mark.parametrize("detail", DETAILS)
def test_stages_without_an_array_in_common_run_side_by_side(detail: str) -> None:
    """Stage 0 uses arrays 0 and 1, stages 1 and 2 one of them each: 1 and 2 do not wait for one another."""
    specs = [Spec(2, slices=1, columns=2), Spec(1, inputs=(INPUT,), slices=1), Spec(1, inputs=(INPUT,), slices=1)]
    placement = build((1, 1, 1), specs)
    held = placement.layers[0].replicas[0]
    layers = [placement.layers[0]]
    for layer, array in zip(placement.layers[1:], held, strict=True):
        own = replace(layer.replicas[0][0], slot=array.slot)
        layers.append(replace(layer, replicas=((own,),)))
    trace = run(replace(placement, layers=tuple(layers)), 1, detail)
    assert [layer.last_end_ps - layer.first_start_ps for layer in trace.layers] == [8400, 16400, 16400]


@pytest.mark.parametrize("detail", DETAILS)
def test_grouped_layers_in_one_array_are_read_one_after_another(detail: str) -> None:
    """Two layers of a grouped convolution in one array take twice the reads; in two arrays they go in step."""
    apart = run(build((2, 1, 3), [Spec(1, layers=2)]), 1, detail)
    packed = run(build((2, 1, 3), [Spec(1, layers=2, share=0)]), 1, detail)
    assert packed.layers[0].busy_ps == 2 * apart.layers[0].busy_ps == 2 * 3 * 8000
    for trace in (apart, packed):
        for name in ("layer0.0", "layer0.1"):
            assert trace.ledger.counts["array", "window", name] == 3
            assert trace.ledger.counts["array", "read", name] == 3 * 8
        assert trace.ledger.counts["converter", "convert", "layer0"] == 2 * 3 * 8 * 2


def test_groups_are_connected_rivals() -> None:
    """Replicas that are rivals of a rival are looked at together; those without rivals not at all."""
    assert groups_of([[1], [0, 3], [], [1], [5], [4]]) == [0, 0, -1, 0, 4, 4]
