"""Inputs of several voltages on nonlinear cells: against the laws, the eager reference and linear cells."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.activities import default_activity, measured
from pillarsim.arch.compute.converters import ConverterRange, calibrate, full_scale, smallest_shift
from pillarsim.arch.compute.fixed_point import fix_layer
from pillarsim.arch.compute.layer import LayerSetup, ReadCounts, run_layer
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule, read_rule
from pillarsim.arch.compute.reference import reference_sums
from pillarsim.arch.compute.response import Response
from pillarsim.arch.compute.windows import gather_windows
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Codes, PlacedLayer
from pillarsim.devices.current_voltage import Law, Linear, Polynomial, PooleFrenkel, Sinh
from tests.arch.compute import made
from tests.near import near

READ_V, ROOM_K = 0.3, 300.0
LAWS: dict[str, Law] = {"sinh": Sinh(0.1), "poole_frenkel": PooleFrenkel(25.0, 10e-9), "polynomial": Polynomial()}
EVERY_LAW = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
SEEDS = range(8)


def ruled(law: Law, chunk_bits: int, **changes: object) -> ReadRule:
    """A rule whose levels lie within every law's range."""
    low, high = (7e-5, 1.9e-4) if isinstance(law, Polynomial) else (1.7e-6, 1e-4)
    response = Response(law, READ_V, (1 << chunk_bits) - 1, ROOM_K)
    return made.with_rule(chunk_bits=chunk_bits, g_min_s=low, g_max_s=high, response=response, **changes)


def spread(rule: ReadRule, one: PlacedLayer, seed: int) -> ProgrammedLayer:
    """Cells off their targets, none outside the fit of the polynomial."""
    device = made.device(rule, one, 0.2, seed)
    if rule.response is not None and isinstance(rule.response.law, Polynomial):
        return replace(device, conductance_s=device.conductance_s.clamp(7e-5, 1.9e-4))
    return device


def run(
    one: PlacedLayer, device: ProgrammedLayer, rule: ReadRule, converter: ConverterRange, codes: NDArray[np.int32]
) -> tuple[NDArray[np.float64], ReadCounts]:
    """The kernel's accumulators and counts."""
    return run_layer(LayerSetup(one, rule, converter, fix_layer(one, device, rule, converter), np.uint64(7)), codes, 0)


def case(law: Law, seed: int) -> tuple[ReadRule, PlacedLayer, NDArray[np.int32]]:
    """A layer on small arrays: chunks of 2 to 8 bits, signed or not, added before or after the conversion."""
    random = np.random.default_rng(seed)
    rule = ruled(law, (2, 3, 4, 8)[seed % 4], bits=int(random.integers(4, 9)), analog_accumulate=seed % 3 == 0)
    one = made.layer(rule, made.Shape(), random, inputs=Codes(8, seed % 2 == 1, 1.0), array_rows=13, active=7)
    return rule, one, made.codes(one, 3, random)


@EVERY_LAW
@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_equals_the_reference(law: Law, seed: int) -> None:
    """The tables of the kernel give every code that I(V, G) of each cell gives in float64, and clip as often."""
    rule, one, codes = case(law, seed)
    device, converter = spread(rule, one, seed), full_scale(one, rule)
    sums, counts = run(one, device, rule, converter, codes)
    fixed = fix_layer(one, device, rule, converter)
    expected = reference_sums(one, device, rule, converter, fixed.fraction, torch.from_numpy(codes))
    np.testing.assert_array_equal(sums, expected.sums.numpy())
    assert counts.clipped == expected.clipped


@EVERY_LAW
@pytest.mark.parametrize("kept", [False, True])
def test_neurons_count_the_same_spikes(law: Law, kept: bool) -> None:
    """Spikes of integrate-and-fire readout are those of the reference's currents."""
    rule, one, codes = case(law, 5)
    rule = replace(rule, spikes=replace(made.NEURON, gain=0.137, dead=0.01, kept=kept))
    device, converter = spread(rule, one, 5), full_scale(one, rule)
    sums, counts = run(one, device, rule, converter, codes)
    fixed = fix_layer(one, device, rule, converter)
    expected = reference_sums(one, device, rule, converter, fixed.fraction, torch.from_numpy(codes))
    np.testing.assert_allclose(sums, expected.sums.numpy(), rtol=1e-9, atol=1e-6)
    assert (counts.clipped, counts.spikes) == (expected.clipped, expected.spikes)
    assert counts.spikes > 100


@EVERY_LAW
def test_grouping_of_images_changes_nothing(law: Law) -> None:
    """An image's sums, read noise included, do not depend on the images beside it."""
    rule, one, codes = case(law, 3)
    rule = replace(rule, read_noise=0.05)
    device, converter = spread(rule, one, 3), full_scale(one, rule)
    setup = LayerSetup(one, rule, converter, fix_layer(one, device, rule, converter), np.uint64(7))
    whole, tail = run_layer(setup, codes, 0)[0], run_layer(setup, codes[1:], 1)[0]
    np.testing.assert_array_equal(whole[one.matrix.windows :], tail)


@EVERY_LAW
def test_column_gains_scale_currents(law: Law) -> None:
    """What a trimmed column sees differs from its cells' currents by the gain, at every voltage."""
    rule, one, codes = case(law, 3)
    device = spread(rule, one, 3)
    gained = replace(device, effective_s=device.conductance_s * 1.25)
    converter = full_scale(one, rule)
    fixed = fix_layer(one, gained, rule, converter)
    sums, _ = run(one, gained, rule, converter, codes)
    expected = reference_sums(one, gained, rule, converter, fixed.fraction, torch.from_numpy(codes))
    np.testing.assert_array_equal(sums, expected.sums.numpy())
    assert (sums != run(one, device, rule, converter, codes)[0]).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_vanishing_nonlinearity_is_the_linear_chip(seed: int) -> None:
    """sinh cells of a very large V0 give the codes of linear cells bit for bit, on and off their targets."""
    rule, one, codes = case(Sinh(1e5), seed)
    straight, converter = replace(rule, response=None), full_scale(one, rule)
    for device in (made.device(rule, one), spread(rule, one, seed)):
        sums, counts = run(one, device, rule, converter, codes)
        expected, linear = run(one, device, straight, converter, codes)
        np.testing.assert_array_equal(sums, expected)
        assert counts.clipped == linear.clipped
        np.testing.assert_allclose(counts.drive[0], linear.drive, rtol=1e-9)
        np.testing.assert_allclose(counts.drive_squared[0], linear.drive_squared, rtol=1e-9)


def one_cell(law: Law, chunk_bits: int) -> tuple[ReadRule, PlacedLayer]:
    """One pair, its positive cell at the top level; the read resolves every unit step."""
    rule = ruled(law, chunk_bits, weight_bits=8, bits_per_cell=7, bits=24)
    one = made.layer(rule, made.linear(1, 1), np.random.default_rng(0), inputs=Codes(chunk_bits, False, 1.0))
    return rule, replace(one, matrix=replace(one.matrix, weight=np.array([[127]], np.int32)))


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 4.0, 6.0])
def test_mismatch_at_half_scale(ratio: float) -> None:
    """A half-scale input of a sinh cell reads 1 / cosh(V_r / 2 V0) of its linear share; 0 and full scale are exact.

    The pair's other cell is at the lowest level, with the same shape, so the difference follows it as well.
    """
    rule, one = one_cell(Sinh(READ_V / ratio), 15)
    top = (1 << 15) - 1
    codes = np.array([[0], [top // 2], [top]], np.int32)
    sums, _ = run(one, made.device(rule, one), rule, full_scale(one, rule), codes)
    assert (sums[0, 0], sums[2, 0]) == (0, 127 * top)
    expected = 127 * top * math.sinh(ratio * (top // 2) / top) / math.sinh(ratio)
    assert abs(sums[1, 0] - expected) <= 1.0
    assert sums[1, 0] / sums[2, 0] == near(0.5 / math.cosh(ratio / 2), rel=2e-4)


@EVERY_LAW
def test_binary_inputs_are_immune(law: Law) -> None:
    """Codes of 0 and full scale give what linear cells give, bit for bit."""
    rule = ruled(law, 4, bits=8)
    random = np.random.default_rng(2)
    one = made.layer(rule, made.Shape(), random, inputs=Codes(4, False, 1.0), array_rows=13, active=7)
    codes = (15 * random.integers(0, 2, (4, *one.matrix.in_shape))).astype(np.int32)
    converter = full_scale(one, rule)
    device = spread(rule, one, 1)
    sums, _ = run(one, device, rule, converter, codes)
    np.testing.assert_array_equal(sums, run(one, device, replace(rule, response=None), converter, codes)[0])


def direct(rule: ReadRule, one: PlacedLayer, device: ProgrammedLayer, codes: NDArray[np.int32]) -> tuple[float, float]:
    """Mean over windows of sum V I / V_r^2 and sum I / V_r over chunks and all cells, straight from the law."""
    assert rule.response is not None
    law, top = rule.response.law, rule.response.top
    slopes = law.slope_from(device.conductance_s.double().numpy(), READ_V, ROOM_K)
    rows, plan = gather_windows(codes, one.matrix), rule.chunks(one.matrix.input)
    power = charge = 0.0
    for window in rows:
        for chunk in plan:
            volts = READ_V * ((window >> chunk.shift) & chunk.high) / top
            current = np.asarray(law.current_a(slopes, volts[None, :, None, None], ROOM_K)).sum(axis=(0, 2, 3))
            power += float(volts @ current) / READ_V**2
            charge += float(current.sum()) / READ_V
    return power / len(rows), charge / len(rows)


@EVERY_LAW
def test_energy_sums_are_those_of_the_currents(law: Law) -> None:
    """Dissipation and charge of a window are sums of V I and of I of every cell that is driven."""
    rule, one, codes = case(law, 5)
    device, converter = spread(rule, one, 5), full_scale(one, rule)
    _, counts = run(one, device, rule, converter, codes)
    activity = measured(one, rule, [fix_layer(one, device, rule, converter).row_conductance_s], [counts])
    power, charge = direct(rule, one, device, codes)
    assert activity.conductance_s == near(power, rel=1e-12)
    assert activity.conductance_time == near(charge, rel=1e-12)


@EVERY_LAW
def test_default_activity_is_that_of_uniform_codes(law: Law) -> None:
    """Without images each chunk value is equally likely: one window of each code of 4 bits has the same means."""
    rule = ruled(law, 4)
    one = made.layer(rule, made.linear(6, 3), np.random.default_rng(1), inputs=Codes(4, False, 1.0))
    device = spread(rule, one, 1)
    placement = made.alone(one)
    found = default_activity(placement, [device], rule)[0]
    every = np.repeat(np.arange(16, dtype=np.int32)[:, None], 6, axis=1).reshape(16, *one.matrix.in_shape)
    power, charge = direct(rule, one, device, every)
    assert found.conductance_s == near(power, rel=1e-12)
    assert found.conductance_time == near(charge, rel=1e-12)


@EVERY_LAW
@pytest.mark.parametrize("together", [False, True])
def test_read_noise_follows_the_current(law: Law, together: bool) -> None:
    """The variance of many reads is the sum over cells of (read_noise I)^2, each with its chunk's weight squared."""
    rule = ruled(law, 2, read_noise=0.1, bits=20, bits_per_cell=4, weight_bits=5, analog_accumulate=together)
    random = np.random.default_rng(3)
    one = made.layer(rule, made.linear(12, 2), random, inputs=Codes(4, False, 1.0))
    device, converter = spread(rule, one, 3), full_scale(one, rule)
    assert converter.shift == (0,)
    codes = np.repeat(made.codes(one, 1, random), 40_000, axis=0)
    sums, _ = run(one, device, rule, converter, codes)
    slopes = law.slope_from(device.conductance_s.double().numpy(), READ_V, ROOM_K)
    expected = np.zeros(2)
    for shift in (0, 2):
        volts = READ_V * ((codes[0].ravel() >> shift) & 3) / 3
        current = np.asarray(law.current_a(slopes, volts[None, :, None, None], ROOM_K))
        cells = (0.1 * current * 3 / (READ_V * rule.step_s)) ** 2
        expected += 4.0**shift * cells.sum(axis=(0, 1, 3))
    rounding = 1 / 12 if together else (1 + 4.0**2) / 12  # of conversions to whole unit steps
    np.testing.assert_allclose(sums.var(axis=0), expected + rounding, rtol=0.04)


def test_calibrated_range_follows_the_currents() -> None:
    """Converters calibrated on data fit the sums of nonlinear cells, which are smaller than linear ones'."""
    rule = ruled(Sinh(0.03), 8, bits=8, calibrated=True)
    random = np.random.default_rng(4)
    one = made.layer(rule, made.linear(20, 4), random, inputs=Codes(8, False, 1 / 255))
    images = random.random((30, 20, 1, 1), dtype=np.float32)
    placement = made.alone(one)
    found = calibrate(placement, rule, images)[0]
    codes = np.floor(images.astype(np.float64) * 255 + 0.5).astype(np.int32)
    volts = READ_V * codes.reshape(30, 20) / 255
    levels = (made.device(rule, one).conductance_s.double().numpy() - rule.g_min_s) / rule.step_s
    sums = 255 * np.einsum("wr,ros->wos", np.sinh(volts / 0.03) / math.sinh(10.0), levels[0] - levels[1])
    wanted = []
    for s in range(one.slices):
        largest = float(np.abs(sums[..., s]).max())
        wanted.append(smallest_shift(-largest, largest, found.low, found.high))
    assert found.shift == tuple(wanted)
    linear = calibrate(placement, replace(rule, response=None), images)[0]
    assert all(k < straight for k, straight in zip(found.shift, linear.shift, strict=True))


def test_cells_outside_the_fit_are_refused() -> None:
    """A polynomial cell that programming put outside 50 to 225 uS is an input error."""
    rule, one, _ = case(Polynomial(), 1)
    device = made.device(rule, one)
    device.conductance_s[0, 0, 0, 0] = 4e-4
    with pytest.raises(InputError, match=r"array\.cell\.iv: .* 1 of \d+ cells lie outside"):
        fix_layer(one, device, rule, full_scale(one, rule))


def test_single_columns_are_refused() -> None:
    """A digital offset assumes contributions in proportion to the input."""
    response = Response(Linear(), READ_V, 3, ROOM_K)
    for scheme, analog in (("offset", True), ("differential", False)):
        with pytest.raises(ValueError, match="response: expected None"):
            made.with_rule(scheme=scheme, analog_subtract=analog, chunk_bits=2, response=response)


@EVERY_LAW
def test_drives_end_at_full_scale(law: Law) -> None:
    """Every term's drive is 0 at 0 and 2^d - 1 at the largest chunk, and a cell's terms sum to its I / V there."""
    response = Response(law, READ_V, 15, ROOM_K)
    np.testing.assert_array_equal(response.drives()[[0, -1]], np.outer([0, 15], np.ones(response.terms)))
    cells = np.linspace(8e-5, 1.8e-4, 24).reshape(2, 3, 2, 2)
    np.testing.assert_allclose(response.conductances_s(cells).sum(axis=2), cells, rtol=1e-11)
    powers, squares = response.powers(), response.squares(response.conductances_s(cells))
    np.testing.assert_allclose(np.einsum("m,prmos->pros", powers[-1], squares), (15 * cells) ** 2, rtol=1e-10)


@pytest.mark.parametrize(
    ("law", "coding", "expected"),
    [
        ("{model: linear}", "amplitude", None),
        ("{model: sinh, voltage: 0.1 V}", "amplitude, dac_bits: 1", None),
        ("{model: sinh, voltage: 0.1 V}", "pulse_width", None),
        ("{model: sinh, voltage: 0.1 V}", "bit_serial", None),
        ("{model: sinh, voltage: 0.1 V}", "amplitude, dac_bits: 4", Response(Sinh(0.1), 0.2, 15, ROOM_K)),
        ("{model: polynomial}", "amplitude", Response(Polynomial(), 0.2, 255, ROOM_K)),
    ],
)
def test_rule_of_a_chip(law: str, coding: str, expected: Response | None) -> None:
    """Only nonlinear cells whose inputs are one of several voltages have a response; others read as ever."""
    cell = f"array.cell={{lrs: 5 kOhm, hrs: 18 kOhm, iv: {law}}}"
    driver = "dac_multibit" if "amplitude" in coding else "driver_1b"
    inputs = f"input={{coding: {coding}, bits: 8, driver: {{component: {driver}}}}}"
    chip = load_chip("hfox_planar_128", (cell, inputs, "array.access.on_resistance=0 Ohm")).chip
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    assert rule.response == expected


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_default_spikes_are_those_of_the_mean_current(law: Law) -> None:
    """One cell pair and a linear neuron: default spikes of a read are the mean current of all chunk values."""
    rule, one = one_cell(law, 4)
    rule = replace(rule, spikes=replace(made.NEURON, gain=0.01))
    device = made.device(rule, one)
    placement = made.alone(one)
    slopes = law.slope_from(device.conductance_s.double().numpy()[:, 0, 0, 0], READ_V, ROOM_K)
    volts = READ_V * np.arange(16) / 15
    currents = np.asarray(law.current_a(slopes[:, None], volts, ROOM_K))
    mean = float((currents[0] - currents[1]).mean()) * 15 / (READ_V * rule.step_s)
    assert default_activity(placement, [device], rule)[0].spikes == near(0.01 * mean, rel=1e-6)
