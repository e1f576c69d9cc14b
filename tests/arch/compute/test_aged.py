"""What reads find of programmed cells after time and at temperature, and that a whole run follows."""

from __future__ import annotations

import math

import pytest
import torch

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.aged import aged_s, changes
from pillarsim.arch.errors import InputError
from pillarsim.job import RunOptions, run
from pillarsim.workloads.topology import load_network
from tests.arch.chip.card_cases import DRIFT, LOSS, NOISY, RELAX, WARM
from tests.near import near

BARE = "array.access.on_resistance=0 Ohm"
ACCESS_OHM = 25e3  # of the default chip


def cells(sets: tuple[str, ...], conductance: torch.Tensor) -> torch.Tensor:
    """The conductances as a chip with these settings and bare cells finds them."""
    chip = load_chip("hfox_planar_128", (BARE, *sets)).chip
    return aged_s(conductance, chip.array, chip.retention, chip.technology.temperature, 7)


def test_nothing_stated_changes_nothing() -> None:
    """The default chip reads what was programmed."""
    chip = load_chip("hfox_planar_128").chip
    assert not changes(chip.array.cell, chip.retention)
    given = torch.linspace(1e-6, 8e-6, 50)
    assert torch.equal(cells((), given), given)


def test_drift_of_a_state() -> None:
    """The median of cells in the low-resistance state after a day is G (t / t0)^-nu."""
    high = load_chip("hfox_planar_128").chip.array.cell_range[1]
    found = cells(DRIFT, torch.full((20_001,), high)).double().median()
    # nu has a spread of 0.01, so the median's error is 0.0125 sigma / sqrt(n) of ln(day / 1 s)
    error = 1.2533 * 0.01 * math.log(86400) / math.sqrt(20_001)
    assert abs(math.log(float(found) / (high * 86400**-0.01))) < 3 * error


def test_hotter_and_longer_is_worse() -> None:
    """Loss grows with time and with storage temperature."""
    given = torch.full((10,), 2e-6)
    moved = [
        float((cells((*LOSS, f"retention={{time: {t}, temperature: {k}}}"), given) - given).abs().mean())
        for t, k in (("1 h", "40 C"), ("1 day", "40 C"), ("1 day", "85 C"))
    ]
    assert 0 < moved[0] < moved[1] < moved[2]


def test_chip_temperature_reaches_the_cells() -> None:
    """At the card's own temperature nothing changes; the high-resistance state carries less where it is colder."""
    low = load_chip("hfox_planar_128").chip.array.cell_range[0]
    given = torch.full((3,), low, dtype=torch.float64)
    assert torch.equal(cells((*WARM, "technology.temperature=320 K"), given), given)
    factor = math.exp(0.1 / 8.617333262e-5 * (1 / 320 - 1 / 300))
    assert (cells(WARM, given) / given).tolist() == near([factor] * 3, 1e-6)


def test_the_access_device_does_not_age() -> None:
    """A cell behind a transistor changes alone: the series conductance follows from the cell's."""
    given = torch.full((5,), 8e-6, dtype=torch.float64)
    seen = given / (1 + given * ACCESS_OHM)
    for sets in (WARM, LOSS, NOISY):
        alone, through = cells(sets, given), cells((*sets, f"array.access.on_resistance={ACCESS_OHM:g} Ohm"), seen)
        assert not torch.equal(alone, given)
        assert torch.allclose(through, alone / (1 + alone * ACCESS_OHM), rtol=1e-12)


def test_telegraph_noise_holds_for_a_run() -> None:
    """The stated share of cells carries the stated part, the same cells for the same device."""
    given = torch.full((100_000,), 5e-6)
    found = cells(NOISY, given) / given
    assert abs(float((found < 0.9).double().mean()) - 0.3) < 3 * math.sqrt(0.21 / 100_000)
    assert torch.equal(found, cells(NOISY, given) / given)


def test_beyond_the_card_is_refused_by_name() -> None:
    """A time beyond the card's range names key and range."""
    with pytest.raises(InputError, match=r"retention\.time: expected at most 1 year, what the cell's card covers"):
        cells((*RELAX, "retention={time: 3 years, temperature: 85 C}"), torch.ones(1))
    with pytest.raises(InputError, match=r"whose card \(array\.cell\) has no retention"):
        load_chip("hfox_planar_128", ("retention={time: 1 day, temperature: 85 C}",))


def test_a_run_after_a_month_is_worse() -> None:
    """Accuracy falls with cells that have lost half of their window; programming is that of fresh cells."""
    network, options = load_network("mnist-mlp"), RunOptions(samples=300, seeds=1, images=2)
    sets = (*LOSS, "array.cell.retention.lrs=30 days", "array.cell.retention.toward=hrs")
    fresh = run(load_chip("hfox_planar_128", (*sets, "retention=null")), network, options)
    old = run(load_chip("hfox_planar_128", (*sets, "retention={time: 90 days, temperature: 85 C}")), network, options)
    assert old["accuracy"]["chip_mean"] < fresh["accuracy"]["chip_mean"] - 0.05
    assert old["programming"] == fresh["programming"]
    assert old["energy_j"]["by_component"]["array"] < fresh["energy_j"]["by_component"]["array"]
