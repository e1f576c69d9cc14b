"""Current-voltage laws: limits, units, slopes, and the separable form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from pillarsim.devices.current_voltage import Law, Linear, Polynomial, PooleFrenkel, Shaped, Sinh
from pillarsim.devices.polynomial import polynomial_coefficients, polynomial_slopes_s
from pillarsim.devices.ranges import OutOfRange
from tests.near import near

ROOM_K = 300.0
SHAPED: dict[str, Shaped] = {"linear": Linear(), "sinh": Sinh(0.25), "poole_frenkel": PooleFrenkel(25.0, 10e-9)}
LAWS: dict[str, Law] = {**SHAPED, "polynomial": Polynomial()}
EVERY_LAW = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
EVERY_SHAPE = pytest.mark.parametrize("law", SHAPED.values(), ids=SHAPED)
SLOPES_S = np.linspace(50e-6, 225e-6, 40)


@EVERY_LAW
def test_slope_at_0_volts(law: Law) -> None:
    """I / V tends to G at 0 V; Poole-Frenkel gets there with the root of V: exp(sqrt(V / Vpf)) at 1e-12 V."""
    volts = 1e-12
    np.testing.assert_allclose(law.current_a(SLOPES_S, volts, ROOM_K) / volts, SLOPES_S, rtol=1e-5)
    np.testing.assert_array_equal(law.current_a(SLOPES_S, 0.0, ROOM_K), np.zeros(40))


@EVERY_LAW
@pytest.mark.parametrize("volts", [-0.5, -0.1, 0.03, 0.2, 0.5])
def test_slope_from_inverts_the_law(law: Law, volts: float) -> None:
    """The slope found from I / V is the one that it was made with: arrays, tensors and numbers."""
    chords = law.current_a(SLOPES_S, volts, ROOM_K) / volts
    np.testing.assert_allclose(law.slope_from(chords, volts, ROOM_K), SLOPES_S, rtol=1e-11)
    tensor = law.slope_from(torch.from_numpy(chords), volts, ROOM_K)
    np.testing.assert_allclose(tensor.numpy(), SLOPES_S, rtol=1e-11)
    assert law.slope_from(float(chords[7]), volts, ROOM_K) == near(SLOPES_S[7], rel=1e-11)


@EVERY_LAW
def test_terms_make_up_the_current(law: Law) -> None:
    """The separable form gives the current of every pair of slope and voltage."""
    volts = np.linspace(-0.5, 0.5, 31)
    coefficients, terms = law.coefficients(SLOPES_S), law.terms(volts, ROOM_K)
    assert len(coefficients) == len(terms) == law.rank
    summed = sum(np.multiply.outer(a, b) for a, b in zip(coefficients, terms, strict=True))
    np.testing.assert_allclose(summed, law.current_a(SLOPES_S[:, None], volts, ROOM_K), rtol=1e-12, atol=1e-20)


@EVERY_LAW
def test_numbers_arrays_and_tensors_agree(law: Law) -> None:
    """The same law whatever holds the values."""
    array = law.current_a(SLOPES_S, np.full(40, 0.2), ROOM_K)
    tensor = law.current_a(torch.from_numpy(SLOPES_S), torch.full((40,), 0.2, dtype=torch.float64), ROOM_K)
    np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-14)
    assert law.current_a(float(SLOPES_S[3]), 0.2, ROOM_K) == near(array[3], rel=1e-14)


@EVERY_SHAPE
def test_rise_is_current_over_that_of_the_slope(law: Shaped) -> None:
    """Rise is I / (G V), 1 at 0 V, the same for either sign, and never falls with |V|."""
    volts = np.linspace(0, 1, 50)
    rise = law.rise(volts, ROOM_K)
    assert rise[0] == 1.0
    assert law.rise(0.0, ROOM_K) == 1.0
    np.testing.assert_allclose(rise[1:] * 1e-5 * volts[1:], law.current_a(1e-5, volts[1:], ROOM_K), rtol=1e-14)
    np.testing.assert_array_equal(law.rise(-volts, ROOM_K), rise)
    assert (np.diff(rise) >= 0).all()


@pytest.mark.parametrize(("ratio", "error"), [(0.5, -0.030), (1, -0.113), (2, -0.352), (4, -0.734), (6, -0.901)])
def test_sinh_mismatch_at_half_the_read_voltage(ratio: float, error: float) -> None:
    """At V_r / 2 a sinh cell carries 1 / cosh(V_r / 2 V0) of its linear share: 3.0 to 90.1 % less."""
    law = Sinh(0.3 / ratio)
    share = law.current_a(1e-5, 0.15, ROOM_K) / (law.current_a(1e-5, 0.3, ROOM_K) / 2)
    assert share == near(1 / math.cosh(ratio / 2), rel=1e-12)
    assert share - 1 == near(error, rel=0.02)


def test_poole_frenkel_by_hand() -> None:
    """10 nm of permittivity 25 at 300 K: (25.85 mV)^2 pi d eps / q = 29.0 mV, at which I / V is e times the slope.

    The field's exponent q sqrt(q V / (pi d eps)) / (k T) falls as 1 / T, its voltage rises as T^2, d and eps.
    """
    law = PooleFrenkel(25.0, 10e-9)
    thermal_v = 8.617333262e-5 * 300
    assert law.field_v(300.0) == near(thermal_v**2 * math.pi * 10e-9 * 25 * 8.8541878e-12 / 1.602176634e-19, rel=1e-8)
    assert law.field_v(300.0) == near(29.0e-3, rel=1e-3)
    assert law.rise(law.field_v(300.0), 300.0) == near(math.e, rel=1e-14)
    assert law.field_v(600.0) == near(4 * law.field_v(300.0), rel=1e-14)
    assert math.log(law.rise(0.2, 600.0)) == near(math.log(law.rise(0.2, 300.0)) / 2, rel=1e-12)
    assert PooleFrenkel(50.0, 20e-9).field_v(300.0) == near(4 * law.field_v(300.0), rel=1e-14)


def test_laws_tend_to_the_linear_one() -> None:
    """A large V0, and a thick film, leave I = G V."""
    for law in (Sinh(1e4), PooleFrenkel(1000.0, 1e6)):
        np.testing.assert_allclose(law.current_a(SLOPES_S, 0.5, ROOM_K), 0.5 * SLOPES_S, rtol=1e-4)


def test_polynomial_is_that_of_the_circuits() -> None:
    """The current is G V + NL2 V^2 + NL3 V^3 with the fit's coefficients."""
    second, third = polynomial_coefficients(np.log10(SLOPES_S))
    expected = SLOPES_S * 0.3 + second * 0.3**2 + third * 0.3**3
    np.testing.assert_allclose(Polynomial().current_a(SLOPES_S, 0.3, ROOM_K), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Polynomial().current_a(300e-6, 0.1, ROOM_K), "slope of the polynomial law"),
        (lambda: Polynomial().current_a(100e-6, 0.6, ROOM_K), "voltage of the polynomial law"),
        (lambda: Polynomial().terms(np.array([0.1, 0.51]), ROOM_K), "0.51 V"),
        (lambda: Polynomial().coefficients(np.array([1e-4, 4e-5])), "4e-05 S"),
        (lambda: polynomial_slopes_s(np.array([1e-4, 9e-4, 8e-4]), 0.2), "2 of 3 cells .* 900 uS at 0.2 V"),
        (lambda: polynomial_slopes_s(np.array([math.nan]), 0.2), "1 of 1 cells"),
        (lambda: Sinh(0.0), "v0_v: expected above 0 V"),
        (lambda: PooleFrenkel(-1.0, 1e-9), "permittivity_relative"),
        (lambda: PooleFrenkel(25.0, 0.0), "thickness_m"),
        (lambda: PooleFrenkel(25.0, 1e-9).rise(0.1, 0.0), "temperature_k"),
    ],
)
def test_out_of_range(call: Any, message: str) -> None:
    """What lies outside a law's range is refused by name."""
    with pytest.raises(OutOfRange, match=message):
        call()


def test_float32_rounding_at_the_edge_of_the_fit() -> None:
    """A float32 conductance of a state on the edge counts as the edge, for every law's reader."""
    chord = np.float64(np.float32(Polynomial().current_a(225e-6, 0.2, ROOM_K) / 0.2))
    found = Polynomial().slope_from(np.array([chord]), 0.2, ROOM_K)
    assert found[0] == near(225e-6, rel=1e-6)
    assert found[0] <= 225e-6
