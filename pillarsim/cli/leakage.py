"""`pillarsim leakage`: leakage, read margin and disturb of one array over a grid of read points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pillarsim.cli.options import cores, json_option, seed_option, set_option, threads_option

if TYPE_CHECKING:
    from pillarsim.leakage.grid import Axes
    from pillarsim.leakage.limits import Thresholds
    from pillarsim.leakage.source import Source

T = TypeVar("T")

DEFAULT_CHIP = "vrram_finger_8layer"
PATTERNS = ("all_lrs", "checker", "random")
LARGEST_NONLINEARITY = 1e6  # I(V) / I(V/2) of a sinh cell; published self-selective cells reach about 1e3


@click.command("leakage")
@click.argument("array", metavar="[CHIP|CASE]", required=False)
@set_option
@click.option("--layers", metavar="N,...", help="Layer counts of a vertical array.")
@click.option("--pillars", metavar="N|RxC,...", help="Pillars (cells of a planar array): N x N, or rows x columns.")
@click.option("--voltage", metavar="V,...", help="Read voltages (of a write, write voltages).")
@click.option("--scheme", metavar="NAME,...", help="Bias of unselected lines: half, third, ground, float.")
@click.option("--bits", metavar="K,...", help="Cells read at once: the last K columns of one row and layer.")
@click.option(
    "--nonlinearity", metavar="NL,...", help="I(V)/I(V/2) of a sinh cell at the array's own voltage; 2: linear."
)
@click.option("--margin", default="10%", show_default=True, metavar="RATIO", help="Read margin to be kept.")
@click.option("--leakage-limit", default="100 uA", show_default=True, metavar="A", help="Largest supply leakage.")
@click.option(
    "--disturb-limit",
    metavar="V|%",
    help="Largest voltage of an unselected cell, in V or in % of the read voltage  [default: half the write voltage]",
)
@click.option(
    "--pattern",
    type=click.Choice(PATTERNS),
    default="all_lrs",
    show_default=True,
    help="States of the cells that are not selected.",
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the study (.svg, .png, .pdf).")
@json_option
@seed_option
@threads_option
def command(
    array: str | None,
    sets: tuple[str, ...],
    layers: str | None,
    pillars: str | None,
    voltage: str | None,
    scheme: str | None,
    bits: str | None,
    nonlinearity: str | None,
    margin: str,
    leakage_limit: str,
    disturb_limit: str | None,
    pattern: str,
    plot: Path | None,
    json_file: str | None,
    seed: int,
    threads: int | None,
) -> None:
    """Study the leakage of the array of CHIP (a file or a preset's name) or CASE (a memory case of `array`).

    Lists make a grid: each combination is one read, solved with its selected cells LRS, then HRS. Options left out
    take the array's own value; with no list at all, layers (or sizes of a planar array) and voltages are swept.
    Exit status 1: some point could not be solved.
    """
    from functools import partial

    from pillarsim.leakage.grid import default_axes, grid
    from pillarsim.leakage.limits import find_limits
    from pillarsim.leakage.plot import draw
    from pillarsim.leakage.record import study_record
    from pillarsim.leakage.study import refuse_if_no_point, solve_point, solve_points
    from pillarsim.report.files import check_writable, write_text
    from pillarsim.report.json import json_text
    from pillarsim.report.leakage import render_leakage
    from pillarsim.report.picture import check_picture, write_picture
    from pillarsim.report.progress import progress_bar
    from pillarsim.report.provenance import versions

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if plot is not None:
        check_picture(plot)
    axes = read_axes(layers, pillars, voltage, scheme, bits, nonlinearity)
    if array is None:
        click.echo(f"no chip or case given: studying the preset {DEFAULT_CHIP}", err=True)
    source = read_source(array or DEFAULT_CHIP, sets)
    thresholds = read_thresholds(margin, leakage_limit, disturb_limit, source)
    points = grid(source, default_axes(source) if axes.empty else axes)
    workers = threads or cores()
    with progress_bar() as progress:
        outcomes = solve_points(source, points, pattern, seed, workers, partial(progress, "points"))
        refuse_if_no_point(source, outcomes)
        solve = partial(solve_point, source, pattern, seed)
        limits = find_limits(outcomes, thresholds, solve, workers, partial(progress, "limits"))
    record = study_record(source, outcomes, limits, thresholds, pattern=pattern, seed=seed, versions=versions())
    if plot is not None:
        write_picture(draw(record), plot)
    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(record))
    click.echo(json_text(record) if json_file == "-" else render_leakage(record), nl=False)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if failed:
        click.echo(f"error: {len(failed)} of {len(outcomes)} points could not be solved: {failed[0].error}", err=True)
        click.get_current_context().exit(1)


def read_source(text: str, sets: tuple[str, ...]) -> Source:
    """Return the array of a case file, or of a chip file or preset; a case says `mode` or holds a `spec`."""
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.arch.errors import InputError
    from pillarsim.arch.reader import read_yaml
    from pillarsim.cli.array import read_case
    from pillarsim.leakage.source import case_source, chip_source

    path = Path(text)
    if path.is_file() and {"spec", "mode"} & set(read_yaml(path).data):
        if sets:
            raise InputError(f"--set {sets[0]}: expected with a chip; {text} is a case")
        return case_source(text, read_case(path)["spec"])
    return chip_source(load_chip(text, sets))


def read_axes(
    layers: str | None,
    pillars: str | None,
    voltage: str | None,
    scheme: str | None,
    bits: str | None,
    nonlinearity: str | None,
) -> Axes:
    """Return the lists that the options give. Raises InputError that names the option."""
    from pillarsim.leakage.grid import Axes

    return Axes(
        layers=_list("--layers", layers, _count),
        sizes=_list("--pillars", pillars, _size),
        voltages=_list("--voltage", voltage, _volts),
        schemes=_list("--scheme", scheme, _scheme),
        bits=_list("--bits", bits, _count),
        nonlinearities=_list("--nonlinearity", nonlinearity, _nonlinearity),
    )


def read_thresholds(margin: str, leakage: str, disturb: str | None, source: Source) -> Thresholds:
    """Return the limits; the default of disturb is what half-selected cells see in a V/2 write."""
    from pillarsim.leakage.limits import Thresholds

    kept, most = _value("--margin", margin, _ratio), _value("--leakage-limit", leakage, _amperes)
    if disturb is None:
        origin = f"half the write voltage of {source.write_v:g} V ({source.write_source})"
        return Thresholds(kept, most, disturb_v=source.write_v / 2, disturb_source=origin)
    if disturb.strip().endswith("%"):
        fraction = _value("--disturb-limit", disturb, _ratio)
        return Thresholds(kept, most, disturb_fraction=fraction, disturb_source="--disturb-limit")
    volts = _value("--disturb-limit", disturb, _volts)
    return Thresholds(kept, most, disturb_v=volts, disturb_source="--disturb-limit")


def _list(option: str, text: str | None, read: Callable[[str], T]) -> tuple[T, ...]:
    """The values of a comma list, each once."""
    if text is None:
        return ()
    return tuple(dict.fromkeys(_value(option, part, read) for part in text.split(",")))


def _value(option: str, text: str, read: Callable[[str], T]) -> T:
    from pillarsim.arch.errors import InputError

    try:
        return read(text.strip())
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"expected whole numbers from 1, such as 1,2,4; found {text!r}")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"expected N or ROWSxCOLUMNS, such as 16,32x64; found {text!r}")
    return int(sides[0]), int(sides[-1])


def _volts(text: str) -> float:
    return _above_zero(text, "voltage", "0.6 or 600 mV")


def _amperes(text: str) -> float:
    return _above_zero(text, "current", "10 uA")


def _above_zero(text: str, dimension: str, example: str) -> float:
    """A quantity with its unit, or a bare number in the SI unit."""
    from pillarsim.arch.units import parse_quantity

    try:
        value = float(text)
    except ValueError:
        value = parse_quantity(text, dimension)
    if not 0 < value < float("inf"):
        raise ValueError(f"expected a {dimension} above 0, such as {example}; found {text!r}")
    return value


def _ratio(text: str) -> float:
    """A percentage, or a plain ratio."""
    from pillarsim.arch.units import parse_fraction

    try:
        value = float(text)
    except ValueError:
        value = parse_fraction(text)
    if not 0 < value <= 1:
        raise ValueError(f"expected a ratio above 0, at most 1, such as 0.1 or 10%; found {text!r}")
    return value


def _scheme(text: str) -> str:
    from pillarsim.arch.errors import nearest
    from pillarsim.devices.circuits.bias import SCHEMES

    if text not in SCHEMES:
        raise ValueError(f"expected one of {', '.join(SCHEMES)}; found {text!r}{nearest(text, SCHEMES)}")
    return text


def _nonlinearity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 2 <= value <= LARGEST_NONLINEARITY:
        raise ValueError(f"expected I(V)/I(V/2) from 2 (linear) to {LARGEST_NONLINEARITY:g}, found {text!r}")
    return value
