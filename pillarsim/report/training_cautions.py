"""What a reader of a training report must be warned of."""

from __future__ import annotations

from collections.abc import Sequence

from pillarsim.arch.chip import CellCard
from pillarsim.arch.training.costs import endurance_used
from pillarsim.workloads.on_chip.interface import LayerWear

SATURATED_LIMIT = 0.5  # share of a layer's devices at a bound that is worth a word (the project's own)


def training_cautions(cell: CellCard, wear: Sequence[Sequence[LayerWear]], half_selected: float) -> tuple[str, ...]:
    """Warnings of a run; wear: of each device seed, layer by layer; half_selected: update pulses over such devices."""
    return (*_worn(cell, wear), *_saturated(cell, wear), *_undisturbed(cell, half_selected))


def _worn(cell: CellCard, wear: Sequence[Sequence[LayerWear]]) -> tuple[str, ...]:
    if cell.endurance is None:
        return ()
    used = endurance_used(max(layer.pulses_max for layers in wear for layer in layers), cell.endurance.cycles)
    if used <= 1:
        return ()
    return (
        f"the most worn device had {used:.3g} times the pulses of the endurance that its card states "
        f"({cell.endurance.cycles:g} cycles); the run goes on as if it were sound",
    )


def _saturated(cell: CellCard, wear: Sequence[Sequence[LayerWear]]) -> tuple[str, ...]:
    """Layers most of whose devices end at a bound, or past their knee; those of two states always do."""
    if cell.pulse_update is not None and cell.pulse_update.model == "stochastic_binary":
        return ()
    shares = {layer.name: max(layers[number].saturated for layers in wear) for number, layer in enumerate(wear[0])}
    high = [f"{100 * share:.0f} % in {name}" for name, share in shares.items() if share > SATURATED_LIMIT]
    if not high:
        return ()
    where = "at a bound of their window, where pulses of one direction do nothing"
    if cell.pulse_update is not None and cell.pulse_update.model == "weak_reset":
        where = "past their knee, where a pulse moves them far less than before"
    return (f"most devices end {where}: {', '.join(high)}",)


def _undisturbed(cell: CellCard, half_selected: float) -> tuple[str, ...]:
    if not half_selected or cell.disturb_voltage is not None:
        return ()
    return (
        f"{half_selected:.3g} update pulses over half-selected devices move none of them, since the device card states "
        "no disturb_voltage",
    )
