"""`pillarsim init`: a commented starter chip file."""

from __future__ import annotations

from pathlib import Path

import click

from pillarsim.arch.errors import InputError


@click.command("init")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
def command(file: Path | None) -> None:
    """Write a commented starter chip file to FILE, or to standard output without FILE."""
    from pillarsim.arch.presets import config_path
    from pillarsim.report.files import write_text

    text = config_path("template", "starter").read_text(encoding="utf-8")
    if file is None or str(file) == "-":
        click.echo(text, nl=False)
        return
    if file.exists():
        raise InputError(f"{file}: exists already and is left as it is; name another file")
    write_text(file, text)
    click.echo(f"wrote {file}; next: pillarsim check {file}")
