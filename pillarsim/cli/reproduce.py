"""`pillarsim reproduce`: a paper's claims beside what is simulated."""

from __future__ import annotations

from pathlib import Path

import click

from pillarsim.cli.options import data_dir_option, json_option


@click.command("reproduce")
@click.argument("name", metavar="list|NAME")
@json_option
@click.option(
    "--plot", "plot_file", type=click.Path(path_type=Path), metavar="FILE", help="Draw the row (.svg, .png, .pdf)."
)
@data_dir_option
@click.option("--quick", is_flag=True, help="Fewer and smaller points: at most 40 s.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep what is done in DIR, and go on from what it holds (rows that train).",
)
@click.pass_context
def command(
    context: click.Context,
    name: str,
    json_file: str | None,
    plot_file: Path | None,
    data_dir: Path | None,
    quick: bool,
    checkpoint: Path | None,
) -> None:
    """Simulate the row NAME and print each claim of the paper beside what comes out; `list` lists the rows.

    Exit status: 0 all claims hold, 1 some do not or are undecided, 2 bad input.
    """
    from pillarsim.arch.errors import InputError
    from pillarsim.report.reproduce import render, render_list

    if name == "list" and (json_file is not None or plot_file is not None or quick or checkpoint is not None):
        raise InputError("list takes no options: expected pillarsim reproduce list")
    if name == "list":
        click.echo(render_list(), nl=False)
        return

    from pillarsim.report.files import check_folder, check_writable, write_text
    from pillarsim.report.json import json_text
    from pillarsim.report.picture import check_picture, write_picture
    from pillarsim.report.progress import progress_bar
    from pillarsim.reproduce.claims import as_json
    from pillarsim.reproduce.rows import find_row

    row = find_row(name)
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"--data-dir {data_dir}: expected a folder")
    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if plot_file is not None:
        check_picture(plot_file)
    if checkpoint is not None:
        check_folder(checkpoint)
    with progress_bar() as progress:
        result = row.simulate(quick, progress, data_dir, checkpoint)
    if plot_file is not None:
        write_picture(row.draw(result), plot_file)
    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(as_json(result)))
    click.echo(json_text(as_json(result)) if json_file == "-" else render(result), nl=False)
    context.exit(0 if result.holds else 1)
