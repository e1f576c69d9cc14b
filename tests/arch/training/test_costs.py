"""Durations of training from a chip, and its joules, against sums by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pillarsim.arch.chip import Chip, Hardware, Learning
from pillarsim.arch.chip.learning import RULES, Refresh
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.component import Component
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.training.clock import TrainingClock
from pillarsim.arch.training.costs import TrainingCosts, endurance_used, training_costs
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.timing import TrainingTiming, build_training_timing
from pillarsim.arch.training.trace import TrainingTrace
from pillarsim.devices.costs import Action
from tests.arch.training.builders import layer, placement
from tests.near import near

CHIP = load_chip("hfox_planar_128").chip
PLAIN = build_components(CHIP.hardware)
NET = placement(layer("fc1", 5, 3, [(0, 0)]), layer("fc2", 4, 2, [(0, 1)]))
NEURON = tuple(f"readout.neuron.{name}" for name in ("capacitance=1 pF", "threshold=0.5 V", "window=1 us"))
COUNT_J, SLOT_J, DRIVE_J = 2e-13, 3e-14, 5e-14  # of the parts that only training uses


def _part(like: str, role: str, action: str, energy_j: float) -> Component:
    """A part with one action, otherwise as one of the chip's."""
    made = next(part for part in PLAIN if part.role == like)
    return replace(made, role=role, cost=replace(made.cost, actions={action: Action(energy_j, 1000, "")}))


COMPONENTS = (
    *PLAIN,
    _part("adder", "counter", "count", COUNT_J),
    _part("driver", "pulse_generator", "slot", SLOT_J),
    _part("driver", "column_driver", "drive", DRIVE_J),
    _part("sample_hold", "row_sample_hold", "sample", 1e-15),
)


def hardware(chip: Chip = CHIP, **learning: Any) -> Hardware:
    """The default chip, learning."""
    return chip.hardware.model_copy(update={"learning": Learning(**learning)})


def timing(chip: Chip = CHIP, **learning: Any) -> TrainingTiming:
    """Its durations."""
    base = build_timing(chip.hardware, PLAIN, chip.idle)
    return build_training_timing(hardware(chip, **learning), COMPONENTS, base)


def costs(trace: TrainingTrace, made: TrainingTiming, chip: Chip = CHIP) -> TrainingCosts:
    """Joules on the default chip."""
    return training_costs(
        trace,
        NET,
        COMPONENTS,
        array=chip.array,
        write=chip.write,
        technology=chip.technology,
        idle=chip.idle,
        timing=made,
    )


def run(made: TrainingTiming, chip: Chip = CHIP, **counted: Any) -> TrainingTrace:
    """One step of two images with some counts in layer fc2 and its array, programmed before."""
    counts, written = StepCounts.none(1, 2, 2), StepCounts.none(1, 2, 2)
    counts.images[:] = 2
    for name, value in counted.items():
        getattr(counts, name)[0, 1] = value
    written.refresh_sets[:] = 7
    written.refresh_slots[:] = 7
    written.refresh_s[:] = 7e-6
    clock = TrainingClock(NET, made, chip.idle, chip.tile.arrays_per_level)
    clock.program(written)
    clock.add(counts)
    return clock.trace()


def energy(found: TrainingCosts, phase: str, role: str, action: str, name: str = "fc2") -> float:
    """Joules of one kind of row."""
    wanted = (phase, role, action, name)
    return sum(
        each.row.energy_j
        for each in found.rows
        if (each.phase, each.row.role, each.row.action, each.row.layer) == wanted
    )


def test_durations_of_the_default_chip() -> None:
    """Pulses of 50 ns, errors of 8 bits in 8 reads, 128 rows on 8 converters of 8 pairs each: 16 in turn."""
    made = timing()
    assert (made.slot_ps, made.set_ps, made.reset_ps) == (50_000, 50_000, 50_000)
    assert (made.verify_ps, made.refresh_verify_ps) == (0, 10_000)
    assert (made.chunks, made.error_chunks, made.error_slots) == (8, 8, 16)
    assert (made.gradient, made.accumulator_bits, made.pulse_train) == (False, 0, 31)
    mixed = timing(rule="mixed_precision", verify=True, accumulator_bits=24)
    assert (mixed.verify_ps, mixed.gradient, mixed.accumulator_bits, mixed.pulse_train) == (10_000, True, 24, 0)
    pairs: dict[str, Any] = {"arrangement": "differential", "devices_per_synapse": 2}
    binary = timing(rule="binary", **pairs)
    assert (binary.optimizer, binary.accumulator_bits) == ((7, 3, 1), 32)
    assert (made.counter_steps, binary.counter_steps) == (2, 0)


def test_slots_last_as_long_as_the_longer_pulse() -> None:
    """SET of 50 ns, RESET of 80 ns: slots of 80 ns; a weak-RESET network has RESET alone."""
    chip = load_chip("hfox_planar_128", ("write.reset.pulse=20 ns",)).chip
    assert timing(chip).slot_ps == 50_000
    assert timing(chip, rule="binary", arrangement="differential", devices_per_synapse=2).slot_ps == 20_000


@pytest.mark.parametrize(
    ("sets", "learning", "message"),
    [
        (
            ("readout.converter=integrate_and_fire", "readout.model=null", "readout.rate=null", *NEURON),
            {},
            "readout.converter: expected no integrate_and_fire",
        ),
        (("write.reset=null",), {}, "write.reset: expected with `learning`"),
        (("write.verify=null",), {"verify": True}, "write.verify: expected with learning.verify"),
        (
            ("write.verify=null",),
            {"arrangement": "differential", "devices_per_synapse": 2, "refresh": Refresh(every=10)},
            "write.verify: expected with learning.refresh",
        ),
        (("tile.multiplier=null",), {"rule": "per_device"}, "tile.multiplier: expected"),
    ],
)
def test_chips_that_cannot_learn(sets: tuple[str, ...], learning: dict[str, Any], message: str) -> None:
    """What a rule needs of a chip is asked for by its key."""
    chip = load_chip("hfox_planar_128", sets).chip
    base = build_timing(chip.hardware, build_components(chip.hardware), chip.idle)
    with pytest.raises(InputError, match=message):
        build_training_timing(hardware(chip, **learning), COMPONENTS, base)


def test_parts_that_a_rule_needs() -> None:
    """A chip without `learning`, and one whose parts for it are missing."""
    base = build_timing(CHIP.hardware, PLAIN, CHIP.idle)
    with pytest.raises(InputError, match="learning: expected a section"):
        build_training_timing(CHIP.hardware, PLAIN, base)
    with pytest.raises(InputError, match=r"learning\.column_driver: expected a part 'column_driver'"):
        build_training_timing(hardware(), PLAIN, base)


def test_pulses_counters_and_generators() -> None:
    """Update pulses take V^2 S t, drawn from 3 V; two counter steps a request; half-selected cells at their voltage."""
    made = timing()
    found = costs(run(made, sets=30, resets=10, pulse_s=4e-4, requests=50, slots=3, lines=9), made)
    cells = 2.0**2 * 4e-4 * 50e-9
    lines = 9 * 128 * 0.14e-15 * 2.0**2
    assert energy(found, "update", "array", "pulse") == near(cells)
    assert energy(found, "update", "array", "lines") == near(lines)
    regulator = sum(energy(found, "update", "regulator", action) for action in ("pulse", "lines"))
    assert regulator == near((cells + lines) * (3 / 2 - 1))
    assert energy(found, "update", "counter", "count") == near(2 * 50 * COUNT_J)
    assert energy(found, "update", "pulse_generator", "slot") == near(2 * 31 * (4 + 2) * SLOT_J)
    write = next(part for part in COMPONENTS if part.role == "write_circuit").cost.actions
    assert energy(found, "update", "write_circuit", "set") == near(30 * (write["set"].energy_j or 0))
    assert energy(found, "update", "write_circuit", "reset") == near(10 * (write["reset"].energy_j or 0))


def test_half_selected_cells() -> None:
    """V/2 of the SET and of the RESET voltage, split by their numbers; lines swing by V/2."""
    sets = ("array.access.device=none", "array.access.on_resistance=0 Ohm", "array.access.off_current=0 A")
    chip = load_chip("hfox_planar_128", (*sets, "write.scheme=half", "write.reset.voltage=1 V")).chip
    made = timing(chip)
    trace = run(made, chip, sets=30, resets=10, half_s=8e-4, half_selected=400, slots=3, lines=4)
    found = costs(trace, made, chip)
    expected = (1.0**2 * 0.75 + 0.5**2 * 0.25) * 8e-4 * 50e-9
    assert energy(found, "update", "half_select", "pulse") == near(expected)
    assert energy(found, "update", "array", "lines") == near(4 * 128 * 0.14e-15 * (0.75 * 1.0**2 + 0.25 * 0.5**2))


def test_reads_in_both_directions() -> None:
    """V^2 S t of each read's bias time and C V^2 of its lines; rows that are off leak through their transistors."""
    made = timing()
    trace = run(made, read_s=(3e-3, 2e-3), drives=(40, 30), slots=1)
    found = costs(trace, made)
    read_s = made.base.read_ps * 1e-12
    for phase, conductance_s, drives in (("forward", 3e-3, 40), ("backward", 2e-3, 30)):
        cells = 0.2**2 * conductance_s * read_s
        lines = drives * 128 * 0.14e-15 * 0.2**2
        assert energy(found, phase, "array", "read") == near(cells + lines)
        assert energy(found, phase, "regulator", "read") == near((cells + lines) * (0.9 / 0.2 - 1))
    off = 2 * 8 * (128 - 4) * 2 * 2  # images, reads, rows, outputs, cells of a synapse
    assert energy(found, "forward", "array", "off transistors") == near(off * 10e-12 * 0.2 * read_s)
    driver = next(part for part in COMPONENTS if part.role == "driver").cost.actions["drive"].energy_j or 0.0
    assert energy(found, "forward", "driver", "drive") == near(40 * driver)
    assert energy(found, "backward", "column_driver", "drive") == near(30 * DRIVE_J)


def test_verify_refresh_and_programming() -> None:
    """Verify reads at the mean conductance of the pulsed cells; refresh and first weights in phases of their own."""
    made = timing(verify=True)
    refresh: dict[str, Any] = {
        "refresh_sets": 6,
        "refresh_resets": 2,
        "refresh_verifies": 6,
        "refresh_s": 8e-5,
        "refresh_slots": 6,
    }
    found = costs(run(made, sets=4, pulse_s=4e-5, verifies=5, slots=1, **refresh), made)
    assert energy(found, "verify", "array", "verify") == near(5 * 0.2**2 * 1e-5 * 10e-9)
    assert energy(found, "refresh", "array", "pulse") == near(2.0**2 * 8e-5 * 50e-9)
    assert energy(found, "refresh", "array", "verify") == near(6 * 0.2**2 * 1e-5 * 10e-9)
    assert energy(found, "programming", "array", "pulse", "fc1") == near(2.0**2 * 7e-6 * 50e-9)


def test_parts_sum_to_the_total() -> None:
    """Phases, roles, layers and kinds each sum to all energy; leakage is each part's power over its states' times."""
    made = timing()
    trace = run(made, sets=3, pulse_s=1e-5, slots=4, drives=(5, 6), read_s=(1e-3, 1e-3))
    found = costs(trace, made)
    for key in ("phase", "role", "layer", "action"):
        assert sum(found.by(key).values()) == near(found.total(), 1e-12)
    assert found.total("dynamic") + found.total("leakage") == near(found.total(), 1e-12)
    states = {state.group: state for state in trace.states}
    leaked = 0.0
    for part in COMPONENTS:
        state = states[part.group]
        powered = (state.active_ps + state.idle_ps + 0.03 * state.gated_ps) * 1e-12
        leaked += part.instances / state.units * (part.cost.leakage_w or 0.0) * powered
    static = sum(each.row.energy_j for each in found.rows if each.row.action == "leakage")
    assert static == near(leaked, 1e-9)
    assert found.leakage_w == near(found.total("leakage") / (trace.span_ps * 1e-12))


def test_missing_parts_and_states() -> None:
    """Actions of parts that the chip lacks, and states that do not fill the span, are defects."""
    made = timing()
    trace = run(made, requests=5, slots=1)
    arguments: dict[str, Any] = {
        "array": CHIP.array, "write": CHIP.write, "technology": CHIP.technology, "idle": CHIP.idle, "timing": made,
    }  # fmt: skip
    with pytest.raises(ModelError, match="no such part"):
        training_costs(trace, NET, PLAIN, **arguments)
    with pytest.raises(ModelError, match="do not fill"):
        training_costs(replace(trace, span_ps=trace.span_ps + 1), NET, COMPONENTS, **arguments)


@pytest.mark.parametrize("rule", RULES)
def test_chips_that_learn_have_all_parts(rule: str) -> None:
    """A chip's own components cover every action of its rule, and every energy is stated."""
    pairs: dict[str, Any] = {"rule": rule, "arrangement": "differential", "devices_per_synapse": 2}
    learning = hardware(**pairs)
    components = build_components(learning)
    made = build_training_timing(learning, components, build_timing(learning, components, CHIP.idle))
    trace = run(made, requests=50, sets=3, resets=2, pulse_s=1e-4, slots=4, drives=(5, 6), read_s=(1e-3, 1e-3))
    found = training_costs(
        trace,
        NET,
        components,
        array=CHIP.array,
        write=CHIP.write,
        technology=CHIP.technology,
        idle=CHIP.idle,
        timing=made,
    )
    assert found.unstated == ()
    assert ("counter" in found.by("role", "dynamic")) == (rule != "binary")
    assert ("pulse_generator" in found.by("role", "dynamic")) == (rule == "stochastic")
    assert all(each.row.energy_j >= 0 for each in found.rows)


def test_endurance_used() -> None:
    """A cycle is a SET and a RESET: two pulses."""
    assert endurance_used(10_000, 1e6) == near(0.005)
    assert endurance_used(0, 1e6) == 0
    with pytest.raises(ValueError, match="above 0"):
        endurance_used(1, 0)
    assert np.isfinite(endurance_used(1, 1e12))


def test_worked_example_of_the_docs() -> None:
    """The step of docs/how_numbers_are_computed.md: 784-256-10 on 28 and 3 arrays of the default chip, batch 10."""
    places = [divmod(number, 16) for number in range(31)]
    first = layer("fc1", 785, 256, places[:28], rows=7, columns=4, digital=(("lookup", 256),))
    second = layer("fc2", 257, 10, places[28:], rows=3, digital=(("lookup", 10),))
    net = placement(first, second)
    counts = StepCounts.none(1, 2, 31)
    counts.images[:], counts.slots[:] = 10, 310
    spans = {}
    for order in ("layer_by_layer", "all_at_once"):
        clock = TrainingClock(net, timing(order=order), CHIP.idle, CHIP.tile.arrays_per_level)
        clock.add(counts)
        spans[order] = clock.trace().span_ps
    assert spans["layer_by_layer"] == near(324.2e6, 2e-4)
    assert spans["layer_by_layer"] - spans["all_at_once"] == 3 * 15_500_000
    clock = TrainingClock(net, timing(), CHIP.idle, CHIP.tile.arrays_per_level)
    clock.add(StepCounts(**{**counts.arrays(), "images": np.array([1])}))
    busy = clock.trace().busy_ps
    assert busy["forward", "fc1"] == 28 * 561_000
    assert busy["backward", "fc2"] == 3 * 1_121_000
