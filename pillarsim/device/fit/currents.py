"""Fits of current-voltage laws: sinh and Poole-Frenkel, over ln of the current.

Curves (column `curve`, such as one of each state) have a slope each and share the law's shape. Points at 0 V say
nothing of a logarithm and are left out. Left out: current noise that is not relative, series resistance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.fit.result import (
    Array,
    Entry,
    Fit,
    Given,
    NotFitted,
    Panel,
    Parameter,
    Section,
    Series,
    fitted,
    span,
)
from pillarsim.device.fit.solve import Solution, least, r_squared
from pillarsim.device.fit.table import Table
from pillarsim.device.fit.text import quantity
from pillarsim.devices.current_voltage import CHARGE_C, VACUUM_F_M, Law, PooleFrenkel, Sinh
from pillarsim.devices.scaling import BOLTZMANN_EV

ROOM_K = 300.0  # K, where a table and the command state no temperature; assumed
_OPEN = 0.5  # standard error of ln of a shape parameter from which it is called open, our choice
_STARTS = np.geomspace(0.02, 20, 31)  # V0 over the largest voltage where the fit may start
_GRID = 300  # points of a model's curve in a picture
_PERMITTIVITY = (1.0, 1000.0)  # that a card takes


@dataclass(frozen=True, eq=False)
class _Curves:
    """Points off 0 V: voltage and current without sign, index of their curve, curve numbers, points left out."""

    volts: Array
    amperes: Array
    curve: NDArray[np.intp]
    numbers: Array
    rows: NDArray[np.intp]
    left_out: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the slopes."""
        return tuple(f"slope_{number:g}" for number in self.numbers) if len(self.numbers) > 1 else ("slope",)


def fit_sinh(table: Table, given: Given) -> Fit:
    """I = G V0 sinh(V / V0) from columns voltage, current and, for several, curve.

    Raises NotFitted for a current against its voltage, too few points, and data so linear that V0 is open.
    """
    curves = _curves(table)

    def logs(x: Array) -> Array:
        ratio = curves.volts / math.exp(x[0])
        return np.asarray(x[1:][curves.curve] + x[0] + ratio + np.log1p(-np.exp(-2 * ratio)) - math.log(2))

    found = _solved(curves, logs, np.log(_STARTS * curves.volts.max()), "V0")
    v0, error = math.exp(found.values[0]), float(found.errors[0])
    if error > _OPEN or v0 > _STARTS[-1] * curves.volts.max():
        raise NotFitted(f"the data leave V0 open (standard error of its logarithm {error:.2g}): they are linear")
    entries: dict[str, Entry | str] = {
        "model": "sinh",
        "voltage": fitted(table, len(curves.rows), quantity(v0, "V"), v0 * error, "V"),
    }
    parameters = (Parameter("v0", v0, v0 * error, "V"),)
    return _fit("sinh", table, given, curves, found, Sinh(v0), ROOM_K, entries, parameters)


def fit_poole_frenkel(table: Table, given: Given) -> Fit:
    """I = G V exp(sqrt(V / Vpf)) from columns voltage and current, of a film whose thickness is given.

    Only permittivity times thickness follows from the curves. With a column temperature each temperature has slopes of
    its own, since the law leaves open how they follow it. Raises NotFitted as `fit_sinh`, without a thickness, and
    where ln(I / V) does not rise with the root of the voltage.
    """
    if given.thickness_m is None:
        raise NotFitted("expected --thickness, such as '5 nm': curves give only permittivity times thickness")
    kelvin = _temperatures(table, given)
    curves = _curves(table, kelvin)
    thermal_v = BOLTZMANN_EV * kelvin[curves.rows]
    field = thermal_v * math.sqrt(math.pi * VACUUM_F_M * given.thickness_m / CHARGE_C)
    rise = np.sqrt(curves.volts) / field  # over the root of the permittivity

    def logs(x: Array) -> Array:
        return np.asarray(x[1:][curves.curve] + np.log(curves.volts) + x[0] * rise)

    found = _solved(curves, logs, np.array([1.0 / math.sqrt(10)]), "the permittivity")
    inverse_root, error = float(found.values[0]), float(found.errors[0])
    if inverse_root <= 0 or error > _OPEN * inverse_root:
        raise NotFitted(
            f"ln(I / V) does not rise with the root of the voltage: slope {inverse_root:.3g}, "
            f"standard error {error:.2g}"
        )
    permittivity = inverse_root**-2
    spread = 2 * permittivity * error / inverse_root
    if not _PERMITTIVITY[0] <= permittivity <= _PERMITTIVITY[1]:
        raise NotFitted(
            f"a thickness of {quantity(given.thickness_m, 'm', 4)} gives a permittivity of {permittivity:.3g}: "
            f"expected {_PERMITTIVITY[0]:g} to {_PERMITTIVITY[1]:g}"
        )
    entries: dict[str, Entry | str] = {
        "model": "poole_frenkel",
        "permittivity": fitted(table, len(curves.rows), f"{permittivity:.6g}", spread),
        "thickness": Entry(quantity(given.thickness_m, "m"), "given: --thickness"),
    }
    law = PooleFrenkel(permittivity, given.thickness_m)
    parameters = (
        Parameter("permittivity", permittivity, spread),
        Parameter("field_voltage", law.field_v(ROOM_K), law.field_v(ROOM_K) * spread / permittivity, "V"),
    )
    at_k = float(kelvin[curves.rows][0]) if np.ptp(kelvin) == 0 else None
    return _fit("poole_frenkel", table, given, curves, found, law, at_k, entries, parameters)


def _temperatures(table: Table, given: Given) -> Array:
    if "temperature" in table.columns:
        return table.column("temperature")
    return np.full(table.rows, ROOM_K if given.temperature_k is None else given.temperature_k)


def _curves(table: Table, kelvin: Array | None = None) -> _Curves:
    volts, amperes = table.column("voltage"), table.column("current")
    against = (volts * amperes < 0) | ((amperes == 0) & (volts != 0))
    if against.any():
        row = int(np.argmax(against))
        table.refuse(row, "current", f"expected the sign of its voltage ({volts[row]:g} V), found {amperes[row]:g} A")
    rows = np.flatnonzero((volts != 0) & (amperes != 0))
    groups = [np.zeros(table.rows) if "curve" not in table.columns else table.whole("curve").astype(np.float64)]
    if kelvin is not None and np.ptp(kelvin) > 0:
        groups.append(kelvin)
    keys = np.stack(groups)[:, rows]
    if not len(rows):
        raise NotFitted("expected points off 0 V, found none")
    unique, place = np.unique(keys, axis=1, return_inverse=True)
    numbers = unique[0] if len(groups) == 1 else np.arange(unique.shape[1], dtype=np.float64)
    return _Curves(np.abs(volts[rows]), np.abs(amperes[rows]), place.ravel(), numbers, rows, table.rows - len(rows))


def _solved(curves: _Curves, logs: object, starts: Array, shape: str) -> Solution:
    """The best fit from the start whose residuals are smallest; the slopes of a start follow from their mean."""
    assert callable(logs)
    target, counts = np.log(curves.amperes), np.bincount(curves.curve)

    def start(first: float) -> Array:
        zero = np.concatenate([[first], np.zeros(len(counts))])
        return np.concatenate([[first], np.bincount(curves.curve, target - logs(zero)) / counts])

    candidates = [start(first) for first in starts.tolist()]
    best = min(candidates, key=lambda x: float(((logs(x) - target) ** 2).sum()))
    return least(lambda x: np.asarray(logs(x) - target), best, (shape, *curves.names))


def _fit(
    model: str,
    table: Table,
    given: Given,
    curves: _Curves,
    found: Solution,
    law: Law,
    kelvin: float | None,
    entries: dict[str, Entry | str],
    parameters: tuple[Parameter, ...],
) -> Fit:
    """The rest, the same for both laws. `kelvin`: None where the curves differ in temperature."""
    slopes, errors = np.exp(found.values[1:]), found.errors[1:]
    stated = given.stated_v if given.stated_v is not None else float(curves.volts.max())
    lrs = hrs = None
    if len(slopes) > 1 and kelvin is not None:
        at_stated = np.asarray(law.current_a(slopes, stated, kelvin)) / stated if stated else slopes
        lrs, hrs = 1 / float(at_stated.max()), 1 / float(at_stated.min())
    sections: dict[str, Section] = {"iv": {**entries, "stated_at": Entry(quantity(stated, "V"), _stated_source(given))}}
    target = np.log(curves.amperes)
    return Fit(
        model=model,
        points=len(curves.rows),
        parameters=(
            *parameters,
            *(
                Parameter(name, float(slope), float(slope * error), "S")
                for name, slope, error in zip(curves.names, slopes, errors, strict=True)
            ),
        ),
        goodness={
            "r_squared_ln_current": r_squared(target, found.residuals, curves.curve),
            "rms_ln_current": found.rms,
            "largest_ln_current": float(np.abs(found.residuals).max()),
        },
        ranges={"voltage": span(curves.volts, "V"), "current": span(curves.amperes, "A")},
        sections=sections,
        panels=(_panel(curves, law, slopes, ROOM_K if kelvin is None else kelvin, found, kelvin is None),),
        lrs_ohm=lrs,
        hrs_ohm=hrs,
        levels=None,
        left_out=curves.left_out,
        assumed=("the same law for either sign of the voltage",),
        not_claimed=("voltages above those measured",),
    )


def _stated_source(given: Given) -> str:
    return "largest voltage measured" if given.stated_v is None else "given: --stated-at"


def _panel(curves: _Curves, law: Law, slopes: Array, kelvin: float, found: Solution, at_points: bool) -> Panel:
    """With several temperatures the model is drawn at the measured voltages."""
    data, model = [], []
    for number, name in enumerate(curves.names):
        mine = curves.curve == number
        data.append(Series(name.replace("slope", "curve"), curves.volts[mine], curves.amperes[mine]))
        if at_points:
            order = np.argsort(curves.volts[mine])
            line = np.exp(np.log(curves.amperes[mine]) + found.residuals[mine])[order]
            model.append(Series("model", curves.volts[mine][order], line))
        else:
            grid = np.linspace(0, curves.volts[mine].max(), _GRID)[1:]
            model.append(Series("model", grid, np.asarray(law.current_a(slopes[number], grid, kelvin))))
    return Panel("voltage (V)", "current (A)", tuple(data), tuple(model), y_log=True)
