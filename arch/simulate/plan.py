"""What a run is made of, before any time passes: stages, their replicas with what each fetches, rings of pixels.

Both engines read this and nothing else of the placement. Numbers of rings, replicas and array sets count over all
stages. Amounts of each window are arrays of one number (the same for every window) or of one a window of an image.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.digital_work import UNITS, operator_steps
from pillarsim.arch.errors import InputError, ModelError
from pillarsim.arch.placement import INPUT, PlacedArray, PlacedLayer, Placement, Stage
from pillarsim.arch.simulate.capacity import least_of
from pillarsim.arch.simulate.geometry import Fields, fields_of, finish_of
from pillarsim.arch.simulate.shares import Need, capacities
from pillarsim.arch.simulate.values import (
    array_inputs,
    edge_values,
    fetched_values,
    held_outputs,
    tile_values,
    value_bits,
)
from pillarsim.arch.timing import Timing
from pillarsim.workloads.operators import AvgPool2d, MaxPool2d

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

Amounts = NDArray[np.int64]


def amount_at(amounts: Amounts, window: int) -> int:
    """The amount of a window of an image."""
    return int(amounts[window if len(amounts) > 1 else 0])


@dataclass(frozen=True, eq=False)
class RingPlan:
    """Pixels of one input of a stage in one tile; readers: replicas of the stage that read it there.

    pixel_bits: of each pixel of an image that are wanted here.
    """

    stage: int
    input: int
    tile: int
    source: int
    fields: Fields
    pixel_bits: tuple[int, ...]
    capacity: int
    readers: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PartPlan:
    """What a replica takes from one ring, as reader number `reader`, and what its tile sends to the home tile.

    fetch_bits: of each window. partial_bits: of the partial sums; 0 for the home tile's own.
    """

    tile: int
    ring: int
    reader: int
    fetch_bits: Amounts
    partial_bits: int


@dataclass(frozen=True)
class ArrayPlan:
    """One array in a replica's windows: (layer, row groups, outputs converted in each batch) of what it holds."""

    parts: tuple[tuple[str, int, int], ...]

    @property
    def groups(self) -> int:
        """Row groups, one after another."""
        return sum(groups for _, groups, _ in self.parts)


@dataclass(frozen=True)
class ArraySet:
    """Arrays that the same replicas use, with their converters and sample-and-hold: how many, and who."""

    arrays: int
    users: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ReplicaPlan:
    """One replica of a stage; a digital stage has one without arrays.

    sets: numbers of its array sets; rivals: other replicas that use one of its arrays; tiles: where its arrays are.
    """

    stage: int
    index: int
    home: int
    parts: tuple[PartPlan, ...]
    arrays: tuple[ArrayPlan, ...]
    sets: tuple[int, ...]
    rivals: tuple[int, ...]
    tiles: tuple[int, ...]
    chunks: int
    register_bits: tuple[int, int]

    @cached_property
    def groups(self) -> int:
        """Row groups of the array that has most."""
        return max((array.groups for array in self.arrays), default=0)


@dataclass(frozen=True, eq=False)
class StagePlan:
    """One stage: windows of an image, steps of its digital units (unit, actions), pixels out after each window."""

    name: str
    layers: tuple[str, ...]
    windows: int
    pixels: int
    steps: tuple[tuple[str, Amounts], ...]
    own_steps: int
    emitted: Amounts
    out_bits: int
    replicas: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything of a run but time; rows (number, pixels each, bits each) come in, the last stage's pixels go out."""

    stages: tuple[StagePlan, ...]
    replicas: tuple[ReplicaPlan, ...]
    rings: tuple[RingPlan, ...]
    sets: tuple[ArraySet, ...]
    rows: tuple[int, int, int]
    targets: tuple[int, ...]


def make_plan(placement: Placement, timing: Timing, conversions_per_unit: int) -> Plan:
    """Return the plan of a placement. Raises FitError for a small buffer, InputError for a unit that the chip lacks,
    ModelError where shapes do not fit."""
    members = [_members(placement, stage) for stage in placement.stages]
    _check_tiles(placement, timing, members)
    rings = _rings(placement, timing, members)
    sets, of_replica, rivals = _array_sets(members)
    of_stage: defaultdict[int, list[int]] = defaultdict(list)
    for place, ring in enumerate(rings):
        of_stage[ring.stage].append(place)
    replicas: list[ReplicaPlan] = []
    stages: list[StagePlan] = []
    for number, stage in enumerate(placement.stages):
        first = len(replicas)
        homes = _homes(stage, members[number])
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


Held = tuple[tuple[PlacedLayer, tuple[PlacedArray, ...]], ...]  # what a replica holds, layer by layer


@dataclass(frozen=True, eq=False)
class _Member:
    """A replica's arrays: all of them, and by tile; of a digital stage: none, in its home tile."""

    held: Held
    inside: dict[int, Held]


def _members(placement: Placement, stage: Stage) -> list[_Member]:
    """The replicas of a stage; a digital stage has one."""
    layers = [placement.layers[number] for number in stage.layers]
    if not layers:
        return [_Member((), {_home_tile(stage): ()})]
    if len({len(layer.replicas) for layer in layers}) > 1:
        raise ModelError(f"stage {stage.name!r}: its layers have different numbers of replicas")
    made = []
    for index in range(len(layers[0].replicas)):
        inside: defaultdict[int, dict[int, list[PlacedArray]]] = defaultdict(dict)
        for number, layer in enumerate(layers):
            for array in layer.replicas[index]:
                inside[array.tile].setdefault(number, []).append(array)
        by_tile = {
            tile: tuple((layers[number], tuple(arrays)) for number, arrays in found.items())
            for tile, found in inside.items()
        }
        made.append(_Member(tuple((layer, layer.replicas[index]) for layer in layers), by_tile))
    return made


def _home_tile(stage: Stage) -> int:
    if stage.home is None:
        raise ModelError(f"stage {stage.name!r}: a digital operator without a home tile")
    return stage.home


def _check_tiles(placement: Placement, timing: Timing, members: Sequence[Sequence[_Member]]) -> None:
    last = max(max(member.inside) for group in members for member in group)
    if last >= min(placement.tiles, prod(timing.grid)):
        raise ModelError(f"tile {last} is in use, but the chip has {placement.tiles}")


def _homes(stage: Stage, members: Sequence[_Member]) -> list[int]:
    """The tile where each replica's windows are finished (see `stages`)."""
    pooled = any(isinstance(post.operator, MaxPool2d | AvgPool2d) for post in stage.post)
    homes = []
    for index in range(len(members)):
        held = members[0 if pooled else index].held
        counts = Counter(array.tile for _, arrays in held for array in arrays)
        homes.append(min(counts, key=lambda tile: (-counts[tile], tile)) if counts else _home_tile(stage))
    return homes


def _rings(placement: Placement, timing: Timing, members: Sequence[Sequence[_Member]]) -> list[RingPlan]:
    """One ring for each edge and tile that needs it, by stage, input and tile."""
    places = [(number, place) for number, stage in enumerate(placement.stages) for place in range(len(stage.inputs))]
    fields = [
        fields_of(placement, placement.stages[number], placement.stages[number].inputs[p]) for number, p in places
    ]
    least = least_of(placement, places, fields)
    found: list[tuple[int, int, int, Fields, tuple[int, ...], tuple[int, ...], int]] = []
    for (number, place), field, pixels in zip(places, fields, least, strict=True):
        stage = placement.stages[number]
        edge = stage.inputs[place]
        for tile in sorted({tile for member in members[number] for tile in member.inside}):
            readers = tuple(index for index, member in enumerate(members[number]) if tile in member.inside)
            values = edge_values(placement, edge)
            if stage.layers:
                values = tile_values(placement, stage, _together(members[number], tile))
            bits = tuple((values * value_bits(placement, edge.source)).tolist())
            found.append((number, place, tile, field, bits, readers, pixels))
    needs = [
        Need(placement.stages[n].name, tile, sum(bits), len(bits), least) for n, _, tile, _, bits, _, least in found
    ]
    sizes = capacities(timing.buffer.size_bits, needs)
    return [
        RingPlan(n, place, tile, placement.stages[n].inputs[place].source, field, bits, size, readers)
        for (n, place, tile, field, bits, readers, _), size in zip(found, sizes, strict=True)
    ]


def _together(members: Sequence[_Member], tile: int) -> list[tuple[PlacedLayer, tuple[PlacedArray, ...]]]:
    """What all replicas hold in one tile, layer by layer: copies share the pixels that arrive."""
    found: dict[int, tuple[PlacedLayer, list[PlacedArray]]] = {}
    for member in members:
        for layer, arrays in member.inside.get(tile, ()):
            found.setdefault(id(layer), (layer, []))[1].extend(arrays)
    return [(layer, tuple(arrays)) for layer, arrays in found.values()]


def _part(
    placement: Placement,
    timing: Timing,
    stage: Stage,
    index: int,
    home: int,
    member: _Member,
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


def _array_sets(
    members: Sequence[Sequence[_Member]],
) -> tuple[tuple[ArraySet, ...], dict[tuple[int, int], tuple[int, ...]], dict[tuple[int, int], tuple[int, ...]]]:
    """(sets of arrays with the same users, sets of each replica, rivals of each replica)."""
    numbers = [(stage, index) for stage, group in enumerate(members) for index in range(len(group))]
    users: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (stage, index) in enumerate(numbers):
        for place in dict.fromkeys((a.tile, a.slot) for _, arrays in members[stage][index].held for a in arrays):
            users[place].append(number)
    counts = Counter(tuple(who) for who in users.values())
    sets = tuple(ArraySet(arrays, who) for who, arrays in sorted(counts.items()))
    of_replica: dict[tuple[int, int], tuple[int, ...]] = {}
    rivals: dict[tuple[int, int], tuple[int, ...]] = {}
    for number, place in enumerate(numbers):
        own = [place for place, made in enumerate(sets) if number in made.users]
        of_replica[place] = tuple(own)
        rivals[place] = tuple(sorted({user for one in own for user in sets[one].users} - {number}))
    return sets, of_replica, rivals


def ring_ends(plan: Plan, ring: RingPlan, images: int) -> list[int]:
    """First pixel that each reader of a ring needs; beyond the run for a replica without windows."""
    total, end = plan.stages[ring.stage].windows * images, ring.fields.pixels * images
    return [ring.fields.keep_from(first) if first < total else end for first in ring.readers]
