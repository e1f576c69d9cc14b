"""Row `chen2021`: leakage current of HfO2/TaOx 3-D vertical RRAM.

What the paper says is known from its abstract alone; its cell currents and its own formulae were not available. So
every claim rests on assumed parameters: they are chosen once, in `array`, and printed with the result.
"""

from __future__ import annotations

from pathlib import Path

from pillarsim.reproduce.chen2021 import claims, closed, trends
from pillarsim.reproduce.chen2021.array import Wires
from pillarsim.reproduce.chen2021.pictures import draw
from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.rows import Progress

__all__ = ["draw", "simulate"]

REFERENCE = (
    "Chen et al., Analysis of Leakage Current of HfO2/TaOx-Based 3-D Vertical RRAM Array, Micromachines 12(6):614, 2021"
)
_PRESET = "preset vrram_finger_8layer (assumed there)"


def simulate(quick: bool, progress: Progress, data_dir: Path | None = None) -> Result:
    """Solve all arrays and decide claims e1 to e6 and the derived tables d1 to d3."""
    line_axes, square_axes = (trends.QUICK_LINE, trends.QUICK_SQUARE) if quick else (trends.LINE, trends.SQUARE)
    line = trends.solve_grid(line_axes, False, progress)
    square = trends.solve_grid(square_axes, True, progress)
    bits, per_bit = claims.bits_claim(progress)
    layers = [float(count) for count in line_axes.layers]
    return Result(
        name="chen2021",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(line_axes, square_axes),
        claims=(
            claims.leakage_claim((line, square)),
            claims.margin_claim((line, square)),
            bits,
            claims.remedies_claim((line, square)),
            closed.closed_form_claim(quick, progress),
            claims.ratio_claim(),
            *closed.table_claims(),
        ),
        series={
            "leakage_against_layers": {
                "layers": layers,
                **{f"{scheme}_a": [p.amplifier.leak_cells_a for p in _base(line, scheme)] for scheme in trends.SCHEMES},
            },
            "margin_against_layers": {
                "layers": layers,
                **{
                    f"{scheme}_current": [p.amplifier.margin_array for p in _base(line, scheme)]
                    for scheme in trends.SCHEMES
                },
                **{f"{scheme}_volts": [p.load.margin_volts for p in _base(line, scheme)] for scheme in trends.SCHEMES},
            },
            "leakage_per_bit": per_bit,
        },
    )


def _base(grid: trends.Grid, scheme: str) -> list[trends.Solved]:
    """The points of 64 pillars at 1 V, layers rising."""
    found = {key[1]: solved for key, solved in grid.items() if key[0] == scheme and key[2:] == (64, 1.0)}
    return [found[layers] for layers in sorted(found)]


def _parameters(line: trends.Axes, square: trends.Axes) -> tuple[Parameter, ...]:
    wires, cell = Wires(), claims.BASE.cell
    assumed = "assumed: the paper's cell is not available"
    return (
        Parameter(
            "cell", f"I = (V_r/R_LRS) sinh(a V)/sinh(a V_r), a = {cell.a:g} per V (NL 20.1; also 14: NL 1097)", assumed
        ),
        Parameter("R_LRS", f"{cell.r_lrs / 1e6:g} MOhm at V_r = {cell.stated_v:g} V", assumed),
        Parameter("HRS/LRS", f"{cell.ratio:g}", "card hfox_taox_selfselective (assumed there)"),
        Parameter("states", "all other cells LRS; farthest cell selected", "assumed: worst case"),
        Parameter("word lines", f"planes, {wires.r_wl:g} Ohm between pillars", _PRESET),
        Parameter("pillar, bit line", f"{wires.r_pillar:g} Ohm a layer, {wires.r_bl:g} Ohm a row", _PRESET),
        Parameter(
            "select transistor",
            f"{wires.r_on / 1e3:g} kOhm on, {wires.r_off / 1e9:g} GOhm off",
            f"{_PRESET}; off: assumed",
        ),
        Parameter("driver, sense", f"{wires.r_driver:g} Ohm each; dV/V: load of R_LRS", _PRESET),
        Parameter("line of pillars", _axes(line, "1 x {}"), "assumed"),
        Parameter("square of pillars", _axes(square, "{0} x {0}"), "assumed"),
    )


def _axes(axes: trends.Axes, shape: str) -> str:
    layers, volts = (", ".join(f"{one:g}" for one in values) for values in (axes.layers, axes.volts))
    return f"L = {layers}; P = {', '.join(shape.format(n) for n in axes.columns)}; V = {volts}"
