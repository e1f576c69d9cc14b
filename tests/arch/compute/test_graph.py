"""Networks with branches on codes: the integer network against floats, the ideal chip against the integer network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import evaluate
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.compute.program import ideal_layers, placement_levels
from pillarsim.arch.compute.reading import read_rule
from pillarsim.arch.placement import Placement
from pillarsim.mapping import compile_network
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import Network
from tests.arch.compute.graphs import attention, binary, branching

NETWORKS = pytest.mark.parametrize("make", [branching, attention, binary])


def compiled(network: Network, inputs: NDArray[np.float32], *sets: str) -> tuple[Chip, Placement]:
    """The network on the default chip with changes, calibrated on `inputs`."""
    chip = load_chip("hfox_planar_128", sets).chip
    placement = compile_network(
        network, inputs, array=chip.array, tile=chip.tile, weights=chip.weights, bits_per_cell=chip.bits_per_cell,
        inputs=chip.input, mapping=chip.mapping,
    )  # fmt: skip
    return chip, placement


def drawn(network: Network, count: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).uniform(-1, 1, (count, *network.input_shape)).astype(np.float32)


@NETWORKS
def test_finer_codes_come_nearer_to_floats(make: Callable[[], Network]) -> None:
    """With 16-bit codes the integer network is within 0.5 % of the float one, and nearer than with 8 bits."""
    network = make()
    inputs = drawn(network, 8)
    wanted = forward(network, torch.from_numpy(inputs).double()).flatten(1).numpy()
    errors = []
    for bits in (16, 8):
        _, placement = compiled(network, inputs, f"input.bits={bits}", f"weights.bits={bits}")
        errors.append(float(np.abs(integer_forward(placement, inputs) - wanted).max() / np.abs(wanted).max()))
    assert errors[0] < 0.005
    assert errors[0] < 0.2 * errors[1] or errors[1] < 1e-3


@NETWORKS
def test_ideal_chip_equals_the_integer_network(make: Callable[[], Network]) -> None:
    """Cells on target and converters that cover every sum give the integer network's outputs bit for bit."""
    network = make()
    inputs = drawn(network, 6)
    chip, placement = compiled(network, inputs, "readout.bits=12", "readout.range=full_scale")
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    levels = placement_levels(placement, chip.weights, chip.bits_per_cell)
    device = ideal_layers(levels, chip.array, chip.bits_per_cell)
    noiseless = rule.__class__(**{**vars(rule), "read_noise": 0.0})
    found = evaluate(placement, [device], noiseless, converter_ranges(placement, noiseless), inputs, seeds=[1])
    np.testing.assert_array_equal(found.logits[0], integer_forward(placement, inputs))


def test_each_input_stands_for_itself() -> None:
    """An input's outputs do not depend on which others it is computed with."""
    network = attention()
    inputs = drawn(network, 8)
    _, placement = compiled(network, inputs)
    np.testing.assert_array_equal(integer_forward(placement, inputs)[3:5], integer_forward(placement, inputs[3:5]))


def test_depthwise_groups_share_arrays() -> None:
    """A depthwise convolution is dense matrices of several channels, as many as an array's rows and columns hold."""
    network = branching()
    _, placement = compiled(network, drawn(network, 4))
    stage = next(stage for stage in placement.stages if stage.name == "c2")
    parts = [placement.layers[number] for number in stage.layers]
    assert [part.channels for part in parts] == [(0, 8), (8, 16)]  # 14 fit 128 rows, balanced over the fewest arrays
    assert all(part.matrix.weight.shape == (72, 8) and part.arrays == 1 for part in parts)
    for part in parts:
        blocks = part.matrix.weight.reshape(8, 9, 8)
        off = ~np.eye(8, dtype=bool)
        assert not blocks.transpose(0, 2, 1)[off].any()
        assert blocks.transpose(0, 2, 1)[~off].any()
