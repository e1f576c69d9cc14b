"""Whole runs with solved circuits: ideal without resistances, energy split once, and what is refused or warned of."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.cli import status
from pillarsim.job import RunOptions, run
from pillarsim.report.build import check_sums
from tests.laws.test_any_chip import NETWORK
from tests.near import near

Report = dict[str, Any]
Sets = tuple[str, ...]

OPTIONS = RunOptions(samples=10, seeds=1, images=2)
SMALL: Sets = ("mapping.calibration_samples=8", "array.rows=9", "array.columns=32", "input.bits=4", "weights.bits=4")
IDEAL_LINES = "array.resistance={word_line_segment: 0 Ohm, bit_line_segment: 0 Ohm, driver: 0 Ohm, sense: 0 Ohm}"
NO_PILLARS: Sets = (
    IDEAL_LINES,
    "array.resistance.pillar_segment=0 Ohm",
    "array.resistance.select_on=0 Ohm",
    "array.resistance.select_off=null",
)
PASSIVE: Sets = ("array.access={device: none, on_resistance: 0 Ohm, off_current: 0 A}", "write.scheme=half")
VERTICAL: Sets = ("array.layers=3", "array.rows=4", "array.max_active_rows=2")
LINEAR: Sets = ("array.cell.iv.model=linear",)

# name -> (preset, settings)
CHIPS: dict[str, tuple[str, Sets]] = {
    "passive": ("hfox_planar_128", (*PASSIVE, "array.max_active_rows=4")),
    "transistor": ("hfox_planar_128", ("array.max_active_rows=4",)),
    "finger": ("vrram_finger_8layer", VERTICAL),
    "linear finger": ("vrram_finger_8layer", (*VERTICAL, *LINEAR)),
    "serial": ("vrram_finger_8layer", (*VERTICAL, "array.reading=layer_serial")),
    "select": ("vrram_finger_8layer", (*VERTICAL, "array.word_lines=plane", "array.reading=select_line")),
    "plane": ("vrram_finger_8layer", (*VERTICAL[:2], "array.word_lines=plane")),
    "comb2": ("vrram_finger_8layer", (*VERTICAL[:2], "array.word_lines=comb2")),
}


SHARED = ("select", "plane", "comb2")  # a word-line electrode touches several pillar rows


@cache
def _report(preset: str, sets: Sets, threads: int) -> Report:
    options = RunOptions(samples=10, seeds=1, images=2, threads=threads)
    return run(load_chip(preset, (*SMALL, *sets)), NETWORK, options)


def report(name: str, *sets: str, threads: int = 1) -> Report:
    """The report of one of the chips, with further settings."""
    preset, own = CHIPS[name]
    return copy.deepcopy(_report(preset, (*own, *sets), threads))


def array_energy(found: Report) -> dict[str, float]:
    """The arrays' energy an image by part."""
    energy: dict[str, float] = found["circuit"]["energy_j"]
    return energy


@pytest.mark.parametrize("name", CHIPS)
def test_exact_without_resistance_is_ideal(name: str) -> None:
    """The same accuracy, the same signal energy and nothing in wires; only floating pillars may still sneak."""
    free = NO_PILLARS if CHIPS[name][0].startswith("vrram") else (IDEAL_LINES,)
    ideal, exact = (report(name, *free, f"array.circuit={circuit}") for circuit in ("ideal", "exact"))
    assert exact["accuracy"] == ideal["accuracy"]
    one, other = array_energy(ideal), array_energy(exact)
    assert other["signal_and_lines"] == near(one["signal_and_lines"], rel=1e-5)
    assert other["wires_and_switches"] == pytest.approx(0, abs=1e-6 * one["signal_and_lines"])
    assert other["off_transistors"] == one["off_transistors"]
    if name in SHARED:
        assert other["sneak"] > 1e-3 * other["signal_and_lines"]
    else:
        assert other["sneak"] == pytest.approx(0, abs=1e-6 * one["signal_and_lines"])
        regulators = (found["energy_j"]["by_component"]["regulator"] for found in (ideal, exact))
        assert next(regulators) == near(next(regulators), rel=1e-5)
    assert exact["ir_drop"]["mean"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", CHIPS)
def test_the_arrays_energy_is_split_once(name: str) -> None:
    """Parts sum to the arrays' energy; sneak and off transistors are all that leaks there, the rest is dynamic."""
    found = report(name, "array.circuit=exact", "array.resistance.driver=3 kOhm")
    parts, energy = array_energy(found), found["energy_j"]
    assert sum(parts.values()) == near(energy["by_component"]["array"], rel=1e-9)
    leaking = parts["sneak"] + parts["off_transistors"]
    assert found["leakage_w"]["by_component"]["array"] * found["span_s"] / 2 == near(leaking, rel=1e-9)
    assert parts["idle"] == 0
    assert parts["wires_and_switches"] > 0
    assert (parts["off_transistors"] > 0) == (name == "transistor")
    # Electrodes that rows share lift floating pillars; elsewhere sneak is what lines leave on cells at 0 V.
    assert parts["sneak"] > 0
    assert (parts["sneak"] > 1e-3 * parts["signal_and_lines"]) == (name in SHARED)
    assert energy["dynamic"] + energy["leakage"] == near(energy["per_image"], rel=1e-9)
    assert found["ir_drop"]["model"] == "solved"
    layers = found["circuit"]["layers"]
    assert [layer["name"] for layer in layers] == ["conv", "fc"]
    assert all(layer["reads"] >= 100 for layer in layers)
    assert found["circuit"]["reads_solved"] == sum(layer["reads"] for layer in layers)
    assert found["circuit"]["linear_rms"] == max(layer["linear_rms"] for layer in layers)


def test_the_regulator_loses_what_it_draws_above_the_arrays_share() -> None:
    """Drawn charge x rail is drawn energy; less all that is dissipated in the array (dynamic and sneak) is the loss."""
    sets = (
        "array.circuit=exact",
        "array.capacitance.word_line_segment=0 fF",
        "array.capacitance.bit_line_segment=0 fF",
    )
    linear, ideal = (
        report("finger", *sets, f"technology.regulator={regulator}", "array.read_time=10 ns")
        for regulator in ("linear", "ideal")
    )
    assert array_energy(linear) == near(array_energy(ideal))
    assert "regulator" not in ideal["energy_j"]["by_component"]
    # Binary inputs: the read rail delivers all that is dissipated, at 0.6 V of the 0.9 V rail.
    spent = sum(array_energy(ideal).values())
    assert linear["energy_j"]["by_component"]["regulator"] == near(spent * (0.9 / 0.6 - 1), rel=1e-6)


def test_off_rows_leak_their_transistors_current_and_nothing_else() -> None:
    """More off-current adds in proportion and leaves every other part as it is, in solved circuits too."""
    one, two = (
        array_energy(report("transistor", "array.circuit=exact", f"array.access.off_current={amps} pA"))
        for amps in (10, 30)
    )
    assert two.pop("off_transistors") == near(3 * one.pop("off_transistors"))
    assert one == two


def test_the_arrays_energy_does_not_depend_on_the_regulator() -> None:
    """Off transistors dissipate at the read voltage, what the rail adds is the regulator's: 0.9 V over 0.2 V."""
    linear, ideal = (report("transistor", f"technology.regulator={kind}") for kind in ("linear", "ideal"))
    assert array_energy(linear) == array_energy(ideal)
    assert array_energy(linear)["off_transistors"] > 0
    parts = linear["energy_j"]["by_component"]
    assert parts["regulator"] == near(3.5 * parts["array"])


def test_threads_change_nothing() -> None:
    """One and three threads give the same report."""
    one, three = (report("finger", "array.circuit=exact", threads=threads) for threads in (1, 3))
    for found in (one, three):
        found.pop("versions")
        found["events"] = found["events"]["count"]
    assert one == three


def test_programming_takes_the_solvers_half_select() -> None:
    """Solved writes put energy into wires and half-selected cells, and see a disturb near V/2."""
    found = report("finger", "array.circuit=exact")["programming"]
    assert found["by_component"]["half_select"] > 0
    assert found["by_component"]["wires"] > 0
    assert 0.8 < found["disturb_v"] < 1.6
    ideal = report("finger")["programming"]
    assert "wires" not in ideal["by_component"]
    assert ideal["disturb_v"] == 1.0
    assert report("transistor", "array.circuit=exact")["programming"]["disturb_v"] == 0


def test_a_broken_split_is_refused() -> None:
    """A part of the arrays' energy that is taken away is noticed."""
    found = report("finger", "array.circuit=exact")
    found["circuit"]["energy_j"]["sneak"] = 0.0
    with pytest.raises(ModelError, match=r"circuit\.energy_j"):
        check_sums(found)


def test_large_linear_errors_are_warned_of() -> None:
    """Select lines before a large sense resistance miss by more than the limit, which the run says."""
    drop = ("array.circuit=exact", "array.cell.lrs=20 kOhm", "array.resistance.sense=30 kOhm")
    found = report("select", *drop)
    limit = found["circuit"]["limit"]
    assert limit == 0.05
    bad = [layer["name"] for layer in found["circuit"]["layers"] if layer["linear_rms"] > limit]
    assert bad
    (warning,) = [text for text in found["warnings"] if "linearised" in text]
    assert all(f"({name})" in warning for name in bad)
    assert not any("linearised" in text for text in report("linear finger", "array.circuit=exact")["warnings"])


def test_ideal_circuits_say_so() -> None:
    """Without solved circuits there are no sampled reads, no linear error and no sneak."""
    found = report("finger")["circuit"]
    assert (found["model"], found["layers"], found["linear_rms"], found["reads_solved"]) == ("ideal", [], None, 0)
    assert (found["energy_j"]["sneak"], found["energy_j"]["wires_and_switches"]) == (0, 0)


@pytest.mark.parametrize("name", ["finger", "select"])
def test_binary_inputs_only(name: str) -> None:
    """Amplitudes of several bits are refused by key where inputs are binary; pulse widths run."""
    preset, sets = CHIPS[name]
    sets = (*SMALL, *sets, "input.coding=amplitude", "input.driver.component=dac_multibit", "array.circuit=exact")
    key = r"array\.cell\.iv\.model 'sinh'" if name == "finger" else "takes binary inputs"
    with pytest.raises(InputError, match=rf"input\.coding: expected bit_serial or pulse_width.*{key}"):
        load_chip(preset, sets)
    one_bit = load_chip(preset, (*sets, "input.dac_bits=1")).chip
    assert one_bit.input.chunk_bits == 1
    found = report(name, "array.circuit=exact", "input.coding=pulse_width", "input.dac_bits=2")
    assert found["circuit"]["reads_solved"] >= 200


POOLE_FRENKEL = "array.cell.iv={model: poole_frenkel, permittivity: 25, thickness: 10 nm, stated_at: 0.2 V}"
NO_SERIES = "array.access.on_resistance=0 Ohm"


@pytest.mark.parametrize("name", ["transistor", "passive"])
def test_poole_frenkel_cells_run_solved(name: str) -> None:
    """Solved arrays of Poole-Frenkel cells: without resistances the ideal chip, with them a linear error."""
    found = report(name, NO_SERIES, POOLE_FRENKEL, "array.circuit=exact", "array.resistance.driver=3 kOhm")
    assert 0 < found["circuit"]["linear_rms"] < 0.2
    free = (NO_SERIES, POOLE_FRENKEL, IDEAL_LINES)
    ideal, exact = (report(name, *free, f"array.circuit={circuit}") for circuit in ("ideal", "exact"))
    assert exact["accuracy"] == ideal["accuracy"]
    assert array_energy(exact)["signal_and_lines"] == near(array_energy(ideal)["signal_and_lines"], rel=1e-5)


AMPLITUDE: Sets = ("input.coding=amplitude", "input.driver.component=dac_multibit", NO_SERIES)
LAWS: dict[str, str] = {
    "sinh": "array.cell.iv={model: sinh, voltage: 0.1 V, stated_at: 0.2 V}",
    "poole_frenkel": POOLE_FRENKEL,
    "polynomial": "array.cell={lrs: 5 kOhm, hrs: 18 kOhm, iv: {model: polynomial}, "
    "programming_error: {lrs: 0, hrs: 0}}",
}


@pytest.mark.parametrize("law", LAWS)
def test_amplitudes_on_nonlinear_cells_run(law: str) -> None:
    """Inputs of several voltages run with ideal wires; below the read voltage superlinear cells take less energy.

    sinh and Poole-Frenkel cells hold the conductances of the linear chip at its read voltage.
    """
    found = report("transistor", *AMPLITUDE, LAWS[law])
    assert found["circuit"]["model"] == "ideal"
    if law != "polynomial":
        energy, linear = (array_energy(one)["signal_and_lines"] for one in (found, report("transistor", *AMPLITUDE)))
        assert 0 < energy < linear


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("array.circuit=exact",), "binary inputs with array.circuit 'exact'"),
        (("weights.scheme=offset", "weights.subtract=null"), "unless weights.scheme is differential"),
        (("weights.subtract=digital",), "unless weights.scheme is differential and weights.subtract analog"),
    ],
)
def test_amplitudes_on_nonlinear_cells_are_refused(sets: Sets, message: str) -> None:
    """Solved circuits and digital subtraction take binary inputs of nonlinear cells only, and say so."""
    preset, own = CHIPS["transistor"]
    with pytest.raises(InputError, match=rf"input\.coding: .*array\.cell\.iv\.model 'sinh'.*{message}.*dac_bits"):
        load_chip(preset, (*own, *AMPLITUDE, LAWS["sinh"], *sets))


def test_select_lines_of_linear_cells_take_binary_inputs() -> None:
    """The reading alone is reason enough."""
    preset, sets = CHIPS["select"]
    sets = (*sets, *LINEAR, "input.coding=amplitude", "input.driver.component=dac_multibit")
    with pytest.raises(InputError, match=r"since array\.reading 'select_line' takes binary inputs"):
        load_chip(preset, sets)


POLYNOMIAL: Sets = (
    "array.cell={lrs: 5 kOhm, hrs: 18 kOhm, levels: 4, iv: {model: polynomial}, programming_error: {lrs: 0, hrs: 0}}",
    "array.access.on_resistance=0 Ohm",
)


def test_polynomial_cells_run() -> None:
    """Cells within 50 to 225 uS run, solved and linearised."""
    found = report("transistor", *POLYNOMIAL, "array.circuit=exact")
    assert 0 < found["circuit"]["linear_rms"] < 0.05


@pytest.mark.parametrize("state", ["hrs=100 kOhm", "lrs=2 kOhm"])
def test_polynomial_cells_outside_the_fit_are_refused(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A state outside 50 to 225 uS ends with status 2 and its key, solved or not."""
    options = [part for text in (*POLYNOMIAL, f"array.cell.{state}") for part in ("--set", text)]
    assert status(["check", "hfox_planar_128", *options]) == 2
    assert f"array.cell.{state[:3]}: expected 4.444 to 20 kOhm" in capsys.readouterr().err


def test_cells_written_outside_the_fit_are_refused() -> None:
    """A write spread that leaves the fitted range is an input error that names layer and array."""
    sets = (*POLYNOMIAL, "array.circuit=exact", "write.verify=null", "array.cell.programming_error={lrs: 1, hrs: 1}")
    with pytest.raises(InputError, match=r"array\.circuit: layer 'conv', array at tile 0, slot 0: .*cells lie outside"):
        report("transistor", *sets)


def test_a_circuit_without_a_solution_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the solver refuses reaches the user as one input error with the place of the array."""

    def refuse(*arguments: object, **more: object) -> None:
        from pillarsim.devices.circuits import CircuitError

        raise CircuitError("the circuit is singular: made up")

    monkeypatch.setattr("pillarsim.arch.circuit.effective.effective_matrix", refuse)
    preset, sets = CHIPS["transistor"]
    loaded = load_chip(preset, (*SMALL, *sets, "array.circuit=exact"))
    with pytest.raises(InputError, match=r"array\.circuit: layer 'conv', array at tile 0, slot 0: the circuit is sing"):
        run(loaded, NETWORK, OPTIONS)


def test_a_write_beyond_the_sinh_laws_numbers_is_refused() -> None:
    """2 V at V0 = 2 mV is e^1000: refused by key, not by an overflow."""
    sets = ("array.cell.iv={model: sinh, voltage: 2 mV, stated_at: 0.4 V}", "array.read_voltage=0.4 V")
    with pytest.raises(InputError, match=r"write\.voltage: expected at most 200 times array\.cell\.iv\.voltage"):
        load_chip("vrram_finger_8layer", sets)


def test_a_vertical_array_has_no_isolated_cells() -> None:
    """A pillar's cells share one transistor, so a write half-selects them."""
    with pytest.raises(InputError, match=r"write\.scheme: expected half, third or ground for a vertical array"):
        load_chip("vrram_finger_8layer", ("write.scheme=isolated",))


def test_a_switch_that_is_off_resists_more() -> None:
    """An off-resistance below the on-resistance is a slip of the pen."""
    with pytest.raises(InputError, match=r"array\.resistance\.select_off: expected above select_on \(5 kOhm\)"):
        load_chip("vrram_finger_8layer", ("array.resistance.select_off=1 Ohm",))
