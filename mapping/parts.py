"""Cutting a network that is larger than the chip into parts that are on the arrays one after another.

A cut lies between two stages where exactly one tensor crosses, which leaves the chip and comes back as the next part's
input. Each part takes as many stages as fit, which gives the fewest parts where fewer stages never need more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import INPUT, Edge, Placement

__all__ = ["cut", "cuts", "part_of", "parted"]


def cuts(placement: Placement) -> list[int]:
    """Stages before which the network can be cut, and the number of stages at the end."""
    stages, found = placement.stages, []
    for first in range(1, len(stages)):
        crossing = {edge.source for stage in stages[first:] for edge in stage.inputs if edge.source < first}
        matrices = any(stage.layers for stage in stages[first:])
        if crossing == {first - 1} and stages[first - 1].output is not None and matrices:
            found.append(first)
    return [*found, len(stages)]


def part_of(placement: Placement, first: int, last: int) -> Placement:
    """Stages [first, last) as a placement of their own, fed by what stage `first` - 1 gives."""
    stages = placement.stages[first:last]
    numbers = [number for stage in stages for number in stage.layers]
    base = numbers[0] if numbers else 0

    def moved(edge: Edge) -> Edge:
        return replace(edge, source=edge.source - first if edge.source >= first else INPUT)

    taken = tuple(
        replace(
            stage,
            inputs=tuple(moved(edge) for edge in stage.inputs),
            layers=tuple(number - base for number in stage.layers),
        )
        for stage in stages
    )
    layers = tuple(placement.layers[number] for number in numbers)
    part = replace(placement, layers=layers, stages=taken, parts=(0,))
    if first == 0:
        return part
    source = placement.stages[first - 1]
    assert source.output is not None  # `cuts`
    return replace(part, input=source.output, input_shape=source.shape, input_stream=source.stream)


def parted(placement: Placement) -> tuple[Placement, ...]:
    """The parts of a compiled network, one placement each."""
    ends = (*placement.parts[1:], len(placement.stages))
    return tuple(part_of(placement, first, last) for first, last in zip(placement.parts, ends, strict=True))


def _merged(draft: Placement, parts: list[Placement], firsts: tuple[int, ...]) -> Placement:
    """The whole network with the arrays and homes that its parts have."""
    layers = tuple(layer for part in parts for layer in part.layers)
    homes = [stage.home for part in parts for stage in part.stages]
    stages = tuple(replace(stage, home=home) for stage, home in zip(draft.stages, homes, strict=True))
    return replace(draft, layers=layers, stages=stages, parts=firsts)


def cut(draft: Placement, place: Callable[[Placement], Placement]) -> Placement:
    """Place a draft part by part; `place` raises FitError for a part that does not fit.

    Raises FitError, naming the stages, where those between two cuts do not fit.
    """
    ends, first = cuts(draft), 0
    firsts: list[int] = []
    parts: list[Placement] = []
    while first < len(draft.stages):
        later = [end for end in ends if any(stage.layers for stage in draft.stages[first:end])]
        last, part = _longest(draft, first, later, place)
        firsts.append(first)
        parts.append(part)
        first = last
    return _merged(draft, parts, tuple(firsts))


def _longest(
    draft: Placement, first: int, ends: list[int], place: Callable[[Placement], Placement]
) -> tuple[int, Placement]:
    """The longest part from `first` on that fits, and where it ends; fewer stages are taken to need less."""
    try:
        best = ends[0], place(part_of(draft, first, ends[0]))
    except FitError as error:
        names = [stage.name for stage in draft.stages[first : ends[0]]]
        which = f"stage {names[0]!r} does" if len(names) == 1 else f"stages {names[0]!r} to {names[-1]!r} do"
        why = "" if len(names) == 1 else ", and no place between them is crossed by a single tensor"
        raise FitError(f"mapping.reload: {which} not fit the chip at once{why}: {error}") from None
    low, high = 0, len(ends) - 1  # ends[low] fits
    while low < high:
        middle = (low + high + 1) // 2
        try:
            best = ends[middle], place(part_of(draft, first, ends[middle]))
            low = middle
        except FitError:
            high = middle - 1
    return best
