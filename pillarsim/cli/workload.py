"""`pillarsim workload`: the shipped networks listed and shown, public datasets fetched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pillarsim.arch.errors import InputError
from pillarsim.cli.commands import Commands
from pillarsim.cli.options import data_dir_option, json_option

SCHEMA_VERSION = 1


@click.group("workload", cls=Commands)
def command() -> None:
    """Networks and datasets: list the shipped networks, show one, fetch public datasets."""


@command.command("list")
@data_dir_option
@json_option
def list_command(data_dir: Path | None, json_file: str | None) -> None:
    """List the shipped networks: input, layers, weights, multiply-accumulates, dataset and stated accuracy."""
    from pillarsim.report.workload import render_list
    from pillarsim.workloads.catalogue import catalogue

    _check(json_file)
    rows = catalogue(data_dir)
    _put({"schema_version": SCHEMA_VERSION, "workloads": rows}, json_file, lambda: render_list(rows))


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@data_dir_option
@json_option
def show_command(name: str, data_dir: Path | None, json_file: str | None) -> None:
    """Show the layers of a network: a shipped name, a topology file, or a model file (.onnx, .pt2)."""
    from pillarsim.report.workload import render_sheet
    from pillarsim.workloads.catalogue import sheet

    _check(json_file)
    if json_file not in (None, "-") and Path(str(json_file)).resolve() == Path(name).resolve():
        raise InputError(f"--json: {json_file} is the file that is shown; expected another name")
    data = sheet(name, data_dir)
    _put({"schema_version": SCHEMA_VERSION, **data}, json_file, lambda: render_sheet(data))


@command.command("fetch")
@click.argument("name", metavar="NAME")
@data_dir_option
@click.option("--url", metavar="URL", help="Folder that holds the files, in place of the published one.")
def fetch_command(name: str, data_dir: Path | None, url: str | None) -> None:
    """Fetch a public dataset (mnist, fashion-mnist, cifar10) into the data directory, checked by sha256."""
    from pillarsim.report.progress import progress_bar
    from pillarsim.workloads.fetch import fetch

    if data_dir is None:
        raise InputError("workload fetch: expected --data-dir DIR, or the variable PILLARSIM_DATA")
    with progress_bar() as progress:
        files = fetch(name, data_dir, url, progress)
    click.echo(f"{name}: {len(files)} files in {files[0].parent}")


def _check(json_file: str | None) -> None:
    from pillarsim.report.files import check_writable

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))


def _put(data: dict[str, Any], json_file: str | None, text: Callable[[], str]) -> None:
    from pillarsim.report.files import write_text
    from pillarsim.report.json import json_text

    if json_file == "-":
        click.echo(json_text(data), nl=False)
        return
    if json_file is not None:
        write_text(Path(json_file), json_text(data))
    click.echo(text(), nl=False)
