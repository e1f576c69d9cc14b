"""Column-gain calibration: sums of the targets with all inputs on, and what it mends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pillarsim.arch.circuit.gain import calibrate_gains
from pillarsim.arch.circuit.run import Devices, solve_arrays
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import evaluate
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.compute.program import ideal_layers
from pillarsim.arch.errors import InputError
from tests.arch.circuit.builders import Floats, Made, array, made

CELL = {"lrs": "50 kOhm", "hrs": "1 MOhm", "levels": 4}
SPREAD = CELL | {"programming_error": {"lrs": 0.2, "hrs": 0.5}}
THIN = {"word_line_segment": "30 Ohm", "bit_line_segment": "30 Ohm"}


def solved(layer: Made, column_gain: str) -> Devices:
    """The layer's device as its converters see it."""
    found = solve_arrays(
        layer.placement, layer.levels, [layer.device], layer.rule, layer.chip.array, 300.0,
        column_gain=column_gain, images=layer.images, seed=1,
    )  # fmt: skip
    return found.devices


@pytest.mark.parametrize("circuit", ["exact", "ideal"])
@pytest.mark.parametrize("subtract", ["analog", "digital"])
def test_all_inputs_on_give_the_sums_of_the_targets(circuit: str, subtract: str) -> None:
    """In each row block, over a pair subtracted in analog, else over each column; wires or written cells off."""
    one = array("passive", rows=6, columns=8, circuit=circuit, resistance=THIN, cell=SPREAD)
    layer = made(one, 15, 8, f"weights.subtract={subtract}", "write.verify=null")
    (found,) = solved(layer, "calibrated")[0]
    (target,) = ideal_layers(layer.levels, one, 2)
    axes = (0, 1) if subtract == "analog" else (1,)
    blocks = layer.placement.layers[0].row_blocks
    assert len(blocks) == 3
    for block in blocks:
        seen, wanted = (g.double()[:, block.start : block.stop].sum(dim=axes) for g in (found.seen_s, target.seen_s))
        torch.testing.assert_close(seen, wanted, rtol=1e-6, atol=0)
    before = solved(layer, "nominal")[0][0].seen_s
    ratio = (found.seen_s / before).double()
    for block in blocks:  # one gain an output, whatever the row
        gains = ratio[:, block.start : block.stop]
        torch.testing.assert_close(gains, gains[:, :1].expand_as(gains), rtol=1e-6, atol=0)
    assert found.conductance_s is layer.device[0].conductance_s


def test_perfect_cells_without_wires_need_no_gain() -> None:
    """The targets themselves stay as they are."""
    one = array("passive", wires=False)
    layer = made(one, 9, 2)
    target = ideal_layers(layer.levels, one, 2)
    (found,) = calibrate_gains(layer.placement.layers, target, target, True)
    torch.testing.assert_close(found.seen_s, target[0].conductance_s, rtol=1e-6, atol=0)


def test_an_output_without_current_has_no_gain() -> None:
    """Columns that see nothing with all inputs on are refused by key, not divided by."""
    layer = made(array("passive", wires=False), 9, 2)
    seen = layer.device[0].conductance_s.clone()
    seen[:, :4, 0] = 0
    dead = replace(layer.device[0], effective_s=seen)
    target = ideal_layers(layer.levels, layer.chip.array, 2)
    with pytest.raises(InputError, match=r"readout\.column_gain: layer 'fc': 1 of 2 outputs"):
        calibrate_gains(layer.placement.layers, target, [dead], True)


def test_a_dropping_array_is_mended_in_the_mean() -> None:
    """64 rows on 30 Ohm segments: logits come closer to the integer network's, and more images come out as there."""
    one = array("passive", rows=64, columns=64, resistance=THIN, cell=CELL)
    layer = made(
        one, 64, 32, "readout.range=full_scale", "readout.bits=14",
        images=np.random.default_rng(0).random((300, 64), dtype=np.float32),
    )  # fmt: skip
    wanted = integer_forward(layer.placement, layer.images)
    off, right = {}, {}
    for gain in ("nominal", "calibrated"):
        found = evaluate(
            layer.placement, solved(layer, gain), layer.rule, converter_ranges(layer.placement, layer.rule),
            layer.images, seeds=[0],
        )  # fmt: skip
        right[gain] = float((found.logits[0].argmax(axis=1) == wanted.argmax(axis=1)).mean())
        off[gain] = _distance(found.logits[0], wanted)
    assert off["calibrated"] < 0.6 * off["nominal"]
    assert right["calibrated"] > right["nominal"] + 0.05


def _distance(logits: Floats, wanted: Floats) -> float:
    """Root mean square of a difference over that of what is wanted."""
    return float(np.sqrt(((logits - wanted) ** 2).mean() / (wanted**2).mean()))
