"""Draw a run's energy, leakage and area by component, and its time and energy by layer, as an SVG file.

    pillarsim run --json run.json
    python docs/draw_default_run.py run.json [picture.svg]

Nothing is calculated here but the split of each component's energy into dynamic and leakage: leakage energy goes with
leakage power, since both are of the same span.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt  # the back end must be chosen first
from matplotlib.axes import Axes

from pillarsim.report.files import write_text
from pillarsim.report.format import engineering

PICTURE = Path(__file__).parent / "pictures" / "default_run.svg"
SHOWN = 9  # components with a bar of their own; the rest is summed as "other"
DYNAMIC, LEAKAGE, NEUTRAL, INK, FAINT = "#2a78d6", "#eb6834", "#7a8290", "#1f2430", "#d9dce1"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "pillarsim",  # without it the ids in the file change from run to run
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(report: dict[str, Any]) -> str:
    """Return the picture of a run's report (the JSON of `pillarsim run`) as SVG text; the same for the same report."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(10, 7.4), facecolor="white", layout="constrained")
        grid = figure.add_gridspec(2, 1, height_ratios=[2, 1])
        above = grid[0].subgridspec(1, 3, width_ratios=[1.25, 1, 1])
        below = grid[1].subgridspec(1, 2)
        _components(report, [figure.add_subplot(above[0, column]) for column in range(3)])
        _layers(report, [figure.add_subplot(below[0, column]) for column in range(2)])
        figure.suptitle(_headline(report), x=0.01, ha="left", fontsize=10)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": "pillarsim"})
        plt.close(figure)
    return stream.getvalue()


def _headline(report: dict[str, Any]) -> str:
    accuracy, latency, energy = report["accuracy"], report["latency_s"], report["energy_j"]
    shown = "not evaluated" if accuracy["chip_mean"] is None else f"{100 * accuracy['chip_mean']:.2f} %"
    steady = latency["per_image_steady"]
    return (
        f"{report['chip']['name']} running {report['workload']['name']}\n"
        f"accuracy {shown}     first result {engineering(latency['first_result'], 's')}     "
        f"each further image {'not evaluated' if steady is None else engineering(steady, 's')}     "
        f"{engineering(energy['per_image'], 'J')} per image     "
        f"leakage {engineering(report['leakage_w']['total'] or 0.0, 'W')}     "
        f"area {engineering(report['area_m2']['total'], 'm2')}"
    )


def _components(report: dict[str, Any], axes: Sequence[Axes]) -> None:
    energy = report["energy_j"]["by_component"]
    leakage, area = report["leakage_w"]["by_component"], report["area_m2"]["by_component"]
    total_w = report["leakage_w"]["total"]
    leaked = (
        {name: watts / total_w * report["energy_j"]["leakage"] for name, watts in leakage.items()} if total_w else {}
    )
    ranked = sorted({*energy, *area}, key=lambda name: (-energy.get(name, 0.0), name))
    names, rest = ranked[:SHOWN], ranked[SHOWN:]
    labels = [*names, "other"] if rest else names

    def column(table: dict[str, float]) -> list[float]:
        values = [table.get(name, 0.0) for name in names]
        return [*values, sum(table.get(name, 0.0) for name in rest)] if rest else values

    whole, lost = column(energy), column(leaked)
    _bars(axes[0], labels, [b - a for a, b in zip(lost, whole, strict=True)], DYNAMIC, lost, LEAKAGE)
    _values(axes[0], whole, "J", set(), labels)
    axes[0].legend(["dynamic", "leakage"], loc="lower right", frameon=False)
    axes[0].set_title("energy per image", loc="left")
    for axis, key, unit, title, colour in (
        (axes[1], "leakage_w", "W", "leakage power", LEAKAGE),
        (axes[2], "area_m2", "m2", "area", NEUTRAL),
    ):
        values = column(report[key]["by_component"])
        _bars(axis, labels, values, colour)
        _values(axis, values, unit, set(report[key]["not_stated"]), labels)
        axis.set_title(title, loc="left")
        axis.set_yticklabels([])


def _layers(report: dict[str, Any], axes: Sequence[Axes]) -> None:
    layers = report["mapping"]["layers"]
    labels = [layer["name"] for layer in layers]
    for axis, key, unit, title, colour in (
        (axes[0], "time_per_image_s", "s", "time per image in which a layer's arrays are busy", NEUTRAL),
        (axes[1], "energy_j", "J", "energy per image charged to a layer (leakage is not)", DYNAMIC),
    ):
        values = [layer[key] for layer in layers]
        _bars(axis, labels, values, colour)
        _values(axis, values, unit, set(), labels)
        axis.set_title(title, loc="left")


def _bars(
    axis: Axes,
    labels: Sequence[str],
    values: Sequence[float],
    colour: str,
    more: Sequence[float] = (),
    second: str = "",
) -> None:
    """Horizontal bars, the first on top; `more` is stacked on them in another colour."""
    places = range(len(labels))
    axis.barh(places, values, color=colour, height=0.66)
    if more:
        axis.barh(places, more, left=values, color=second, height=0.66)
    axis.set_yticks(places, labels)
    axis.invert_yaxis()
    axis.set_xticks([])
    axis.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)


def _values(axis: Axes, values: Sequence[float], unit: str, unstated: set[str], labels: Sequence[str]) -> None:
    """Write each value beside its bar, or that no source states it."""
    largest = max(values, default=0.0) or 1.0
    axis.set_xlim(0, 1.3 * largest)
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        text = "not stated" if label in unstated else engineering(value, unit)
        axis.text(value + 0.015 * largest, place, text, va="center", fontsize=8)


def main() -> None:
    """Read a report, write its picture whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("report", type=Path, help="JSON of `pillarsim run`")
    parser.add_argument("picture", type=Path, nargs="?", default=PICTURE, help="SVG file to write [%(default)s]")
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text(encoding="utf-8"))
    write_text(arguments.picture, draw(report))
    print(f"wrote {arguments.picture}")


if __name__ == "__main__":
    main()
