"""A sample as a picture: distributions of resistance, and quantile bands along pulses. Needs matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pillarsim.device.programmed import LevelSample
from pillarsim.device.pulsed import Bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEVELS = 16  # levels drawn; of more, evenly chosen ones
_BINS = 60  # of a histogram, our choice
_WIDE = 3.0  # largest over smallest resistance from which the axis is logarithmic, our choice
_COLOR = "#2a78d6"


def draw_levels(record: dict[str, Any], levels: list[LevelSample]) -> Figure:
    """Return the distribution functions of the levels."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    places = np.unique(np.round(np.linspace(0, len(levels) - 1, min(len(levels), _LEVELS))).astype(int))
    for place in places.tolist():
        one = levels[place]
        color = colormaps["viridis"](0.9 * place / max(len(levels) - 1, 1))
        share = (np.arange(len(one.ohm)) + 0.5) / len(one.ohm)
        axes.step(np.sort(one.ohm), share, where="mid", color=color, linewidth=1.2, label=f"level {one.level}")
        axes.axvline(1 / one.target_s, color=color, linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylabel("share of devices below")
    _finish(figure, axes, "resistance (Ohm)", f"{record['card']}: {record['count']} devices a level; dotted: targets")
    axes.legend(fontsize="small", frameon=False, ncols=1 if len(places) < 9 else 2)
    return figure


def draw_pulsed(record: dict[str, Any], ohm: NDArray[np.float64], along: Bands) -> Figure:
    """Return a histogram after the pulses, beside quantile bands along them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    wide = ohm.max() > _WIDE * ohm.min()
    left.hist(ohm, bins=np.geomspace(ohm.min(), ohm.max(), _BINS).tolist() if wide else _BINS, color=_COLOR)
    if wide:
        left.set_xscale("log")
    left.axvline(record["resistance_ohm"]["median"], color="black", linewidth=1, label="median")
    left.set_ylabel("devices")
    left.legend(fontsize="small", frameon=False)
    right.fill_between(along.pulses, along.ohm[:, 0], along.ohm[:, 4], color=_COLOR, alpha=0.2, label="5 to 95 %")
    right.fill_between(along.pulses, along.ohm[:, 1], along.ohm[:, 3], color=_COLOR, alpha=0.4, label="25 to 75 %")
    right.plot(along.pulses, along.ohm[:, 2], color="black", linewidth=1.2, label="median")
    right.set_ylabel("resistance (Ohm)")
    right.legend(fontsize="small", frameon=False)
    right.grid(alpha=0.3)
    right.set_xlabel("RESET pulses" if record["pulses"] < 0 else "pulses")
    title = f"{record['card']}: {record['count']} devices after {record['pulses']} pulses"
    _finish(figure, left, "resistance (Ohm)", title)
    return figure


def _finish(figure: Figure, axes: Axes, label: str, title: str) -> None:
    axes.set_xlabel(label)
    axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize="medium")
