"""Lines of a crossbar, planar or vertical: settling time, energy, IR drop; and the area of its cells.

Letters: m rows (pillar rows of a vertical array), n columns, l layers. Word lines run along n columns from their
driver, bit lines along m rows to their sense circuit; a wire segment lies before the first cell.
A vertical array has a pillar of l layers with a select transistor under each crossing of row and column; a word-line
electrode of a layer feeds one or several fingers, each along n columns (a plane counts as one finger a row).
Left out: inductance, coupling between lines, the cells' own conductance while lines settle, select lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Lines:
    """Lines of one array: counts, ohms and farads of a segment (one cell pitch), ohms at the ends.

    Temperature is already in the resistances. `layers` is 1 and pillar and select values are 0 where planar.
    fingers: that one electrode feeds; fingers_on: of those, the ones whose cells conduct in a read;
    cells_on: cells of a pillar that conduct in a read, either one or the same number in every layer.
    """

    rows: int
    columns: int
    layers: int = 1
    fingers: int = 1
    fingers_on: int = 1
    cells_on: int = 1
    word_line_ohm: float = 0.0
    bit_line_ohm: float = 0.0
    pillar_ohm: float = 0.0
    driver_ohm: float = 0.0
    sense_ohm: float = 0.0
    select_ohm: float = 0.0
    word_line_f: float = 0.0
    bit_line_f: float = 0.0
    pillar_f: float = 0.0


@dataclass(frozen=True)
class IrDrop:
    """Relative loss of cell voltage: mean over cells (that of the column currents), and in the worst-placed cell."""

    mean: float
    worst: float


def word_line_delay_s(lines: Lines) -> float:
    """Elmore delay of a word line at its far end: driver of all its fingers, then n segments."""
    n = lines.columns
    return lines.word_line_f * (lines.driver_ohm * n * lines.fingers + lines.word_line_ohm * n * (n + 1) / 2)


def bit_line_delay_s(lines: Lines) -> float:
    """Elmore delay from the farthest cell to the sense circuit, pillars and their select transistors included.

    All m pillars of a bit line load it, as if every select transistor were on (the slowest read).
    """
    m, height = lines.rows, lines.layers
    pillar_f = lines.pillar_f * height
    line = (lines.bit_line_f + pillar_f) * (lines.sense_ohm * m + lines.bit_line_ohm * m * (m + 1) / 2)
    pillar = lines.pillar_f * (lines.select_ohm * height + lines.pillar_ohm * height * (height + 1) / 2)
    return line + pillar


def settling_time_s(lines: Lines, bits: int) -> float:
    """Time for word line and bit line, one after the other, to settle to half an LSB of `bits`."""
    return (word_line_delay_s(lines) + bit_line_delay_s(lines)) * math.log(2.0 ** (bits + 1))


def whole_cycles(time_s: float, clock_hz: float) -> int:
    """Clock cycles that cover `time_s`, at least one."""
    return max(1, math.ceil(time_s * clock_hz * (1 - 1e-12)))


def cycles_ps(cycles: int, clock_hz: float) -> int:
    """Duration of whole clock cycles, to the nearest picosecond and at least one."""
    return max(1, round(cycles * 1e12 / clock_hz))


def word_line_energy_j(lines: Lines, voltage_v: float) -> float:
    """Energy C V^2 that charging one driven word line takes from its supply; bit lines stay at virtual ground."""
    return lines.word_line_f * lines.columns * lines.fingers * voltage_v**2


def planar_area_m2(rows: int, columns: int, pitch_m: float) -> float:
    """Area of a planar array's cells."""
    return rows * columns * pitch_m**2


def vertical_area_m2(
    rows: int, columns: int, layers: int, pitch_m: float, staircase_step_m: float, select_area_m2: float
) -> float:
    """Area of a vertical array: pillars, the staircase of word-line contacts along its rows, select transistors.

    Word-line drivers are parts of their own, one an electrode.
    """
    pillars = rows * columns
    staircase = layers * staircase_step_m * rows * pitch_m
    return pillars * pitch_m**2 + staircase + pillars * select_area_m2


def ir_drop(lines: Lines, conductance_s: float, active_rows: int, density: float = 1.0) -> IrDrop:
    """Estimate the IR drop of a read with `active_rows` on, all cells at `conductance_s`, inputs alike.

    density is the share of those rows that is driven: it thins what pillars and bit lines carry, while a driven word
    line carries its whole row. First-order loss x of distributed lines with uniform currents, then x / (1 + x) for
    the load the drop removes. Rows that are on lie farthest from the sense circuit (the worst place). For linear
    cells the mean is within a few percent of the solved circuits in the tests, up to a drop of one half; nonlinear
    cells lose more.
    """
    n, height, on = lines.columns, lines.cells_on, min(active_rows, lines.rows)
    past = lines.rows - on  # segments that carry the whole column's current
    column = on * (lines.sense_ohm + past * lines.bit_line_ohm)
    # A cell that conducts carries its own current at any density; a pillar has too few others to leave that out.
    pillar_density = density + (1 - density) / height
    select = height * lines.select_ohm
    mean = density * height * (column + lines.bit_line_ohm * _mean_path(on))
    mean += pillar_density * (select + lines.pillar_ohm * _pillar(lines, _mean_path, (lines.layers + 1) / 2))
    mean += n * lines.fingers_on * lines.driver_ohm + lines.word_line_ohm * _mean_path(n)
    worst = density * height * (column + lines.bit_line_ohm * _last_path(on))
    worst += pillar_density * (select + lines.pillar_ohm * _pillar(lines, _last_path, lines.layers))
    worst += n * lines.fingers_on * lines.driver_ohm + lines.word_line_ohm * _last_path(n)
    return IrDrop(_loaded(conductance_s * mean), _loaded(conductance_s * worst))


def _pillar(lines: Lines, path: Callable[[int], float], alone: float) -> float:
    """Pillar segments to a cell, each times the cells it feeds: all layers conduct, or one (`alone` segments)."""
    if lines.cells_on < lines.layers:
        return alone
    return lines.cells_on / lines.layers * path(lines.layers)


def _mean_path(cells: int) -> float:
    """Mean over `cells` of a line of the segment resistances to it, each times the cells it feeds."""
    return (cells + 1) * (2 * cells + 1) / 6


def _last_path(cells: int) -> float:
    """The same sum for the last cell of the line."""
    return cells * (cells + 1) / 2


def _loaded(first_order: float) -> float:
    return first_order / (1 + first_order)
