"""What a reader of a report must be warned of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import Array, Learning, Write
from pillarsim.arch.circuit.sampled import SampledReads
from pillarsim.arch.components.component import Component
from pillarsim.arch.ir_drop import IR_DROP_LIMIT
from pillarsim.arch.trace import Trace
from pillarsim.arch.units import show_quantity
from pillarsim.devices.polynomial import LARGEST_V
from pillarsim.report.circuit import LINEAR_LIMIT

FAILED_LIMIT = 0.02  # share of cells outside tolerance that is worth a word (the project's own)
SOLVED_LIMIT = 0.2  # ratio; a solved array beyond it is worth a word though nothing is left out (the project's own)

_FEWEST_IMAGES = 4  # fewer are no stream, of which half could be in flight; the project's own choice


def cautions(
    array: Array, drop: dict[str, Any], components: Sequence[Component], sampled: Sequence[SampledReads] | None = None
) -> tuple[str, ...]:
    """Warnings of a run, from its array, its IR drop, its sampled reads where circuits were solved, and its parts."""
    wires = _ir_drop(drop) if drop["model"] == "estimate" else (*_solved_drop(drop), *_linear(sampled or ()))
    return (*wires, *_writes(array), *_overrun(components))


def detail_cautions(trace: Trace) -> tuple[str, ...]:
    """Warnings of a detail of the events that is not exact here, with the parts because of which."""
    if trace.exact:
        return ()
    shown, more = ", ".join(trace.contended[:4]), len(trace.contended) - 4
    others = f" and {more} more" if more > 0 else ""
    return (
        f"detail '{trace.detail}' takes every part as always free, but {shown}{others} had to be waited for: times may "
        "be too short (detail 'window' is exact)",
    )


def stream_cautions(trace: Trace) -> tuple[str, ...]:
    """A warning where so many images were in flight at once that the time an image is not that of a steady stream."""
    if trace.images < _FEWEST_IMAGES:
        return ()
    each_ps = (trace.finished_ps[-1] - trace.finished_ps[0]) / (trace.images - 1)
    if trace.finished_ps[0] <= each_ps * trace.images / 2:
        return ()
    return (
        f"--images {trace.images}: more than half of them were on the chip at once, so that the time an image may come "
        "out too short (or too long); expected more images for a steady stream",
    )


def write_cautions(
    array: Array, write: Write, bits_per_cell: int, written: Sequence[LayerProgramming]
) -> tuple[str, ...]:
    """Warnings of how cells were programmed: by what a card leaves unsaid, a wide tolerance, and cells that missed."""
    found = []
    if array.cell.verified:
        found.append(
            "the cell's card states what write-verify left, not its pulses: programming counts one pulse a cell and is "
            "too cheap"
        )
    low, high = array.conductance_range
    step_s = (high - low) / ((1 << bits_per_cell) - 1)
    if write.verify is not None and write.verify.tolerance >= step_s / 2:
        found.append(
            f"write.verify.tolerance ({show_quantity(write.verify.tolerance, 'S')}) is "
            f"{write.verify.tolerance / step_s:.3g} times the distance of two levels: a cell may end at another level"
        )
    cells = sum(one.cells for one in written)
    failed = sum(one.failed for one in written) / cells if cells else 0.0
    if failed > FAILED_LIMIT:
        found.append(f"{100 * failed:.1f} % of the cells are outside the tolerance after write.verify.max_pulses")
    return tuple(found)


def learning_cautions(learning: Learning) -> tuple[str, ...]:
    """A warning of a selection counter that never points to some of a synapse's devices."""
    common = math.gcd(learning.selection_increment, learning.selected)
    if common == 1:
        return ()
    sign = " of each sign" if learning.arrangement == "differential" else ""
    return (
        f"learning.selection_increment {learning.selection_increment} and the {learning.selected} devices{sign} that "
        f"it selects among share the factor {common}: a synapse updated alone uses {learning.selected // common} of "
        "them (an increment coprime with their number uses all equally)",
    )


def _writes(array: Array) -> tuple[str, ...]:
    if array.circuit == "ideal" or array.cell.iv.model != "polynomial":
        return ()
    return (
        f"the polynomial law was fitted up to {LARGEST_V:g} V: programming energy and disturb are in closed form, with "
        "ideal wires and cells that keep their conductance at the read voltage",
    )


def _solved_drop(drop: dict[str, Any]) -> tuple[str, ...]:
    """Arrays whose column currents have little to do with their cells."""
    loss = drop["mean"]
    if abs(loss) <= SOLVED_LIMIT:
        return ()
    what = "lose" if loss > 0 else "gain, by sneak paths,"
    return (
        f"column currents {what} {100 * abs(loss):.0f} % in the mean ({drop['layer']}), above "
        f"{100 * SOLVED_LIMIT:.0f} %: solved, and in values and energy",
    )


def _linear(sampled: Sequence[SampledReads]) -> tuple[str, ...]:
    high = [f"{100 * one.linear_rms:.1f} % ({one.name})" for one in sampled if one.linear_rms > LINEAR_LIMIT]
    if not high:
        return ()
    return (
        f"the linearised arrays miss the solved column currents by {', '.join(high)} (rms), above "
        f"{100 * LINEAR_LIMIT:.0f} %: the accuracy stands on them",
    )


def _ir_drop(drop: dict[str, Any]) -> tuple[str, ...]:
    figures = (("in the mean", drop["mean"], drop["layer"]), ("in the worst cell", drop["worst"], drop["worst_layer"]))
    high = [f"{100 * loss:.1f} % {what} ({layer})" for what, loss, layer in figures if loss and loss > IR_DROP_LIMIT]
    if not high:
        return ()
    return (
        f"IR drop is estimated at {' and '.join(high)}, above {100 * IR_DROP_LIMIT:.0f} %: "
        "the values use ideal wires and are optimistic",
    )


def _overrun(components: Sequence[Component]) -> tuple[str, ...]:
    """Shift-add units that cannot keep up with the arrays at their own time an action; the run assumes they do."""
    found = []
    for component in components:
        for name, action in component.cost.actions.items():
            load = component.peak_rate_hz.get(name, 0.0) * (action.time_ps or 0) * 1e-12
            if component.role == "shift_add" and load > 1 + 1e-9:
                found.append(
                    f"{component.role}: at the arrays' peak each unit would have to do {load:.3g} times what its "
                    f"{action.time_ps} ps an action allow; the run assumes that it keeps up (more units: count)"
                )
    return tuple(found)
