"""Area of a network's cells against its depth: planar arrays side by side, or one stack of planes on the same pillars.

Layers of a network 49-26-26-...: planar sum over layers of (n_l + 1) n_(l+1) cells; vertical as many pillars as the
widest layer has outputs, and ceil((n_l + 1) / 2) planes of two combs for each layer. The widest layer alone sets the
pillars. Left out: word-line drivers, of which both need sum (n_l + 1), and sense circuits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from pillarsim.arch.chip.load import load_chip
from pillarsim.devices.wires import planar_area_m2, vertical_area_m2
from pillarsim.reproduce.sun2019 import plan


@dataclass(frozen=True)
class Footprint:
    """Areas at a depth: planar; vertical, pillars with their select transistors; the same with the staircase."""

    depth: int
    planes: int
    planar_m2: float
    pillars_m2: float
    staircase_m2: float


@cache
def _geometry() -> tuple[float, float, float]:
    """Cell pitch (m), step of the staircase (m), area of a select transistor (m2) of the preset."""
    array = load_chip(plan.PRESET).chip.array
    assert array.staircase_step is not None
    assert array.select_transistor_area is not None
    return array.cell_pitch, array.staircase_step, array.select_transistor_area


def footprint(depth: int) -> Footprint:
    """Areas of a network of `depth` matrices; both kinds of array at the same pitch."""
    pitch, step, select = _geometry()
    widths = (plan.INPUTS, *(plan.LETTERS,) * depth)
    matrices = list(pairwise(widths))
    planes = sum((inputs + 2) // 2 for inputs, _ in matrices)
    pillars = max(outputs for _, outputs in matrices)
    return Footprint(
        depth,
        planes,
        sum(planar_area_m2(inputs + 1, outputs, pitch) for inputs, outputs in matrices),
        vertical_area_m2(1, pillars, planes, pitch, 0.0, select),
        vertical_area_m2(1, pillars, planes, pitch, step, select),
    )
