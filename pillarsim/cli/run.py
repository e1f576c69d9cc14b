"""`pillarsim run`: the stages of a run in a row, then one report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pillarsim.cli.options import cores, data_dir_option, json_option, seed_option, set_option, threads_option

if TYPE_CHECKING:
    from pillarsim.job import RunOptions

DETAILS = ("window", "operation")
DEFAULT_CHIP = "hfox_planar_128"
DEFAULT_WORKLOAD = "mnist-lenet5"


@click.command()
@click.argument("chip", default=DEFAULT_CHIP)
@click.option("--workload", default=DEFAULT_WORKLOAD, show_default=True, metavar="NAME|FILE", help="Trained network.")
@set_option
@click.option(
    "--samples",
    default="1000",
    show_default=True,
    metavar="N|all",
    help="Test images for the values; 0: none.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Device seeds.")
@click.option("--images", type=click.IntRange(min=1), default=16, show_default=True, help="Images through the events.")
@click.option(
    "--detail", type=click.Choice(["window", "operation"]), default="window", show_default=True, help="Of the events."
)
@json_option
@click.option("--csv", "csv_dir", type=click.Path(path_type=Path), metavar="DIR", help="Write the tables as CSV.")
@seed_option
@threads_option
@data_dir_option
def command(
    chip: str,
    workload: str,
    sets: tuple[str, ...],
    samples: str,
    seeds: int,
    images: int,
    detail: str,
    json_file: str | None,
    csv_dir: Path | None,
    seed: int,
    threads: int | None,
    data_dir: Path | None,
) -> None:
    """Run a trained network on CHIP (a file or a preset's name) and print one report."""
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.job import RunOptions, run
    from pillarsim.report.files import check_folder, check_writable, write_text
    from pillarsim.report.json import json_text
    from pillarsim.report.progress import progress_bar
    from pillarsim.report.tables import write_csv
    from pillarsim.report.terminal import render
    from pillarsim.workloads.topology import load_network

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if csv_dir is not None:
        check_folder(csv_dir)
    options: RunOptions = RunOptions(_samples(samples), seeds, images, detail, seed, threads or cores(), data_dir)
    loaded, network = load_chip(chip, sets), load_network(workload)
    with progress_bar() as progress:
        report = run(loaded, network, options, progress)
    if csv_dir is not None:
        write_csv(report, csv_dir)
    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(report))
    click.echo(json_text(report) if json_file == "-" else render(report), nl=json_file != "-")


def _samples(text: str) -> int | None:
    from pillarsim.arch.errors import InputError

    if text == "all":
        return None
    if not text.isdecimal():
        raise InputError(f"--samples: expected a whole number from 0, or 'all'; found {text!r}")
    return int(text)
