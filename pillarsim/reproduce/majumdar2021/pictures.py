"""The row's picture: accuracy on MNIST against epochs, a line for each set of imperfections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = {
    "none": ("no imperfection", "#3d3d3d"),
    "noise": ("telegraph and pink noise", "#2a78d6"),
    "d2d": ("device to device", "#eb6834"),
    "all": ("everything", "#8a3ffc"),
}


def draw(result: Result) -> Figure:
    """Draw the mean over seeds, and the range of the seeds as a band. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    columns = result.series["mnist"]
    for name, (label, colour) in _LINES.items():
        low, mean, high = ([100 * one for one in columns[f"{name}_{what}"]] for what in ("low", "mean", "high"))
        axes.fill_between(columns["epoch"], low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(columns["epoch"], mean, color=colour, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy (%)")
    axes.set_title(f"{result.name}: MNIST, weak RESET", fontsize=10)
    axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
    axes.legend(fontsize=8)
    return figure
