"""The replicas of each stage in a plan: their arrays tile by tile, their homes, and who shares arrays with whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import PlacedArray, PlacedLayer, Placement, Stage
from pillarsim.arch.simulate.plan_types import ArraySet
from pillarsim.workloads.operators import AvgPool2d, MaxPool2d

__all__ = ["Held", "Member", "array_sets", "homes_of", "members_of"]

Held = tuple[tuple[PlacedLayer, tuple[PlacedArray, ...]], ...]  # what a replica holds, layer by layer


@dataclass(frozen=True, eq=False)
class Member:
    """A replica's arrays: all of them, and by tile; of a digital stage: none, in its home tile."""

    held: Held
    inside: dict[int, Held]


def members_of(placement: Placement, stage: Stage) -> list[Member]:
    """The replicas of a stage; a digital stage has one."""
    layers = [placement.layers[number] for number in stage.layers]
    if not layers:
        return [Member((), {_home_tile(stage): ()})]
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
        made.append(Member(tuple((layer, layer.replicas[index]) for layer in layers), by_tile))
    return made


def _home_tile(stage: Stage) -> int:
    if stage.home is None:
        raise ModelError(f"stage {stage.name!r}: a digital operator without a home tile")
    return stage.home


def homes_of(stage: Stage, members: Sequence[Member]) -> list[int]:
    """The tile where each replica's windows are finished (see `stages`)."""
    pooled = any(isinstance(post.operator, MaxPool2d | AvgPool2d) for post in stage.post)
    homes = []
    for index in range(len(members)):
        held = members[0 if pooled else index].held
        counts = Counter(array.tile for _, arrays in held for array in arrays)
        homes.append(min(counts, key=lambda tile: (-counts[tile], tile)) if counts else _home_tile(stage))
    return homes


def array_sets(
    members: Sequence[Sequence[Member]],
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
