"""The reading part of a training step, simulated once for each batch size: what does not depend on values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.timing import Timing
from pillarsim.arch.training.events import StepEvents
from pillarsim.arch.training.gating import Policy, UnitUses, joined_uses
from pillarsim.arch.training.parts import Parts
from pillarsim.arch.training.plan import TrainingPlan

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["GROUPS", "Policies", "Schedule", "group_policies", "simulate_schedule", "unit_counts", "uses_of"]

GROUPS = ("arrays", "converters", "buffers", "digital", "mesh", "global_buffer", "off_chip")
Policies: TypeAlias = tuple[tuple[str, Policy], ...]  # of each group
_POLICY_OF = {"mesh": "digital", "global_buffer": "buffers"}


@dataclass(frozen=True, eq=False)
class Schedule:
    """A step of `images` images from its start to the last `ready_ps`, when a layer's pulses can begin.

    loss_ps, errors_ps: the last image's loss; its last errors. counts: actions by (phase, role, action, layer);
    busy_ps: array-picoseconds by (phase, layer). uses: of each group's units; of arrays and converters one a layer, as
    they are in step, of tiles all of the chip, of the mesh all routers, row by row.
    """

    images: int
    loss_ps: int
    errors_ps: int
    ready_ps: tuple[int, ...]
    counts: dict[tuple[str, str, str, str], int]
    busy_ps: dict[tuple[str, str], int]
    uses: dict[str, UnitUses]
    events: int


@lru_cache(maxsize=8)
def simulate_schedule(plan: TrainingPlan, images: int, policies: Policies) -> Schedule:
    """Simulate one step, once for equal arguments (device seeds share it); raises ModelError where an image is lost."""
    kernel = Kernel()
    parts = Parts(kernel, plan.timing.base, plan.layers)
    step = StepEvents(kernel, parts, plan, images)
    step.start()
    kernel.run()
    check_arrived(parts, step)
    uses = uses_of(parts, plan)
    return Schedule(
        images=images,
        loss_ps=step.loss_ps,
        errors_ps=step.errors_ps,
        ready_ps=tuple(step.ready_ps),
        counts=parts.counts(),
        busy_ps=dict(parts.busy_ps),
        uses={group: joined_uses(uses[group], policy) for group, policy in policies},
        events=kernel.processed(),
    )


def check_arrived(parts: Parts, step: StepEvents) -> None:
    """Raise ModelError unless all flits arrived and every layer became ready for its pulses."""
    if min(step.ready_ps) < 0 or parts.mesh.sent_flits != parts.mesh.arrived_flits:
        raise ModelError(
            f"training step: {parts.mesh.arrived_flits} of {parts.mesh.sent_flits} flits arrived, "
            f"layers ready at {step.ready_ps}"
        )


def uses_of(parts: Parts, plan: TrainingPlan) -> dict[str, Sequence[Sequence[tuple[int, int]]]]:
    """Uses of every unit of each group, in the order that `Schedule` says."""
    tiles = [parts.tiles.get(number) for number in range(plan.placement.tiles)]
    across, down = _routers(plan.timing.base)
    places = [(x, y) for y in range(down) for x in range(across)]
    return {
        "arrays": [arrays.uses for arrays, _ in parts.layer_uses],
        "converters": [converters.uses for _, converters in parts.layer_uses],
        "buffers": [[] if tile is None else tile.buffers.uses for tile in tiles],
        "digital": [[] if tile is None else tile.digital.uses for tile in tiles],
        "mesh": [parts.routers[place].uses if place in parts.routers else [] for place in places],
        "global_buffer": [parts.global_uses.uses],
        "off_chip": [parts.link_uses.uses],
    }


def unit_counts(timing: Timing, tiles: int, arrays_per_tile: int) -> dict[str, int]:
    """Units of each group on the chip."""
    arrays, routers = tiles * arrays_per_tile, math.prod(_routers(timing))
    return dict(zip(GROUPS, (arrays, arrays, tiles, tiles, routers, 1, 1), strict=True))


def group_policies(timing: Timing, idle: Idle) -> Policies:
    """The idle policy of each group; the off-chip link is never gated."""
    gated = {group: getattr(idle, _POLICY_OF.get(group, group)) == "gated" for group in GROUPS[:-1]}
    return tuple((group, Policy(gated.get(group, False), timing.after_ps, timing.wake_ps)) for group in GROUPS)


def _routers(timing: Timing) -> tuple[int, int]:
    """Routers across and down."""
    across, down = (-(-size // block) for size, block in zip(timing.grid, timing.router_block, strict=True))
    return across, down
