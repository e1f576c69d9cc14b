"""Options that mean the same on every command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def set_option(function: F) -> F:
    """--set KEY=VALUE, repeatable."""
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key of the chip file, e.g. array.rows=256.",
    )(function)


def json_option(function: F) -> F:
    """--json FILE, `-` for standard output."""
    return click.option("--json", "json_file", metavar="FILE", help="Write JSON to FILE ('-': standard output).")(
        function
    )


def seed_option(function: F) -> F:
    """--seed S."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all draws.")(
        function
    )


def threads_option(function: F) -> F:
    """--threads N; the default is the number of cores that this process may use."""
    return click.option("--threads", type=click.IntRange(min=1), default=None, help="Threads [default: all cores].")(
        function
    )


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def data_dir_option(function: F) -> F:
    """--data-dir DIR, also PILLARSIM_DATA."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        envvar="PILLARSIM_DATA",
        help="Folder with data sets that are not shipped.",
    )(function)
