"""`pillarsim map`: where a network sits on a chip, without running it."""

from __future__ import annotations

from pathlib import Path

import click

from pillarsim.cli.options import data_dir_option, json_option, seed_option, set_option

DEFAULT_CHIP = "hfox_planar_128"
DEFAULT_WORKLOAD = "mnist-lenet5"


@click.command("map")
@click.argument("chip", default=DEFAULT_CHIP)
@click.option(
    "--workload", default=DEFAULT_WORKLOAD, show_default=True, metavar="NAME|FILE", help="Network: .yaml, .onnx, .pt2."
)
@set_option
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the floor plan (.svg, .png, .pdf).")
@json_option
@seed_option
@data_dir_option
def command(
    chip: str,
    workload: str,
    sets: tuple[str, ...],
    plot: Path | None,
    json_file: str | None,
    seed: int,
    data_dir: Path | None,
) -> None:
    """Compile a network for CHIP (a file or a preset's name) and print arrays, copies, times, traffic and bottleneck.

    Times are closed forms: no pipeline is faster. `pillarsim run` has waiting and contention too.
    """
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.map import map_record
    from pillarsim.map.plot import draw
    from pillarsim.report.files import check_writable, write_text
    from pillarsim.report.json import json_text
    from pillarsim.report.map import render_map
    from pillarsim.report.picture import check_picture, write_picture
    from pillarsim.report.progress import progress_bar
    from pillarsim.workloads.load import load_network

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if plot is not None:
        check_picture(plot)
    with progress_bar() as progress:
        loaded = load_chip(chip, sets)
        progress("network", 0, 1)
        network = load_network(workload, seed=seed, data_dir=data_dir)
        progress("mapping", 0, 1)
        record = map_record(loaded, network, seed, data_dir)
    if plot is not None:
        write_picture(draw(record), plot)
    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(record))
    click.echo(json_text(record) if json_file == "-" else render_map(record), nl=False)
