"""`simulate` as a whole: counts, states, back-pressure, repeatability, memory, and what users do to it."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace

import pytest

from pillarsim.arch.chip import Idle
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.timing import Port, Timing, Unit
from pillarsim.arch.trace import Trace
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, RELU, SLOW, Spec, build, pool
from tests.arch.simulate.strategies import smallest_buffer_bits

# 3x3 convolution with pooling in two tiles, then a linear layer with two replicas
NETWORK = (
    Spec(3, kernel=3, padding=1, post=(RELU, pool(2, 2)), blocks=2, columns=2, slices=2, tiles=((0, 0, 0, 1),)),
    Spec(5, linear=True, groups=2, tiles=((2,), (3,))),
)


def run(placement: Placement, timing: Timing, images: int = 1, idle: Idle | None = None, units: int = 1) -> Trace:
    """A simulation in detail `window`."""
    idle = idle or Idle()
    return simulate(
        placement,
        timing,
        idle,
        images,
        "window",
        arrays_per_tile=ARRAYS_PER_TILE,
        conversions_per_unit=units,
    )


def test_counts_by_hand() -> None:
    """The ledger of a small network equals what pencil and paper give."""
    placement = build((1, 4, 4), NETWORK)
    timing = replace(SLOW, buffer=Port(1, 16, 1, 1 << 30), bus=Port(1, 8), global_buffer=Port(1, 8, 1, 1 << 20))
    trace = run(placement, timing, images=2)
    counts = trace.ledger.counts
    windows = 2 * 16
    # 9 rows in blocks of 4 and 5, 6 units in columns of 3; tile 0 holds both blocks, tile 1 the second
    assert counts["array", "window", "layer0"] == windows
    assert counts["array", "read", "layer0"] == windows * 4 * 8
    for role, action in (("converter", "convert"), ("shift_add", "add"), ("sample_hold", "sample")):
        assert counts[role, action, "layer0"] == windows * 12 * 8
    # beside each of the 4 arrays: 5 or 4 rows of 8 bits in, 2 partial sums of 32 bits out
    assert counts["input_register", "write", "layer0"] == windows * 2 * (5 + 4) * 8
    assert counts["bus", "transfer", "layer0"] == windows * (9 + 5)
    assert counts["buffer", "read", "layer0"] == windows * (5 + 3)  # 72 and 40 bits, 16 an access
    assert counts["buffer", "write", "layer0"] == 2 * 4 * 2 * 2  # rows of 32 bits, into two tiles
    assert counts["adder", "add", "layer0"] == windows * 3 * 2
    assert counts["activation", "apply", "layer0"] == counts["pooling", "apply", "layer0"] == windows * 3
    assert counts["output_register", "write", "layer0"] == windows * 4 * 2 * 32
    assert counts["output_register", "read", "layer0"] == windows * 4 * 2 * 32
    # pixels of 24 bits with a header of 8 are 2 flits: tile 0 to 2 and 3. Partial sums: outputs 1 and 2 of tile 1,
    # 64 bits with the header 5 flits, over 1 link
    assert counts["link", "flit", "layer0"] == 2 * 4 * 2 * (2 + 3) + windows * 5
    assert counts["router", "flit", "layer0"] == 2 * 4 * 2 * (3 + 4) + windows * 5 * 2
    # the linear layer: one window an image, 12 rows in 2 groups, 10 units
    assert counts["array", "window", "layer1"] == 2
    assert counts["array", "read", "layer1"] == 2 * 2 * 8
    assert counts["converter", "convert", "layer1"] == 2 * 2 * 8 * 10
    assert counts["buffer", "write", "layer1"] == 2 * 2 * 4 * 2
    assert counts["output_register", "write", "layer1"] == 2 * 5 * 32
    # the border: 16 pixels of 8 bits in, 5 logits of 32 bits out
    assert counts["off_chip", "bit", ""] == 2 * (16 * 8 + 5 * 32)
    assert counts["global_buffer", "write", ""] == counts["global_buffer", "read", ""] == 2 * (16 + 20)


def test_conversions_follow_the_scheme() -> None:
    """Digital subtraction doubles conversions; analog sums of input bits need one batch a row group."""
    placement = build((1, 1, 1), [Spec(4, slices=3)])
    convert = ("converter", "convert", "layer0")
    assert run(placement, FAST).ledger.counts[convert] == 12 * 8
    assert run(placement, FAST, units=2).ledger.counts[convert] == 24 * 8
    assert run(placement, replace(FAST, analog_bits=True)).ledger.counts[convert] == 12
    held = run(placement, replace(FAST, sample_hold=False)).ledger.counts
    assert ("sample_hold", "sample", "layer0") not in held


def test_power_states_fill_the_span() -> None:
    """Active, idle and gated time of every group sum to its units times the span, used or not."""
    idle = Idle(arrays="gated", converters="clock_gated", buffers="gated", digital="gated")
    trace = run(build((1, 4, 4), NETWORK), replace(SLOW, after_ps=1000, wake_ps=50), 2, idle)
    units = {
        "arrays": 16 * 64,
        "converters": 16 * 64,
        "buffers": 16,
        "digital": 16,
        "mesh": 16,
        "global_buffer": 1,
        "off_chip": 1,
    }
    assert {state.group: state.units for state in trace.states} == units
    for state in trace.states:
        assert state.active_ps + state.idle_ps + state.gated_ps == state.units * trace.span_ps
        gated = state.group in ("arrays", "buffers", "digital", "mesh", "global_buffer")
        assert (state.gated_ps > 0, state.wakes > 0) == (gated, gated)


def test_wake_ups_cost_time() -> None:
    """The same run takes longer when gated parts have to wake, and as long as ungated when waking takes no time."""
    placement = build((1, 4, 4), NETWORK)
    gated = Idle(arrays="gated", converters="gated", buffers="gated", digital="gated")
    free = run(placement, SLOW)
    assert run(placement, replace(SLOW, wake_ps=0), 1, gated).finished_ps == free.finished_ps
    assert run(placement, replace(SLOW, wake_ps=500), 1, gated).finished_ps[0] > free.finished_ps[0] + 500


def test_busy_time_of_a_port_is_its_active_time() -> None:
    """With one port a tile, the buffers are active for as long as the ledger says that they were busy."""
    trace = run(build((1, 4, 4), NETWORK), SLOW, 2)
    busy = sum(time for (role, _), time in trace.ledger.busy_ps.items() if role == "buffer")
    active = {state.group: state.active_ps for state in trace.states}
    assert active["buffers"] == busy
    assert active["off_chip"] == trace.ledger.busy_ps["off_chip", ""]
    arrays = sum(time for (role, _), time in trace.ledger.busy_ps.items() if role == "array")
    assert active["arrays"] == arrays


def test_back_pressure_delays() -> None:
    """A slow second layer behind small buffers stalls the first one and the source; with large ones it does not."""
    layers = [Spec(4, tiles=((0,),)), Spec(2, groups=4, tiles=((1,),))]
    placement = build((4, 6, 6), layers)
    small = replace(FAST, buffer=replace(FAST.buffer, size_bits=smallest_buffer_bits(placement)))
    held, free = run(placement, small, 2), run(placement, FAST, 2)
    assert held.layers[0].stalled_ps > 0
    assert free.layers[0].stalled_ps == 0
    assert held.layers[0].last_end_ps > 2 * free.layers[0].last_end_ps
    assert held.finished_ps == free.finished_ps  # the slow layer sets the pace either way


def test_same_inputs_give_the_same_trace() -> None:
    """Two runs differ in nothing but the time they took."""
    placement = build((1, 4, 4), NETWORK)
    first, second = (run(placement, SLOW, 3) for _ in range(2))
    assert replace(first, cpu_s=0, wall_s=0) == replace(second, cpu_s=0, wall_s=0)


def test_more_images_leave_the_first_ones_alone() -> None:
    """An image's time does not depend on how many follow it, as long as they do not get in its way."""
    placement = build((1, 1, 1), [Spec(2)])
    memory = Port(0, 1, 1, 1 << 30)
    timing = replace(FAST, buffer=memory, global_buffer=memory)
    assert run(placement, timing, 5).finished_ps[:2] == run(placement, timing, 2).finished_ps


def _peak_bytes(placement: Placement, images: int) -> int:
    gc.collect()
    tracemalloc.start()
    simulate(placement, SLOW, Idle(), images, "window", arrays_per_tile=ARRAYS_PER_TILE, skip=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_images() -> None:
    """Ten times the images take no more memory than the list of their finishing times."""
    placement = build((1, 4, 4), NETWORK)
    _peak_bytes(placement, 2)  # what is loaded and cached by the first run
    few, many = _peak_bytes(placement, 16), _peak_bytes(placement, 160)
    assert many - few < 144 * 150 + 20_000


def test_progress_is_told_of_every_image() -> None:
    """The callback hears the number of finished images; what it raises, such as Ctrl-C, ends the run."""
    placement, heard = build((1, 2, 2), [Spec(1)]), list[int]()
    simulate(placement, FAST, Idle(), 3, "window", arrays_per_tile=ARRAYS_PER_TILE, progress=heard.append)
    assert heard == [1, 2, 3]

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    for detail in ("window", "operation"):
        with pytest.raises(KeyboardInterrupt):
            simulate(placement, FAST, Idle(), 3, detail, arrays_per_tile=ARRAYS_PER_TILE, progress=interrupt)


def test_dropped_pixels_do_not_end_the_run_early() -> None:
    """Rows that pooling drops are still computed: the span covers them, the image may be finished before."""
    placement = build((1, 3, 2), [Spec(1, post=(pool(2, 2),))])
    trace = run(placement, replace(FAST, adder=Unit(5000, 1)))
    assert trace.layers[0].windows == 6
    assert trace.finished_ps[-1] < trace.span_ps


def test_bad_arguments() -> None:
    """An unknown detail or no image is refused; a tile outside the chip is a defect."""
    placement = build((1, 1, 1), [Spec(1)])
    with pytest.raises(InputError, match="detail"):
        simulate(placement, FAST, Idle(), 1, "pixel", arrays_per_tile=1)
    with pytest.raises(InputError, match="images"):
        simulate(placement, FAST, Idle(), 0, "window", arrays_per_tile=1)
    with pytest.raises(ModelError, match="tile 4 is in use"):
        run(build((1, 1, 1), [Spec(1, tiles=((4,),))]), replace(FAST, grid=(2, 2)))
