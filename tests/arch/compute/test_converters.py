"""Converter ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.compute.converters import calibrate, converter_ranges, full_scale, smallest_shift
from pillarsim.arch.placement import Codes
from tests.arch.compute import made


@given(st.floats(-1e6, 0), st.floats(0, 1e6), st.integers(2, 12), st.booleans())
def test_smallest_shift_fits_and_no_smaller_one_does(least: float, largest: float, bits: int, both: bool) -> None:
    """Codes at both ends are within the converter with k, and outside it with k - 1."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if both else (0, (1 << bits) - 1)
    least = least if both else 0.0

    def fits(k: int) -> bool:
        return bool(np.floor(largest / 2**k + 0.5) <= high and np.floor(least / 2**k + 0.5) >= low)

    k = smallest_shift(least, largest, low, high)
    assert fits(k)
    assert k == 0 or not fits(k - 1)


def test_full_scale_by_hand() -> None:
    """128 rows of 2-bit cells give sums up to 384: k = 2 for 8-bit pairs (codes to 127), k = 1 for single columns."""
    one = made.layer(made.RULE, made.linear(128, 4), np.random.default_rng(0))
    # 8-bit differential weights have 7 magnitude bits: the top slice holds one bit, sums up to 128.
    assert full_scale(one, made.with_rule(bits=8)).shift == (2, 2, 2, 1)
    rule = made.with_rule(scheme="offset", bits=8, g_min_s=1e-9)
    assert full_scale(made.layer(rule, made.linear(128, 4), np.random.default_rng(0)), rule).shift == (1, 1, 1, 1)
    flip = replace(rule, scheme="offset_flip")
    # Complemented columns hold at most half: 192 fits 8 bits.
    assert full_scale(made.layer(flip, made.linear(128, 4), np.random.default_rng(0)), flip).shift == (0, 0, 0, 0)


def test_one_bit_on_pairs_covers_the_negative_sums() -> None:
    """A sense amplifier on pairs has codes -1 and 0; its LSB covers the most negative sum."""
    rule = made.with_rule(bits=1)
    found = full_scale(made.layer(rule, made.linear(16, 4), np.random.default_rng(0)), rule)
    assert (found.low, found.high) == (-1, 0)
    assert found.shift == (5, 5, 5, 4)


def test_calibration_follows_the_percentile() -> None:
    """The calibrated k is the smallest that the percentile of sums, counted by brute force, does not exceed."""
    random = np.random.default_rng(2)
    rule = made.with_rule(bits=5, calibrated=True, scheme="offset", g_min_s=1e-6)
    placement = made.network(rule, random)
    images = made.images(placement, 6, random)
    for percentile in (60.0, 99.0, 100.0):
        rule = replace(rule, percentile=percentile)
        found = calibrate(placement, rule, images)
        # The last layer is linear: its rows are its codes.
        layer, codes = placement.layers[-1], made.layer_codes(placement, images)[-1].reshape(6, -1)
        levels = made.device(rule, layer).conductance_s.double().numpy()[0] / rule.step_s
        for s in range(layer.slices):
            sums = np.concatenate(
                [
                    (((codes[:, a:b] >> t) & 1) @ levels[a:b, :, s]).ravel()
                    for t in range(8)
                    for block in layer.row_blocks
                    for a, b in block.groups
                ]
            )
            reach = np.sort(sums)[int(np.ceil(len(sums) * percentile / 100)) - 1]
            assert found[-1].shift[s] == smallest_shift(0.0, float(reach), 0, 31)


def test_calibrated_range_is_no_wider_than_full_scale() -> None:
    """Sums of real data never need a larger LSB than the largest possible sum; without images it is refused."""
    random = np.random.default_rng(4)
    rule = made.with_rule(bits=4, calibrated=True)
    placement = made.network(rule, random)
    found = converter_ranges(placement, rule, made.images(placement, 5, random))
    widest = converter_ranges(placement, replace(rule, calibrated=False))
    assert all(
        a <= b for one, other in zip(found, widest, strict=True) for a, b in zip(one.shift, other.shift, strict=True)
    )
    with pytest.raises(ValueError, match="calibration images"):
        converter_ranges(placement, rule)


def test_signed_inputs_added_before_conversion_need_both_signs() -> None:
    """Single columns read unsigned codes, except where signed inputs are added up before the conversion."""
    signed = Codes(8, True, 1.0)
    rule = made.with_rule(scheme="offset", bits=8)
    assert rule.code_range(signed) == (0, 255)
    assert replace(rule, analog_accumulate=True).code_range(signed) == (-128, 127)
    assert made.RULE.code_range(signed) == (-32768, 32767)
