"""Columns whose conversions change nothing: found where they must be, and equal to reading them one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.arch.compute.converters import ConverterRange, full_scale
from pillarsim.arch.compute.exact import ExactReads
from pillarsim.arch.compute.fixed_point import fix_layer
from pillarsim.arch.compute.layer import LayerSetup, run_layer
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.reference import reference_sums
from pillarsim.arch.placement import Codes, PlacedLayer
from tests.arch.compute import made

WIDE = ConverterRange((0, 0, 0, 0), -(1 << 15), (1 << 15) - 1)


def set_up(
    rule: ReadRule, one: PlacedLayer, converter: ConverterRange, device: ProgrammedLayer | None = None
) -> LayerSetup:
    """A layer on cells on target, or on `device`."""
    fixed = fix_layer(one, device or made.device(rule, one), rule, converter)
    return LayerSetup(one, rule, converter, fixed, np.uint64(7))


def found(setup: LayerSetup) -> ExactReads:
    """The exact columns, which must be there."""
    assert setup.exact is not None
    return setup.exact


def both_ways(setup: LayerSetup, codes: NDArray[np.int32]) -> tuple[NDArray[np.float64], int]:
    """Sums and clipped codes, which must be those of reads one by one and of the eager reference."""
    sums, counts = run_layer(setup, codes, 0)
    read, read_counts = run_layer(replace(setup, shortcut=False), codes, 0)
    np.testing.assert_array_equal(sums, read)
    assert (counts.clipped, counts.spikes) == (read_counts.clipped, 0)
    np.testing.assert_array_equal(counts.driven, read_counts.driven)
    device = made.device(setup.rule, setup.layer)
    expected = reference_sums(
        setup.layer, device, setup.rule, setup.converter, setup.fixed.fraction, torch.from_numpy(codes)
    )
    np.testing.assert_array_equal(sums, expected.sums.numpy())
    assert counts.clipped == expected.clipped
    return sums, counts.clipped


def test_weights_are_the_layers_where_every_column_is_exact() -> None:
    """With a wide converter nothing is left to read, and the product's weights are the layer's own."""
    rule, random = made.with_rule(), np.random.default_rng(1)
    one = made.layer(rule, made.Shape(outputs=20), random, array_rows=10, active=6)
    exact = found(set_up(rule, one, WIDE))
    assert all(len(rest.outputs) == 0 for rest in exact.rest)
    rows = len(one.matrix.weight)
    flat = exact.weights.transpose(1, 0, 2).reshape(rows, -1)
    np.testing.assert_array_equal(flat[:, :20], one.matrix.weight)
    np.testing.assert_array_equal(flat[:, 20:], 0)


@pytest.mark.parametrize("chunk_bits", [1, 4])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("scheme", ["differential", "offset", "offset_flip"])
@pytest.mark.parametrize("signed", [False, True])
def test_columns_that_may_clip_are_read(chunk_bits: int, together: bool, scheme: str, signed: bool) -> None:
    """A converter too narrow for some columns and slices leaves those to be read; they clip as often."""
    rule = made.with_rule(
        scheme=scheme, chunk_bits=chunk_bits, analog_accumulate=together, weight_bits=6, bits=12, g_min_s=3e-6
    )
    random = np.random.default_rng(chunk_bits + 2 * signed)
    inputs = Codes(5, signed, 1.0)
    one = made.layer(rule, made.linear(60, 30), random, inputs=inputs, array_rows=30, active=20)
    setup = set_up(rule, one, replace(WIDE, shift=(0,) * one.slices))
    cells = (setup.fixed.cells / 2.0**setup.fixed.fraction)[:, :20]
    drive = (inputs.low, inputs.high) if together else (0, max(chunk.high for chunk in rule.chunks(inputs)))
    ends = cells * drive[0], cells * drive[1]
    # The converter holds what three of four columns can reach in the first group.
    top = int(np.quantile(np.maximum(*ends).sum(axis=1), 0.75))
    least = int(np.quantile(np.minimum(*ends).sum(axis=1), 0.1))
    setup = set_up(rule, one, ConverterRange((0,) * one.slices, least, top))
    assert any(len(rest.outputs) > 0 for rest in found(setup).rest)
    codes = made.codes(one, 50, random)
    codes[:10] = np.where(one.matrix.weight[:, :10].T[:, :, None, None] > 0, inputs.high, inputs.low)
    codes[10:13] = np.reshape([inputs.high, inputs.low, -1 if signed else 0], (3, 1, 1, 1))  # -1: every bit is 1
    _, clipped = both_ways(setup, codes)
    assert clipped > 0


def test_a_bound_that_is_just_kept() -> None:
    """Four cells of level 3 reach 12: a converter up to 12 leaves nothing to read, one up to 11 the whole column."""
    rule, random = made.with_rule(weight_bits=3, bits=8), np.random.default_rng(0)
    one = made.layer(rule, made.linear(4, 3), random, inputs=Codes(1, False, 1.0))
    one.matrix.weight[:] = [[3, 1, 0]] * 4
    assert [len(rest.outputs) for rest in found(set_up(rule, one, ConverterRange((0,), -4, 12))).rest] == [0]
    narrow = set_up(rule, one, ConverterRange((0,), -4, 11))
    assert [list(rest.outputs) for rest in found(narrow).rest] == [[0]]
    codes = np.ones((1, 4), np.int32)
    sums, clipped = both_ways(narrow, codes)
    np.testing.assert_array_equal(sums, [[11, 4, 0]])
    assert clipped == 1


def test_sums_beyond_float32_are_cut_into_parts() -> None:
    """8-bit weights times 10-bit codes of 300 rows pass 2^24: the product is summed in parts and stays exact."""
    rule = made.with_rule(bits=16)
    one = made.layer(rule, made.linear(300, 5), np.random.default_rng(2), inputs=Codes(10, False, 1.0), array_rows=300)
    one.matrix.weight[:] = 127
    setup = set_up(rule, one, WIDE)
    parts = found(setup).parts
    assert len(parts) == 3
    assert [start for start, _ in parts] == [0, *(stop for _, stop in parts[:-1])]
    assert parts[-1][1] == 300
    codes = np.full((9, 300), 1023, np.int32)
    np.testing.assert_array_equal(both_ways(setup, codes)[0], 300 * 127 * 1023)


def test_what_changes_codes_has_no_shortcut() -> None:
    """Programming errors, read noise, neurons, and an LSB of two unit steps leave every column to be read."""
    rule, random = made.with_rule(), np.random.default_rng(4)
    one = made.layer(rule, made.linear(20, 4), random)
    assert set_up(rule, one, WIDE, made.device(rule, one, sigma=0.1)).exact is None
    assert set_up(replace(rule, read_noise=0.01), one, WIDE).exact is None
    assert set_up(replace(rule, spikes=made.NEURON), one, WIDE).exact is None
    assert set_up(rule, one, replace(WIDE, shift=(1, 1, 1, 1))).exact is None
    assert set_up(rule, one, full_scale(one, replace(rule, bits=16))).exact is not None
