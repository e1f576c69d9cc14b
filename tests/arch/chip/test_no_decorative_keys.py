"""Every key of the chip schema changes a number of the report, or is documented as a label (design rule 10)."""

from __future__ import annotations

import functools
import json
import math
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.job import RunOptions, run
from pillarsim.workloads.topology import load_network
from tests.arch.chip.card_cases import CARD_CASES, LIMIT_CASES
from tests.arch.chip.learning_cases import LEARNING_CASES, OWN_CARDS, training_numbers
from tests.near import near

Sets = tuple[str, ...]

PULSE_KEYS = "array.cell.pulse_update."  # held by tests/arch/test_pulse_keys.py

VERTICAL: Sets = (
    "array={geometry: vertical, word_lines: finger, layers: 4, rows: 64, columns: 128, access: {device: none}}",
    "write.scheme=half",
)
FIRE: Sets = (
    "readout={converter: integrate_and_fire, neuron: {capacitance: 2 fF, threshold: 0.3 V, window: 20 ns, "
    "residual: kept}}",
)
RESET: Sets = ("write.reset={voltage: 2 V, pulse: 50 ns}",)
GATED: Sets = (
    "idle={arrays: gated, converters: gated, buffers: gated, digital: gated, after: 5 ns, wake_up: {time: 1 ns}}",
)
PASSIVE: Sets = ("array.access={device: none, on_resistance: 0 Ohm, off_current: 0 A}", "write.scheme=half")
SINH: Sets = ("array.access.on_resistance=0 Ohm", "array.cell.iv={model: sinh, voltage: 0.3 V}")
FILM: Sets = (SINH[0], "array.cell.iv={model: poole_frenkel, permittivity: 25, thickness: 10 nm}")
SOLVED: Sets = (*VERTICAL, "array.rows=16", "array.columns=32", "array.max_active_rows=8", "array.circuit=exact")
FEW_ROWS: Sets = ("array.max_active_rows=32",)
MACRO: Sets = ("tile.arrays=null", "tile.macro={count: 2, arrays: 8}")


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield (dotted key path, is it a label) of every leaf; a nested level of the same type is entered once."""
    for name, field in model.model_fields.items():
        here = f"{path}{name}"
        nested = [kind for kind in kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        label = isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("label"))
        if not nested or here.count("macro") > 1:
            yield here, label
        for kind in nested:
            if here.count("macro") <= 1:
                yield from leaves(kind, here + ".")


def kinds(annotation: Any) -> list[Any]:
    """The members of a union, and the values of a dict type."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return kinds(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in kinds(part)]
    if origin is dict:
        return kinds(typing.get_args(annotation)[1])
    return [annotation]


@functools.cache
def numbers(sets: Sets) -> str:
    """The report's results of one short run, without what merely names the run."""
    options = RunOptions(samples=30, seeds=1, images=2)
    loaded = load_chip("hfox_planar_128", ("mapping.calibration_samples=40", *sets))
    report = run(loaded, load_network("mnist-lenet5"), options)
    for key in ("chip", "options", "versions", "events", "models", "warnings"):
        report.pop(key)
    for section, name in (("circuit", "model"), ("circuit", "column_gain"), ("ir_drop", "model")):
        report[section].pop(name)
    return json.dumps(report)


OTHER_CARD = {
    "shift_add": "isaac_shift_add",
    "input_register": "isaac_input_register",
    "output_register": "isaac_output_register",
    "adder": "isaac_adder",
    "activation": "isaac_sigmoid",
    "pooling": "isaac_maxpool",
    "lookup": "isaac_sigmoid",
    "multiplier": "multiplier_16b",
}
SHIPPED = {
    "shift_add": "shift_add", "adder": "adder_32b", "activation": "relu", "pooling": "maxpool",
    "lookup": "lookup_table", "multiplier": "multiplier_8b",
}  # fmt: skip


def part_cases(level: str, base: Sets) -> dict[str, tuple[Sets, Sets]]:
    """Cases of the parts of one level; in a macro they are moved there first."""
    cases: dict[str, tuple[Sets, Sets]] = {}
    for role in OTHER_CARD:
        moved: Sets = base
        if level == "tile.macro":
            card = OTHER_CARD[role]
            moved = (*base, f"tile.{role}=null", f"tile.macro.{role}={{component: {card}}}")
        other = OTHER_CARD[role] if level == "tile" else SHIPPED.get(role, "register_file")
        cases[f"{level}.{role}.component"] = (moved, (f"{level}.{role}.component={other}",))
        # A register file's bits are those of its arrays, however many units hold them; other cards count.
        counted = (*moved, f"{level}.{role}.component={OTHER_CARD[role]}")
        cases[f"{level}.{role}.count"] = (counted, (f"{level}.{role}.count=3", f"{level}.{role}.shared_by=1"))
        cases[f"{level}.{role}.shared_by"] = (counted, (f"{level}.{role}.count=1", f"{level}.{role}.shared_by=2"))
    extra = f"{level}.extra={{spare: {{component: isaac_tile_output_register}}}}"
    cases[f"{level}.extra.component"] = ((*base, extra), (f"{level}.extra.spare.component=relu",))
    cases[f"{level}.extra.count"] = ((*base, extra), (f"{level}.extra.spare.count=2",))
    cases[f"{level}.extra.shared_by"] = ((*base, extra), (f"{level}.extra.spare.shared_by=2",))
    return cases


# key -> (settings that make the key matter, the change)
CASES: dict[str, tuple[Sets, Sets]] = {
    **CARD_CASES,
    **part_cases("tile", ()),
    **part_cases("tile.macro", MACRO),
    "technology.node": ((), ("technology.node=45 nm",)),
    "technology.supply.core": ((), ("technology.supply.core=1.0 V",)),
    "technology.supply.io": ((), ("technology.supply.io=2.0 V",)),
    "technology.supply.pump": ((), ("technology.supply.pump=3.3 V",)),
    "technology.regulator": ((), ("technology.regulator=ideal",)),
    "technology.temperature": ((), ("technology.temperature=330 K",)),
    "technology.clock": ((), ("technology.clock=800 MHz",)),
    "off_chip.component": ((), ("off_chip.component=offchip_hbm2",)),
    "off_chip.bandwidth": ((), ("off_chip.bandwidth=0.5 GB/s",)),
    "off_chip.latency": ((), ("off_chip.latency=50 ns",)),
    "global_buffer.component": ((), ("global_buffer.component=isaac_edram",)),
    "global_buffer.size": ((), ("global_buffer.size=32 KiB",)),
    "global_buffer.width": ((), ("global_buffer.width=32",)),
    "global_buffer.ports": (("global_buffer.width=1",), ("global_buffer.ports=2",)),
    "mesh.link_width": ((), ("mesh.link_width=8",)),
    "mesh.header_bits": ((), ("mesh.header_bits=64",)),
    "mesh.router.component": ((), ("mesh.router.component=isaac_router",)),
    "mesh.router.shared_by": ((), ("mesh.router.shared_by=4",)),
    "mesh.router_latency": ((), ("mesh.router_latency=20 ns",)),
    "mesh.link": ((), ("mesh.link=isaac_link",)),
    "tile.count.x": ((), ("tile.count.x=9",)),
    "tile.count.y": ((), ("tile.count.y=9",)),
    "tile.arrays": ((), ("tile.arrays=8",)),
    "tile.macro.count": (MACRO, ("tile.macro.count=3",)),
    "tile.macro.arrays": (MACRO, ("tile.macro.arrays=4",)),
    "tile.macro.macro": (MACRO, ("tile.macro.arrays=null", "tile.macro.macro={count: 2, arrays: 8}")),
    "tile.macro.bus.component": (
        (*MACRO, "tile.bus=null", "tile.macro.bus={component: bus_wire, width: 128}"),
        ("tile.macro.bus.component=isaac_bus",),
    ),
    "tile.macro.bus.width": (
        (*MACRO, "tile.bus=null", "tile.macro.bus={component: bus_wire, width: 128}"),
        ("tile.macro.bus.width=16",),
    ),
    "tile.bus.component": ((), ("tile.bus.component=isaac_bus",)),
    "tile.bus.width": ((), ("tile.bus.width=16",)),
    "tile.buffer.component": ((), ("tile.buffer.component=isaac_edram",)),
    "tile.buffer.size": ((), ("tile.buffer.size=4 KiB",)),
    "tile.buffer.width": ((), ("tile.buffer.width=32",)),
    "tile.buffer.ports": (("tile.buffer.width=4",), ("tile.buffer.ports=2",)),
    "array.geometry": ((), VERTICAL),
    "array.layers": (VERTICAL, ("array.layers=8",)),
    "array.word_lines": (VERTICAL, ("array.word_lines=plane",)),
    "array.rows_per_finger": ((*VERTICAL, "array.word_lines=comb"), ("array.rows_per_finger=2",)),
    "array.reading": (VERTICAL, ("array.reading=layer_serial",)),
    "array.circuit": ((), ("array.circuit=exact",)),
    "array.rows": ((), ("array.rows=64",)),
    "array.columns": ((), ("array.columns=64",)),
    "array.max_active_rows": ((), FEW_ROWS),
    "array.read_voltage": ((), ("array.read_voltage=0.3 V",)),
    "array.read_time": ((), ("array.read_time=100 ns",)),
    "array.read_energy": ((), ("array.read_energy=30 pJ",)),
    "array.area": ((), ("array.area=25 um2",)),
    "array.cell_pitch": ((), ("array.cell_pitch=128 nm",)),
    "array.staircase_step": (VERTICAL, ("array.staircase_step=200 nm",)),
    "array.select_transistor_area": (VERTICAL, ("array.select_transistor_area=0.01 um2",)),
    "array.resistance.word_line_segment": ((), ("array.resistance.word_line_segment=100 Ohm",)),
    "array.resistance.bit_line_segment": ((), ("array.resistance.bit_line_segment=100 Ohm",)),
    "array.resistance.pillar_segment": (VERTICAL, ("array.resistance.pillar_segment=500 Ohm",)),
    "array.resistance.driver": ((), ("array.resistance.driver=10 kOhm",)),
    "array.resistance.sense": ((), ("array.resistance.sense=10 kOhm",)),
    "array.resistance.select_on": (VERTICAL, ("array.resistance.select_on=5 kOhm",)),
    "array.resistance.select_off": (SOLVED, ("array.resistance.select_off=1 MOhm",)),
    "array.capacitance.word_line_segment": ((), ("array.capacitance.word_line_segment=1 fF",)),
    "array.capacitance.bit_line_segment": ((), ("array.capacitance.bit_line_segment=50 fF",)),
    "array.capacitance.pillar_segment": (VERTICAL, ("array.capacitance.pillar_segment=50 fF",)),
    "array.access.device": ((), PASSIVE),
    "array.access.on_resistance": ((), ("array.access.on_resistance=10 kOhm",)),
    "array.access.off_current": (FEW_ROWS, ("array.access.off_current=1 nA",)),
    "array.cell.lrs": ((), ("array.cell.lrs=80 kOhm",)),
    "array.cell.hrs": ((), ("array.cell.hrs=1 MOhm",)),
    "array.cell.iv.model": (SINH[:1], SINH[1:]),
    "array.cell.iv.voltage": (SINH, ("array.cell.iv.voltage=0.2 V",)),
    "array.cell.iv.permittivity": (FILM, ("array.cell.iv.permittivity=10",)),
    "array.cell.iv.thickness": (FILM, ("array.cell.iv.thickness=20 nm",)),
    "array.cell.iv.stated_at": (SINH, ("array.cell.iv.stated_at=0.5 V",)),
    "array.cell.levels": (("weights.bits_per_cell=auto",), ("array.cell.levels=2",)),
    "array.cell.programming_error.lrs": ((), ("array.cell.programming_error.lrs=20 %",)),
    "array.cell.programming_error.hrs": ((), ("array.cell.programming_error.hrs=20 %",)),
    "array.cell.read_noise": ((), ("array.cell.read_noise=50 %",)),
    "array.cell.stuck.lrs": ((), ("array.cell.stuck.lrs=5 %",)),
    "array.cell.stuck.hrs": ((), ("array.cell.stuck.hrs=5 %",)),
    "weights.bits": ((), ("weights.bits=6",)),
    "weights.bits_per_cell": ((), ("weights.bits_per_cell=1",)),
    "weights.scheme": ((), ("weights.scheme=offset", "weights.subtract=null")),
    "weights.subtract": ((), ("weights.subtract=digital",)),
    "weights.accumulate_bits": ((), ("weights.accumulate_bits=analog",)),
    "weights.quantization": (("weights.bits=3",), ("weights.quantization=layer",)),
    "input.coding": ((), ("input.coding=amplitude", "input.driver.component=dac_multibit")),
    "input.bits": ((), ("input.bits=4",)),
    "input.dac_bits": (("input.coding=pulse_width",), ("input.dac_bits=2",)),
    "input.driver.component": ((), ("input.driver.component=isaac_dac_1b",)),
    "input.calibration_percentile": ((), ("input.calibration_percentile=90",)),
    "readout.converter": ((), ("readout.converter=ramp_adc", "readout.model=null")),
    "readout.bits": ((), ("readout.bits=6",)),
    "readout.columns_shared": ((), ("readout.columns_shared=4",)),
    "readout.sample_hold": ((), ("readout.sample_hold=null",)),
    "readout.range": (("readout.bits=7",), ("readout.range=full_scale",)),
    "readout.calibration_percentile": (("readout.bits=6",), ("readout.calibration_percentile=60",)),
    "readout.column_gain": ((), ("readout.column_gain=calibrated",)),
    "readout.model": ((), ("readout.model=isaac_isca_2016",)),
    "readout.rate": ((), ("readout.rate=50 MHz",)),
    "readout.neuron.capacitance": (FIRE, ("readout.neuron.capacitance=4 fF",)),
    "readout.neuron.threshold": (FIRE, ("readout.neuron.threshold=0.5 V",)),
    "readout.neuron.window": (FIRE, ("readout.neuron.window=40 ns",)),
    "readout.neuron.dead_time": (FIRE, ("readout.neuron.dead_time=2 ns",)),
    "readout.neuron.residual": (FIRE, ("readout.neuron.residual=lost",)),
    "readout.neuron.polarity": (FIRE, ("readout.neuron.polarity=bipolar",)),
    "write.scheme": (PASSIVE, ("write.scheme=third",)),
    "write.voltage": ((), ("write.voltage=2.5 V",)),
    "write.pulse": ((), ("write.pulse=20 ns",)),
    "write.reset.voltage": (RESET, ("write.reset.voltage=1.5 V",)),
    "write.reset.pulse": (RESET, ("write.reset.pulse=10 ns",)),
    "write.cells_at_once": ((), ("write.cells_at_once=4",)),
    "write.verify.tolerance": ((), ("write.verify.tolerance=0.5 uS",)),
    "write.verify.max_pulses": ((), ("write.verify.max_pulses=3",)),
    "write.verify.read_time": ((), ("write.verify.read_time=20 ns",)),
    "write.component": ((), ("write.component=isaac_write",)),
    "write.shared_by": ((), ("write.shared_by=4",)),
    "idle.arrays": ((), ("idle.arrays=clock_gated",)),
    "idle.converters": ((), ("idle.converters=clock_gated",)),
    "idle.buffers": ((), ("idle.buffers=clock_gated",)),
    "idle.digital": ((), ("idle.digital=clock_gated",)),
    "idle.after": (GATED, ("idle.after=50 ns",)),
    "idle.wake_up.time": (GATED, ("idle.wake_up.time=100 ns",)),
    "idle.wake_up.energy": (GATED, ("idle.wake_up.energy=10 pJ",)),
    "idle.residual": (GATED, ("idle.residual=10 %",)),
    "idle.clock_power": (("idle.digital=on",), ("idle.clock_power=20 %",)),
    "mapping.replicas": ((), ("mapping.replicas=2",)),
    "mapping.calibration_samples": ((), ("mapping.calibration_samples=3",)),
    "mapping.placement": (("tile.arrays=1",), ("mapping.placement=row",)),
    "mapping.array_budget": (("mapping.replicas=balanced",), ("mapping.array_budget=60",)),
    "mapping.share_arrays": ((), ("mapping.share_arrays=true",)),
}
# key -> (settings that are refused and name it, the change that makes them run)
MENDS: dict[str, tuple[Sets, Sets]] = {
    "mapping.reload": (("tile.count={x: 2, y: 1}", "tile.arrays=16"), ("mapping.reload=true",)),
}


def test_every_key_has_a_case() -> None:
    """Each key of the schema is a label or has a case below, and no case names a key that is gone."""
    keys = {path for path, label in leaves(Chip) if not label}
    assert {key for key in keys if not key.startswith(PULSE_KEYS)} == {*CASES, *LIMIT_CASES, *MENDS, *LEARNING_CASES}


@pytest.mark.parametrize("key", sorted(LIMIT_CASES))
def test_limit_refuses(key: str) -> None:
    """A key that says how far a card reaches refuses a chip beyond, by name."""
    sets, name = LIMIT_CASES[key]
    with pytest.raises(InputError, match=name):
        numbers(sets)


@pytest.mark.parametrize("key", sorted(MENDS))
def test_key_makes_it_run(key: str) -> None:
    """A key without which a chip is refused, by name, and runs with it."""
    base, change = MENDS[key]
    with pytest.raises(InputError, match=key):
        numbers(base)
    assert numbers((*base, *change))


@pytest.mark.parametrize("key", sorted(CASES))
def test_key_changes_a_number(key: str) -> None:
    """Perturbing the key changes at least one number of the report."""
    base, change = CASES[key]
    assert numbers((*base, *change)) != numbers(base)


@pytest.mark.parametrize("key", sorted(LEARNING_CASES))
def test_key_changes_a_number_of_training(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Perturbing a key that only training depends on changes at least one number of a few training steps."""
    monkeypatch.chdir(tmp_path)
    for name, text in OWN_CARDS.items():
        (tmp_path / name).write_text(text)
    preset, base, change = LEARNING_CASES[key]
    assert training_numbers(preset, (*base, *change)) != training_numbers(preset, base)


@pytest.mark.parametrize("section", ["area_m2", "leakage_w"])
def test_a_chip_that_learns_is_larger(section: str) -> None:
    """What training needs has its share of a run's area and leakage, and the parts sum to the totals."""
    cell: Sets = ("array.cell=pt_hfo2_ti_tin", "weights.bits_per_cell=1")
    plain, learns = (json.loads(numbers(sets))[section] for sets in (cell, (*cell, "learning={}")))
    own = {"column_driver", "counter", "pulse_generator"} | ({"row_sample_hold"} if section == "area_m2" else set())
    assert set(learns["by_component"]) - set(plain["by_component"]) == own
    assert learns["total"] > plain["total"] + 0.9 * sum(learns["by_component"][role] for role in own)
    assert math.fsum(learns["by_component"].values()) == near(learns["total"])
