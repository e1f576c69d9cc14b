"""A training run as a picture: accuracy over epochs with the float baseline, and energy by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pillarsim.report.format import engineering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_training(report: dict[str, Any]) -> Figure:
    """Return the picture of a report. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _accuracy(left, report)
    _energy(right, report["energy_j"])
    figure.suptitle(f"{report['chip']['name']} learning {report['workload']['name']}")
    return figure


def _accuracy(axes: Axes, report: dict[str, Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    accuracy = report["accuracy"]
    epochs = range(1, len(accuracy["per_epoch"]) + 1)
    for number, one in enumerate(accuracy["per_seed"] if len(accuracy["per_seed"]) > 1 else ()):
        axes.plot(epochs, [100 * x for x in one], color="C0", alpha=0.3, label=None if number else "device seeds")
    axes.plot(epochs, [100 * x for x in accuracy["per_epoch"]], "o-", color="C0", label="on the chip")
    if accuracy["float_baseline"] is not None:
        axes.axhline(100 * accuracy["float_baseline"], color="0.4", linestyle="--", label="trained in float")
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _energy(axes: Axes, energy: dict[str, Any]) -> None:
    names = [name for name, joules in energy["by_phase"].items() if joules > 0]
    bars = axes.barh(names, [energy["by_phase"][name] for name in names], color="C1")
    axes.bar_label(bars, [engineering(energy["by_phase"][name], "J") for name in names], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel(f"energy (J), {engineering(energy['total'], 'J')} in all")
