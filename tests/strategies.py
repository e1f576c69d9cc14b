"""Hypothesis strategies: chips as people could describe them, small enough to run."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pillarsim.arch.chip import Chip, chip_from_data
from pillarsim.arch.chip.array import READINGS

Data = dict[str, Any]
_STATES = st.sampled_from(["on", "clock_gated", "gated"])


def chips() -> st.SearchStrategy[Chip]:
    """Valid chips: every converter, weight scheme, input coding and kind of array, ideal and solved, 1 to 16 bits."""
    return chip_data().map(chip_from_data)


@st.composite
def chip_data(draw: st.DrawFn) -> Data:
    """Data of a valid chip file, as the reader gives it."""
    vertical, solved, linear = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    cell = draw(_cells()) | ({} if linear else {"iv": draw(_sinh())})
    weights, readout = draw(_weights(cell["levels"])), draw(_readout())
    array = draw(_vertical_array(solved) if vertical else _planar_array(solved, linear))
    binary = not linear or array.get("reading") == "select_line"
    isolated = not vertical and array["access"]["device"] == "transistor"
    if readout["converter"] == "integrate_and_fire":
        array["read_time"] = "derived"
        weights["accumulate_bits"] = "digital"
    return {
        "name": "drawn",
        "technology": draw(_technology()),
        "off_chip": {"component": "offchip_serial", "bandwidth": "6.4 GB/s", "latency": "5 ns"},
        "global_buffer": {"component": "sram_cacti", "size": "64 KiB", "width": 128},
        "mesh": draw(_mesh()),
        "tile": draw(_tile(solved)),
        "array": array | {"cell": cell},
        "weights": weights,
        "input": draw(_inputs(binary)),
        "readout": readout,
        "write": draw(_write(isolated)),
        "idle": draw(_idle()),
        "mapping": {
            "replicas": draw(st.sampled_from([1, 1, 2])),
            "calibration_samples": 8,
            "placement": draw(st.sampled_from(["row", "snake"])),
        },
    }


@st.composite
def _technology(draw: st.DrawFn) -> Data:
    return {
        "node": draw(st.sampled_from(["130 nm", "65 nm", "45 nm", "32 nm", "16 nm", "7 nm"])),
        "supply": {"core": "0.9 V", "io": "1.8 V", "pump": "3.3 V"},
        "regulator": draw(st.sampled_from(["linear", "ideal"])),
        "temperature": f"{draw(st.integers(220, 420))} K",
        "clock": draw(st.sampled_from(["200 MHz", "1 GHz", "1.2 GHz"])),
    }


@st.composite
def _cells(draw: st.DrawFn) -> Data:
    low = draw(st.sampled_from([5, 100, 1000]))
    return {
        "lrs": f"{low} kOhm",
        "hrs": f"{low * draw(st.sampled_from([2, 17, 1000]))} kOhm",
        "levels": draw(st.sampled_from([2, 3, 4, 8, 16, 256])),
        "programming_error": {
            "lrs": draw(st.sampled_from([0, 0.05, "13 %"])),
            "hrs": draw(st.sampled_from([0, 0.7])),
        },
        "read_noise": draw(st.sampled_from([0, "1 %"])),
        "stuck": draw(st.sampled_from([{}, {"lrs": "0.1 %", "hrs": "0.1 %"}])),
    }


@st.composite
def _sinh(draw: st.DrawFn) -> Data:
    return {"model": "sinh", "voltage": draw(st.sampled_from(["0.15 V", "0.3 V", "1 V"])), "stated_at": "0.5 V"}


@st.composite
def _planar_array(draw: st.DrawFn, solved: bool, linear: bool) -> Data:
    passive = draw(st.booleans())
    ohm = draw(st.sampled_from(["0 Ohm", "25 kOhm"])) if linear else "0 Ohm"
    access = {"device": "none"} if passive else {"device": "transistor", "on_resistance": ohm, "off_current": "10 pA"}
    return draw(_shape(solved)) | {"geometry": "planar", "cell_pitch": "222 nm", "access": access}


@st.composite
def _vertical_array(draw: st.DrawFn, solved: bool) -> Data:
    word_lines, reading = draw(st.sampled_from([(lines, way) for lines, ways in READINGS.items() for way in ways]))
    array: Data = draw(_shape(solved)) | {
        "geometry": "vertical",
        "word_lines": word_lines,
        "reading": reading,
        "layers": draw(st.integers(1, 3 if solved else 8)),
        "cell_pitch": "200 nm",
        "staircase_step": "500 nm",
        "select_transistor_area": "0.01 um2",
    }
    if word_lines == "comb":
        array["rows_per_finger"] = draw(st.integers(1, 2))
    if reading == "word_line":
        array.pop("max_active_rows", None)
    pillars = {"pillar_segment": "10 Ohm", "select_on": "5 kOhm", "select_off": draw(st.sampled_from([None, "1 GOhm"]))}
    if draw(st.booleans()):
        array["resistance"] = array["resistance"] | pillars
    return array


@st.composite
def _shape(draw: st.DrawFn, solved: bool) -> Data:
    shape: Data = {
        "circuit": "exact" if solved else "ideal",
        "rows": draw(st.sampled_from([1, 7, 16] if solved else [1, 7, 16, 64, 128])),
        "columns": draw(st.sampled_from([2, 8, 33] if solved else [2, 8, 33, 64, 128])),
        "read_voltage": draw(st.sampled_from(["0.1 V", "0.2 V", "0.6 V"])),
        "read_time": draw(st.sampled_from(["derived", "10 ns", "100 ns"])),
        "read_energy": draw(st.sampled_from(["derived", "30 pJ"])),
        "area": draw(st.sampled_from(["derived", "25 um2"])),
        "resistance": draw(st.sampled_from([{}, {"word_line_segment": "1 Ohm", "bit_line_segment": "2 Ohm"}])),
        "capacitance": draw(st.sampled_from([{}, {"word_line_segment": "0.1 fF"}])),
    }
    active = draw(st.sampled_from([None, 1, 16, 1000]))
    return shape if active is None else shape | {"max_active_rows": active}


@st.composite
def _weights(draw: st.DrawFn, levels: int) -> Data:
    scheme = draw(st.sampled_from(["differential", "offset", "offset_flip"]))
    most = levels.bit_length() - 1
    weights: Data = {
        "bits": draw(st.integers(2, 16)),
        "bits_per_cell": draw(st.one_of(st.just("auto"), st.integers(1, most))),
        "scheme": scheme,
        "accumulate_bits": draw(st.sampled_from(["digital", "analog"])),
        "quantization": draw(st.sampled_from(["layer", "channel"])),
    }
    if scheme == "differential":
        weights["subtract"] = draw(st.sampled_from(["analog", "digital"]))
    return weights


@st.composite
def _inputs(draw: st.DrawFn, binary: bool) -> Data:
    coding = draw(
        st.sampled_from(["bit_serial", "pulse_width"] if binary else ["bit_serial", "amplitude", "pulse_width"])
    )
    bits = draw(st.integers(1, 16))
    inputs: Data = {"coding": coding, "bits": bits, "driver": {"component": "driver_1b"}}
    if coding == "amplitude":
        inputs["driver"] = {"component": "dac_multibit"}
    if coding != "bit_serial":
        inputs["dac_bits"] = draw(st.integers(1, min(bits, 8)))
    return inputs


@st.composite
def _readout(draw: st.DrawFn) -> Data:
    converter = draw(st.sampled_from(["sar_adc", "ramp_adc", "flash_adc", "sense_amp", "integrate_and_fire"]))
    readout: Data = {
        "converter": converter,
        "bits": 1 if converter == "sense_amp" else draw(st.integers(4 if converter == "sar_adc" else 1, 10)),
        "columns_shared": draw(st.sampled_from([1, 8, 128])),
        "sample_hold": draw(st.sampled_from([None, "sample_hold"])),
        "column_gain": draw(st.sampled_from(["nominal", "calibrated"])),
    }
    if converter == "integrate_and_fire":
        return readout | {"neuron": draw(_neurons())}
    readout["range"] = draw(st.sampled_from(["full_scale", "calibrated"]))
    if converter == "sar_adc":
        readout["model"] = draw(st.sampled_from(["survey_regression", "isaac_isca_2016", "zigzag_28nm"]))
    if draw(st.booleans()) and readout.get("model") != "zigzag_28nm":
        readout["rate"] = draw(st.sampled_from(["10 MHz", "1.28 GHz"]))
    return readout


@st.composite
def _neurons(draw: st.DrawFn) -> Data:
    return {
        "capacitance": draw(st.sampled_from(["50 fF", "1 pF"])),
        "threshold": "0.5 V",
        "window": draw(st.sampled_from(["100 ns", "1 us"])),
        "dead_time": draw(st.sampled_from(["0 ns", "0.1 ns", "1 ns"])),
        "residual": draw(st.sampled_from(["kept", "lost"])),
        "polarity": draw(st.sampled_from(["pair", "bipolar"])),
    }


@st.composite
def _write(draw: st.DrawFn, isolated: bool) -> Data:
    write: Data = {
        "scheme": "isolated" if isolated else draw(st.sampled_from(["half", "third", "ground"])),
        "voltage": "2.0 V",
        "pulse": "50 ns",
        "cells_at_once": draw(st.sampled_from([1, 16, 1000])),
        "component": "write_driver",
        "shared_by": draw(st.sampled_from([1, 2])),
    }
    if draw(st.booleans()):
        write["reset"] = {"voltage": "1.8 V", "pulse": "100 ns"}
    if draw(st.booleans()):
        write["verify"] = {"tolerance": "0.2 uS", "max_pulses": 20, "read_time": "10 ns"}
    return write


@st.composite
def _mesh(draw: st.DrawFn) -> Data:
    return {
        "link_width": draw(st.sampled_from([8, 32, 256])),
        "header_bits": draw(st.sampled_from([0, 32])),
        "router": {"component": "router_mesh", "shared_by": draw(st.sampled_from([1, 2, 4]))},
        "router_latency": "2 ns",
        "link": "link_wire",
    }


@st.composite
def _tile(draw: st.DrawFn, many: bool) -> Data:
    parts: Data = {
        "bus": {"component": "bus_wire", "width": draw(st.sampled_from([64, 384]))},
        "shift_add": {"component": "shift_add", "count": 4},
        "input_register": {"component": "register_file"},
        "output_register": {"component": "register_file"},
    }
    shared: Data = {
        "count": {"x": draw(st.integers(3 if many else 1, 4)), "y": draw(st.integers(3 if many else 1, 4))},
        "buffer": {"component": "sram_cacti", "size": "8 KiB", "width": 128, "ports": draw(st.integers(1, 2))},
        "adder": {"component": "adder_32b"},
        "activation": {"component": "relu"},
        "pooling": {"component": "maxpool"},
    }
    arrays = draw(st.integers(12 if many else 1, 16))
    if draw(st.booleans()):
        return shared | parts | {"arrays": arrays}
    bus = {"bus": parts.pop("bus")}
    return shared | bus | {"macro": {"count": draw(st.integers(1, 3)), "arrays": arrays, **parts}}


@st.composite
def _idle(draw: st.DrawFn) -> Data:
    return {name: draw(_STATES) for name in ("arrays", "converters", "buffers", "digital")} | {
        "after": draw(st.sampled_from(["0 ns", "200 ns"])),
        "wake_up": {"time": draw(st.sampled_from(["0 ns", "10 ns"])), "energy": "1 pJ"},
        "residual": draw(st.sampled_from([0, "3 %", 1])),
        "clock_power": "10 %",
    }
