"""The main job from Python: the stages of a run, each given only the parts that it depends on.

chip.yaml + network -> compile -> program -> age -> solve circuits -> values -> events -> cost -> report
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from pillarsim.arch.activity import Activity, LayerActivity
from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import LoadedChip
from pillarsim.arch.chip.located import located
from pillarsim.arch.circuit.run import solve_arrays
from pillarsim.arch.circuit.sampled import with_losses
from pillarsim.arch.circuit.writing import write_solver
from pillarsim.arch.components.array_power import rail_voltage
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.compute.activities import (
    DEFAULT_SOURCE,
    ReadSums,
    activity_of_sums,
    default_activity,
    written_sums,
)
from pillarsim.arch.compute.aged import aged
from pillarsim.arch.compute.program import LayerLevels, placement_levels, program
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.programming import Look, write_network
from pillarsim.arch.compute.reading import ReadRule, read_rule
from pillarsim.arch.costing import cost, programming_cost
from pillarsim.arch.errors import InputError
from pillarsim.arch.ir_drop import ir_drop_estimate, ir_drop_solved
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.timeline import Recorder
from pillarsim.arch.trace import Trace
from pillarsim.compiled import compile_for
from pillarsim.devices.streams import stream_seed
from pillarsim.reload import joined, reload_cautions, reload_section, run_parts, with_programming, written_traces
from pillarsim.report.build import RunResults, build_report
from pillarsim.report.cautions import cautions, detail_cautions, stream_cautions, write_cautions
from pillarsim.report.format import plural
from pillarsim.report.provenance import versions
from pillarsim.samples import Count, Samples, choose_samples
from pillarsim.values import Values, values
from pillarsim.workloads.network import Network

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunOptions:
    """Options of a run.

    samples: inputs for the values; 0 skips them, None takes what fits the network (`samples.choose_samples`);
    inputs: a user's own, instead of the network's dataset; images: how many stream through the events; recorder:
    records the first of them, and changes no number.
    """

    samples: Count = None
    seeds: int = 5
    images: int = 16
    detail: str = "window"
    seed: int = 0
    threads: int = 1
    data_dir: Path | None = None
    inputs: Samples | None = None
    recorder: Recorder | None = None


def silent(stage: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""


def run(
    loaded: LoadedChip, network: Network, options: RunOptions | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Run `network` on a chip and return the report (the JSON of `pillarsim run`).

    Raises InputError for what a user can mend, FitError where the network does not fit the chip.
    """
    return build_report(run_results(loaded, network, options, progress))


def run_results(
    loaded: LoadedChip, network: Network, options: RunOptions | None = None, progress: Progress = silent
) -> RunResults:
    """As `run`, but what the stages found, outputs included; `report.build.build_report` makes the report of it."""
    try:
        return run_stages(loaded.chip, loaded.digest, network, options or RunOptions(), progress)
    except InputError as error:
        raise located(error, loaded) from None


def run_stages(
    chip: Chip, digest: str, network: Network, options: RunOptions, progress: Progress = silent
) -> RunResults:
    """Every stage of a run in order; each takes only the parts of the chip that it depends on."""
    for name in ("seeds", "threads"):
        if getattr(options, name) < 1:
            raise InputError(f"{name}: expected at least 1, found {getattr(options, name)}")
    # Sums of floats must not depend on the machine's cores; circuits and values have threads of their own.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return _stages(chip, digest, network, options, progress)


def _stages(chip: Chip, digest: str, network: Network, options: RunOptions, progress: Progress) -> RunResults:
    calibration, test = choose_samples(
        network, chip.mapping.calibration_samples, options.samples, options.inputs, options.seed, options.data_dir
    )
    components = build_components(chip.hardware)
    timing = build_timing(chip.hardware, components, chip.idle)
    placement = compile_for(chip, network, calibration.inputs, timing)
    if options.recorder is not None and len(placement.parts) > 1:
        raise InputError("mapping.reload: a network that runs in parts cannot be recorded")
    levels = placement_levels(placement, chip.weights, chip.bits_per_cell)
    temperature_k, first_device = chip.technology.temperature, device_seed(options.seed, 0)
    devices = [device_seed(options.seed, number) for number in range(options.seeds if test is not None else 1)]
    held = _cells_held(chip, test)
    programmed = [_device(chip, placement, levels, device, options.threads) for device in devices] if held else []
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    arrays = solve_arrays(
        placement,
        levels,
        programmed,
        rule,
        chip.array,
        temperature_k,
        column_gain=chip.readout.column_gain,
        images=calibration.inputs,
        seed=first_device,
        threads=options.threads,
        progress=lambda done, total: progress("circuits", done, total),
    )
    solved_writes = chip.array.circuit == "exact" and chip.array.cell.iv.model != "polynomial"
    written = write_network(
        placement,
        levels,
        chip.array,
        chip.write,
        chip.bits_per_cell,
        _rails(chip),
        first_device,
        solver=write_solver(chip.array, chip.write, temperature_k, first_device) if solved_writes else None,
        look=None if held else _sums_of_reads(chip, rule, first_device),
        threads=options.threads,
        progress=lambda done, total: progress("programming", done, total),
    )
    found = None
    if test is not None:
        found = values(
            network,
            placement,
            rule,
            arrays.devices,
            calibration,
            test,
            seeds=devices,
            threads=options.threads,
            progress=lambda done, total: progress("values", done, total),
        )
    layers, source = _activity(placement, rule, arrays.devices, written.reads, found, options.seeds)
    if arrays.sampled is not None:
        layers = tuple(with_losses(layer, sampled) for layer, sampled in zip(layers, arrays.sampled, strict=True))
    activity = Activity(layers, written.layers, source)

    def events(part: Placement) -> Trace:
        return simulate(
            part,
            timing,
            chip.idle,
            options.images,
            options.detail,
            arrays_per_tile=chip.tile.arrays_per_level,
            conversions_per_unit=chip.weights.polarities if chip.weights.pair_subtract == "digital" else 1,
            progress=lambda done: progress("events", done, options.images),
            recorder=options.recorder,
        )

    runs = run_parts(placement, timing, written.layers, options.detail, events)
    trace, programming_trace = joined(runs, chip.idle), written_traces(runs)
    writing = programming_cost(programming_trace, written.layers, components)
    costs = cost(
        trace,
        placement,
        components,
        activity,
        array=chip.array,
        technology=chip.technology,
        idle=chip.idle,
        timing=timing,
    )
    costs = with_programming(costs, writing, runs)
    if arrays.sampled is not None:
        drop = ir_drop_solved(arrays.sampled)
    else:
        drop = ir_drop_estimate(placement, levels, activity, chip.array, chip.bits_per_cell, temperature_k)
    return RunResults(
        chip=chip,
        chip_digest=digest,
        network=network,
        placement=placement,
        accuracy=None if found is None else found.accuracy,
        outputs=None if found is None else found.outputs,
        activity=activity,
        trace=trace,
        programming_trace=programming_trace,
        costs=costs,
        programming=writing,
        reload=reload_section(runs, components, chip.array.cell, chip.array.cycles, costs.total()),
        components=components,
        ir_drop=drop,
        sampled=arrays.sampled,
        warnings=(
            *cautions(chip.array, drop, components, arrays.sampled),
            *write_cautions(chip.array, chip.write, chip.bits_per_cell, written.layers),
            *reload_cautions(runs, chip.write),
            *detail_cautions(trace),
            *(stream_cautions(trace) if len(runs) == 1 else ()),
        ),
        options=_options_json(options, calibration, test),
        seed=options.seed,
        versions=versions(),
    )


def device_seed(seed: int, number: int) -> int:
    """Seed of the draws of device `number`: devices of other numbers stay as they are when one is added."""
    return stream_seed(seed, "device", number)


def _cells_held(chip: Chip, test: Samples | None) -> bool:
    """Whether values, circuits or gains need the cells themselves, not sums of them."""
    return test is not None or chip.array.circuit == "exact" or chip.readout.column_gain == "calibrated"


def _device(
    chip: Chip, placement: Placement, levels: tuple[LayerLevels, ...], device: int, threads: int
) -> tuple[ProgrammedLayer, ...]:
    """All cells of one device as reads find them."""
    layers = program(placement, levels, chip.array, chip.write, chip.bits_per_cell, device, threads)
    return aged(placement, layers, chip.array, chip.retention, chip.technology.temperature, device)


def _sums_of_reads(chip: Chip, rule: ReadRule, device: int) -> Look:
    """What default activity needs of one device's cells, found as they are written."""
    return partial(
        written_sums,
        rule=rule,
        array=chip.array,
        retention=chip.retention,
        temperature_k=chip.technology.temperature,
        seed=device,
    )


def _activity(
    placement: Placement,
    rule: ReadRule,
    programmed: Sequence[Sequence[ProgrammedLayer]],
    sums: Sequence[Sequence[ReadSums]] | None,
    found: Values | None,
    seeds: int,
) -> tuple[tuple[LayerActivity, ...], str]:
    """Per-layer activity and where it comes from."""
    if found is None:
        if sums is None:
            return default_activity(placement, programmed[0], rule), DEFAULT_SOURCE
        return activity_of_sums(placement, sums, rule), DEFAULT_SOURCE
    count = len(found.outputs.float_)
    return found.activity, f"measured on {plural(count, 'image')}, {plural(seeds, 'device seed')}"


def _rails(chip: Chip) -> dict[float, float]:
    volts = {chip.array.read_voltage, chip.write.voltage}
    if chip.write.reset is not None:
        volts.add(chip.write.reset.voltage)
    return {voltage: rail_voltage(chip.technology, voltage) for voltage in volts}


def _options_json(options: RunOptions, calibration: Samples, test: Samples | None) -> dict[str, Any]:
    return {
        "samples": 0 if test is None else len(test.inputs),
        "seeds": options.seeds,
        "images": options.images,
        "detail": options.detail,
        "calibration": calibration.source,
        "dataset": None if test is None else test.source,
    }
