"""Parts of a chip that learns: how many, where, what they cost, and that only such a chip has them."""

from __future__ import annotations

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.component import Component, peak_dynamic_power_w
from pillarsim.arch.errors import InputError
from tests.near import near

LINES = {"column_driver", "row_sample_hold", "pulse_generator"}


def parts(name: str, *sets: str) -> dict[str, Component]:
    """Role -> component of the chip `name` with overrides."""
    return {component.role: component for component in build_components(load_chip(name, sets).chip.hardware)}


def test_counts_follow_the_lines() -> None:
    """Planar, 128 x 128: a driver each bit line, a hold each row, a generator each line of both; three counters."""
    found = parts("hfox_learning_128", "learning.rule=stochastic")
    counts = {"column_driver": 128, "row_sample_hold": 128, "pulse_generator": 256}
    assert {role: found[role].per_array for role in LINES} == counts
    assert {found[role].group for role in LINES} == {"arrays"}
    counter = found["counter"]
    assert (counter.path, counter.group, counter.per_array) == ("learning.counter", "digital", 0)
    assert counter.instances == near(3)
    assert all(peak_dynamic_power_w(found[role]) == 0 for role in {*LINES, "counter"})


def test_a_vertical_arrays_lines() -> None:
    """Two combs in each of 8 layers are 16 word lines; 2 x 8 x 64 inputs hold what 64 bit lines were driven with."""
    sign, stochastic = (parts("vrram_comb_learning", f"learning.rule={rule}") for rule in ("sign", "stochastic"))
    assert sign["column_driver"].per_array == 64
    assert sign["row_sample_hold"].per_array == 2 * 8 * 64
    assert "pulse_generator" not in sign
    assert stochastic["pulse_generator"].per_array == 16 + 64


def test_what_a_chip_does_not_need_it_has_not() -> None:
    """No part without `learning`; no counters for pairs, no holds without sample-and-hold."""
    assert not {*LINES, "counter"} & set(parts("hfox_planar_128"))
    assert {*LINES, "counter"} & set(parts("hfox_weak_reset_128")) == {"column_driver", "row_sample_hold"}
    bare = parts("hfox_learning_128", "readout.sample_hold=null", "learning.rule=sign")
    assert {*LINES, "counter"} & set(bare) == {"column_driver", "counter"}


def test_an_errors_driver_is_that_of_the_inputs_unless_named() -> None:
    """The same cost as the input's driver, of several bits too; a named one has its own."""
    for sets in ((), ("input.coding=amplitude", "input.driver.component=dac_multibit")):
        same = parts("hfox_learning_128", *sets)
        assert same["column_driver"].cost == same["driver"].cost
    other = parts("hfox_learning_128", "learning.column_driver=isaac_dac_1b")
    assert other["column_driver"].cost.model == "card isaac_dac_1b"
    assert other["driver"].cost.model == "card driver_1b"
    with pytest.raises(InputError, match=r"learning\.column_driver: expected a table over bits"):
        parts(
            "hfox_learning_128", "input.coding=amplitude", "input.driver.component=dac_multibit",
            "learning.column_driver=driver_1b",
        )  # fmt: skip


def test_a_card_without_the_action_is_refused() -> None:
    """A counter counts, a generator gives slots."""
    for key, action in (("counter", "count"), ("pulse_generator", "slot")):
        with pytest.raises(InputError, match=rf"learning\.{key}: expected a card with the action '{action}'"):
            parts("hfox_learning_128", "learning.rule=stochastic", f"learning.{key}=relu")


def test_the_generator_is_its_registers_and_comparator() -> None:
    """At 40 nm and 1 V: 24 registers and a comparator; a slot shifts 16 bits and compares (Accelergy library)."""
    at_40_nm = ("technology.node=40 nm", "technology.supply.core=1.0 V")
    cost = parts("hfox_learning_128", "learning.rule=stochastic", *at_40_nm)["pulse_generator"].cost
    area, energy = 24 * 5.98e-12 + 71e-12, 16 * 9e-15 + 29e-15
    assert cost.area_m2 == near(area, rel=1e-3)
    assert cost.actions["slot"].energy_j == near(energy)
    assert cost.leakage_w == near(0.32e-6 / 495.5e-12 * area, rel=5e-3)
