"""A study as a picture: leakage, read margin, disturb and leakage per bit along one axis, a line a combination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# axis of a point -> its label; the first one with the most values is drawn from left to right
_AXES = {
    "layers": "layers",
    "voltage_v": "read voltage (V)",
    "size": "pillars",
    "bits": "bits read at once",
    "nonlinearity": "nonlinearity I(V) / I(V/2)",
    "scheme": "scheme",
}
_NAMES = {
    "layers": "{} layers",
    "voltage_v": "{:.3g} V",
    "size": "{}",
    "bits": "{} bits",
    "nonlinearity": "NL {:.3g}",
    "scheme": "{}",
}
_LEGEND = 12  # lines that a legend names; more would cover the picture


def draw(record: dict[str, Any]) -> Figure:
    """Return the picture: four panels along the axis with the most values."""
    from matplotlib.figure import Figure

    points = [{**point, "size": f"{point['rows']} x {point['columns']}"} for point in record["points"]]
    axis = _abscissa(points)
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    panels = figure.subplots(2, 2)
    _panel(
        panels[0][0], points, axis, {"i_leak_a": "-", "i_sense_leak_a": "--"}, "supply (-) and sense (--) leakage (A)"
    )
    _panel(panels[0][1], points, axis, {"read_margin": "-"}, "read margin", log=False)
    _panel(panels[1][0], points, axis, {"disturb_v": "-"}, "largest disturb (V)", log=False)
    _panel(panels[1][1], points, axis, {"leakage_per_bit_a": "-"}, "supply leakage a bit (A)")
    limits = record["conclusions"]["thresholds"]
    panels[0][0].axhline(limits["leakage_a"], color="0.6", linewidth=0.8)
    panels[0][1].axhline(limits["read_margin"], color="0.6", linewidth=0.8)
    if limits["disturb_v"] is not None:
        panels[1][0].axhline(limits["disturb_v"], color="0.6", linewidth=0.8)
    handles, labels = panels[0][1].get_legend_handles_labels()
    if 1 < len(labels) <= _LEGEND:
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    array = record["array"]
    kind = f"{array['word_lines']} word lines" if array["word_lines"] else "planar"
    figure.suptitle(f"{record['source']['name']}, {kind}; grey: limits", fontsize="medium")
    return figure


def _abscissa(points: list[dict[str, Any]]) -> str:
    counts = {axis: len({point[axis] for point in points}) for axis in _AXES}
    return max(_AXES, key=lambda axis: counts[axis])


def _panel(
    panel: Axes, points: list[dict[str, Any]], axis: str, figures: dict[str, str], label: str, log: bool = True
) -> None:
    """One line a combination; colours follow the combinations, line styles the figures. A logarithm shows no zeros."""
    others = [name for name in _AXES if name != axis and len({point[name] for point in points}) > 1]
    combinations = list(dict.fromkeys(tuple(point[name] for name in others) for point in points))
    for number, combination in enumerate(combinations):
        members = [point for point in points if tuple(point[name] for name in others) == combination]
        text = ", ".join(_NAMES[name].format(value) for name, value in zip(others, combination, strict=True))
        for figure, style in figures.items():
            pairs = [
                (point[axis], point[figure])
                for point in members
                if point[figure] is not None and (point[figure] > 0 or not log)
            ]
            if axis not in ("size", "scheme"):
                pairs.sort()
            panel.plot(
                [_place(x) for x, _ in pairs],
                [y for _, y in pairs],
                style,
                marker="o",
                markersize=3,
                linewidth=1.2,
                color=f"C{number % 10}",
                label=text,
            )
    shown = [point[figure] for point in points for figure in figures if point[figure] is not None]
    if log and any(value > 0 for value in shown):
        panel.set_yscale("log")
    if axis in ("layers", "bits") and len({point[axis] for point in points}) > 1:
        counts = sorted({point[axis] for point in points})
        panel.set_xscale("log", base=2)
        panel.set_xticks(counts, [str(count) for count in counts])
    panel.set_xlabel(_AXES[axis])
    panel.set_ylabel(label)
    panel.grid(alpha=0.3)


def _place(value: Any) -> Any:
    """Sizes, schemes and a planar array's layers are named places on the axis."""
    return "-" if value is None else value
