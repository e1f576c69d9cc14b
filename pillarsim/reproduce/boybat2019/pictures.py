"""The row's picture: accuracy against devices a synapse, and relative spread of the sum of conductances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACCURACIES = {
    "multi_level_single": ("multi-level", "#2a78d6", "o-"),
    "multi_level_differential": ("multi-level, differential", "#2a78d6", "s--"),
    "binary_single": ("binary", "#eb6834", "o-"),
}
_SPREADS = {"pcm": ("PCM, 20 pulses", "#8a3ffc"), "reram": ("ReRAM, 20 pulses", "#2a78d6")}
_GREY = "#7a8290"


def draw(result: Result) -> Figure:
    """Draw means over seeds with the range of the seeds, and the CVs beside 1/sqrt(N). Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    accuracy, spread = figure.subplots(1, 2)
    for name, (label, colour, style) in _ACCURACIES.items():
        columns = result.series[name]
        low, mean, high = ([100 * one for one in columns[what]] for what in ("low", "mean", "high"))
        accuracy.fill_between(columns["devices"], low, high, color=colour, alpha=0.15, linewidth=0)
        accuracy.plot(columns["devices"], mean, style, color=colour, label=label)
    accuracy.axhline(100 * result.series["float"]["mean"][0], color=_GREY, linestyle=":", label="float")
    accuracy.set_ylabel("test accuracy (%)")
    accuracy.set_title(f"{result.name}: MNIST, 784-250-10", fontsize=10)
    for name, (label, colour) in _SPREADS.items():
        columns = result.series[name]
        law = [columns["cv"][0] * (columns["devices"][0] / count) ** 0.5 for count in columns["devices"]]
        spread.plot(columns["devices"], law, ":", color=_GREY)
        spread.plot(columns["devices"], columns["cv"], "o", color=colour, label=label)
    spread.set_yscale("log")
    spread.set_ylabel("CV of the sum of conductances")
    spread.set_title("dotted: 1/sqrt(N)", fontsize=10)
    for axes in (accuracy, spread):
        axes.set_xscale("log")
        axes.set_xlabel("devices a synapse")
        axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
        axes.legend(fontsize=8)
    return figure
