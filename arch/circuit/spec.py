"""The chip's array as the `spec` of a circuit case, lines at the chip's temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array
from pillarsim.arch.components.array_power import array_lines
from pillarsim.devices.circuits import CircuitError
from pillarsim.devices.polynomial import HIGHEST_S, LOWEST_S, polynomial_coefficients, polynomial_conductance_s

Floats = NDArray[np.float64]

_EDGE = 1e-6  # relative: float32 conductances at the edge of the range count as inside
_BISECTIONS = 60  # halve the fitted range down to rounding
OPEN_OHM = 1e30  # Ohm, of a select transistor whose off-resistance the chip does not state: nothing flows


def array_spec(array: Array, temperature_k: float) -> dict[str, Any]:
    """Return geometry, wires and cell of a case; its mode and bias are the caller's to add.

    The cell's `g_lrs` and `g_hrs` are slopes at 0 V, as the circuits take them; access devices of a planar array are
    in series with the cells and belong to the conductances (`slope_s`).
    """
    lines = array_lines(array, temperature_k)
    wires = {"r_driver": lines.driver_ohm, "r_sense": lines.sense_ohm}
    if array.geometry == "planar":
        geometry: dict[str, Any] = {"geometry": "2d", "r_row": lines.word_line_ohm, "r_col": lines.bit_line_ohm}
    else:
        geometry = {
            "geometry": "3d",
            "layers": array.layers,
            "wl": _word_lines(array),
            "r_wl": lines.word_line_ohm,
            "r_bl": lines.bit_line_ohm,
            "r_pillar": lines.pillar_ohm,
            "r_on": lines.select_ohm,
            "r_off": array.resistance.select_off or OPEN_OHM,
        }
    low, high = (slope_s(array, ohm) for ohm in (array.cell.hrs, array.cell.lrs))
    cell = {**_law(array), "g_hrs": low, "g_lrs": high}
    return {**geometry, "rows": array.rows, "cols": array.columns, **wires, "cell": cell, "selector": None}


def slope_s(array: Array, ohm: float) -> float:
    """Slope at 0 V, in siemens, of a cell whose card states `ohm`, access device included."""
    return 1 / (ohm + array.series_resistance) / array.cell.iv.rise(array.cell.iv.stated_at)


def _law(array: Array) -> dict[str, Any]:
    iv = array.cell.iv
    return {"model": iv.model} if iv.voltage is None else {"model": iv.model, "k": 1 / iv.voltage}


def _word_lines(array: Array) -> dict[str, Any]:
    if array.word_lines == "comb":
        return {"type": "comb", "rows_per_finger": array.rows_per_finger, "n_combs": 2}
    return {"type": array.word_lines}


def slopes_s(array: Array, conductance_s: Floats) -> Floats:
    """Slopes at 0 V of cells whose I / V at the read voltage is `conductance_s`, siemens.

    Raises CircuitError for a cell outside the range in which the polynomial law was fitted.
    """
    if array.cell.iv.model == "polynomial":
        return _polynomial_slopes_s(conductance_s, array.read_voltage)
    return conductance_s / array.cell.iv.rise(array.read_voltage)


def _polynomial_slopes_s(conductance_s: Floats, volts: float) -> Floats:
    """Invert I / V of the polynomial law, which rises with the slope, by bisection over the fitted range."""
    limits = LOWEST_S, HIGHEST_S
    lowest, highest = (polynomial_conductance_s(limit, volts) for limit in limits)
    outside = (conductance_s < lowest * (1 - _EDGE)) | (conductance_s > highest * (1 + _EDGE))
    if outside.any():
        raise CircuitError(
            f"cell.iv: the polynomial law was fitted from {limits[0] * 1e6:g} to {limits[1] * 1e6:g} uS; "
            f"{int(outside.sum())} of {outside.size} cells lie outside after programming; expected lrs and hrs farther "
            "inside, less programming_error, or circuit 'ideal'"
        )
    low, high = np.full_like(conductance_s, limits[0]), np.full_like(conductance_s, limits[1])
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        second, third = polynomial_coefficients(np.log10(middle))
        short = middle + second * volts + third * volts**2 < conductance_s
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return (low + high) / 2
