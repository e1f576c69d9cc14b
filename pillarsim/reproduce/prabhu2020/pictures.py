"""The picture of the row `prabhu2020`: states, the layer's error against spread, and against the place of a flip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = ("#2a78d6", "#eb6834", "#2f9e6e", "#7a5bd0")


def draw(result: Result) -> Figure:
    """Draw the series of a result. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    table = result.series["look_up_table"]
    for name, column in table.items():
        if name != "probability":
            first.semilogx([ohm / 1e3 for ohm in column], table["probability"], label=name[:-4].replace("_", " "))
    errors = result.series["relative_error_against_spread"]
    ratios = [name.removeprefix("soft_ratio_") for name in errors if name.startswith("soft_")]
    for color, ratio in zip(_COLORS[: len(ratios)], ratios, strict=True):
        second.plot(errors["spread"], errors[f"soft_ratio_{ratio}"], "o-", color=color, label=f"soft, HRS/LRS {ratio}")
        second.plot(errors["spread"], errors[f"hard_ratio_{ratio}"], "s--", color=color, fillstyle="none", label="_")
    second.plot([], [], "s--", color="#7a8290", fillstyle="none", label="all bits thresholded")
    second.set_yscale("symlog", linthresh=0.1)
    second.set_ylim(0, 200)  # room for the legend
    flips = result.series["relative_error_against_bit"]
    third.semilogy(flips["bit"], flips["relative_error"], "o-", color=_COLORS[0], label="flips at this bit alone")
    for split in (0.5, 8.5):
        third.axvline(split, color="#7a8290", linewidth=0.8)
    _label(first, "States over 1000 cycles", "resistance (kOhm)", "share of cycles")
    _label(second, "Layer's output", "spread of ln R", "relative error")
    _label(third, "Bit error rate 0.01 at one bit", "bit: sign, 8 of exponent, 23 of mantissa", "relative error")
    figure.suptitle(f"{result.name}: SqueezeNet's first layer (assumed cells)", fontsize=10)
    return figure


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
    axes.legend(fontsize=8)
