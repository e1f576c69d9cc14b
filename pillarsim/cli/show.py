"""`pillarsim show`: the resolved chip with its costs, every number with its source."""

from __future__ import annotations

from pathlib import Path

import click

from pillarsim.cli.options import json_option, set_option


@click.command()
@click.argument("chip")
@set_option
@json_option
def command(chip: str, sets: tuple[str, ...], json_file: str | None) -> None:
    """Print a chip as a tree: area, leakage, peak power and throughput, every number with its source.

    CHIP is a path or a preset's name.
    """
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.report.files import write_text
    from pillarsim.report.inventory import inventory
    from pillarsim.report.json import json_text
    from pillarsim.report.show import render_show

    data = inventory(load_chip(chip, sets))
    if json_file == "-":
        click.echo(json_text(data), nl=False)
        return
    if json_file is not None:
        write_text(Path(json_file), json_text(data))
    click.echo(render_show(data), nl=False)
