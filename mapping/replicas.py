"""How many copies of each stage: as the chip file says, or those that balance the pipeline."""

from __future__ import annotations

from dataclasses import replace

from pillarsim.arch.errors import FitError, InputError
from pillarsim.arch.placement import Placement
from pillarsim.mapping.balance import Load, copies_after, rounds
from pillarsim.mapping.circuits import stage_work_ps
from pillarsim.mapping.partition import unit_blocks
from pillarsim.mapping.place import Least, Site, arrays_used, placed

__all__ = ["place_balanced", "place_copies", "stage_loads"]

_SHARED = 2  # times the budget: copies that are looked at where arrays are shared (the project's own choice)


def place_copies(draft: Placement, site: Site) -> Placement:
    """Place the copies that the chip file asks for."""
    copies = [site.choices.replicas_of(stage.name) if stage.layers else 1 for stage in draft.stages]
    return placed(draft, copies, site, _least(draft, site))


def place_balanced(draft: Placement, site: Site) -> Placement:
    """Place the copies of the least bottleneck that the budget of arrays, and the tiles' buffers, allow.

    Raises FitError for a budget below one copy of each, InputError for one above the chip.
    """
    budget = site.choices.array_budget or site.arrays
    if budget > site.arrays:
        raise InputError(f"mapping.array_budget: expected at most the chip's {site.arrays} arrays, found {budget}")
    loads, least = stage_loads(draft, site), _least(draft, site)
    single = [1] * len(loads)
    shared = site.choices.share_arrays
    needed = arrays_used(draft, single, site, least) if shared else sum(load.arrays for load in loads)
    if needed > budget:
        key = "tile.count" if site.choices.array_budget is None else "mapping.array_budget"
        raise FitError(f"{key}: one copy of each layer needs {needed} arrays, {needed - budget} more than {budget}")
    floor_ps = 0 if site.circuits.floor_ps is None else site.circuits.floor_ps(draft)
    steps = list(rounds(loads, budget * (_SHARED if shared else 1), floor_ps))
    # the search for short ways comes once, at the end
    quick = replace(site, choices=site.choices.model_copy(update={"placement": "snake"}))

    def fits(count: int) -> bool:
        copies = copies_after(len(loads), steps[:count])
        if shared and arrays_used(draft, copies, site, least) > budget:
            return False
        try:
            placed(draft, copies, quick, least)
        except FitError:
            return False
        return True

    low, high = 0, len(steps)
    if fits(high):
        low = high
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return placed(draft, copies_after(len(loads), steps[:low]), site, least)


def stage_loads(draft: Placement, site: Site) -> list[Load]:
    """Time for an image and arrays of one copy of each stage."""
    loads = []
    for stage in draft.stages:
        arrays = 0
        for layer in (draft.layers[number] for number in stage.layers):
            spans = unit_blocks(int(layer.matrix.weight.shape[1]), layer.slices, layer.polarities, site.shape)
            arrays += len(layer.row_blocks) * len(spans)
        loads.append(Load(stage_work_ps(stage, draft.layers, site.circuits), arrays))
    return loads


def _least(draft: Placement, site: Site) -> Least | None:
    return None if site.circuits.least_pixels is None else site.circuits.least_pixels(draft)
