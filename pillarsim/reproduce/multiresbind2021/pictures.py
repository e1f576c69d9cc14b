"""The row's picture: both metrics on the chip against the error of a write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS = (("roc_auc", "ROC-AUC", "#2a78d6"), ("average_precision", "average precision", "#eb6834"))


def draw(result: Result) -> Figure:
    """Draw means over labels against the error of a write, with the spread over devices. Needs matplotlib."""
    from matplotlib.figure import Figure

    columns = result.series["chips"]
    percent = [100 * error for error in columns["write_error"]]
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    for axes, (key, label, colour) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        spread = columns[f"{key}_devices_std"]
        axes.errorbar(percent, columns[key], yerr=spread, fmt="o-", color=colour, capsize=3, label="on the chip")
        axes.axhline(columns[f"{key}_float"][0], ls="--", color=colour, label="in software")
        axes.set_xlabel("error of a write (% of the conductance); 0: ideal cells")
        axes.set_ylabel(f"{label}, mean over {int(columns['labels'][0])} labels")
        axes.grid(True, which="major", color="#d9dce1", linewidth=0.6)
        axes.legend(fontsize=8)
    return figure
