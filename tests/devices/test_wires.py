"""Lines of a crossbar: settling, energy and area laws; the IR-drop estimate against solved circuits."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pillarsim.devices.wires import (
    Lines,
    bit_line_delay_s,
    ir_drop,
    planar_area_m2,
    settling_time_s,
    vertical_area_m2,
    whole_cycles,
    word_line_delay_s,
    word_line_energy_j,
)
from tests.near import near

PLANAR = Lines(
    rows=128, columns=128, word_line_ohm=1.0, bit_line_ohm=2.0, driver_ohm=100.0, sense_ohm=50.0,
    word_line_f=1e-16, bit_line_f=2e-16,
)  # fmt: skip
VERTICAL = replace(PLANAR, layers=8, pillar_ohm=10.0, select_ohm=5e3, pillar_f=1e-16)


def test_delay_of_lines_solved_by_hand() -> None:
    """Two cells a line: Elmore sums of two segments and the resistances at their ends."""
    lines = Lines(2, 2, word_line_ohm=1.0, bit_line_ohm=3.0, driver_ohm=10.0, sense_ohm=20.0,
                  word_line_f=1e-15, bit_line_f=2e-15)  # fmt: skip
    assert word_line_delay_s(lines) == near(1e-15 * ((10 + 1) + (10 + 1 + 1)))
    assert bit_line_delay_s(lines) == near(2e-15 * ((20 + 3) + (20 + 3 + 3)))


def test_delay_of_a_pillar_solved_by_hand() -> None:
    """One pillar of two layers: its capacitance loads the bit line and charges through the select transistor."""
    lines = Lines(1, 1, layers=2, pillar_ohm=5.0, select_ohm=100.0, sense_ohm=20.0, bit_line_ohm=3.0, pillar_f=1e-15)
    through_line = 2e-15 * (20 + 3)
    through_pillar = 1e-15 * ((100 + 5) + (100 + 5 + 5))
    assert bit_line_delay_s(lines) == near(through_line + through_pillar)


@pytest.mark.parametrize("bits", [1, 4, 8, 12])
def test_settling_reaches_half_a_step(bits: int) -> None:
    """After the settling time an exponential of the Elmore delay is within 2^-(bits + 1) of its end."""
    delay = word_line_delay_s(PLANAR) + bit_line_delay_s(PLANAR)
    assert math.exp(-settling_time_s(PLANAR, bits) / delay) == near(2.0 ** -(bits + 1))


@pytest.mark.parametrize("lines", [PLANAR, VERTICAL])
def test_read_time_grows_with_every_dimension(lines: Lines) -> None:
    """More rows, columns, layers, resistance or capacitance never settle faster."""
    for name in ("rows", "columns", "layers", "word_line_ohm", "bit_line_ohm", "sense_ohm", "bit_line_f"):
        bigger = replace(lines, **{name: getattr(lines, name) * 2})
        assert settling_time_s(bigger, 8) >= settling_time_s(lines, 8)
    assert settling_time_s(replace(lines, rows=2 * lines.rows), 8) > settling_time_s(lines, 8)


def test_a_long_line_settles_with_the_square_of_its_length() -> None:
    """Without end resistances, doubling rows multiplies the bit line's delay by four (but for one segment)."""
    bare = Lines(256, 256, bit_line_ohm=2.0, bit_line_f=1e-16)
    ratio = bit_line_delay_s(replace(bare, rows=512)) / bit_line_delay_s(bare)
    assert ratio == near(512 * 513 / (256 * 257))


def test_times_are_whole_cycles() -> None:
    """A time is rounded up to clock cycles, at least one, and an exact multiple stays itself."""
    assert whole_cycles(0.0, 1e9) == 1
    assert whole_cycles(1e-9, 1e9) == 1
    assert whole_cycles(1.01e-9, 1e9) == 2
    assert whole_cycles(7e-9, 1e9) == 7


def test_line_energy_is_c_v_squared() -> None:
    """A word line of n cells takes n c V^2; doubling columns or voltage gives twice and four times."""
    assert word_line_energy_j(PLANAR, 0.2) == near(128 * 1e-16 * 0.04)
    assert word_line_energy_j(replace(PLANAR, columns=256), 0.2) == near(2 * word_line_energy_j(PLANAR, 0.2))
    assert word_line_energy_j(PLANAR, 0.4) == near(4 * word_line_energy_j(PLANAR, 0.2))


def test_area_laws() -> None:
    """Planar area doubles with rows; layers of a vertical array add stairs only; select transistors add up."""
    assert planar_area_m2(256, 128, 1e-7) == near(2 * planar_area_m2(128, 128, 1e-7))
    flat = vertical_area_m2(64, 32, 8, 1e-7, 0.0, 0.0)
    assert flat == near(64 * 32 * 1e-14)
    stairs = [vertical_area_m2(64, 32, layers, 1e-7, 5e-7, 0.0) - flat for layers in (8, 16)]
    assert stairs[0] == near(8 * 5e-7 * 64 * 1e-7)
    assert stairs[1] == near(2 * stairs[0])
    assert vertical_area_m2(64, 32, 8, 1e-7, 0.0, 1e-14) == near(2 * flat)


def test_ir_drop_of_one_cell_is_exact() -> None:
    """A single cell in series with driver, two segments and the sense circuit: drop = R / (R + 1/G)."""
    lines = Lines(1, 1, word_line_ohm=2.0, bit_line_ohm=3.0, driver_ohm=50.0, sense_ohm=20.0)
    drop = ir_drop(lines, 1e-4, 1)
    assert drop.mean == near(75 / (75 + 1e4))
    assert drop.worst == near(drop.mean)


def test_ir_drop_of_ideal_wires_is_none() -> None:
    """Without resistance nothing drops; with it fewer active rows, or smaller conductances, drop less."""
    assert ir_drop(Lines(64, 64), 1e-4, 64).worst == 0
    for lines in (PLANAR, VERTICAL):
        assert ir_drop(lines, 1e-6, 64).mean < ir_drop(lines, 1e-6, 128).mean
        assert ir_drop(lines, 1e-7, 128).mean < ir_drop(lines, 1e-6, 128).mean
        assert ir_drop(lines, 1e-6, 128).mean < ir_drop(lines, 1e-6, 128).worst


@pytest.mark.parametrize(("size", "tolerance"), [(32, 0.05), (64, 0.05), (128, 0.05)])
def test_ir_drop_of_solved_crossbars(shared: Path, size: int, tolerance: float) -> None:
    """The estimated mean drop is within 5 % of that of solved crossbars (drops of 3.5 %, 12 % and 35 %)."""
    with np.load(shared / "spice" / "irdrop" / f"irdrop_ref_{size}.npz") as solved:
        drop = float(np.mean(1 - solved["I_splu"] / solved["I_ideal"]))
        conductance, segment = float(solved["G"].mean()), float(solved["R"])
    lines = Lines(size, size, word_line_ohm=segment, bit_line_ohm=segment)
    assert ir_drop(lines, conductance, size).mean == near(drop, rel=tolerance)


def test_ir_drop_of_the_circuit_simulators_cases(shared: Path) -> None:
    """All linear compute cases with whole rows or fingers, planar and vertical: mean drop within 15 %."""
    checked = 0
    for path in sorted((shared / "spice" / "cases").glob("o?c*.json")):
        case = json.loads(path.read_text())
        spec = case["spec"]
        if spec["cell"]["model"] != "linear" or spec.get("wl", {"type": "finger"})["type"] != "finger":
            continue
        drop = ir_drop(_lines(spec), float(np.mean(case["g"])), len(spec.get("on_rows", range(spec["rows"]))))
        assert drop.mean == near(case["results"]["ir_drop_mean"], rel=0.15), path.stem
        checked += 1
    assert checked >= 8


def _lines(spec: dict[str, Any]) -> Lines:
    planar = spec["geometry"] == "2d"
    return Lines(
        rows=int(spec["rows"]),
        columns=int(spec["cols"]),
        layers=int(spec.get("layers", 1)),
        cells_on=int(spec.get("layers", 1)),
        word_line_ohm=spec["r_row"] if planar else spec["r_wl"],
        bit_line_ohm=spec["r_col"] if planar else spec["r_bl"],
        pillar_ohm=spec.get("r_pillar", 0.0),
        driver_ohm=spec["r_driver"],
        sense_ohm=spec["r_sense"],
        select_ohm=spec.get("r_on", 0.0),
    )


def test_ir_drop_thins_with_the_driven_rows() -> None:
    """Fewer driven rows load the bit lines less; the word line's own share stays."""
    lines = Lines(64, 64, word_line_ohm=2.0, bit_line_ohm=2.0, driver_ohm=50.0, sense_ohm=50.0)
    full, half, none = (ir_drop(lines, 1e-6, 64, density) for density in (1.0, 0.5, 0.0))
    assert none.mean < half.mean < full.mean
    word = Lines(64, 64, word_line_ohm=2.0, driver_ohm=50.0)
    assert none.mean == near(ir_drop(word, 1e-6, 64).mean)
