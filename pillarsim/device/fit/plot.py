"""A fit as a picture: data as dots or staircases, the model as lines. Needs matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarsim.device.fit.result import Fit, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEGEND = 12  # names that a legend holds; more would cover the data
_COLORS = 10  # of matplotlib's default cycle


def draw_fit(fit: Fit, title: str) -> Figure:
    """Return the picture: a panel for each part of the fit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5 * len(fit.panels), 4.6), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(fit.panels), squeeze=False)[0], fit.panels, strict=True):
        _draw(axes, panel)
    figure.suptitle(title, fontsize="medium")
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    for number, series in enumerate(panel.data):
        color = f"C{number % _COLORS}"
        if series.step:
            axes.step(series.x, series.y, where="mid", color=color, alpha=0.6, label=series.name)
        else:
            axes.plot(series.x, series.y, "o", markersize=3, color=color, alpha=0.6, label=series.name)
    for number, series in enumerate(panel.model):
        axes.plot(series.x, series.y, color="black", linewidth=1, label="model" if number == 0 else None)
    if panel.x_log:
        axes.set_xscale("log")
    if panel.y_log:
        axes.set_yscale("log")
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.grid(alpha=0.3)
    if len(panel.data) < _LEGEND:
        axes.legend(fontsize="small", frameon=False)
