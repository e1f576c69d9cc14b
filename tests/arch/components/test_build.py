"""Components of a chip: counts, scaling, peak rates, lengths of wires, and what no source states."""

import math

import pytest

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.array_clock import array_clock, partial_sum_bits, peak_ops_per_s, weights_per_array_row
from pillarsim.arch.components.build import build_components, chip_clock
from pillarsim.arch.components.component import GROUPS, Component, peak_dynamic_power_w, stated_peak_power_w
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.errors import InputError
from tests.near import near

DEFAULT = "hfox_planar_128"
VERTICAL = "vrram_finger_8layer"
SPIKING = "hfox_spiking_128"
ISAAC = "isaac_isca_2016"


def chip(name: str, *sets: str) -> Chip:
    """The chip `name` with overrides."""
    return load_chip(name, sets).chip


def parts(name: str, *sets: str) -> dict[str, Component]:
    """Role -> component of the chip `name` with overrides."""
    return {component.role: component for component in build_components(chip(name, *sets))}


@pytest.mark.parametrize("name", [DEFAULT, VERTICAL, SPIKING, ISAAC])
def test_counts_follow_the_hierarchy(name: str) -> None:
    """Instances are tiles times those of a tile, parts beside arrays also arrays times theirs; groups are known."""
    hardware = chip(name)
    for component in build_components(hardware):
        assert component.instances == near(component.per_tile * hardware.tile.count.total)
        if component.per_array:
            assert component.instances == near(component.per_array * hardware.arrays)
        assert component.group in GROUPS
    found = parts(name)
    assert found["array"].per_array == 1
    assert found["driver"].per_array == hardware.array.inputs
    assert found["converter"].per_array == hardware.converters_per_array


@pytest.mark.parametrize(("word_lines", "electrodes"), [("finger", 8 * 64), ("plane", 8), ("comb", 16), ("comb2", 16)])
def test_a_driver_for_each_word_line_electrode(word_lines: str, electrodes: int) -> None:
    """A vertical array of 8 layers and 64 rows has fingers, planes or combs, each with one driver."""
    assert parts(VERTICAL, f"array.word_lines={word_lines}")["driver"].per_array == electrodes


def test_array_locked_parts_keep_the_arrays_rhythm() -> None:
    """Per array and multiplication: 8 reads, 8 x 64 conversions and additions, every driven bit read once."""
    hardware, found = chip(DEFAULT), parts(DEFAULT)
    seconds = chip_clock(hardware).mvm_ps * 1e-12
    assert seconds == near(8 * 8 * 10e-9)
    assert found["array"].peak_rate_hz["read"] * seconds == near(8)
    assert found["converter"].peak_rate_hz["convert"] * found["converter"].per_array * seconds == near(8 * 64)
    assert found["shift_add"].peak_rate_hz["add"] * seconds == near(8 * 64)
    assert found["input_register"].peak_rate_hz["read"] * seconds == near(128 * 8)
    assert found["driver"].peak_rate_hz["drive"] * seconds == near(8)


def test_the_period_with_and_without_sample_and_hold() -> None:
    """With sample-and-hold the slower of read and conversions sets the period, without their sum does."""
    for sets, expected in (((), 80_000), (("readout.sample_hold=null",), 81_000), (("array.read_time=90 ns",), 90_000)):
        hardware = chip(DEFAULT, *sets)
        assert chip_clock(hardware).mvm_ps == 8 * expected
    summed = chip(DEFAULT, "weights.accumulate_bits=analog")
    assert chip_clock(summed).mvm_ps == max(8 * 1000, 80_000)


def test_one_port_does_not_read_and_write_at_once() -> None:
    """Only the costlier of read and write counts at peak; a second port doubles the rate."""
    buffer = parts(DEFAULT)["buffer"]
    assert buffer.peak_rate_hz["read"] == 0
    assert buffer.peak_rate_hz["write"] == near(1e9)
    assert parts(DEFAULT, "tile.buffer.ports=2")["buffer"].peak_rate_hz["write"] == near(2e9)


def test_an_array_that_computes_is_not_written() -> None:
    """The write circuit adds no power at peak."""
    circuit = parts(DEFAULT)["write_circuit"]
    assert set(circuit.peak_rate_hz.values()) == {0.0}
    assert stated_peak_power_w(circuit) is None
    assert peak_dynamic_power_w(circuit) == 0


def test_digital_parts_shrink_with_the_node_and_analog_ones_do_not() -> None:
    """From 32 nm to 16 nm an adder shrinks 2.4 times (Stillmaker and Baas); driver and sample-and-hold stay."""
    old, new = parts(DEFAULT), parts(DEFAULT, "technology.node=16 nm")
    for role in ("adder", "router", "shift_add"):
        assert old[role].cost.area_m2 == near(2.4 * (new[role].cost.area_m2 or 0))
    for role in ("driver", "sample_hold"):
        assert old[role].cost.area_m2 == new[role].cost.area_m2
    assert "Stillmaker" in new["adder"].cost.scaling
    assert "not scaled" in new["driver"].cost.scaling


def test_supply_and_temperature_reach_the_costs() -> None:
    """Wires go with the square of the core supply, the off-chip link with that of the I/O supply, leakage is hotter."""
    base = parts(DEFAULT)
    high = parts(DEFAULT, "technology.supply.core=1.0 V", "technology.supply.io=3.6 V")
    per_bit = [found["off_chip"].cost.actions["bit"].energy_j or 0.0 for found in (base, high)]
    assert per_bit[1] == near(4 * per_bit[0])
    words = [found["bus"].cost.actions["transfer"].energy_j or 0.0 for found in (base, high)]
    assert words[1] == near(words[0] * (1.0 / 0.9) ** 2)
    hot = parts(DEFAULT, "technology.temperature=330 K")
    for role in ("driver", "buffer", "adder", "router"):
        assert (hot[role].cost.leakage_w or 0) > 2 * (base[role].cost.leakage_w or math.inf)


def test_a_memory_between_the_tables_sizes() -> None:
    """A listed size gives CACTI's row; sizes between lie between; an access costs its bits."""
    listed = parts(DEFAULT)["buffer"].cost
    assert listed.area_m2 == near(0.029e-6)
    assert listed.actions["read"].energy_j == near(128 * 0.036e-12)
    between = parts(DEFAULT, "tile.buffer.size=16 KiB")["buffer"].cost
    assert 0.029e-6 < (between.area_m2 or 0) < 0.1e-6
    wide = parts(DEFAULT, "tile.buffer.width=256")["buffer"].cost
    assert wide.actions["read"].energy_j == near(256 * 0.036e-12)
    assert "extrapolated" in parts(DEFAULT, "global_buffer.size=8 MiB")["global_buffer"].cost.scaling


def test_a_memory_beyond_the_tables_nodes() -> None:
    """At 14 nm the 22 nm column is scaled on, and says so; a slower access takes more clock cycles."""
    small = parts(DEFAULT, "technology.node=14 nm")["buffer"].cost
    at_22 = parts(DEFAULT, "technology.node=22 nm")["buffer"].cost
    assert (small.area_m2 or 0) < (at_22.area_m2 or 0) == near(0.014e-6)
    assert "Stillmaker" in small.scaling
    assert parts(DEFAULT, "global_buffer.size=1 MiB")["global_buffer"].cost.actions["read"].time_ps == 2000


def test_a_published_memory_of_another_size() -> None:
    """ISAAC's 64 KB eDRAM at 128 KB: area doubles, energy grows by 2^0.78 (rule for CACTI memories)."""
    as_published, doubled = parts(ISAAC)["buffer"].cost, parts(ISAAC, "tile.buffer.size=128 KiB")["buffer"].cost
    assert doubled.area_m2 == near(2 * (as_published.area_m2 or 0))
    energies = [cost.actions["read"].energy_j or 0.0 for cost in (as_published, doubled)]
    assert energies[1] == near(energies[0] * 2**0.78)


def test_wires_are_as_long_as_what_they_span() -> None:
    """A tile with four times the area has links twice as long, so a flit costs twice as much."""
    small, large = parts(DEFAULT), parts(DEFAULT, "tile.arrays=64", "tile.shift_add.count=64")
    tile = [
        sum(part.per_tile * (part.cost.area_m2 or 0) for part in found.values() if part.path.startswith("tile."))
        + (found["router"].cost.area_m2 or 0)
        for found in (small, large)
    ]
    flits = [found["link"].cost.actions["flit"].energy_j or 0.0 for found in (small, large)]
    assert flits[1] / flits[0] == near(math.sqrt(tile[1] / tile[0]))


def test_nothing_that_is_not_stated_becomes_zero() -> None:
    """ISAAC states no leakage at all, no cost of writing and no host memory: None everywhere, never 0."""
    found = parts(ISAAC)
    assert all(component.cost.leakage_w is None for component in found.values())
    assert found["global_buffer"].cost.area_m2 is None
    assert all(action.energy_j is None for action in found["write_circuit"].cost.actions.values())
    for name in (DEFAULT, VERTICAL, SPIKING, ISAAC):
        for component in parts(name).values():
            assert component.cost.area_m2 != 0
            assert component.cost.leakage_w != 0 or component.role == "array"
            assert all(action.energy_j != 0 for action in component.cost.actions.values())


def test_an_extra_part_goes_with_the_action_its_card_names() -> None:
    """A column multiplexer under `extra` acts once a conversion: its rate is the converters', shared out."""
    found = parts(DEFAULT, "tile.extra.mux.component=column_mux", "tile.extra.mux.count=128")
    mux, converter = found["mux"], found["converter"]
    assert mux.charged_with == ("converter", "convert")
    assert mux.peak_rate_hz["select"] == near(converter.peak_rate_hz["convert"])


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ("tile.buffer.component=sram_cati", r"tile.buffer.component: sram_cati: .*did you mean 'sram_cacti'"),
        ("tile.activation.component=router_mesh", r"tile.activation.component: .*'apply'.*its actions: flit"),
        ("readout.bits=3", r"readout.bits: survey_regression: expected at least 4 bits, found 3"),
        ("technology.node=180 nm", r"7 nm to 130 nm.*found 180 nm"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_by_name(sets: str, message: str) -> None:
    """The error names the chip's key, what was expected and the nearest card."""
    with pytest.raises(InputError, match=message):
        parts(DEFAULT, sets)


def test_amplitude_inputs_need_a_converter_for_each_line() -> None:
    """A binary driver is refused for 4-bit amplitudes; the table over bits gives the 4-bit row."""
    amplitude = ("input.coding=amplitude", "input.dac_bits=4")
    with pytest.raises(InputError, match=r"input\.driver\.component: expected a table over bits"):
        parts(DEFAULT, *amplitude)
    driver = parts(DEFAULT, *amplitude, "input.driver.component=dac_multibit")["driver"].cost
    assert driver.actions["drive"].energy_j == near(187.2e-15)
    with pytest.raises(InputError, match="covers 1, 2, 3, 4, 6, 8 bits, found 5"):
        parts(DEFAULT, "input.coding=amplitude", "input.dac_bits=5", "input.driver.component=dac_multibit")


@pytest.mark.parametrize(
    ("converter", "bits", "convert_ps"), [("ramp_adc", 6, 64_000), ("flash_adc", 6, 1000), ("sense_amp", 1, 1000)]
)
def test_converters_of_comparators(converter: str, bits: int, convert_ps: int) -> None:
    """A ramp takes 2^bits cycles of 1 ns, a flash or a sense amplifier one; a stated rate overrides it."""
    sets = (f"readout.converter={converter}", f"readout.bits={bits}", "readout.model=null")
    timing = {rate: _convert_ps(*sets, f"readout.rate={rate}") for rate in ("null", "50 MHz")}
    assert timing == {"null": convert_ps, "50 MHz": 20_000}


def _convert_ps(*sets: str) -> int | None:
    return parts(DEFAULT, *sets)["converter"].cost.actions["convert"].time_ps


def test_timing_of_the_default_chip() -> None:
    """Durations in picoseconds: what the chip file states, whole clock cycles for what is derived."""
    hardware = chip(DEFAULT)
    timing = build_timing(hardware, build_components(hardware), hardware.idle)
    assert timing.read_ps % 1000 == 0
    assert timing.read_ps >= 1000
    assert (timing.convert_ps, timing.slots) == (10_000, 8)
    assert (timing.buffer.access_ps, timing.buffer.width, timing.buffer.size_bits) == (1000, 128, 8 * 8192)
    assert (timing.router_ps, timing.flit_ps, timing.grid, timing.router_block) == (2000, 1000, (8, 8), (1, 1))
    assert (timing.write.set_ps, timing.write.reset_ps, timing.write.verify_ps) == (50_000, 50_000, 10_000)
    assert timing.off_chip_bits_per_s == near(51.2e9)


def test_pulse_width_codes_stretch_the_read() -> None:
    """A 3-bit pulse-width code takes up to 7 read times."""
    hardware = chip(DEFAULT, "input.coding=pulse_width", "input.dac_bits=3", "input.bits=6", "array.read_time=5 ns")
    timing = build_timing(hardware, build_components(hardware), hardware.idle)
    assert timing.read_ps == 7 * 5000


def test_a_neuron_takes_a_window_for_each_output_it_serves() -> None:
    """The read lasts one integration window an output of the neuron, whatever array.read_time says."""
    for shared in (1, 4):
        hardware = chip(SPIKING, f"readout.columns_shared={shared}")
        timing = build_timing(hardware, build_components(hardware), hardware.idle)
        assert timing.read_ps == shared * 1_000_000
        assert timing.convert_ps == 1000


def test_read_time_grows_with_the_array() -> None:
    """Doubling rows or columns of a resistive array never shortens the derived read, and 16 times lengthens it."""
    times = [
        chip_clock(chip(DEFAULT, f"array.rows={rows}", f"array.columns={rows}")).read_ps for rows in (64, 256, 2048)
    ]
    assert times == sorted(times)
    assert times[-1] > times[0]


def test_peak_operations_count_whole_weights() -> None:
    """Default chip: 1024 arrays x 128 rows x 16 weights x 2 operations each 640 ns."""
    hardware = chip(DEFAULT)
    assert weights_per_array_row(hardware) == 16
    assert peak_ops_per_s(hardware, array_clock(hardware, 10_000)) == near(1024 * 128 * 16 * 2 / 640e-9)
    assert partial_sum_bits(hardware) == 8 + 8 + 7
