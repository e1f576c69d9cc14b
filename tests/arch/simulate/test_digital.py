"""Digital stages: what they fetch, which units they use, and what a chip lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pillarsim.arch.chip import Idle
from pillarsim.arch.errors import InputError
from pillarsim.arch.simulate import simulate
from pillarsim.arch.timing import Port, Timing, Unit
from pillarsim.arch.trace import Trace
from pillarsim.workloads.operators import Activation, Add, Concat, LayerNorm, MatMul, Softmax
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, RELU, SLOW, Digital, Spec, build, pool

DETAILS = ("window", "operation")


def run(specs: list[Spec | Digital], timing: Timing, images: int = 1, detail: str = "window") -> Trace:
    """Two channels of 2x3 pixels through some stages."""
    return simulate(build((2, 2, 3), specs), timing, Idle(), images, detail, arrays_per_tile=ARRAYS_PER_TILE)


@pytest.mark.parametrize("detail", DETAILS)
def test_residual_addition_by_hand(detail: str) -> None:
    """Every window reads two pixels of 16 bits, moves them over the bus and takes two additions and a comparison."""
    timing = replace(FAST, buffer=Port(1, 8, 1, 1 << 30), bus=Port(1, 4))
    trace = run([Spec(2), Spec(2), Digital(Add("add"), (0, 1), home=3, post=(RELU,))], timing, 2, detail)
    counts, windows = trace.ledger.counts, 2 * 6
    assert counts["buffer", "write", "layer2"] == windows * 2 * 2
    assert counts["buffer", "read", "layer2"] == windows * 2 * 2
    assert counts["bus", "transfer", "layer2"] == windows * 2 * 4
    assert counts["adder", "add", "layer2"] == counts["activation", "apply", "layer2"] == windows * 2
    assert ("array", "window", "layer2") not in counts
    assert ("input_register", "write", "layer2") not in counts
    assert trace.layers[2].windows == windows
    assert trace.layers[2].busy_ps == windows  # 1 ps for each addition; what is fused behind does not count


@pytest.mark.parametrize("detail", DETAILS)
def test_steps_follow_one_another(detail: str) -> None:
    """A window takes port, bus and the steps of its operator in turn."""
    timing = replace(FAST, adder=Unit(40, 1), multiplier=Unit(50, 1), lookup=Unit(60, 1), activation=Unit(30, 1))
    placement = build((2, 1, 1), [Digital(Softmax("softmax", 0), (-1,))])
    trace = simulate(placement, timing, Idle(), 1, detail, arrays_per_tile=ARRAYS_PER_TILE)
    # of 2 channels: largest 2 x 30, distance 2 x 40, exponential 2 x 60, sum 2 x 40, reciprocal 60, products 2 x 50
    assert trace.layers[0].busy_ps == 60 + 80 + 120 + 80 + 60 + 100
    assert trace.layers[0].last_end_ps - trace.layers[0].first_start_ps == 1 + 1 + 500
    counts = trace.ledger.counts
    assert (counts["lookup", "apply", "layer0"], counts["multiplier", "multiply", "layer0"]) == (3, 2)


def test_a_map_is_read_once_an_image() -> None:
    """The second factor of a product is read with the first window of an image; six pixels of 16 bits."""
    timing = replace(FAST, buffer=Port(1, 8, 1, 1 << 30))
    product = Digital(MatMul("product"), (0, 1), ("pixel", "map"), stream=(3, 2, 3))
    counts = run([Spec(2), Spec(2), product], timing, 2).ledger.counts
    assert counts["buffer", "read", "layer2"] == 2 * (6 * 2 + 6 * 2)
    # an output of 3 values takes 3 products along the last axis of the first factor, 3 long
    assert counts["multiplier", "multiply", "layer2"] == counts["adder", "add", "layer2"] == 2 * 6 * 3 * 3


def test_one_stream_by_two_edges() -> None:
    """A stage may take one stream twice: it is sent, kept and read twice."""
    counts = run([Spec(2), Digital(Concat("both"), (0, 0), stream=(4, 2, 3))], FAST).ledger.counts
    assert counts["buffer", "write", "layer1"] == counts["buffer", "read", "layer1"] == 2 * 6
    assert counts["adder", "add", "layer1"] == 6 * 4


def test_digital_pool_reads_its_real_pixels() -> None:
    """A 2x2 pool with padding reads 1, 2 or 4 pixels a window, each of 16 bits, and compares all four of a kernel."""
    timing = replace(FAST, buffer=Port(1, 16, 1, 1 << 30))
    counts = run([Digital(pool(2, 1, 1), (-1,), ("window",))], timing).ledger.counts
    assert counts["buffer", "read", "layer0"] == 4 * 6  # every pixel is in four of the 3x4 kernels
    assert counts["pooling", "apply", "layer0"] == 12 * 2 * 4


@pytest.mark.parametrize(
    ("specs", "unit", "stage"),
    [
        ([Digital(Softmax("softmax", 0), (-1,))], "lookup", "layer0"),
        ([Spec(2, post=(Activation("gelu", "gelu"),))], "lookup", "layer0"),
        ([Spec(2), Digital(MatMul("product"), (0, 0), ("pixel", "map"), stream=(1, 2, 3))], "multiplier", "layer1"),
        ([Spec(2), Digital(LayerNorm("norm", [1, 1, 1], [0, 0, 0]), (0,))], "multiplier", "layer1"),  # type: ignore[arg-type]
    ],
)
def test_missing_units_are_named(specs: list[Spec | Digital], unit: str, stage: str) -> None:
    """A chip without the unit that an operator needs is refused, with stage and key."""
    poor = replace(SLOW, **{unit: None})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"tile\.{unit}: stage '{stage}' .*expected tile\.{unit}: {{component: "):
        run(specs, poor)
