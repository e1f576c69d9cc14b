"""`pillarsim run`: the stages of a run in a row, then one report."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import click

from pillarsim.arch.errors import InputError
from pillarsim.cli.options import cores, data_dir_option, json_option, seed_option, set_option, threads_option

DEFAULT_CHIP = "hfox_planar_128"
DEFAULT_WORKLOAD = "mnist-lenet5"


@click.command()
@click.argument("chip", default=DEFAULT_CHIP)
@click.option(
    "--workload", default=DEFAULT_WORKLOAD, show_default=True, metavar="NAME|FILE", help="Network: .yaml, .onnx, .pt2."
)
@set_option
@click.option(
    "--samples",
    metavar="N|all",
    help="Inputs for the values; 0: none [default: 1000 of a trained network's dataset, all of --inputs].",
)
@click.option(
    "--inputs", type=click.Path(path_type=Path), metavar="FILE", help="Own inputs: .npz with x and, optionally, y."
)
@click.option(
    "--outputs", type=click.Path(path_type=Path), metavar="FILE", help="Write outputs: float, quantized, chip (.npz)."
)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Device seeds.")
@click.option("--images", type=click.IntRange(min=1), default=16, show_default=True, help="Images through the events.")
@click.option(
    "--detail",
    type=click.Choice(["window", "operation", "row", "layer"]),
    default="window",
    show_default=True,
    help="Of the events.",
)
@json_option
@click.option("--csv", "csv_dir", type=click.Path(path_type=Path), metavar="DIR", help="Write the tables as CSV.")
@click.option(
    "--trace", type=click.Path(path_type=Path), metavar="FILE", help="Write a timeline for Perfetto (.json, .json.gz)."
)
@click.option(
    "--trace-images",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Images in the timeline, the first ones.",
)
@seed_option
@threads_option
@data_dir_option
def command(
    chip: str,
    workload: str,
    sets: tuple[str, ...],
    samples: str | None,
    inputs: Path | None,
    outputs: Path | None,
    seeds: int,
    images: int,
    detail: str,
    json_file: str | None,
    csv_dir: Path | None,
    trace: Path | None,
    trace_images: int,
    seed: int,
    threads: int | None,
    data_dir: Path | None,
) -> None:
    """Run a trained network on CHIP (a file or a preset's name) and print one report."""
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.arch.simulate.timeline import Recorder
    from pillarsim.job import RunOptions, run_results
    from pillarsim.report.build import build_report
    from pillarsim.report.files import check_folder, check_writable, write_text
    from pillarsim.report.json import json_text
    from pillarsim.report.outputs import write_outputs
    from pillarsim.report.progress import progress_bar
    from pillarsim.report.tables import write_csv
    from pillarsim.report.terminal import render
    from pillarsim.report.timeline import write_timeline
    from pillarsim.samples import read_samples
    from pillarsim.workloads.load import load_network

    for file in (outputs, trace, None if json_file in (None, "-") else Path(str(json_file))):
        if file is not None:
            check_writable(file)
    if csv_dir is not None:
        check_folder(csv_dir)
    count = None if samples is None else _samples(samples)
    if outputs is not None and outputs.suffix != ".npz":
        raise InputError(f"--outputs: expected a file name that ends in .npz, found {outputs}")
    if outputs is not None and count == 0:
        raise InputError("--outputs: expected --samples above 0, since no output is computed without samples")
    loaded, network = load_chip(chip, sets), load_network(workload, seed=seed, data_dir=data_dir)
    given = None if inputs is None else read_samples(inputs)
    if outputs is not None and given is None and (network.dataset is None or not network.trained):
        raise InputError(f"--outputs: workload {network.name!r} has no data of its own: expected --inputs")
    if trace is not None and detail != "window":
        raise InputError(f"--trace: expected --detail window, found {detail}")
    with nullcontext() if trace is None else Recorder(trace_images) as recorder:
        options = RunOptions(count, seeds, images, detail, seed, threads or cores(), data_dir, given, recorder)
        with progress_bar() as progress:
            results = run_results(loaded, network, options, progress)
        report = build_report(results)
        if trace is not None and recorder is not None:
            write_timeline(trace, recorder.recording, results)
    if outputs is not None:
        write_outputs(outputs, results.outputs)
    if csv_dir is not None:
        write_csv(report, csv_dir)
    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(report))
    click.echo(json_text(report) if json_file == "-" else render(report), nl=json_file != "-")


def _samples(text: str) -> int | Literal["all"]:
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise InputError(f"--samples: expected a whole number from 0, or 'all'; found {text!r}")
    return int(text)
