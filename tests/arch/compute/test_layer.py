"""One layer: the kernels against the eager reference, the integer network and arrays solved by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pillarsim.arch.compute.converters import ConverterRange, full_scale
from pillarsim.arch.compute.fixed_point import fix_layer
from pillarsim.arch.compute.integer import integer_sums
from pillarsim.arch.compute.layer import LayerSetup, ReadCounts, run_layer
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.reference import reference_sums
from pillarsim.arch.placement import Codes, PlacedLayer, QuantizedMatrix
from tests.arch.compute import made


def run(
    one: PlacedLayer,
    device: ProgrammedLayer,
    rule: ReadRule,
    converter: ConverterRange,
    codes: NDArray[np.int32],
    first_image: int = 0,
    shortcut: bool = True,
) -> tuple[NDArray[np.float64], ReadCounts]:
    """The kernels' accumulators and counts."""
    setup = LayerSetup(one, rule, converter, fix_layer(one, device, rule, converter), np.uint64(7), shortcut)
    return run_layer(setup, codes, first_image)


@st.composite
def rules(draw: st.DrawFn) -> ReadRule:
    """Any coding of weights and inputs."""
    scheme = draw(st.sampled_from(["differential", "offset", "offset_flip"]))
    bits = draw(st.integers(2, 9))
    high = draw(st.floats(2e-6, 1e-3))
    return made.with_rule(
        scheme=scheme,
        weight_bits=bits,
        bits_per_cell=draw(st.integers(1, min(bits, 5))),
        analog_subtract=draw(st.booleans()) if scheme == "differential" else True,
        analog_accumulate=draw(st.booleans()),
        chunk_bits=draw(st.integers(1, 4)),
        g_max_s=high,
        g_min_s=high / draw(st.floats(1.2, 1000)),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[ReadRule, PlacedLayer, NDArray[np.int32]]:
    """A rule, a layer on arrays of any size, and input codes."""
    rule = draw(rules())
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.integers(1, 3))
    shape = made.Shape(
        (draw(st.integers(1, 3)), 4, 5),
        draw(st.integers(1, 5)),
        (kernel, kernel),
        (draw(st.integers(1, 2)), 1),
        (draw(st.integers(0, 1)), 1),
    )
    signed = draw(st.booleans())
    inputs = Codes(draw(st.integers(2 if signed else 1, 10)), signed, 1.0)
    rows = draw(st.integers(1, 30))
    one = made.layer(rule, shape, random, inputs=inputs, array_rows=rows, active=draw(st.integers(1, rows)))
    return rule, one, made.codes(one, 3, random, draw(st.sampled_from([0.3, 1.0])))


def enough_bits(rule: ReadRule, one: PlacedLayer) -> ReadRule:
    """The rule with a converter that resolves every unit step."""
    for bits in range(1, 40):
        wide = replace(rule, bits=bits)
        # One bit for sums of either sign has the codes -1 and 0, which cover no positive sum.
        if not any(full_scale(one, wide).shift) and wide.code_range(one.matrix.input)[1] > 0:
            return wide
    raise AssertionError("no converter is wide enough")


@settings(max_examples=120, deadline=None)
@given(cases(), st.booleans())
def test_ideal_chip_is_the_integer_network(
    case: tuple[ReadRule, PlacedLayer, NDArray[np.int32]], shortcut: bool
) -> None:
    """Ideal cells of any on-off ratio and enough converter bits give the integer network's sums bit for bit."""
    rule, one, codes = case
    rule = enough_bits(rule, one)
    sums, counts = run(one, made.device(rule, one), rule, full_scale(one, rule), codes, shortcut=shortcut)
    np.testing.assert_array_equal(sums, integer_sums(one, codes))
    assert counts.clipped == 0


@settings(max_examples=120, deadline=None)
@given(cases(), st.integers(1, 8), st.integers(0, 3), st.booleans())
def test_kernels_equal_the_reference(
    case: tuple[ReadRule, PlacedLayer, NDArray[np.int32]], bits: int, finer: int, spiking: bool
) -> None:
    """With programming error, coarse or clipping converters and spike counters, sums and counts equal eager torch."""
    rule, one, codes = case
    rule = replace(rule, bits=bits)
    if spiking:
        neuron = replace(made.NEURON, gain=0.37, dead=0.01 * finer, kept=finer % 2 == 1, bipolar=finer > 1)
        rule = replace(rule, spikes=neuron)
    converter = full_scale(one, rule)
    converter = replace(converter, shift=tuple(max(0, k - finer) for k in converter.shift))
    device = made.device(rule, one, sigma=0.2, seed=bits)
    fixed = fix_layer(one, device, rule, converter)
    sums, counts = run(one, device, rule, converter, codes)
    expected = reference_sums(one, device, rule, converter, fixed.fraction, torch.from_numpy(codes))
    if spiking:
        np.testing.assert_allclose(sums, expected.sums.numpy(), rtol=1e-9, atol=1e-6)
    else:
        np.testing.assert_array_equal(sums, expected.sums.numpy())
    assert (counts.clipped, counts.spikes) == (expected.clipped, expected.spikes)


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, 31, 128, 300])
def test_every_row_count_packs(rows: int) -> None:
    """Rows that fill no whole table of 4 or byte of 8 are summed as well, with 8-bit conversions of 128 rows."""
    rule = made.with_rule(bits=8)
    random = np.random.default_rng(rows)
    one = made.layer(rule, made.linear(rows, 40), random)
    device = made.device(rule, one, 0.3)
    converter = full_scale(one, rule)
    fixed = fix_layer(one, device, rule, converter)
    assert fixed.packed
    codes = made.codes(one, 20, random, 0.5)
    sums, counts = run(one, device, rule, converter, codes)
    expected = reference_sums(one, device, rule, converter, fixed.fraction, torch.from_numpy(codes))
    np.testing.assert_array_equal(sums, expected.sums.numpy())
    assert counts.clipped == expected.clipped


def hand_layer(rule: ReadRule, weight: list[list[int]], inputs: Codes) -> PlacedLayer:
    """A linear layer with given weights (R, O) on one array."""
    matrix = QuantizedMatrix(
        weight=np.array(weight, np.int32),
        bias=np.zeros(len(weight[0]), np.int64),
        multiplier=np.ones(len(weight[0])),
        input=inputs,
        output=None,
        kernel=(1, 1),
        stride=(1, 1),
        padding=(0, 0, 0, 0),
        in_shape=(len(weight), 1, 1),
        out_shape=(len(weight[0]), 1, 1),
    )
    return made.placed(rule, matrix, made.blocks(len(weight), 128, 128))


def test_clipping_by_hand() -> None:
    """A 2x2 array of pairs with a 2-bit converter, codes -2 to 1: sums 3 and 2 clip to 1, -3 clips to -2."""
    rule = made.with_rule(weight_bits=3, bits_per_cell=2, bits=2)
    one = hand_layer(rule, [[1, -3], [2, 1]], Codes(1, False, 1.0))
    converter = ConverterRange((0,), -2, 1)
    codes = np.array([[1, 1], [0, 1], [1, 0], [0, 0]], np.int32)
    sums, counts = run(one, made.device(rule, one), rule, converter, codes)
    # Windows by outputs: 1+2 -> 1, -3+1 -> -2; 2 -> 1, 1; 1, -3 -> -2; nothing driven.
    np.testing.assert_array_equal(sums, [[1, -2], [1, 1], [1, -2], [0, 0]])
    assert counts.clipped == 3
    np.testing.assert_array_equal(counts.driven, [2, 2])


def test_coarse_lsb_by_hand() -> None:
    """With an LSB of 4 unit steps, sums 5, 6, -6 and -7 give codes floor(s / 4 + 0.5) = 1, 2, -1 and -2."""
    rule = made.with_rule(weight_bits=4, bits_per_cell=3, bits=8)
    one = hand_layer(rule, [[5, 6, -6, -7]], Codes(1, False, 1.0))
    sums, _ = run(one, made.device(rule, one), rule, ConverterRange((2,), -128, 127), np.ones((1, 1), np.int32))
    np.testing.assert_array_equal(sums, [[4, 8, -4, -8]])


def test_spikes_by_hand() -> None:
    """Gain 0.4 a unit step: sums 7 and -3 give drives 2.8 and -1.2, counts 2 and -1, worth 2.5 steps each."""
    rule = made.with_rule(weight_bits=4, bits_per_cell=3, bits=8, spikes=replace(made.NEURON, gain=0.4))
    one = hand_layer(rule, [[7, -3]], Codes(1, False, 1.0))
    sums, counts = run(one, made.device(rule, one), rule, full_scale(one, rule), np.ones((1, 1), np.int32))
    np.testing.assert_allclose(sums, [[5.0, -2.5]], rtol=1e-12)
    assert counts.spikes == 3


def test_kept_charge_reaches_the_next_chunk() -> None:
    """Input code 3 is two chunks of drive 0.6: kept charge gives 0 then 1 spike of weight 2, lost charge none."""
    spikes = replace(made.NEURON, gain=0.6)
    for kept, expected in ((False, 0.0), (True, 2 / 0.6)):
        rule = made.with_rule(weight_bits=2, bits_per_cell=1, bits=8, spikes=replace(spikes, kept=kept))
        one = hand_layer(rule, [[1]], Codes(2, False, 1.0))
        codes = np.array([[3]], np.int32)
        sums, _ = run(one, made.device(rule, one), rule, full_scale(one, rule), codes)
        np.testing.assert_allclose(sums, [[expected]], rtol=1e-12)


def test_bipolar_neuron_cancels_charge() -> None:
    """Charge 0.6 of one sign left by the first chunk delays the other sign's spike on a bipolar neuron only."""
    for bipolar, expected in ((False, -2 / 0.6), (True, 0.0)):
        spikes = replace(made.NEURON, gain=0.6, kept=True, bipolar=bipolar)
        rule = made.with_rule(weight_bits=3, bits_per_cell=2, bits=8, spikes=spikes)
        # Chunk 0 drives row 0 only (+1), chunk 1 row 1 only (-2): drives 0.6 and -1.2.
        one = hand_layer(rule, [[1], [-2]], Codes(2, False, 1.0))
        codes = np.array([[1, 2]], np.int32)
        sums, _ = run(one, made.device(rule, one), rule, full_scale(one, rule), codes)
        np.testing.assert_allclose(sums, [[expected]], rtol=1e-12)


@pytest.mark.parametrize("chunk_bits", [1, 4])
@pytest.mark.parametrize("scheme", ["differential", "offset"])
def test_read_noise_has_the_cells_variance(chunk_bits: int, scheme: str) -> None:
    """Mean and variance of many reads are those of independent cell noise: sum over cells of (x read_noise G)^2."""
    rule = made.with_rule(scheme=scheme, read_noise=0.2, bits=16, bits_per_cell=4, weight_bits=4, chunk_bits=chunk_bits)
    random = np.random.default_rng(3)
    one = made.layer(rule, made.linear(12, 2), random, inputs=Codes(4, False, 1.0))
    device, converter = made.device(rule, one, 0.1), full_scale(one, rule)
    codes = np.repeat(made.codes(one, 1, random), 40_000, axis=0)
    sums, _ = run(one, device, rule, converter, codes)
    quiet, _ = run(one, device, replace(rule, read_noise=0.0), converter, codes[:1])
    x = codes[0].reshape(-1)
    bits = [((x >> t) & 1, 2.0**t) for t in range(4)] if chunk_bits == 1 else [(x, 1.0)]
    cell = (0.2 * device.conductance_s.double().numpy()[..., 0] / rule.step_s) ** 2
    expected = sum(weight**2 * np.einsum("r,pro->o", v**2.0, cell) for v, weight in bits)
    # Each conversion rounds to whole unit steps, which adds 1/12 where it is not negligible.
    expected = expected + sum(weight**2 for _, weight in bits) / 12
    np.testing.assert_allclose(sums.var(axis=0), expected, rtol=0.04)
    spread = np.sqrt(expected / len(sums))
    assert (np.abs(sums.mean(axis=0) - quiet[0]) < 5 * spread + 1.0 * sum(w for _, w in bits)).all()


def test_noise_of_two_columns_and_windows_is_independent() -> None:
    """Read noise of different columns, windows and chunks is uncorrelated, and its kurtosis is a normal's."""
    rule = made.with_rule(read_noise=0.3, bits=16, bits_per_cell=7, weight_bits=8)
    one = hand_layer(rule, [[100] * 40], Codes(1, False, 1.0))
    sums, _ = run(one, made.device(rule, one), rule, full_scale(one, rule), np.ones((20_000, 1), np.int32))
    z = (sums - sums.mean(axis=0)) / sums.std(axis=0)
    between = np.corrcoef(z.T) - np.eye(40)
    assert np.abs(between).max() < 5 / np.sqrt(20_000)
    assert abs((z[:-1] * z[1:]).mean()) < 5 / np.sqrt(z.size)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / z.size)


def test_grouping_of_images_changes_no_noise() -> None:
    """An image draws the same read noise whatever images are evaluated beside it."""
    rule = made.with_rule(read_noise=0.05, bits=8)
    random = np.random.default_rng(5)
    one = made.layer(rule, made.Shape(), random, array_rows=10, active=6)
    device, converter = made.device(rule, one, 0.1), full_scale(one, rule)
    codes = made.codes(one, 7, random)
    whole, _ = run(one, device, rule, converter, codes)
    tail, _ = run(one, device, rule, converter, codes[4:], first_image=4)
    np.testing.assert_array_equal(whole[4 * one.matrix.windows :], tail)
