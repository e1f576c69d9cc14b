"""The current-voltage section of a device card: its laws, its limits, and which inputs nonlinear cells take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pillarsim.arch.chip import Array
from pillarsim.arch.chip.current_voltage import LAW_K, CurrentVoltage
from pillarsim.arch.circuit.spec import array_spec, slope_s, slopes_s
from pillarsim.arch.compute.programming import cells_power_w
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.current_voltage import Linear, Polynomial, PooleFrenkel, Sinh
from tests.near import near

FILM = {"model": "poole_frenkel", "permittivity": 25.0, "thickness": "10 nm"}
CELLS: dict[str, dict[str, Any]] = {
    "linear": {"model": "linear"},
    "sinh": {"model": "sinh", "voltage": "0.1 V", "stated_at": "0.3 V"},
    "poole_frenkel": FILM | {"stated_at": "0.3 V"},
    "polynomial": {"model": "polynomial"},
}


def array(iv: dict[str, Any], **keys: Any) -> Array:
    """A planar passive array of cells with the law `iv`."""
    cell = {"lrs": "5 kOhm", "hrs": "18 kOhm", "levels": 4, "iv": iv}
    data = {"rows": 4, "columns": 4, "read_voltage": "0.2 V", "cell_pitch": "200 nm", "cell": cell}
    return Array.model_validate(data | keys)


def test_laws_of_the_devices() -> None:
    """Each model is a law of the devices with the card's parameters."""
    found = {name: CurrentVoltage.model_validate(iv).law for name, iv in CELLS.items()}
    assert found == {
        "linear": Linear(),
        "sinh": Sinh(0.1),
        "poole_frenkel": PooleFrenkel(25.0, 10e-9),
        "polynomial": Polynomial(),
    }


@pytest.mark.parametrize("name", CELLS)
def test_states_are_what_the_card_says_at_its_voltage(name: str) -> None:
    """I / V at `stated_at` is 1 / lrs, and the conductance of the chip is I / V at the read voltage."""
    one = array(CELLS[name])
    iv, slope = one.cell.iv, slope_s(one, 5e3)
    if iv.stated_at:
        assert iv.law.current_a(slope, iv.stated_at, LAW_K) / iv.stated_at == near(1 / 5e3, rel=1e-12)
    else:
        assert slope == near(1 / 5e3, rel=1e-12)
    chord = float(iv.law.current_a(slope, 0.2, LAW_K)) / 0.2
    assert one.conductance_range[1] == near(chord, rel=1e-12)
    assert slopes_s(one, np.array([chord]))[0] == near(slope, rel=1e-11)


@pytest.mark.parametrize("name", ["sinh", "poole_frenkel"])
def test_pulse_power_is_that_of_the_law(name: str) -> None:
    """Cells of a conductance at the read voltage dissipate V I(V) at another."""
    one = array(CELLS[name])
    slope = one.cell.iv.law.slope_from(3e-5, 0.2, LAW_K)
    assert cells_power_w(one, 1.5, 3e-5) == near(1.5 * one.cell.iv.law.current_a(slope, 1.5, LAW_K), rel=1e-12)


def test_circuits_take_the_same_film() -> None:
    """The circuit's cell has the film's voltage at 300 K: 29.0 mV for 10 nm of permittivity 25."""
    cell = array_spec(array(FILM), 350.0)["cell"]
    assert cell["v_pf"] == near(0.0290, rel=1e-3)
    law = read_cell({"cell": cell}).law
    assert getattr(law, "v_pf") == PooleFrenkel(25.0, 10e-9).field_v(LAW_K)  # noqa: B009


@pytest.mark.parametrize(
    ("iv", "message"),
    [
        (
            {"model": "poole_frenkel", "permittivity": 25.0},
            "thickness: expected exactly where model is 'poole_frenkel'",
        ),
        ({"model": "poole_frenkel", "thickness": "10 nm"}, "permittivity: expected exactly where"),
        ({"model": "sinh", "voltage": "0.1 V", "thickness": "10 nm"}, "thickness: expected exactly where"),
        (FILM | {"voltage": "0.1 V"}, "voltage: expected exactly where model is 'sinh'"),
        (FILM | {"permittivity": 0.5}, "greater than or equal to 1"),
        (
            {"model": "polynomial", "stated_at": "0.1 V"},
            "stated_at: expected only with model 'sinh' or 'poole_frenkel'",
        ),
        ({"model": "sinh", "voltage": "0.01 V", "stated_at": "2.1 V"}, "stated_at: expected at most 200 times"),
        (FILM | {"permittivity": 1.0, "thickness": "0.01 nm", "stated_at": "0.1 V"}, "where the law's exponent is 200"),
    ],
)
def test_refusals(iv: dict[str, Any], message: str) -> None:
    """Keys of another law, and voltages at which a law means nothing, are refused by name."""
    with pytest.raises(ValidationError, match=message):
        CurrentVoltage.model_validate(iv)


def test_vertical_arrays_take_every_law_but_the_polynomial() -> None:
    """Only the polynomial, which is not odd in the voltage, is refused."""
    vertical = {"geometry": "vertical", "layers": 2, "word_lines": "finger"}
    for name in ("linear", "sinh", "poole_frenkel"):
        assert array(CELLS[name], **vertical).cell.iv.model == name
    with pytest.raises(ValidationError, match="expected linear, sinh or poole_frenkel for a vertical array"):
        array(CELLS["polynomial"], **vertical)


def test_limit_of_a_read_voltage() -> None:
    """A film so thin that the exponent passes 200 is refused; at the limit the rise is exp(200)."""
    thin = FILM | {"permittivity": 1.0, "thickness": "0.01 nm"}
    iv = CurrentVoltage.model_validate(thin)
    assert iv.rise(iv.limit_v) == near(math.exp(200), rel=1e-9)
    with pytest.raises(ValidationError, match="read_voltage: expected at most"):
        array(thin)
    assert CurrentVoltage().limit_v == math.inf
