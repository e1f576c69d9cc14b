"""The axes of a study and the grid of their combinations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pillarsim.arch.errors import InputError
from pillarsim.devices.polynomial import LARGEST_V
from pillarsim.leakage.source import Source

MAX_POINTS = 2000  # combinations of one study; more is hours of solving on small arrays already
MAX_CELLS = 1_000_000  # cells of one point: the factorised circuit of a larger array may not fit in memory
DEFAULT_LAYERS = (1, 2, 4, 8, 16, 24)  # of a vertical array, where no axis is given
DEFAULT_SIDES = (16, 32, 64)  # rows and columns of a planar array, where no axis is given, below its own
DEFAULT_VOLTAGES = (0.5, 1.0, 1.5)  # of the array's own read voltage, where no axis is given


@dataclass(frozen=True)
class Point:
    """One read: `bits` cells of one row and layer at once. layers is None of a planar array, nonlinearity None where
    the array's own cell is used."""

    layers: int | None
    rows: int
    columns: int
    voltage_v: float
    scheme: str
    bits: int
    nonlinearity: float | None

    @property
    def size(self) -> str:
        """Pillars (cells of a planar array) as rows x columns."""
        return f"{self.rows} x {self.columns}"


@dataclass(frozen=True)
class Axes:
    """The values of each axis; an empty one takes the array's own value. sizes are (rows, columns)."""

    layers: Sequence[int] = ()
    sizes: Sequence[tuple[int, int]] = ()
    voltages: Sequence[float] = ()
    schemes: Sequence[str] = ()
    bits: Sequence[int] = ()
    nonlinearities: Sequence[float] = ()

    @property
    def empty(self) -> bool:
        """Whether no axis is given."""
        return not any((self.layers, self.sizes, self.voltages, self.schemes, self.bits, self.nonlinearities))


def default_axes(source: Source) -> Axes:
    """Return what is studied where no axis is given: layers, or the sides of a planar array, and voltages."""
    voltages = [source.voltage_v * factor for factor in DEFAULT_VOLTAGES]
    if source.spec["cell"]["model"] == "polynomial":
        voltages = [volts for volts in voltages if volts <= LARGEST_V]
    if source.vertical:
        return Axes(layers=DEFAULT_LAYERS, voltages=voltages)
    sides = [(side, side) for side in DEFAULT_SIDES if side < min(source.rows, source.columns) and side >= source.bits]
    return Axes(sizes=[*sides, (source.rows, source.columns)], voltages=voltages)


def grid(source: Source, axes: Axes) -> list[Point]:
    """Return every combination, voltages varying fastest, then layers. Raises InputError."""
    if axes.layers and not source.vertical:
        raise InputError(f"--layers: {source.name} is planar and has no layers")
    if axes.nonlinearities and source.spec.get("selector") is not None:
        raise InputError(f"--nonlinearity: the cells of {source.name} have a selector, which makes their nonlinearity")
    own_layers: list[int | None] = [source.layers]
    own_cell: list[float | None] = [None]
    combinations = list(
        itertools.product(
            axes.nonlinearities or own_cell,
            axes.schemes or [source.scheme],
            axes.sizes or [(source.rows, source.columns)],
            axes.bits or [source.bits],
            axes.layers or own_layers,
            axes.voltages or [source.voltage_v],
        )
    )
    if len(combinations) > MAX_POINTS:
        raise InputError(f"{len(combinations)} combinations: expected at most {MAX_POINTS} points a study")
    points = [
        Point(layers, rows, columns, volts, scheme, bits, nonlinearity)
        for nonlinearity, scheme, (rows, columns), bits, layers, volts in combinations
    ]
    for point in points:
        if point.bits > point.columns:
            raise InputError(_too_many_bits(source, axes, point))
        if (point.layers or 1) * point.rows * point.columns > MAX_CELLS:
            raise InputError(
                f"{point.size} pillars, {point.layers or 1} layers: expected at most {MAX_CELLS} cells a point"
            )
    return points


def _too_many_bits(source: Source, axes: Axes, point: Point) -> str:
    """Names what gave the bits: the option, or the array's own."""
    need = f"bits at once need as many columns, found {point.columns}"
    if axes.bits:
        return f"--bits: {point.bits} {need}"
    where = "--pillars" if axes.sizes else "sel_cols"
    return f"{where}: the {point.bits} columns that {source.name} selects are {point.bits} {need}; --bits takes others"
