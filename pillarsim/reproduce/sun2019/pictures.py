"""The row's picture: learning curves, costs of a training, footprint against depth, noisy letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RANK_ONE, _FREE, _GREY = "#2a78d6", "#eb6834", "#7a8290"
_CURVES = (
    ("rank_one_chosen", "rank-one, chosen start", _RANK_ONE, "-"),
    ("free_chosen", "free per cell, chosen start", _FREE, "-"),
    ("rank_one_lrs", "rank-one, all LRS", _RANK_ONE, "--"),
    ("rank_one_hrs", "rank-one, all HRS", _RANK_ONE, ":"),
    ("rank_one_wires", "rank-one, with wires", _GREY, "-"),
)


def draw(result: Result) -> Figure:
    """Draw the series of a result. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    (curves, costs), (area, noise) = figure.subplots(2, 2)
    learning = result.series["learning"]
    for name, label, colour, style in _CURVES:
        curves.plot(learning["epoch"], _percent(learning[name]), style, color=colour, label=label)
    _label(curves, "26 letters without noise, mean of seeds", "epoch", "accuracy (%)")
    found = result.series["costs"]
    names = ("write\nphases", "neuron\noperations", "latency\n(ns)", "energy\n(pJ)")
    for place, (rule, colour) in enumerate((("rank_one", _RANK_ONE), ("free", _FREE))):
        at = [number + 0.4 * place - 0.2 for number in range(len(names))]
        costs.bar(at, found[rule], 0.4, color=colour, label=rule.replace("_", "-"))
    costs.set_xticks(range(len(names)), names)
    costs.set_yscale("log")
    _label(costs, "A whole training", "", "")
    depths = result.series["footprint"]
    for name, label, colour in (
        ("planar_m2", "2D arrays", _FREE),
        ("staircase_m2", "3D array with staircase", _GREY),
        ("pillars_m2", "3D array", _RANK_ONE),
    ):
        area.semilogy(depths["depth"], [1e12 * value for value in depths[name]], "o-", color=colour, label=label)
    _label(area, "Footprint of the cells", "layers of the network", "area (um2)")
    flipped = result.series["noise"]
    for name, label, colour in (("rank_one", "rank-one", _RANK_ONE), ("free", "free per cell", _FREE)):
        noise.plot(flipped["pixels_inverted"], _percent(flipped[name]), "o-", color=colour, label=label)
    _label(noise, "Noisy letters", "inverted pixels of 49", "accuracy (%)")
    return figure


def _percent(shares: list[float]) -> list[float]:
    return [100 * share for share in shares]


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
    axes.legend(fontsize=8)
