"""A saturated event run of ISAAC-CE: powers and throughput of Table I from events, on a mesh of 4 x 2 tiles."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.samples import Samples
from pillarsim.workloads.network import Flatten
from tests.near import near

PUBLISHED = 0.01  # of Table I: the padding of the first and last window drives no line


@pytest.fixture(scope="module")
def module(root: Path) -> ModuleType:
    """The command as a module."""
    spec = importlib.util.spec_from_file_location("validate_isaac", root / "benchmarks" / "validate_isaac.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["validate_isaac"] = found  # dataclasses look their module up
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def result(module: ModuleType) -> dict[str, Any]:
    """What the command finds on 8 of the 168 tiles."""
    return module.validate(4, 2, 3)  # type: ignore[no-any-return]


def test_every_array_reads_all_the_time(result: dict[str, Any]) -> None:
    """In steady state the arrays of every layer are busy without a gap; all 96 arrays of a tile hold weights."""
    assert result["arrays_busy"] == {"least": near(1.0), "most": near(1.0)}
    assert result["arrays"] == 8 * 96
    assert result["weights"] == result["layers"] * 96 * 128 * 16


@pytest.mark.parametrize(
    ("part", "watts"),
    # by hand from Table I: 168 tiles x 12 IMAs x milliwatts
    [("array", 4.8384), ("converter", 32.256), ("driver", 8.064), ("sample_hold", 0.02016), ("shift_add", 0.4032)],
)
def test_saturated_parts_draw_the_published_power(result: dict[str, Any], part: str, watts: float) -> None:
    """Arrays, converters, DACs, sample-and-holds and shift-adds come within 1 % of Table I."""
    row = next(row for row in result["power_w"] if row["part"] == part)
    assert row["saturated"]
    assert row["published"] == near(watts)
    assert row["simulated"] == near(watts, rel=PUBLISHED)


def test_throughput_is_the_published_one(result: dict[str, Any]) -> None:
    """The event run delivers 41.29 TOPS, scaled from 8 to 168 tiles; exactly 2 x 128 x 16 an array in 1.6 us."""
    assert result["tops"]["simulated"] == near(41.29, rel=PUBLISHED)
    assert result["tops"]["simulated"] == near(168 * 96 * 2 * 128 * 16 / 1.6e-6 / 1e12)


def test_nothing_draws_more_than_its_peak_but_registers(result: dict[str, Any]) -> None:
    """Registers are written and read at the full rate, each charged as published; all others stay below Table I."""
    over = {row["part"] for row in result["power_w"] if row["ratio"] > 1 + 1e-6}
    assert over == {"input_register", "output_register"}
    assert all(row["ratio"] == near(2.0) for row in result["power_w"] if row["part"] in over)


def test_the_activity_is_that_of_ones_behind_padding(module: ModuleType) -> None:
    """Driven lines of a window, counted tap by tap over a map of ones with zeros around it."""
    positions, channels, kernel = module.POSITIONS, module.CHANNELS, module.KERNEL
    column = np.pad(np.ones(positions, int), kernel // 2)
    taps = sum(int(column[start : start + kernel].sum()) for start in range(positions))
    lines = taps / positions * channels  # ones among a window's 768 inputs
    activity = module.full_activity("conv1")
    assert activity.drives == near(lines * 16 * (channels // 16))  # 16 bits, 16 arrays side by side
    assert activity.conversions == 6 * 16 * channels * 8  # row blocks, bits, outputs, slices


def test_every_value_takes_the_largest_code(module: ModuleType) -> None:
    """All values of a layer round to the largest of 65 535 codes, also with cells 30 % off their weight."""
    errors = np.random.default_rng(2).normal(1, 0.3, (module.CHANNELS, module.CHANNELS, module.KERNEL))
    weights = module.network(1).layers[0].weight[:, :, :, 0].astype(np.float64)  # (outputs, channels, kernel)
    ones = module.ones()[0, :, :, 0]
    assert ones.min() == 1
    padded = np.pad(ones, ((0, 0), (1, 1)))

    def values(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.ones((module.CHANNELS, module.POSITIONS))
        for tap in range(module.KERNEL):
            found += kernel[:, :, tap] @ padded[:, tap : tap + module.POSITIONS]
        return found

    top = values(weights).max()
    assert (np.rint(values(weights * errors) / top * 65_535) >= 65_535).all()


def test_the_value_model_finds_the_same_activity(module: ModuleType) -> None:
    """Two layers on two tiles, computed cell by cell: the drivers take the energy of the stated activity."""
    chain = module.network(2)
    network = replace(chain, layers=(*chain.layers, Flatten("flatten")))
    loaded = load_chip("isaac_isca_2016", ["tile.count={x: 2, y: 1}"])
    options = RunOptions(seeds=1, images=1, inputs=Samples(module.ones(), None, "ones"))
    energy_j = run(loaded, network, options)["energy_j"]["by_component"]["driver"]
    drives = 2 * module.POSITIONS * module.full_activity("conv1").drives
    assert energy_j == near(drives * 4e-3 / 1024 / 10e6)  # 4 mW an IMA of 1024 DACs at 10 MHz


@pytest.mark.parametrize("tiles", ["3x3", "four"])
def test_bad_sizes_are_refused(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiles: str
) -> None:
    """A mesh that is no pair of numbers, or of an odd number of tiles, ends with one line that says so."""
    monkeypatch.setattr(sys, "argv", ["validate_isaac.py", "--tiles", tiles])
    with pytest.raises(SystemExit):
        module.main()
    assert f"--tiles {tiles}: expected two numbers as in 14x12" in capsys.readouterr().err


def test_too_few_images_are_refused(module: ModuleType) -> None:
    """One image through many layers leaves the chip before it is full: the command says so instead of a number."""
    with pytest.raises(SystemExit, match="expected more images"):
        module.validate(7, 8, 1)
