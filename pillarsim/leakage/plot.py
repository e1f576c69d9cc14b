"""A study as a picture: leakage, read margin, disturb and leakage per bit along one axis, a line a combination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pillarsim.report.format import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# axis of a point -> its label; the first one with the most values is drawn from left to right
_AXES = {
    "layers": "layers",
    "voltage_v": "{} voltage (V)",
    "size": "pillars",
    "bits": "bits read at once",
    "nonlinearity": "nonlinearity I(V) / I(V/2)",
    "scheme": "scheme",
}
_NAMES: dict[str, Callable[[Any], str]] = {
    "layers": lambda value: plural(value, "layer"),
    "voltage_v": "{:.3g} V".format,
    "size": str,
    "bits": lambda value: plural(value, "bit"),
    "nonlinearity": "NL {:.3g}".format,
    "scheme": str,
}
_COLORS = 10  # of matplotlib's default cycle; more combinations take a continuous colour map
_LEGEND = 30  # lines that a legend names; more would cover the picture
_LEGEND_WIDTH = 130  # small letters across the picture; measured
_HANDLE_WIDTH = 9  # letters that a line's sample and the gap between columns take; measured


@dataclass(frozen=True)
class _Line:
    """One combination: its name, its colour, its points from left to right."""

    name: str
    color: Any
    points: list[dict[str, Any]]


def draw(record: dict[str, Any]) -> Figure:
    """Return the picture: four panels along the axis with the most values. Needs matplotlib.

    Up to 30 combinations are named in a legend; of more the title says how many are drawn.
    """
    from matplotlib.figure import Figure

    points = [{**point, "size": f"{point['rows']} x {point['columns']}"} for point in record["points"]]
    axis = _abscissa(points)
    lines = _lines(points, axis)
    columns = _columns(lines)
    rows = -(-len(lines) // columns) if 1 < len(lines) <= _LEGEND else 0
    figure = Figure(figsize=(10, 7.2 + 0.18 * rows), layout="constrained")
    panels = figure.subplots(2, 2)
    _panel(
        panels[0][0], lines, axis, {"i_leak_a": "-", "i_sense_leak_a": "--"}, "supply (-) and sense (--) leakage (A)"
    )
    _panel(panels[0][1], lines, axis, {"read_margin": "-"}, "read margin", log=False)
    _panel(panels[1][0], lines, axis, {"disturb_v": "-"}, "largest disturb (V)", log=False)
    _panel(panels[1][1], lines, axis, {"leakage_per_bit_a": "-"}, "supply leakage a bit (A)")
    for panel in panels.flat:
        panel.set_xlabel(_AXES[axis].format(record["array"]["operation"]))
    limits = record["conclusions"]["thresholds"]
    panels[0][0].axhline(limits["leakage_a"], color="0.6", linewidth=0.8)
    panels[0][1].axhline(limits["read_margin"], color="0.6", linewidth=0.8)
    if limits["disturb_v"] is not None:
        panels[1][0].axhline(limits["disturb_v"], color="0.6", linewidth=0.8)
    if rows:
        handles, labels = panels[0][1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize="small", frameon=False)
    figure.suptitle(_title(record, lines), fontsize="medium")
    return figure


def _title(record: dict[str, Any], lines: list[_Line]) -> str:
    array = record["array"]
    kind = f"{array['word_lines']} word lines" if array["word_lines"] else "planar"
    title = f"{record['source']['name']}, {kind}; grey: limits"
    if len(lines) <= _LEGEND:
        return title
    return f"{title}\n{len(lines)} combinations, dark to light from {lines[0].name} to {lines[-1].name}"


def _columns(lines: list[_Line]) -> int:
    """Columns of the legend that fit side by side."""
    longest = max(len(line.name) for line in lines)
    return max(1, min(6, _LEGEND_WIDTH // (longest + _HANDLE_WIDTH)))


def _abscissa(points: list[dict[str, Any]]) -> str:
    counts = {axis: len({point[axis] for point in points}) for axis in _AXES}
    return max(_AXES, key=lambda axis: counts[axis])


def _lines(points: list[dict[str, Any]], axis: str) -> list[_Line]:
    """Return a line for each combination of the other axes, in the order of the points."""
    others = [name for name in _AXES if name != axis and len({point[name] for point in points}) > 1]
    members: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in points:
        members.setdefault(tuple(point[name] for name in others), []).append(point)
    return [
        _Line(
            ", ".join(_NAMES[name](value) for name, value in zip(others, combination, strict=True)),
            _color(number, len(members)),
            found if axis in ("size", "scheme") else sorted(found, key=lambda point: point[axis] or 0),
        )
        for number, (combination, found) in enumerate(members.items())
    ]


def _color(number: int, count: int) -> Any:
    """Return a colour that no other combination has."""
    from matplotlib import colormaps

    if count <= _COLORS:
        return f"C{number}"
    return colormaps["viridis"](0.92 * number / (count - 1))  # its last yellows are too light on white


def _panel(panel: Axes, lines: list[_Line], axis: str, figures: dict[str, str], label: str, log: bool = True) -> None:
    """Colours follow the combinations, line styles the figures. A logarithm shows no zeros."""
    for line in lines:
        for figure, style in figures.items():
            pairs = [
                (point[axis], point[figure])
                for point in line.points
                if point[figure] is not None and (point[figure] > 0 or not log)
            ]
            panel.plot(
                [_place(x) for x, _ in pairs],
                [y for _, y in pairs],
                style,
                marker="o",
                markersize=3,
                linewidth=1.2,
                color=line.color,
                label=line.name,
            )
    points = [point for line in lines for point in line.points]
    shown = [point[figure] for point in points for figure in figures if point[figure] is not None]
    if log and any(value > 0 for value in shown):
        panel.set_yscale("log")
    if axis in ("layers", "bits") and len({point[axis] for point in points}) > 1:
        counts = sorted({point[axis] for point in points})
        panel.set_xscale("log", base=2)
        panel.set_xticks(counts, [str(count) for count in counts])
    panel.set_ylabel(label)
    panel.grid(alpha=0.3)


def _place(value: Any) -> Any:
    """Sizes, schemes and a planar array's layers are named places on the axis."""
    return "-" if value is None else value
