"""The picture of the row `chen2021`: leakage and read margin against layers, leakage a bit against bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SCHEMES = (("half", "V/2", "#2a78d6"), ("third", "V/3", "#eb6834"))
_CRITERION = 10  # %, usual criterion for a read margin (docs/reproduce.md)


def draw(result: Result) -> Figure:
    """Draw the series of a result. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    leakage, margin, bits = (
        result.series[name] for name in ("leakage_against_layers", "margin_against_layers", "leakage_per_bit")
    )
    for scheme, name, color in _SCHEMES:
        first.loglog(leakage["layers"], _micro(leakage[f"{scheme}_a"]), "o-", color=color, label=name)
        for kind, style, label in (("current", "o-", "dI/I"), ("volts", "s--", "dV/V, load R_LRS")):
            values = [100 * value for value in margin[f"{scheme}_{kind}"]]
            second.semilogx(margin["layers"], values, style, color=color, label=f"{name}, {label}")
        third.loglog(bits["bits"], _micro(bits[f"{scheme}_a"]), "o-", color=color, label=name)
    second.axhline(_CRITERION, color="#7a8290", linewidth=0.8, label="10 % criterion")
    second.set_ylim(bottom=0)
    _label(first, "Leakage, sum over unselected cells", "layers", "leakage (uA)")
    _label(second, "Read margin", "layers", "read margin (%)")
    _label(third, "Leakage per bit, 8 layers", "bits read at once", "leakage per bit (uA)")
    figure.suptitle(f"{result.name}: 64 pillars in a row, 1 V, all other cells LRS (assumed parameters)", fontsize=10)
    return figure


def _micro(amperes: list[float]) -> list[float]:
    return [1e6 * value for value in amperes]


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
    axes.legend(fontsize=8)
