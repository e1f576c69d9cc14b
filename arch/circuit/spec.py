"""The chip's array as the `spec` of a circuit case, lines at the chip's temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array
from pillarsim.arch.chip.current_voltage import LAW_K
from pillarsim.arch.components.array_power import array_lines
from pillarsim.devices.circuits import CircuitError
from pillarsim.devices.current_voltage import PooleFrenkel
from pillarsim.devices.polynomial import polynomial_slopes_s
from pillarsim.devices.ranges import OutOfRange

Floats = NDArray[np.float64]

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
    low, high = (slope_s(array, ohm) for ohm in (array.hrs, array.cell.lrs))
    cell = {**_law(array), "g_hrs": low, "g_lrs": high}
    return {**geometry, "rows": array.rows, "cols": array.columns, **wires, "cell": cell, "selector": None}


def slope_s(array: Array, ohm: float) -> float:
    """Slope at 0 V, in siemens, of a cell whose card states `ohm`, access device included."""
    return 1 / (ohm + array.series_resistance) / array.cell.iv.rise(array.cell.iv.stated_at)


def _law(array: Array) -> dict[str, Any]:
    iv = array.cell.iv
    if iv.voltage is not None:
        return {"model": iv.model, "k": 1 / iv.voltage}
    if isinstance(iv.law, PooleFrenkel):
        return {"model": iv.model, "v_pf": iv.law.field_v(LAW_K)}
    return {"model": iv.model}


def _word_lines(array: Array) -> dict[str, Any]:
    if array.word_lines == "comb":
        return {"type": "comb", "rows_per_finger": array.rows_per_finger, "n_combs": 2}
    return {"type": array.word_lines}


def slopes_s(array: Array, conductance_s: Floats) -> Floats:
    """Slopes at 0 V of cells whose I / V at the read voltage is `conductance_s`, siemens.

    Raises CircuitError for a cell outside the range in which the polynomial law was fitted.
    """
    if array.cell.iv.model != "polynomial":
        return conductance_s / array.cell.iv.rise(array.read_voltage)
    try:
        return np.asarray(polynomial_slopes_s(conductance_s, array.read_voltage))
    except OutOfRange as error:
        raise CircuitError(
            f"cell.iv: {error} after programming; expected lrs and hrs farther inside, less programming_error, or "
            "circuit 'ideal'"
        ) from None
