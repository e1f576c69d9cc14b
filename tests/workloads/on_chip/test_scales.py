"""Codes into arrays, converters behind them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pillarsim.arch.chip import Readout
from pillarsim.arch.chip.load import load_chip
from pillarsim.workloads.on_chip.scales import (
    Coding,
    Noise,
    coding_of,
    coding_tables,
    convert_sums,
    error_codes,
    lsb_of,
    percentile,
    short,
    value_codes,
)
from tests.near import near


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def test_codes_are_the_nearest_and_symmetric() -> None:
    """A value is off by half a code at most, halves go away from 0, and what is too large is cut."""
    coding = Coding(4, True, 1, False)
    values = torch.tensor([0.0, 0.24, 0.25, -0.25, 3.4, 9.0, -9.0])
    assert value_codes(values, 0.5, coding).tolist() == [0, 0, 1, -1, 7, 7, -7]
    assert value_codes(values, 0.5, Coding(4, False, 1, False)).tolist() == [0, 0, 1, 0, 7, 15, 0]


def test_errors_scale_themselves() -> None:
    """The largest error of each vector takes the largest code however small it is; zeros stay zeros."""
    errors = torch.stack([_drawn(50), _drawn(50) * 1e-6, torch.zeros(50)])
    codes, scales = error_codes(errors, Coding(8, True, 1, False))
    assert codes[:2].abs().amax(dim=1).tolist() == [127, 127]
    assert not codes[2].any()
    off = (codes * scales - errors).abs()
    assert bool((off <= scales * 0.5000001).all())


@pytest.mark.parametrize(
    ("coding", "code", "drives", "weight"),
    [
        (Coding(8, False, 1, False), 0b10110001, 4, 4.0),  # bit-serial: lines on, plane by plane
        (Coding(8, True, 1, False), 0b0110001, 3, 3.0),
        (Coding(8, False, 8, False), 51, 1, (51 / 255) ** 2),  # one voltage
        (Coding(8, False, 8, True), 51, 1, 51 / 255),  # one pulse width
        (Coding(8, False, 4, False), 0x2F, 2, 1 + (2 / 15) ** 2),  # two voltages
        (Coding(8, False, 4, False), 0x20, 1, (2 / 15) ** 2),
    ],
)
def test_what_a_code_costs(coding: Coding, code: int, drives: int, weight: float) -> None:
    """A line is driven once a chunk that is not 0, and takes x^2 (voltages, bits) or x (times) of a chunk's energy."""
    tables = coding_tables(coding)
    assert len(tables.drives) == coding.high + 1
    assert tables.drives[code] == drives
    assert tables.weight[code] == near(weight)


def test_chunks_are_those_of_the_chip() -> None:
    """Errors are coded as inputs are, with as many bits as they have."""
    inputs = load_chip("hfox_planar_128").chip.input
    assert coding_of(inputs, 6, True) == Coding(6, True, 1, False)
    wide = inputs.model_copy(update={"coding": "pulse_width", "dac_bits": None})
    assert coding_of(wide, 6, True) == Coding(6, True, 6, True)


def test_each_group_is_converted_by_itself() -> None:
    """Sums of row groups are rounded and clipped apart, then added, as plain numpy does it."""
    codes, weights = value_codes(_drawn(9, 13), 0.1, Coding(8, True, 1, False)), _drawn(13, 5)
    groups, lsb, bits = ((0, 4), (4, 8), (8, 13)), 0.37, 6
    wanted = np.zeros((9, 5))
    for start, stop in groups:
        sums = codes[:, start:stop].double().numpy() @ weights[start:stop].double().numpy()
        wanted += np.clip(np.floor(sums / lsb + 0.5), -31, 31) * lsb
    found = convert_sums(codes, weights, groups, lsb, bits, None).numpy()
    assert np.abs(wanted).max() > 31 * lsb * 0.99  # some are clipped
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_read_noise_has_its_spread() -> None:
    """A column sum's spread is the root of the summed variances of its cells, each driven by its code."""
    codes, weights = torch.full((20000, 6), 3.0), torch.zeros(6, 2)
    variance = torch.rand(6, 2, generator=torch.Generator().manual_seed(1))
    noise = Noise(variance, torch.Generator().manual_seed(2))
    found = convert_sums(codes, weights, ((0, 6),), 1e-4, 24, noise)
    wanted = (9 * variance.sum(dim=0)).sqrt()
    # 20000 draws: the spread's own standard error is 0.5 %
    torch.testing.assert_close(found.std(dim=0), wanted, rtol=0.02, atol=0)


def test_ranges_of_converters() -> None:
    """calibrated: the percentile of the sums seen; full_scale: the largest possible sum, whatever was seen."""
    sums = [torch.arange(-50.0, 50.0), torch.tensor([1000.0])]
    calibrated = Readout(range="calibrated", bits=8, calibration_percentile=99)
    assert lsb_of(sums, calibrated, 1e6) == near(50 / 127)
    assert lsb_of(sums, calibrated.model_copy(update={"calibration_percentile": 100.0}), 1e6) == near(1000 / 127)
    assert lsb_of(sums, calibrated.model_copy(update={"calibration_percentile": 100.0}), 30) == near(30 / 127)
    assert lsb_of(sums, Readout(range="full_scale", bits=8), 1e6) == near(1e6 / 127)
    assert lsb_of([torch.zeros(3)], calibrated, 1e6) == near(1e6 / 127)


def test_percentile_is_a_value() -> None:
    """The smallest value that the share does not exceed, as sorting gives it."""
    values = _drawn(1000)
    ordered = sorted(values.tolist())
    assert percentile(values, 90) == ordered[899]
    assert percentile(values, 100) == ordered[999]
    assert percentile(values, 1e-9) == ordered[0]


def test_multiples_of_a_short_step_add_up_exactly() -> None:
    """A step of 12 significant bits is within 1.3e-4 of the one asked for, and its multiples cancel in float32."""
    for value in (0.37, 1e-9, 812.3):
        step = short(value)
        assert step == pytest.approx(value, rel=1.3e-4)
        single = np.float32(step)
        assert float(single) == step
        assert np.float32(5 * single) - np.float32(3 * single) - np.float32(2 * single) == 0
        assert all(float(np.float32(code * single)) == code * step for code in range(4096))
