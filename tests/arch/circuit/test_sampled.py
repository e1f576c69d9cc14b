"""Sampled reads: their split sums to the power of the solved circuit, and the error they report is the values' own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pillarsim.arch.activity import LayerActivity
from pillarsim.arch.chip import Array
from pillarsim.arch.circuit.effective import array_tasks, solve_layers
from pillarsim.arch.circuit.sampled import ARRAYS_PER_LAYER, SampledReads, sample_reads, with_losses
from pillarsim.arch.compute.programmed import ProgrammedLayer
from tests.arch.circuit.builders import KINDS, LAWS, ROWS, VOLTS, Floats, Group, Made, array, hand_read, made
from tests.near import near

# Inputs of a layer that gives one array and at most as many groups as reads are dealt to.
INPUTS = {
    "passive": 3, "transistor": 4, "layer_parallel": 8, "layer_serial": 7, "select_line": 7, "plane": 12, "comb": 5,
    "wide comb": 8, "comb2": 9,
}  # fmt: skip
PATTERN = np.array([1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0])


def sampled(layer: Made, one: Array, seed: int = 2) -> tuple[SampledReads, ProgrammedLayer]:
    """The sampled reads of a layer's solved arrays, and the solved layer."""
    solved = solve_layers(layer.placement.layers, layer.device, one, 300.0)
    found = sample_reads(layer.placement, solved, layer.rule, one, 300.0, layer.images, seed)
    return found[0], solved[0]


def constant(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Images that are all the same, so that every sampled window is known."""
    return np.tile(values.astype(np.float32), (3, 1))


def reads_by_hand(
    layer: Made, one: Array, kind: str, law: str, drive: Floats
) -> tuple[list[Group], list[dict[str, Floats]], Floats]:
    """Groups, results of the read of each with inputs `drive`, and the cells, of a layer on one array."""
    (task,) = array_tasks(layer.placement.layers[0], one, 300.0)
    assert len(task.groups) <= ARRAYS_PER_LAYER
    cells = task.cells_s(layer.device[0])
    results = []
    for start, stop in task.groups:
        part = VOLTS * drive[start:stop]
        on = part > 0 if kind == "select_line" else None
        results.append(hand_read(kind, law, cells, (start, stop), part, on))
    return list(task.groups), results, cells


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", KINDS)
def test_parts_and_errors_are_those_of_the_solved_circuit(kind: str, law: str) -> None:
    """Signal, sneak and wires sum to sum(v_in i_in); drop and linear error follow from the solved column currents."""
    one, drive = array(kind, law), PATTERN[: INPUTS[kind]].astype(np.float64)
    layer = made(one, INPUTS[kind], 2, images=constant(drive))
    groups, results, cells = reads_by_hand(layer, one, kind, law, drive)
    found, solved = sampled(layer, one)

    volts, seen = VOLTS * drive, solved.seen_s.double().permute(1, 2, 3, 0).reshape(len(drive), -1).numpy()
    ideal_w, charge = (volts**2 @ cells).sum(), (volts @ cells).sum()
    assert found.signal + found.sneak + found.wires == near(sum(r["power"] for r in results) / ideal_w)
    column = np.array([r["i_col"] for r in results])
    assert found.mean_drop == near(1 - column.sum() / charge)
    if "i_in" in results[0]:
        drawn = sum(np.maximum(r["i_in"], 0).sum() for r in results)
        assert found.charge == near(drawn / charge)
    linear = np.array([volts[start:stop] @ seen[start:stop] for start, stop in groups])
    rms = np.sqrt(((linear - column) ** 2).mean() / (column**2).mean())
    assert found.linear_rms == pytest.approx(rms, rel=1e-4, abs=1e-6)
    worst = np.abs(linear - column).max() / column.max()
    assert found.linear_worst == pytest.approx(worst, rel=1e-4, abs=1e-6)
    assert found.worst_drop == near((1 - seen / cells).max(), rel=1e-4)
    assert found.reads >= 100
    if law == "linear" and kind != "select_line":
        assert found.linear_rms < 1e-6


def test_nonlinear_cells_and_select_lines_are_off_where_inputs_are() -> None:
    """With a third of the inputs at 0 the linearised arrays miss; with all of them on they do not."""
    for kind, law in (("passive", "sinh"), ("layer_parallel", "sinh"), ("select_line", "linear")):
        some, every = (
            sampled(made(array(kind, law), INPUTS[kind], 2, images=constant(drive)), array(kind, law))[0].linear_rms
            for drive in (PATTERN[: INPUTS[kind]], np.ones(INPUTS[kind]))
        )
        assert every < 1e-6 < 1e-4 < some


@pytest.mark.parametrize("kind", ["passive", "transistor", "layer_parallel"])
def test_amplitudes_are_shares_of_the_read_voltage(kind: str) -> None:
    """Codes of 8 bits as voltages of linear cells: the power is that of the solved circuit."""
    one, codes = array(kind), np.array([255, 100, 0, 31, 200, 7, 90, 255])[: INPUTS[kind]]
    images = constant(codes / 255)
    layer = made(one, INPUTS[kind], 2, "input.coding=amplitude", "input.dac_bits=8", images=images)
    _, results, cells = reads_by_hand(layer, one, kind, "linear", codes / 255)
    found, _ = sampled(layer, one)
    ideal_w = ((VOLTS * codes / 255) ** 2 @ cells).sum()
    assert found.signal + found.sneak + found.wires == near(sum(r["power"] for r in results) / ideal_w)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_resistance_nothing_is_lost(kind: str, law: str) -> None:
    """Zero ohms and open off switches: the signal is ideal and no column current is missing.

    Floating pillars between electrodes that several rows share still sneak; what they take is drawn besides.
    """
    one = array(kind, law, wires=False)
    found, _ = sampled(made(one, INPUTS[kind], 2), one)
    assert found.signal == near(1, rel=1e-6)
    assert found.charge == near(1 + found.sneak, rel=1e-6)
    for loss in (found.wires, found.mean_drop, found.worst_drop, found.linear_rms, found.linear_worst):
        assert loss == pytest.approx(0, abs=1e-6)
    shared = kind in ("select_line", "plane", "wide comb", "comb2")
    assert found.sneak > 0.01 if shared else found.sneak == pytest.approx(0, abs=1e-6)


def test_pulse_width_inputs_stay_binary() -> None:
    """Sinh cells under pulses of any width dissipate V^2 G: no input stands between 0 and the read voltage."""
    one = array("layer_parallel", "sinh", wires=False)
    layer = made(one, 8, 2, "input.coding=pulse_width", "input.dac_bits=4")
    found, _ = sampled(layer, one)
    assert found.signal == near(1, rel=1e-6)


def test_where_sneak_is() -> None:
    """Undriven layers and rows sneak; off rows behind open transistors do not."""
    ones = constant(np.ones(12))
    for kind in ("layer_serial", "select_line", "plane"):
        found, _ = sampled(made(array(kind), 12, 2, images=ones), array(kind))
        assert found.sneak > 1e-4, kind
    few = array("passive", max_active_rows=2)
    assert sampled(made(few, ROWS, 2, images=ones[:, :ROWS]), few)[0].sneak > 1e-7
    access = array("transistor", max_active_rows=2)
    found, _ = sampled(made(access, ROWS, 2, images=ones[:, :ROWS]), access)
    assert found.sneak == 0
    assert found.wires > 0.1


def test_dark_images_leave_the_ideal_shares() -> None:
    """Without any input on there is nothing to compare with: ratios of an ideal array, no error."""
    one = array("layer_parallel")
    found, _ = sampled(made(one, 8, 2, images=np.zeros((3, 8), np.float32)), one)
    assert (found.signal, found.sneak, found.wires, found.charge) == (1, 0, 0, 1)
    assert (found.mean_drop, found.linear_rms, found.linear_worst) == (0, 0, 0)


def test_draws_follow_the_seed() -> None:
    """The same seed draws the same reads, another one others."""
    one = array("layer_parallel", "sinh")
    layer = made(one, 30, 3)
    assert sampled(layer, one)[0] == sampled(layer, one)[0] != sampled(layer, one, seed=3)[0]


def test_losses_scale_the_activity() -> None:
    """Ratios times the ideal conductance sums; drives, spikes and conversions stay."""
    active = LayerActivity("fc", 8, 5.0, 2e-3, 0.0, 0.0, 3e-3, 7.0, 9, 1.0)
    reads = SampledReads("fc", 128, 0.5, 0.25, 0.125, 2.0, 0.1, 0.2, 0.0, 0.0)
    expected = LayerActivity("fc", 8, 5.0, 1e-3, 0.5e-3, 0.25e-3, 6e-3, 7.0, 9, 1.0)
    assert with_losses(active, reads) == expected
