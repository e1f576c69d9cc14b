"""The plan of a placement: what a run is made of, before any time passes (`plan_types`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import prod

import numpy as np

from pillarsim.arch.digital_work import UNITS, operator_steps
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.placement import INPUT, Placement, Stage
from pillarsim.arch.simulate.geometry import finish_of
from pillarsim.arch.simulate.plan_members import Held, Member, array_sets, homes_of, members_of
from pillarsim.arch.simulate.plan_rings import make_rings
from pillarsim.arch.simulate.plan_types import (
    Amounts,
    ArrayPlan,
    ArraySet,
    PartPlan,
    Plan,
    ReplicaPlan,
    RingPlan,
    StagePlan,
    amount_at,
    ring_ends,
)
from pillarsim.arch.simulate.values import array_inputs, fetched_values, held_outputs, value_bits
from pillarsim.arch.timing import Timing

__all__ = [
    "ArrayPlan",
    "ArraySet",
    "PartPlan",
    "Plan",
    "ReplicaPlan",
    "RingPlan",
    "StagePlan",
    "amount_at",
    "make_plan",
    "ring_ends",
]


def make_plan(placement: Placement, timing: Timing, conversions_per_unit: int) -> Plan:
    """Return the plan of a placement. Raises FitError for a small buffer, InputError for a unit that the chip lacks,
    ModelError where shapes do not fit."""
    members = [members_of(placement, stage) for stage in placement.stages]
    _check_tiles(placement, timing, members)
    rings = make_rings(placement, timing, members)
    sets, of_replica, rivals = array_sets(members)
    of_stage: defaultdict[int, list[int]] = defaultdict(list)
    for place, ring in enumerate(rings):
        of_stage[ring.stage].append(place)
    replicas: list[ReplicaPlan] = []
    stages: list[StagePlan] = []
    for number, stage in enumerate(placement.stages):
        first = len(replicas)
        homes = homes_of(stage, members[number])
        for index, member in enumerate(members[number]):
            own = [(place, rings[place]) for place in of_stage[number] if index in rings[place].readers]
            parts = [_part(placement, timing, stage, index, homes[index], member, place, ring) for place, ring in own]
            replicas.append(
                ReplicaPlan(
                    stage=number,
                    index=index,
                    home=homes[index],
                    parts=tuple(parts),
                    arrays=_arrays(member.held, conversions_per_unit),
                    sets=of_replica[number, index],
                    rivals=rivals[number, index],
                    tiles=tuple(sorted(member.inside)) if member.held else (),
                    chunks=max((layer.chunks for layer, _ in member.held), default=0),
                    register_bits=_register_bits(member.held, timing.partial_sum_bits),
                )
            )
        own_steps = _own_steps(placement, stage)
        finish = finish_of(stage)
        steps = (*own_steps, *finish.steps)
        _check_units(stage, timing, [unit for unit, _ in steps])
        stages.append(
            StagePlan(
                name=stage.name,
                layers=tuple(placement.layers[layer].name for layer in stage.layers),
                windows=stage.windows,
                pixels=stage.stream[1] * stage.stream[2],
                steps=tuple((unit, _packed(amounts)) for unit, amounts in steps),
                own_steps=len(own_steps),
                emitted=finish.emitted,
                out_bits=stage.stream[0] * value_bits(placement, number),
                replicas=tuple(range(first, len(replicas))),
                targets=tuple(place for place, ring in enumerate(rings) if ring.source == number),
            )
        )
    channels, height, width = placement.input_stream
    return Plan(
        stages=tuple(stages),
        replicas=tuple(replicas),
        rings=tuple(rings),
        sets=sets,
        rows=(height, width, channels * width * placement.input.bits),
        targets=tuple(place for place, ring in enumerate(rings) if ring.source == INPUT),
    )


def _check_tiles(placement: Placement, timing: Timing, members: Sequence[Sequence[Member]]) -> None:
    last = max(max(member.inside) for group in members for member in group)
    if last >= min(placement.tiles, prod(timing.grid)):
        raise ModelError(f"tile {last} is in use, but the chip has {placement.tiles}")


def _part(
    placement: Placement,
    timing: Timing,
    stage: Stage,
    index: int,
    home: int,
    member: Member,
    place: int,
    ring: RingPlan,
) -> PartPlan:
    if member.held:
        inside = member.inside[ring.tile]
        bits = sum(array_inputs(layer, arrays) * layer.matrix.input.bits for layer, arrays in inside)
        outputs = sum(held_outputs(layer, arrays) for layer, arrays in inside)
        fetch, partial = np.array([bits]), 0 if ring.tile == home else outputs * timing.partial_sum_bits
    else:
        edge = stage.inputs[ring.input]
        fetch, partial = fetched_values(placement, stage, edge) * value_bits(placement, edge.source), 0
    return PartPlan(ring.tile, place, ring.readers.index(index), _packed(fetch), partial)


def _packed(amounts: Amounts) -> Amounts:
    """One number if all are the same."""
    return amounts[:1] if (amounts == amounts[0]).all() else amounts


def _arrays(held: Held, conversions_per_unit: int) -> tuple[ArrayPlan, ...]:
    """The arrays of a replica, each with the parts that it holds, read one after another."""
    parts: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
    for layer, arrays in held:
        for array in arrays:
            groups = len(layer.row_blocks[array.row_block].groups)
            outputs = (array.units[1] - array.units[0]) * conversions_per_unit
            parts.setdefault((array.tile, array.slot), []).append((layer.name, groups, outputs))
    return tuple(ArrayPlan(tuple(part)) for part in parts.values())


def _register_bits(held: Held, partial_sum_bits: int) -> tuple[int, int]:
    """Bits of a window in the input and output registers beside a replica's arrays."""
    inputs = sum(array_inputs(layer, [array]) * layer.matrix.input.bits for layer, arrays in held for array in arrays)
    outputs = sum(held_outputs(layer, [array]) for layer, arrays in held for array in arrays)
    return inputs, outputs * partial_sum_bits


def _own_steps(placement: Placement, stage: Stage) -> list[tuple[str, Amounts]]:
    """The steps that make a stage's result: row blocks merged and rescaled, or the operator's own."""
    if stage.operator is None:
        layers = [placement.layers[number] for number in stage.layers]
        merges = sum(layer.matrix.weight.shape[1] * len(layer.row_blocks) for layer in layers)
        return [("adder", np.array([merges]))]
    shapes = [edge.shape for edge in stage.inputs]
    for place, constant in stage.constants:
        shapes.insert(place, constant.value.shape)
    steps = operator_steps(stage.operator, stage.before[0], shapes)
    return [(unit, np.array([actions])) for unit, actions in steps if actions]


def _check_units(stage: Stage, timing: Timing, units: Sequence[str]) -> None:
    for unit in units:
        if unit not in UNITS:
            raise ModelError(f"stage {stage.name!r}: no unit {unit!r}")
        if getattr(timing, unit) is None:
            work = [*([stage.operator] if stage.operator is not None else []), *(post.operator for post in stage.post)]
            kinds = ", ".join(type(operator).__name__ for operator in work)
            raise InputError(
                f"tile.{unit}: stage {stage.name!r} ({kinds}) needs a unit that the chip does not have; "
                f"expected tile.{unit}: {{component: ...}}"
            )
