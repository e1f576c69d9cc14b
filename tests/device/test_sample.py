"""Samples of a card's devices against closed forms: pulses, levels, ageing, quantiles."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pillarsim.arch.chip.load import load_card
from pillarsim.arch.device import device_of
from pillarsim.arch.errors import InputError
from pillarsim.device.choices import Sampling, check_ageing, check_level, check_pulses, chosen
from pillarsim.device.fit.card import Destination, card_text, write_card
from pillarsim.device.fit.distributions import fit_quantiles
from pillarsim.device.fit.result import Array, Given
from pillarsim.device.programmed import programmed
from pillarsim.device.pulsed import bands, pulsed
from pillarsim.device.statistics import resistances_ohm, statistics
from pillarsim.devices.cells import WriteRule
from pillarsim.devices.device import Device
from pillarsim.devices.pulses import MAJUMDAR2021
from tests.device.measured import table_of
from tests.near import near

COUNT = 20_000
# pulses: median, p5, p95 (kohm); derived from the published parameters (docs/reproduce.md)
TABLE = {0: (7.03, 6.24, 7.91), 100: (7.48, 6.52, 8.91), 500: (8.56, 6.87, 16.7), 1000: (9.04, 7.00, 26.1)}


def sampling(pulses: int | None, imperfections: tuple[str, ...], **given: float | None) -> Sampling:
    values = {"time_s": None, "temperature_k": None, **given}
    rule = WriteRule(None, 1)
    return Sampling(COUNT, 7, pulses, 0, imperfections, None, rule, values["time_s"], values["temperature_k"])


def card(name: str) -> Device:
    return device_of(load_card(name).card)


def weak_reset(pulses: int, *imperfections: str) -> Array:
    return pulsed(card("majumdar2021"), sampling(pulses, imperfections))


def median_ohm(pulses: int) -> float:
    """The stated device: medians of all distributions, R0 exp(c1 + m1 min(t, t*) + m2 max(t - t*, 0))."""
    r0, m1, knee, c1, m2 = (getattr(MAJUMDAR2021, name).median() for name in ("r0_ohm", "m1", "t_star", "c1", "m2"))
    early = min(pulses, knee)
    return float(r0 * math.exp(c1 + m1 * early + m2 * (pulses - early)))


@pytest.mark.parametrize("pulses", [0, 300, 1500])
def test_majumdar_none(pulses: int) -> None:
    """Without imperfections all devices are the stated one."""
    found = weak_reset(pulses)
    assert np.ptp(found) == 0
    assert found[0] == near(median_ohm(pulses), rel=1e-9)


@pytest.mark.parametrize("pulses", TABLE)
def test_majumdar_d2d(pulses: int) -> None:
    """Spread over devices alone: median and percentiles of the derived table within 3 %."""
    found = statistics(weak_reset(pulses, "d2d"))
    assert [found["median"], found["p05"], found["p95"]] == near([1e3 * value for value in TABLE[pulses]], rel=0.03)


def test_majumdar_rtn() -> None:
    """The share in the high state after n pulses of a chain that starts low, within three standard errors."""
    up, down = 0.0008, 0.002  # 1/pulse, of the published program
    for pulses in (100, 1000):
        share = float((weak_reset(pulses, "rtn") > median_ohm(pulses) * (1 + 1e-9)).mean())
        expected = up / (up + down) * (1 - (1 - up - down) ** pulses)
        assert abs(share - expected) < 3 * math.sqrt(expected * (1 - expected) / COUNT)


def test_majumdar_pink() -> None:
    """Mean and deviation of ln R are those of the taps' sum of uniform draws, within three standard errors."""
    noise = np.log(weak_reset(500, "pink") / median_ohm(500))
    taps = [1.0]
    for k in range(1, 15):
        taps.append(taps[-1] * (k - 0.5) / k)
    mean, deviation = 0.025 * sum(taps) / 2, 0.025 * math.sqrt(sum(h * h for h in taps) / 12)
    assert abs(noise.mean() - mean) < 3 * deviation / math.sqrt(COUNT)
    assert noise.std() == near(deviation, rel=3 / math.sqrt(2 * COUNT) + 0.005)


def test_majumdar_all() -> None:
    """With all imperfections the variance of ln R is about the sum of each one's, and the spread over devices leads."""
    spread = {names: float(np.log(weak_reset(500, *names)).var()) for names in (("d2d",), ("rtn",), ("pink",))}
    together = float(np.log(weak_reset(500, "d2d", "rtn", "pink")).var())
    assert together == near(sum(spread.values()), rel=0.1)
    assert max(spread, key=lambda names: spread[names]) == ("d2d",)


def test_lognormal_levels_have_the_card_s_quantiles() -> None:
    """ln R of the two states is normal about the target: quantiles within three standard errors."""
    found = programmed(card("hfox_planar"), sampling(None, ("programming",)))
    for level, sigma in ((found[0], 0.74), (found[-1], 0.13)):
        logs = np.log(level.ohm * level.target_s)
        for probability, z in (
            (0.05, -1.6448536),
            (0.25, -0.6744898),
            (0.5, 0.0),
            (0.75, 0.6744898),
            (0.95, 1.6448536),
        ):
            density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / sigma
            error = math.sqrt(probability * (1 - probability) / COUNT) / density
            assert abs(np.quantile(logs, probability) - sigma * z) < 3 * error


def test_quantile_card_returns_its_table(tmp_path: Path) -> None:
    """A card fitted to quantiles: the sample's quantiles at the table's probabilities are the table's, and its ends."""
    random = np.random.default_rng(1)
    target = np.repeat([10.0, 20.0, 30.0], 400)
    values = target * random.gamma(20.0, 1 / 20.0, size=len(target))
    table = table_of(tmp_path, {"target (uS)": target, "conductance (uS)": values})
    fit = fit_quantiles(table, Given())
    to = Destination(tmp_path / "mine.yaml", None, None, {})
    loaded = write_card(card_text(fit, table, Given(), to), to.path).card
    assert loaded.quantiles is not None
    levels = programmed(device_of(loaded), sampling(None, ("programming",)))
    for level, row in zip(levels, loaded.quantiles.levels, strict=True):
        conductance, given = 1 / level.ohm, np.asarray(row.conductance)
        p = np.asarray(loaded.quantiles.probabilities)
        error = np.sqrt(p * (1 - p) / COUNT)
        # The share of the sample below each stated quantile is the quantile's probability.
        shares = np.array([(conductance <= one * (1 + 1e-6)).mean() for one in given])
        assert (np.abs(shares - p) <= 3 * error + 1e-12).all()
        assert conductance.min() >= given[0] * (1 - 1e-6)


def test_read_noise_and_stuck_cells_are_switched() -> None:
    """Without imperfections a level is its target; read noise alone spreads it by its own width."""
    device = card("hfox_planar")
    (bare, noisy) = (programmed(device, sampling(None, names))[-1] for names in ((), ("read_noise",)))
    assert bare.ohm == near(np.full(COUNT, 1 / bare.target_s), rel=1e-6)
    assert (1 / noisy.ohm).std() * 1e5 == near(0.01, rel=3 / math.sqrt(2 * COUNT))


def test_ageing_is_the_card_s() -> None:
    """Two days widen the levels of a card with growing spread to its polynomial; beyond, it is refused."""
    device = card("neurram_wan_2022")
    aged = programmed(device, sampling(None, ("programming",), time_s=2 * 86400.0))[-1]
    sigma = 1e-6 * (0.782 + 20.274 - 43.507 + 37.062 - 11.934)  # S at 40 uS after two days, Wan et al. 2022
    assert (1 / aged.ohm).std() == near(sigma, rel=3 / math.sqrt(2 * COUNT) + 0.002)
    with pytest.raises(ValueError, match="time: expected"):
        programmed(device, sampling(None, ("programming",), time_s=1e7))


def test_bands_follow_the_sample() -> None:
    """Bands end where the sample's own quantiles lie, within their statistics; SET raises, RESET lowers."""
    device, wanted = card("majumdar2021"), sampling(1000, ("d2d",))
    along = bands(device, wanted)
    assert along.pulses[0] == 0
    assert along.pulses[-1] == 1000
    assert (np.diff(along.ohm[:, 2]) > 0).all()
    assert along.ohm[-1] == near(np.quantile(pulsed(device, wanted), (0.05, 0.25, 0.5, 0.75, 0.95)), rel=0.04)
    both = card("pt_hfo2_ti_tin")
    down = bands(both, Sampling(200, 1, -50, 100, (), None, WriteRule(None, 1), None, None))
    assert (np.diff(down.ohm[:, 2]) >= 0).all()
    assert (down.ohm[0, 2], down.ohm[-1, 2]) == (near(20e3), near(500e3))


def test_statistics_of_few() -> None:
    """One device has no spread; equal devices have none from rounding; what conducts nothing is refused."""
    assert statistics(np.array([3.0])) == dict.fromkeys(("median", "p05", "p25", "p75", "p95", "mean"), 3.0) | {
        "std": 0.0
    }
    assert statistics(np.full(1000, 0.1))["std"] == 0
    with pytest.raises(InputError, match="1 of 2 devices conduct nothing"):
        resistances_ohm(torch.tensor([1.0, 0.0]))


def test_choices() -> None:
    """Names are the card's own; `all` and `none` stand alone; each refusal names its option."""
    known = ("d2d", "rtn", "pink")
    assert chosen("all", known, "x") == known
    assert chosen("none", known, "x") == ()
    assert chosen("pink, d2d", known, "x") == ("d2d", "pink")
    for text, message in (("rtm", "did you mean 'rtn'"), ("none,rtn", "'none' alone"), ("", "no imperfection ''")):
        with pytest.raises(InputError, match=message):
            chosen(text, known, "x")
    one_way, exact = card("majumdar2021"), card("isaac_hu_dac_2016")
    with pytest.raises(InputError, match="isaac has none"):
        chosen("rtn", exact.imperfections, "isaac")
    with pytest.raises(InputError, match=r"--pulses: x moves one way \(down\)"):
        check_pulses(one_way, -1, 0, "x")
    with pytest.raises(InputError, match="--pulses: x has no pulse_update"):
        check_pulses(exact, 1, 0, "x")
    with pytest.raises(InputError, match=r"--level: expected 0 \(HRS\) to 3 \(LRS\), found 4"):
        check_level(exact, 4)
    with pytest.raises(InputError, match="--time: x states no retention"):
        check_ageing(exact, 1.0, None, "x")
    with pytest.raises(InputError, match="--temperature: x states no activation"):
        check_ageing(exact, None, 300.0, "x")
