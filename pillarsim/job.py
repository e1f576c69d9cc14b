"""The main job from Python: the stages of a run, each given only the parts that it depends on.

chip.yaml + network -> compile -> program -> age -> solve circuits -> values -> events -> cost -> report
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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
from pillarsim.arch.compute.activities import DEFAULT_SOURCE, default_activity
from pillarsim.arch.compute.aged import aged
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import evaluate
from pillarsim.arch.compute.program import placement_levels, program
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.programming import programming
from pillarsim.arch.compute.reading import ReadRule, read_rule
from pillarsim.arch.costing import cost, programming_cost
from pillarsim.arch.errors import InputError
from pillarsim.arch.ir_drop import ir_drop_estimate, ir_drop_solved
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate, simulate_programming
from pillarsim.devices.streams import generator, stream_seed
from pillarsim.mapping import compile_network
from pillarsim.report.build import Accuracy, RunResults, build_report
from pillarsim.report.cautions import cautions, write_cautions
from pillarsim.report.format import plural
from pillarsim.report.provenance import versions
from pillarsim.workloads.datasets import Dataset, TooFewImages, load_dataset
from pillarsim.workloads.network import Network
from pillarsim.workloads.train import accuracy as float_accuracy

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunOptions:
    """Options of a run; samples None means all test images, 0 skips the value model."""

    samples: int | None = 1000
    seeds: int = 5
    images: int = 16
    detail: str = "window"
    seed: int = 0
    threads: int = 1
    data_dir: Path | None = None


def silent(stage: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""


def run(
    loaded: LoadedChip, network: Network, options: RunOptions | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Run `network` on a chip and return the report (the JSON of `pillarsim run`).

    Raises InputError for what a user can mend, FitError where the network does not fit the chip.
    """
    try:
        results = run_stages(loaded.chip, loaded.digest, network, options or RunOptions(), progress)
    except InputError as error:
        raise located(error, loaded) from None
    return build_report(results)


def run_stages(
    chip: Chip, digest: str, network: Network, options: RunOptions, progress: Progress = silent
) -> RunResults:
    """Every stage of a run in order; each takes only the parts of the chip that it depends on."""
    # Sums of floats must not depend on the machine's cores; circuits and values have threads of their own.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return _stages(chip, digest, network, options, progress)


def _stages(chip: Chip, digest: str, network: Network, options: RunOptions, progress: Progress) -> RunResults:
    calibration, test = _datasets(network, chip.mapping.calibration_samples, options)
    components = build_components(chip.hardware)
    timing = build_timing(chip.hardware, components, chip.idle)
    placement = compile_network(
        network,
        calibration.images,
        array=chip.array,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
    )
    levels = placement_levels(placement, chip.weights, chip.bits_per_cell)
    temperature_k, first_device = chip.technology.temperature, device_seed(options.seed, 0)
    devices = [device_seed(options.seed, number) for number in range(options.seeds if test is not None else 1)]
    written_layers = [
        program(placement, levels, chip.array, chip.write, chip.bits_per_cell, device, options.threads)
        for device in devices
    ]
    programmed = [
        aged(placement, layers, chip.array, chip.retention, temperature_k, device)
        for layers, device in zip(written_layers, devices, strict=True)
    ]
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    arrays = solve_arrays(
        placement,
        levels,
        programmed,
        rule,
        chip.array,
        temperature_k,
        column_gain=chip.readout.column_gain,
        images=calibration.images,
        seed=first_device,
        threads=options.threads,
        progress=lambda done, total: progress("circuits", done, total),
    )
    solved_writes = chip.array.circuit == "exact" and chip.array.cell.iv.model != "polynomial"
    written = programming(
        placement,
        levels,
        chip.array,
        chip.write,
        chip.bits_per_cell,
        _rails(chip),
        first_device,
        write_solver(chip.array, chip.write, temperature_k, first_device) if solved_writes else None,
    )
    accuracy, layers, source = _values(network, placement, rule, arrays.devices, calibration, test, options, progress)
    if arrays.sampled is not None:
        layers = tuple(with_losses(layer, sampled) for layer, sampled in zip(layers, arrays.sampled, strict=True))
    activity = Activity(layers, written, source)
    trace = simulate(
        placement,
        timing,
        chip.idle,
        options.images,
        options.detail,
        arrays_per_tile=chip.tile.arrays_per_level,
        conversions_per_unit=chip.weights.polarities if chip.weights.pair_subtract == "digital" else 1,
        progress=lambda done: progress("events", done, options.images),
    )
    programming_trace = simulate_programming(placement, timing, written, options.detail)
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
    if arrays.sampled is not None:
        drop = ir_drop_solved(arrays.sampled)
    else:
        drop = ir_drop_estimate(placement, levels, activity, chip.array, chip.bits_per_cell, temperature_k)
    return RunResults(
        chip=chip,
        chip_digest=digest,
        network=network,
        placement=placement,
        accuracy=accuracy,
        activity=activity,
        trace=trace,
        programming_trace=programming_trace,
        costs=costs,
        programming=programming_cost(programming_trace, written, components),
        components=components,
        ir_drop=drop,
        sampled=arrays.sampled,
        warnings=(
            *cautions(chip.array, drop, components, arrays.sampled),
            *write_cautions(chip.array, chip.write, chip.bits_per_cell, written),
        ),
        options=_options_json(options, calibration, test),
        seed=options.seed,
        versions=versions(),
    )


def device_seed(seed: int, number: int) -> int:
    """Seed of the draws of device `number`: devices of other numbers stay as they are when one is added."""
    return stream_seed(seed, "device", number)


def _datasets(network: Network, calibration: int, options: RunOptions) -> tuple[Dataset, Dataset | None]:
    if len(network.shapes[-1]) != 1:
        raise InputError(
            f"workload {network.name!r}: expected one output a class at the end (a flatten or linear layer), "
            f"found a map of {network.shapes[-1]}"
        )
    if network.dataset is None:
        if options.samples != 0:
            raise InputError(f"workload {network.name!r} names no dataset: expected --samples 0 (no accuracy)")
        return random_inputs(network, calibration, options.seed), None
    try:
        train = load_dataset(network.dataset, "train", calibration, options.data_dir)
    except TooFewImages as error:
        raise InputError(f"mapping.calibration_samples: {error}") from None
    test = None
    if options.samples != 0:
        try:
            test = load_dataset(network.dataset, "test", options.samples, options.data_dir)
        except TooFewImages as error:
            raise InputError(f"--samples: {error}") from None
    if tuple(train.images.shape[1:]) != tuple(network.input_shape):
        raise InputError(
            f"workload {network.name!r} takes images of {tuple(network.input_shape)}; "
            f"dataset {network.dataset!r} has {tuple(train.images.shape[1:])}"
        )
    return train, test


def random_inputs(network: Network, count: int, seed: int) -> Dataset:
    """Stated stand-ins for calibration images of a network without a dataset: uniform in [0, 1]."""
    draws = torch.rand((count, *network.input_shape), generator=generator(seed, "calibration"))
    labels = np.zeros(count, np.int64)
    return Dataset("none", "train", draws.numpy(), labels, "no dataset: uniform random inputs in [0, 1]")


def _values(
    network: Network,
    placement: Placement,
    rule: ReadRule,
    programmed: Sequence[Sequence[ProgrammedLayer]],
    calibration: Dataset,
    test: Dataset | None,
    options: RunOptions,
    progress: Progress,
) -> tuple[Accuracy | None, tuple[LayerActivity, ...], str]:
    """Accuracy and per-layer activity, and where the activity comes from."""
    if test is None:
        return None, default_activity(placement, programmed[0], rule), DEFAULT_SOURCE
    found = evaluate(
        placement,
        programmed,
        rule,
        converter_ranges(placement, rule, calibration.images),
        test.images,
        test.labels,
        seeds=[device_seed(options.seed, number) for number in range(options.seeds)],
        threads=options.threads,
        progress=lambda done, total: progress("values", done, total),
    )
    float_ = float_accuracy(network, test)
    accuracy = Accuracy(network.metric, float_, found.quantized, found.per_seed, found.samples)
    return accuracy, found.activity, f"measured on {found.samples} images, {plural(options.seeds, 'device seed')}"


def _rails(chip: Chip) -> dict[float, float]:
    volts = {chip.array.read_voltage, chip.write.voltage}
    if chip.write.reset is not None:
        volts.add(chip.write.reset.voltage)
    return {voltage: rail_voltage(chip.technology, voltage) for voltage in volts}


def _options_json(options: RunOptions, calibration: Dataset, test: Dataset | None) -> dict[str, Any]:
    return {
        "samples": 0 if test is None else len(test.labels),
        "seeds": options.seeds,
        "images": options.images,
        "detail": options.detail,
        "calibration": calibration.source,
        "dataset": None if test is None else test.source,
    }
