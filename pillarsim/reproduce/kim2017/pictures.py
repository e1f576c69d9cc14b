"""The row's picture: accuracy on the chip against b V_r, one panel a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIX = "_sinh"
_LINES = (
    ("conventional_chip", "conventional, on the chip", "#eb6834", "o-"),
    ("reconstructed_chip", "reconstructed, on the chip", "#2a78d6", "o-"),
    ("reconstructed_software", "reconstructed, in software", "#2a78d6", "--"),
)


def draw(result: Result) -> Figure:
    """Draw both networks' accuracy against b V_r. Needs matplotlib."""
    from matplotlib.figure import Figure

    tasks = [name.removesuffix(_SUFFIX) for name in result.series if name.endswith(_SUFFIX)]
    figure = Figure(figsize=(4.5 * len(tasks), 4.0), layout="constrained")
    for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        columns = result.series[task + _SUFFIX]
        for column, label, colour, style in _LINES:
            percent = [100 * value for value in columns[column]]
            axes.plot(columns["b_times_read_voltage"], percent, style, color=colour, label=label)
        axes.set_title(task, fontsize=10)
        axes.set_xlabel("b V_r of the sinh cells")
        axes.set_ylabel("accuracy (%)")
        axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
        axes.legend(fontsize=8)
    return figure
