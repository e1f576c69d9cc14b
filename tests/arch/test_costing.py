"""Costs follow from counts, activities and power states."""

from __future__ import annotations

from pillarsim.arch.chip.load import load_chip
from pillarsim.job import RunOptions, run
from pillarsim.workloads.topology import load_network
from tests.near import near

OPTIONS = RunOptions(samples=20, seeds=1, images=2)


def energies(*sets: str) -> dict[str, float]:
    """Energy per image by component of a short run of the MLP."""
    report = run(load_chip("hfox_planar_128", sets), load_network("mnist-mlp"), OPTIONS)
    found: dict[str, float] = report["energy_j"]["by_component"]
    return found


def test_an_extra_part_is_charged_with_what_the_values_drive() -> None:
    """A decoder that goes with driven lines costs energy in the run."""
    assert energies("tile.extra={decoder: {component: row_decoder, count: 16}}")["decoder"] > 0


def test_an_ideal_regulator_loses_nothing() -> None:
    """The regulator's loss is (rail / read voltage - 1) of the array's energy, and gone when ideal."""
    linear, ideal = energies(), energies("technology.regulator=ideal")
    assert "regulator" not in ideal
    assert linear["array"] == near(ideal["array"])
    assert linear["regulator"] == near(3.5 * linear["array"])


def test_holding_arrays_through_conversions_costs_energy() -> None:
    """Without sample-and-hold an array stays biased for 1 + 8 x 10 ns instead of 1 ns a read."""
    light = "array.capacitance.word_line_segment=0 fF"  # leaves what goes with time
    read = energies(light)["array"]
    assert energies(light, "readout.sample_hold=null")["array"] == near(81 * read, rel=1e-3)
    analog = energies(light, "readout.sample_hold=null", "weights.accumulate_bits=analog")["array"]
    assert analog == near((8 + 80) / 8 * read, rel=0.05)  # coarser codes: other inputs to later layers


def test_off_transistors_leak_when_rows_stay_off() -> None:
    """Rows outside the group that is on leak, also those that hold no weights."""
    report = run(load_chip("hfox_planar_128", ("array.access.off_current=1 nA",)), load_network("mnist-mlp"), OPTIONS)
    assert report["leakage_w"]["by_component"]["array"] > 0


def test_hot_converters_leak_more() -> None:
    """The survey's static power follows temperature as other leakage does."""
    cold, hot = (
        run(load_chip("hfox_planar_128", (f"technology.temperature={kelvin} K",)), load_network("mnist-mlp"), OPTIONS)
        for kelvin in (300, 360)
    )
    assert hot["leakage_w"]["by_component"]["converter"] > 2 * cold["leakage_w"]["by_component"]["converter"]


def test_neurons_never_count_more_charge_than_the_arrays_deliver() -> None:
    """Spikes x C x V_th is at most the charge read, for bit-serial and for pulse-width inputs."""
    for coding in ("input.coding=bit_serial", "input.coding=pulse_width"):
        report = run(
            load_chip("hfox_spiking_128", (coding, "technology.regulator=ideal")), load_network("mnist-mlp"), OPTIONS
        )
        neuron = load_chip("hfox_spiking_128").chip.readout.neuron
        assert neuron is not None
        spikes = report["spikes_per_image"]
        charge_c = report["energy_j"]["by_component"]["array"] / 0.2  # at the read voltage of 0.2 V
        assert 0 < spikes * neuron.capacitance * neuron.threshold <= charge_c
