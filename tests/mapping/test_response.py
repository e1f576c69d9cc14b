"""Networks trained for a device on chips: scales, codes, refusals, and the chip against its integer reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.coding import input_codes
from pillarsim.arch.compute.converters import full_scale
from pillarsim.arch.compute.evaluate import set_up
from pillarsim.arch.compute.integer import integer_forward, integer_sums
from pillarsim.arch.compute.layer import run_layer
from pillarsim.arch.compute.program import ideal_layers, placement_levels
from pillarsim.arch.compute.reading import read_rule
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Codes, Placement
from pillarsim.mapping import cell_law, compile_network
from pillarsim.mapping.lower import lower
from pillarsim.mapping.quantize import coded_response
from pillarsim.workloads.forward import forward
from pillarsim.workloads.in_loop import Ranges, with_cells
from pillarsim.workloads.network import (
    BatchNorm,
    CellLaw,
    CellResponse,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    Relu,
)
from tests.near import near

_PLANAR = (
    "array.access.on_resistance=0 Ohm",
    "array.access.off_current=0 A",
    "array.read_voltage=0.5 V",
    "array.cell.read_noise=0",
    "input.coding=amplitude",
    "input.driver.component=dac_multibit",
    "readout.range=full_scale",
    "readout.bits=16",
)
_SINH = ("array.cell.iv.model=sinh", "array.cell.iv.voltage=0.15 V", "array.cell.iv.stated_at=0.5 V")
_POLYNOMIAL = (
    "array.cell.iv.model=polynomial",
    "array.cell.hrs=13 kOhm",
    "array.cell.lrs=4.75 kOhm",
    "array.cell.levels=16",
    "weights.bits=5",
    "weights.bits_per_cell=4",
)


def chip(*sets: str, bits: int = 5) -> Chip:
    """The planar preset with ideal, nonlinear cells at several voltages."""
    inputs = (f"input.bits={bits}", f"input.dac_bits={bits}")
    return load_chip("hfox_planar_128", (*_PLANAR, *inputs, *sets)).chip


def images(count: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).uniform(0, 1, (count, 2, 6, 6)).astype(np.float32)


def network(law: CellLaw | None) -> Network:
    """A convolution, pooling and two linear layers of random weights; 150 rows split over two arrays."""
    random = np.random.default_rng(7)

    def draw(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return random.normal(0, 0.3, shape).astype(np.float32)

    layers = (
        Conv2d("conv", draw(16, 2, 3, 3), draw(16), (1, 1), (1, 1)),
        Relu("relu1"),
        MaxPool2d("pool", (2, 2), (2, 2)),
        Flatten("flatten"),
        Linear("fc1", draw(20, 144), draw(20)),
        Relu("relu2"),
        Linear("fc2", draw(4, 20), draw(4)),
    )
    plain = Network("small", (2, 6, 6), layers, None)
    return plain if law is None else with_cells(plain, law, images(30), Ranges(99.0, 99.0))


def compiled(net: Network, on: Chip) -> Placement:
    return compile_network(
        net,
        images(30),
        array=on.array,
        tile=on.tile,
        weights=on.weights,
        bits_per_cell=on.bits_per_cell,
        inputs=on.input,
        mapping=on.mapping,
    )


@pytest.mark.parametrize("sets", [_SINH, _POLYNOMIAL], ids=["sinh", "polynomial"])
def test_ideal_chip_is_the_quantised_network(sets: tuple[str, ...]) -> None:
    """Ideal cells and converters of 16 bits give the reference's sums but for the rounding of each conversion."""
    on = chip(*sets)
    placement = compiled(network(cell_law(on.array)), on)
    rule = read_rule(on.array, on.weights, on.input, on.readout, on.bits_per_cell)
    ranges = [full_scale(layer, rule) for layer in placement.layers]
    assert max(shift for one in ranges for shift in one.shift) <= 1
    levels = placement_levels(placement, on.weights, on.bits_per_cell)
    setups = set_up(placement, ideal_layers(levels, on.array, on.bits_per_cell), rule, ranges, 0)
    random = np.random.default_rng(3)
    for setup in setups:
        layer = setup.layer
        channels, height, width = layer.matrix.in_shape
        codes = random.integers(0, layer.matrix.input.high + 1, (5, channels, height, width)).astype(np.int32)
        found, counts = run_layer(setup, codes, 0)
        expected = integer_sums(layer, codes)
        groups = sum(len(block.groups) for block in layer.row_blocks)
        worth = sum(2 ** (on.bits_per_cell * k + shift) for k, shift in enumerate(setup.converter.shift))
        assert counts.clipped == 0
        # Half an LSB a conversion; float32 conductances and fixed point take another hundredth.
        assert float(np.abs(found - expected).max()) <= 0.51 * groups * worth
        assert float(np.abs(expected).max()) > 20 * groups * worth


@pytest.mark.parametrize("sets", [_SINH, _POLYNOMIAL], ids=["sinh", "polynomial"])
def test_many_bits_are_the_float_network(sets: tuple[str, ...]) -> None:
    """With 10-bit inputs and the finest weights of a cell the integer network follows the float one."""
    fine = ("array.cell.levels=256", "weights.bits_per_cell=8", "weights.bits=9")
    on = chip(*sets, *fine, bits=10)
    net = network(cell_law(on.array))
    some = images(40, seed=1)
    exact = forward(net, torch.from_numpy(some)).numpy()
    found = integer_forward(compiled(net, on), some)
    assert float(np.abs(found - exact).max()) < 0.02 * float(np.abs(exact).max())


def test_scales_are_those_of_training() -> None:
    """Input codes end at the input scale and weight codes at the weight scale, whatever calibration would say."""
    on = chip(*_SINH)
    net = network(cell_law(on.array))
    placement = compiled(net, on)
    places = [layer for layer in net.layers if isinstance(layer, Conv2d | Linear)]
    for layer, placed in zip(places, placement.layers, strict=True):
        assert layer.response is not None
        matrix = placed.matrix
        assert not matrix.input.signed
        assert matrix.input.scale * matrix.input.high == near(layer.response.input_scale)
        assert int(np.abs(matrix.weight).max()) == 127
        share = layer.weight.reshape(len(layer.weight), -1).T / layer.response.weight_scale
        np.testing.assert_array_equal(matrix.weight, np.rint(np.clip(share.astype(np.float64), -1, 1) * 127))
    assert placement.layers[0].matrix.output == placement.layers[1].matrix.input
    assert placement.digest != compiled(network(None), on).digest


def test_coded_response_by_hand() -> None:
    """A sinh pair at half of V_r, 3 of 4 weight levels: 3 steps times the curve; a linear one multiplies codes."""
    weight = np.array([[3, -4]], np.int32)
    law = CellLaw("sinh", (("v0_v", 0.25),), 1.0, 1e-6, 9e-6)
    found = coded_response(CellResponse(law, 5.0, 0.7), weight, Codes(3, False, 5.0 / 7), 4)
    assert found.weights[:, 0].tolist() == [[3.0, -4.0]]
    assert found.inputs[0].tolist() == near([7 * np.sinh(4 * x / 7) / np.sinh(4) for x in range(8)], rel=1e-4)
    plain = coded_response(CellResponse(replace(law, name="linear", parameters=()), 5.0, 0.7), weight,
                           Codes(3, False, 5.0 / 7), 4)  # fmt: skip
    assert plain.inputs[0].tolist() == near(list(range(8)), rel=1e-12)


def test_responding_sums_do_not_depend_on_the_batch() -> None:
    """The tables lie on a grid, so that sums are exact in any order: one image gives what it gives among others."""
    on = chip(*_POLYNOMIAL)
    placement = compiled(network(cell_law(on.array)), on)
    some = images(7, seed=2)
    together = integer_forward(placement, some)
    for number in range(7):
        np.testing.assert_array_equal(integer_forward(placement, some[number : number + 1])[0], together[number])
    layer = placement.layers[1]
    codes = input_codes(np.random.default_rng(1).uniform(0, 1, (4, *layer.matrix.in_shape)), Codes(5, False, 1 / 31))
    backwards = replace(layer.matrix, weight=layer.matrix.weight[::-1])
    assert layer.matrix.response is not None
    response = replace(layer.matrix.response, weights=layer.matrix.response.weights[:, ::-1].copy())
    turned = replace(layer, matrix=replace(backwards, response=response))
    np.testing.assert_array_equal(
        integer_sums(turned, codes.reshape(4, -1)[:, ::-1].reshape(codes.shape).copy()), integer_sums(layer, codes)
    )


def test_conventional_networks_run_on_any_chip() -> None:
    """No response, or a linear one that only fixes ranges, is compiled for nonlinear cells too, bit by bit as well."""
    linear = CellLaw("linear", (), 0.2, 1e-6, 9e-6)
    serial = load_chip("hfox_planar_128", (*_PLANAR[:4], *_SINH, "input.bits=5")).chip
    for on in (chip(*_SINH), serial):
        assert compiled(network(None), on).layers[0].matrix.response is None
        placed = compiled(network(linear), on).layers[0].matrix.response
        assert placed is not None
        np.testing.assert_array_equal(placed.inputs, np.arange(32)[None])


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("array.cell.iv.model=linear",), "array.cell.iv: layer 'conv' has a response of a sinh .*the chip's .*linear"),
        ((*_SINH, "array.cell.iv.voltage=0.2 V"), "v0_v 0.15.*the chip's cells are sinh .*v0_v 0.2"),
        ((*_SINH, "array.read_voltage=0.4 V"), "array.read_voltage: layer 'conv'.*trained at 0.5 V, found 0.4 V"),
        ((*_SINH, "input.dac_bits=4"), "expected amplitude with dac_bits 5, found amplitude with 4"),
        ((*_SINH, "input.dac_bits=1", "input.coding=bit_serial"), "found bit_serial with 1 bit"),
        ((*_SINH, "input.coding=pulse_width"), "input.coding: layer 'conv'.*found pulse_width"),
    ],
)
def test_chips_that_compute_something_else(sets: tuple[str, ...], message: str) -> None:
    """A network trained for one cell is refused by a chip of another, naming the layer and what differs."""
    net = network(cell_law(chip(*_SINH).array))
    with pytest.raises(InputError, match=message):
        compiled(net, chip(*sets))


def test_laws_that_follow_the_conductance_need_its_range() -> None:
    """The polynomial's shape depends on the levels: other levels and several slices a weight are refused; sinh takes
    both."""
    net = network(cell_law(chip(*_POLYNOMIAL).array))
    with pytest.raises(InputError, match=r"array\.cell: layer 'conv'.*trained from"):
        compiled(net, chip(*_POLYNOMIAL, "array.cell.hrs=14 kOhm"))
    with pytest.raises(InputError, match=r"weights\.bits: layer 'conv'.*one pair of cells, 5 bits, found 8"):
        compiled(net, chip(*_POLYNOMIAL, "weights.bits=8"))
    shaped = network(cell_law(chip(*_SINH).array))
    assert compiled(shaped, chip(*_SINH, "array.cell.hrs=2 MOhm", "weights.bits=7")).layers


def test_the_law_of_a_chip() -> None:
    """`cell_law` takes law, read voltage and the conductances at it from the array."""
    on = chip(*_SINH).array
    law = cell_law(on)
    assert (law.name, law.parameters, law.read_voltage_v) == ("sinh", (("v0_v", 0.15),), 0.5)
    assert (law.g_min_s, law.g_max_s) == near((1 / 1.7e6, 1e-5))
    frenkel = ("array.cell.iv.model=poole_frenkel", "array.cell.iv.permittivity=22", "array.cell.iv.thickness=20 nm")
    assert cell_law(chip(*frenkel).array).parameters == (("permittivity_relative", 22.0), ("thickness_m", 2e-8))
    assert cell_law(load_chip("hfox_planar_128").chip.array).name == "linear"


def test_batch_norm_behind_a_response() -> None:
    """Folding it would change the range of the weights: it stays an operator of its own."""
    ones = np.ones(3, np.float32)
    response = CellResponse(CellLaw("linear", (), 0.2, 1e-6, 9e-6), 1.0, 1.0)
    conv = Conv2d("conv", np.ones((3, 2, 3, 3), np.float32), ones, response=response)
    last = Conv2d("last", np.ones((1, 3, 1, 1), np.float32), np.zeros(1, np.float32))
    net = Network("normed", (2, 6, 6), (conv, BatchNorm("norm", ones, ones, ones, ones), last), None)
    assert [node.name for node in lower(net).nodes] == ["conv", "norm", "last"]
