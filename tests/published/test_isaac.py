"""ISAAC-CE (ISCA 2016): the parts of Table I add up to its tile, its chip and its peak throughput."""

import json

import pytest

from pillarsim.cli import status
from tests.near import near

# Table I: (mW, mm2) of all instances of a part in one IMA, in one tile, and on the chip
IMA = {
    "converter": (16, 0.0096), "driver": (4, 0.00017), "sample_hold": (0.01, 0.00004), "array": (2.4, 0.0002),
    "shift_add": (0.2, 0.00024), "input_register": (1.24, 0.0021), "output_register": (0.23, 0.00077),
}  # fmt: skip
TILE = {
    "buffer": (20.7, 0.083), "bus": (7, 0.090), "router": (10.5, 0.151 / 4), "activation": (0.52, 0.0006),
    "adder": (0.05, 0.00006), "pooling": (0.4, 0.00024), "tile_output_register": (1.68, 0.0032),
}  # fmt: skip
CHIP = {"off_chip": (10.4e3, 22.88)}
TOLERANCE = 1e-3  # of the published totals


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict:  # type: ignore[type-arg]
    """The JSON of `pillarsim show isaac_isca_2016`."""
    path = tmp_path_factory.mktemp("isaac") / "show.json"
    assert status(["show", "isaac_isca_2016", "--json", str(path)]) == 0
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def test_the_totals_are_the_published_ones(shown: dict) -> None:  # type: ignore[type-arg]
    """Tile 329.8 mW and 0.3723 mm2, chip 65.81 W and 85.42 mm2, 41.29 TOPS of 16 bits, all within 0.1 %."""
    assert shown["tile"]["power_w"] == near(329.8e-3, rel=TOLERANCE)
    assert shown["tile"]["area_m2"] == near(0.3723e-6, rel=TOLERANCE)
    assert shown["chip"]["power_w"] == near(65.81, rel=TOLERANCE)
    assert shown["chip"]["area_m2"] == near(85.42e-6, rel=TOLERANCE)
    assert shown["peak_ops_per_s"] == near(41.29e12, rel=TOLERANCE)


def test_leakage_is_not_stated(shown: dict) -> None:  # type: ignore[type-arg]
    """ISAAC states no leakage: null for the chip and for each part, and the count of stated parts is 0."""
    assert shown["chip"]["leakage_w"] is None
    assert all(part["leakage_w"] is None for part in shown["components"])
    assert shown["chip"]["parts_stated"]["leakage_w"] == 0
    assert 0 < shown["chip"]["parts_stated"]["power_w"] < shown["chip"]["parts"]


@pytest.mark.parametrize("role", [*IMA, *TILE, *CHIP])
def test_each_row_of_the_table(shown: dict, role: str) -> None:  # type: ignore[type-arg]
    """Power and area of each row, multiplied out over the chip, are the printed ones."""
    levels, (milliwatts, square_mm) = next(
        (levels, table[role]) for levels, table in ((168 * 12, IMA), (168, TILE), (1, CHIP)) if role in table
    )
    part = next(part for part in shown["components"] if part["role"] == role)
    assert part["total"]["peak_power_w"] == near(levels * milliwatts * 1e-3, rel=1e-6)
    assert part["total"]["area_m2"] == near(levels * square_mm * 1e-6, rel=1e-6)


def test_the_tables_own_sums() -> None:
    """By hand: an IMA is 24.08 mW, 12 of them and the tile's parts 329.8 mW, 168 tiles and the links 65.81 W."""
    ima = [sum(row[column] for row in IMA.values()) for column in (0, 1)]
    tile = [12 * ima[column] + sum(row[column] for row in TILE.values()) for column in (0, 1)]
    chip = [168 * tile[column] + CHIP["off_chip"][column] for column in (0, 1)]
    assert ima == near([24.08, 0.01312])
    assert tile == near([329.81, 0.37229])
    assert chip == near([65808.08, 85.42472])
    macs = 168 * 12 * 8 * 128 * 16
    assert 2 * macs / (16 * 100e-9) == near(41.288e12, rel=1e-4)


def test_half_of_the_power_is_the_converters(shown: dict) -> None:  # type: ignore[type-arg]
    """Converters take 49 % of the chip's power, as quoted of ISAAC."""
    part = next(part for part in shown["components"] if part["role"] == "converter")
    assert part["total"]["peak_power_w"] / shown["chip"]["power_w"] == pytest.approx(0.490, abs=1e-3)
