"""Row `prabhu2020`: the code, the table, the layer, closed forms, a small run, and decisions that can fail."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from pillarsim.arch.errors import InputError
from pillarsim.reproduce import prabhu2020 as row
from pillarsim.reproduce.claims import Claim, Result
from pillarsim.reproduce.prabhu2020 import claims, derived, layer, measured, rates, study
from pillarsim.reproduce.prabhu2020.cells import (
    CYCLES,
    Binary,
    StopVoltages,
    binary,
    closed_error_rates,
    cycled_ohm,
    look_up_table,
)
from pillarsim.reproduce.prabhu2020.codes import BFLOAT16, BINARY16, BINARY32, FloatFormat, decode, encode
from tests.near import near

FORMATS = (
    BINARY32,
    BINARY16,
    BFLOAT16,
    FloatFormat("e5m2", 5, 2),
    FloatFormat("e4m3", 4, 3),
    FloatFormat("e2m1", 2, 1),
)
TINY = row.Size(1, 1, 200_000, study.Axes((0.0, 0.2, 0.5), (3.0, 10.0)))


def quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def code() -> study.Coded:
    """The shipped filters on two shipped images."""
    images, _ = layer.load_images(2, None)
    return study.coded(layer.squeezenet_layer(images))


def integers(bits: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[int]:
    """Each row of bits as a number, the highest first."""
    return [int("".join(map(str, one)), 2) for one in bits.tolist()]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_code_survives(form: FloatFormat) -> None:
    """Bits that are decoded and coded again are the same bits: every code, or 20 000 drawn ones of the widest."""
    if form.width <= 16:
        numbers = np.arange(2**form.width)
    else:
        numbers = np.random.default_rng(1).integers(0, 2**form.width, 20_000)
    bits = ((numbers[:, None] >> np.arange(form.width - 1, -1, -1)) & 1).astype(np.uint8)
    bits = bits[~bits[:, 1 : 1 + form.exponent_bits].all(axis=1)]
    assert np.array_equal(encode(decode(bits, form), form), bits)


def test_codes_are_those_of_ieee() -> None:
    """binary32 and binary16 agree with numpy's bit for bit, bfloat16 with torch's: subnormal, tied and signed too."""
    random = np.random.default_rng(2)
    values = random.normal(0, 1, 5000) * 2.0 ** random.integers(-30, 15, 5000)
    values = np.concatenate(
        [values, [0.0, -0.0, 1.0, 2.0**-24, 2.0**-25, 3 * 2.0**-25, 1 + 2.0**-11, 2047.5 * 2.0**-11]]
    )
    small = values[np.abs(values) < 65000]
    assert integers(encode(values, BINARY32)) == values.astype(np.float32).view(np.uint32).tolist()
    assert integers(encode(small, BINARY16)) == small.astype(np.float16).view(np.uint16).tolist()
    brain = torch.from_numpy(values.astype(np.float32)).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert integers(encode(values.astype(np.float32), BFLOAT16)) == brain.tolist()


def test_subnormals_and_zero() -> None:
    """The smallest binary32 numbers, their negatives and the largest one survive."""
    values = np.array([1, 2, 0x7FFFFF, 0x800000, 0x7F7FFFFF], dtype=np.uint32).view(np.float32)
    both = np.concatenate([values, -values, [np.float32(0), np.float32(-0.0)]])
    assert np.array_equal(
        decode(encode(both, BINARY32), BINARY32).astype(np.float32).view(np.uint32), both.view(np.uint32)
    )


@pytest.mark.parametrize("value", [math.inf, math.nan, 65520.0, -1e9])
def test_what_has_no_code_is_refused(value: float) -> None:
    """Infinities, what rounds beyond the largest number, and impossible widths are refused."""
    with pytest.raises(ValueError, match="binary16: expected"):
        encode(np.array([1.0, value]), BINARY16)
    with pytest.raises(ValueError, match="found 9 and 23"):
        FloatFormat("wide", 9, 23)


def test_analog_mantissa_is_linear() -> None:
    """Half a bit is worth half of what the bit adds; the implicit one is not touched."""
    bits = encode(np.array([-1.5]), BINARY32)
    mantissa = bits[:, 9:].astype(float)
    mantissa[0, 0] = 0.5
    assert decode(bits, BINARY32, mantissa)[0] == -1.25


def test_states_are_monotone() -> None:
    """ln R rises linearly with |V_stop| between the stated ends, and so does its spread with ln R."""
    device = StopVoltages()
    medians, sigmas = device.medians_ohm(), device.sigmas()
    assert len(medians) == 8
    assert medians[[0, -1]].tolist() == near([10e3, 1e6])
    assert np.diff(np.log(medians)).tolist() == near([math.log(100) / 7] * 7)
    assert sigmas.tolist() == near(np.linspace(0.1, 0.4, 8).tolist())


def test_table_is_the_quantiles() -> None:
    """The table holds numpy's quantiles of the cycles, and is emitted as quantiles of resistance."""
    ohm = cycled_ohm(np.array([1e4, 3e4]), np.array([0.1, 0.4]), 501, 7, "test")
    table = look_up_table(ohm, np.array([1e4, 3e4]))
    p = np.linspace(0, 1, 33)
    for nominal, cycles in zip((1e4, 3e4), ohm, strict=True):
        drawn = table.quantile_s(1 / nominal, p)
        assert drawn.tolist() == near(np.quantile(1 / cycles, p).tolist(), rel=1e-12)
    printed = claims.table_ohm(table)
    assert printed["state_1_ohm"] == near(np.sort(ohm[0]).tolist(), rel=1e-12)
    assert printed["state_2_ohm"] == near(np.quantile(ohm[1], np.linspace(0, 1, 501)).tolist(), rel=1e-12)


def test_closed_form_is_the_normal_tail() -> None:
    """1/2 [Q(ln(R_th/R_L)/sigma_L) + Q(ln(R_H/R_th)/sigma_H)], unequal spreads too, and as the table prints it."""
    half = math.log(3.0) / 2
    assert closed_error_rates(3.0, (0.2, 0.4)) == near((stats.norm.sf(half / 0.4), stats.norm.sf(half / 0.2)))
    assert closed_error_rates(3.0, (0.0, 0.0)) == (0, 0)
    assert derived.closed_claim().holds
    cell = rates.logs_normal(10.0, (0.3, 0.5))
    assert cell.error_rates() == near(closed_error_rates(10.0, (0.3, 0.5)))


def test_no_spread_no_error(code: study.Coded) -> None:
    """At zero spread every bit reads exactly, softly and thresholded, through a table of cycles."""
    cell = binary(10e3, 30e3, (0.0, 0.0), 1, "none")
    deviates = study.uniform(code.bits.shape, 0, "test")
    conductance = cell.read_s(code.bits, deviates)
    assert np.array_equal(cell.hard(conductance), code.bits)
    assert np.array_equal(cell.soft(conductance), code.bits.astype(float))
    one = study.read(code, cell, deviates)
    assert (one.soft, one.hard, one.flipped) == (0, 0, 0)
    assert not one.soft_filters.any()


def test_error_is_that_of_the_convolution(code: study.Coded) -> None:
    """The Gram matrix gives the norm of torch's convolution, by filter and over all."""
    images, _ = layer.load_images(2, None)
    random = np.random.default_rng(3)
    read = code.reference * random.normal(1, 0.1, code.reference.shape)
    pixels = torch.from_numpy(images[..., ::-1].astype(np.float64) - layer.MEAN_BGR).permute(0, 3, 1, 2)

    def output(weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> torch.Tensor:
        return torch.nn.functional.conv2d(pixels, torch.from_numpy(weights).reshape(96, 3, 7, 7), stride=2)

    change, reference = output(read - code.reference), output(code.reference)
    assert reference.shape == (2, 96, 111, 111)
    overall, filters = code.error(read)
    assert overall == near(float(change.norm() / reference.norm()), rel=1e-9)
    expected = change.pow(2).sum((0, 2, 3)).sqrt() / reference.pow(2).sum((0, 2, 3)).sqrt()
    assert filters.tolist() == near(expected.tolist(), rel=1e-9)


def test_geometries() -> None:
    """AlexNet's and SqueezeNet's first layers have the published counts."""
    alexnet = layer.ALEXNET
    assert (alexnet.weights, alexnet.inputs, alexnet.side, alexnet.macs) == (34_848, 363, 55, 105_415_200)
    assert alexnet.weights * BINARY32.width == 1_115_136
    assert layer.squeezenet_filters().size == layer.SQUEEZENET.weights == 14_112
    assert layer.SQUEEZENET.side == 111


def test_resampling_keeps_corners() -> None:
    """Resampled filters keep their corners and a constant; the same size changes nothing."""
    filters = layer.squeezenet_filters()
    grown = layer.resampled(filters, 11)
    assert grown.shape == (96, 3, 11, 11)
    assert np.allclose(grown[..., ::10, ::10], filters[..., ::6, ::6], rtol=1e-6, atol=1e-7)
    assert np.allclose(layer.resampled(np.ones_like(filters), 11), 1, rtol=1e-6)
    assert np.array_equal(layer.resampled(filters, 7), filters)


def test_images_say_what_they_are(data_dir: Path, tmp_path: Path) -> None:
    """Photographs where the data directory has them, else shipped digits; a damaged file or folder is refused."""
    photographs, words = layer.load_images(2, data_dir)
    assert photographs.shape == (2, 227, 227, 3)
    assert "2 ImageNet photographs" in words
    digits, words = layer.load_images(2, tmp_path)
    assert digits.shape == (2, 227, 227, 3)
    assert "MNIST" in words
    assert "no photographs" in words
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / layer.PHOTOGRAPHS, X=np.zeros((2, 10, 10, 3), np.uint8))
    with pytest.raises(InputError, match="expected X"):
        layer.load_images(2, tmp_path)
    (tmp_path / layer.PHOTOGRAPHS).write_bytes(b"nothing")
    with pytest.raises(InputError, match="expected an npz file"):
        layer.load_images(2, tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        layer.load_images(2, tmp_path / "absent")


def test_soft_error_of_independent_windows() -> None:
    """With white windows and no HRS noise the soft error has a closed form in the code's bits."""
    made = layer.made_layer(1)
    code = study.coded(replace(made, gram=np.eye(layer.ALEXNET.inputs)))
    sigma, ratio = 0.2, 1e9  # HRS conducts nothing: a 1 reads as exp(sigma z), a 0 as 0
    one = study.read(code, rates.logs_normal(ratio, (sigma, sigma)), study.uniform(code.bits.shape, 0, "test"))
    size = code.reference.reshape(-1)
    ulp = 2.0 ** np.floor(np.log2(np.abs(size)))
    mantissa = code.bits[:, 9:].astype(float)
    powers = 2.0 ** -np.arange(1.0, 24.0)
    mean, variance = math.exp(sigma**2 / 2) - 1, math.exp(sigma**2) * (math.exp(sigma**2) - 1)
    square = (mean * (mantissa @ powers)) ** 2 + variance * (mantissa @ powers**2)
    # 34 848 weights: the sum of squares is known to about a percent.
    assert one.soft == near(math.sqrt((ulp**2 * square).sum() / (size**2).sum()), rel=0.02)


def test_steps_can_fail() -> None:
    """A step that falls, or stands at an error above zero, is no rise; two zeros are still."""
    assert study.steps(np.array([[0.0, 0.0, 1.0, 2.0]]), 1, rises=True) == study.Steps(3, 2, 1)
    assert study.steps(np.array([[0.0, 0.0, 1.0, 2.0]]), 1, rises=True).hold
    assert not study.steps(np.array([[0.0, 1.0, 1.0, 2.0]]), 1, rises=True).hold
    assert not study.steps(np.array([[1.0, 2.0, 1.5]]), 1, rises=True).hold
    assert study.steps(np.array([[3.0], [2.0], [0.0]]), 0, rises=False).hold
    assert not study.steps(np.zeros((2, 3)), 1, rises=True).hold


def test_states_claim_can_fail() -> None:
    """e1 fails where two medians change places, or where cycles are too few to tell them apart."""
    ohm = claims.cycled_device()
    assert ohm.shape == (8, CYCLES)
    assert claims.states_claim(ohm).holds
    assert claims.states_claim(ohm[[0, 2, 1, 3, 4, 5, 6, 7]]).holds is False
    assert claims.states_claim(ohm[:, :2]).holds is False


def test_rates_can_fail() -> None:
    """Counts fit their own probability and not one 2 % off; a rate that is never met fits zero errors alone."""
    cell = rates.logs_normal(3.0, (0.5, 0.5))
    exact = closed_error_rates(3.0, (0.5, 0.5))
    assert rates.fits(rates.counted(cell, exact, 1_000_000, "test"))
    wrong = (1.02 * exact[0], 1.02 * exact[1])
    assert not rates.fits(rates.counted(cell, wrong, 1_000_000, "test"))
    assert rates.Count(0, 1000, 1e-9).fits
    assert not rates.Count(1, 1000, 1e-9).fits


def test_counts_do_not_hang_on_their_blocks() -> None:
    """A count over more bits begins with that over fewer."""
    cell = rates.logs_normal(3.0, (0.5, 0.5))
    few, many = (rates.counted(cell, (0.1, 0.1), bits, "test") for bits in (2_000_000, 2_002_000))
    assert all(0 <= more.wrong - less.wrong <= 1000 for less, more in zip(few, many, strict=True))


def made_arrays(skewed: bool) -> measured.Measured:
    """Quantiles of two states: log-normal, or with an LRS tail that is not."""
    p = np.linspace(0, 1, 2001)
    z = stats.norm.ppf(np.clip(p, 1e-4, 1 - 1e-4))
    one = 200e-6 * np.exp(0.15 * z)
    if skewed:
        one = np.where(p < 0.02, 5e-6 + 1e-3 * p, one)
        one = np.maximum.accumulate(one)
    return measured.Measured(p, 10e-6 * np.exp(0.9 * z), one, "made")


def test_measured_states_are_scaled() -> None:
    """A spread of 0 leaves the medians, 1 the quantiles; a ratio moves the HRS alone, spread kept."""
    found = made_arrays(skewed=False)
    p = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    same, moved, none = found.cell(), found.cell(1.0, 10.0), found.cell(0.0, 1.0)
    assert same.table.quantile_s(same.one_s, p).tolist() == near(
        np.interp(p, found.probabilities, found.one_s).tolist()
    )
    assert (moved.one_s, moved.zero_s) == near((same.one_s, same.zero_s / 10))
    expected = same.table.quantile_s(same.zero_s, p) / 10
    assert moved.table.quantile_s(moved.zero_s, p).tolist() == near(expected.tolist())
    assert set(none.table.quantile_s(none.zero_s, p).tolist()) == {none.zero_s}
    assert found.sigmas() == near((0.15, 0.9), rel=2e-3)


@pytest.mark.parametrize("skewed", [False, True])
def test_log_normal_form_needs_log_normal_states(skewed: bool) -> None:
    """m6 holds for states that are log-normal and fails for an LRS with a tail."""
    claim = measured.log_normal_claim(made_arrays(skewed), 400_000)
    assert claim.holds is not skewed
    assert ("Likely reason" in claim.note) == skewed


def test_small_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small run has all claims; those of the assumed cells hold, the series are complete, the picture draws."""
    monkeypatch.setattr(row, "QUICK", TINY)
    monkeypatch.setattr(derived, "_AXES", study.Axes((0.0, 0.2, 0.5), (3.0, 10.0)))
    monkeypatch.setattr(measured, "AXES", study.Axes((0.0, 1.0), (1.0, 3.0)))
    result: Result = row.simulate(True, quiet, tmp_path)
    held = {claim.id: claim.holds for claim in result.claims}
    assert list(held) == [
        *(f"e{k}" for k in range(1, 7)),
        "d1",
        "d2",
        "a1",
        "a2",
        "f1",
        *(f"m{k}" for k in range(1, 7)),
    ]
    assert [name for name, holds in held.items() if not holds] in ([], ["m6"])
    bases = {claim.id[0]: claim.basis for claim in result.claims}
    assert (bases["e"], bases["m"]) == ("assumed", "measured")
    assert next(one.value for one in result.parameters if one.name == "images").startswith("1 MNIST test digits")
    table = result.series["look_up_table"]
    assert {len(column) for column in table.values()} == {CYCLES}
    assert len(table) == 9
    flips = result.series["relative_error_against_bit"]["relative_error"]
    assert flips[9:] == sorted(flips[9:], reverse=True)
    pytest.importorskip("matplotlib")
    assert row.draw(result).axes[1].get_xlabel() == "spread of ln R"


def test_group_claim_can_fail(code: study.Coded) -> None:
    """e5 fails where mantissa bits weigh as much: one bit of mantissa and no exponent to speak of."""

    def cell(draw: int) -> Binary:
        return claims.assumed(0.5, 3.0, draw)

    def decide(form: FloatFormat) -> Claim:
        return claims.group_claim("e5", study.coded(code.layer, form), {"as made": cell}, 1, "assumed")

    assert decide(BINARY32).holds
    assert decide(FloatFormat("narrow", 2, 3)).holds is False


def test_trends_judge_the_mean() -> None:
    """A single draw that turns is counted; the mean of draws decides, and can fail."""
    soft = np.array([[[0.0, 1.0, 2.0], [0.0, 0.5, 1.0]], [[0.0, 0.4, 2.0], [0.0, 0.5, 1.5]]])
    grid = study.Grid(study.Axes((0.0, 1.0, 2.0), (3.0, 10.0)), soft, soft, soft)
    found = study.trends(grid)["falls with HRS/LRS, soft"]
    assert (found.mean, found.single) == (study.Steps(2, 2), study.Steps(4, 3))
    assert claims.trend_claim("e4", grid, ("spread", "ratio"), "assumed").holds
    turned = replace(grid, soft=soft[1:])
    assert claims.trend_claim("e4", turned, ("spread", "ratio"), "assumed").holds is False
