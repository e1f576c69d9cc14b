"""From a plan to the tables of the compiled engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pillarsim.arch.digital_work import UNITS
from pillarsim.arch.simulate.engine import EnginePlan
from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.collect import Tables
from pillarsim.arch.simulate.fast.machine import Ints, Machine, make_machine
from pillarsim.arch.simulate.fast.sending import AT_ONCE
from pillarsim.arch.simulate.mesh import GLOBAL
from pillarsim.arch.simulate.plan_types import Plan, ring_ends
from pillarsim.arch.simulate.ports import Service
from pillarsim.arch.simulate.replicas import OUTPUT_WINDOWS
from pillarsim.arch.simulate.sharing import groups_of
from pillarsim.arch.simulate.source_sink import border_services, half_of_global
from pillarsim.arch.simulate.stages import step_services
from pillarsim.arch.timing import Timing

if TYPE_CHECKING:
    from pillarsim.arch.chip import Idle

__all__ = ["Built", "build_machine"]

_FIRST_ROWS = 1024  # event rows at the start; assumed, they are doubled as needed
_MARKS = 8  # looks at the state an image, at most; assumed, changes no result


@dataclass(frozen=True, eq=False)
class Built:
    """A machine with what its numbers mean: services; trackers by group, each with the units it stands for."""

    machine: Machine
    services: list[Service]
    trackers: dict[str, list[tuple[int, int]]]


def build_machine(plan: Plan, timing: Timing, idle: Idle, images: int) -> Built:
    """Return the machine of a run before its first event. Raises FitError for a small global buffer."""
    tables = Tables(plan, timing, idle)
    for replica in plan.replicas:
        for tile in (replica.home, *replica.tiles):
            tables.tile(tile)
    sets = np.array(
        [
            [tables.tracker("arrays", "arrays", one.arrays), tables.tracker("converters", "converters", one.arrays), 0]
            for one in plan.sets
        ],
        np.int64,
    ).reshape(-1, 3)
    stages, steps = _stages(tables, images)
    rings, keep, keeps = _rings(tables, images)
    replicas, parts = _replicas(tables, keeps)
    groups = _groups(tables, replicas)
    head = _head(tables, images)
    tracked = np.zeros((len(tables.trackers), at.TRACKER_COLUMNS), np.int64)
    tracked[:, at.P_GATED] = tables.trackers
    servers = np.array(tables.servers, np.int64)
    head[at.H_SERVER_COLUMNS] = servers.shape[1]
    machine = make_machine(
        head,
        {
            "lists": tables.lists(),
            "services": np.array([[one.step_ps, one.total_ps, 0] for one in tables.services], np.int64),
            "servers": servers,
            "trackers": tracked,
            "stages": stages,
            "steps": steps,
            "tiles": np.array(tables.tile_rows, np.int64),
            "replicas": replicas,
            "parts": parts,
            "rings": rings,
            "sets": sets,
            "groups": groups,
            "keep": keep,
            "left": np.full(images, plan.stages[-1].pixels),
            "finished": np.full(images, -1),
            "early": _linked(_FIRST_ROWS),
            "events": np.zeros((_FIRST_ROWS, at.EVENT_COLUMNS), np.int64),
            "queue": np.zeros((_FIRST_ROWS, at.QUEUE_COLUMNS), np.int64),
            "unused": np.arange(_FIRST_ROWS - 1, -1, -1),
            "outbox": np.zeros((head[at.H_MARGIN], at.OUTBOX_COLUMNS), np.int64),
        },
    )
    return Built(machine, tables.services, tables.groups)


def _linked(rows: int) -> Ints:
    """Unused rows for early pixels, each pointing to the next."""
    early = np.zeros((rows, 2), np.int64)
    early[:, at.Y_NEXT] = np.arange(1, rows + 1)
    return early


def _stages(tables: Tables, images: int) -> tuple[Ints, Ints]:
    rows: list[Ints] = []
    steps: list[list[int]] = []
    for number, stage in enumerate(tables.plan.stages):
        row = np.zeros(at.STAGE_COLUMNS, np.int64)
        row[at.T_WINDOWS], row[at.T_PIXELS] = stage.windows, stage.pixels
        row[at.T_STEP] = len(steps)
        for (unit, amounts), services in zip(stage.steps, step_services(stage, tables.timing), strict=True):
            numbers = {amount: tables.service(services[amount]) if amount else -1 for amount in services}
            look = tables.listed([numbers[amount] for amount in amounts.tolist()])
            steps.append([list(UNITS).index(unit), look, len(amounts) > 1])
        row[at.T_STEP_END] = len(steps)
        row[at.T_EMITTED] = tables.listed(stage.emitted)
        row[at.T_TARGET] = tables.listed(stage.targets)
        row[at.T_TARGET_END] = row[at.T_TARGET] + len(stage.targets)
        row[at.T_REPLICA], row[at.T_REPLICAS] = stage.replicas[0], len(stage.replicas)
        row[at.T_OUT] = number == len(tables.plan.stages) - 1
        row[at.T_TOTAL] = stage.windows * images
        rows.append(row)
    return np.array(rows), np.array(steps, np.int64).reshape(-1, 3)


def _rings(tables: Tables, images: int) -> tuple[Ints, Ints, list[int]]:
    """(rings, first pixels that their readers need, where the readers of each ring stand among those)."""
    plan, timing = tables.plan, tables.timing
    rows, keep, keeps = [], list[int](), list[int]()
    fields: dict[tuple[int, int], int] = {}
    for ring in plan.rings:
        row = np.zeros(at.RING_COLUMNS, np.int64)
        stage, place = plan.stages[ring.stage], (ring.stage, ring.input)
        if place not in fields:
            fields[place] = tables.listed(np.concatenate([ring.fields.need, ring.fields.keep]))
        row[at.G_STAGE], row[at.G_SOURCE], row[at.G_TILE] = ring.stage, ring.source, tables.tile(ring.tile)
        row[at.G_PIXELS], row[at.G_COUNT] = ring.fields.pixels, plan.rows[1] if ring.source < 0 else 1
        row[at.G_FIELD], row[at.G_CAPACITY] = fields[place], ring.capacity
        ends = ring_ends(plan, ring, images)
        keeps.append(len(keep))
        row[at.G_KEEP], row[at.G_KEEP_END] = len(keep), len(keep) + len(ends)
        keep += ends
        row[at.G_READER] = tables.listed([stage.replicas[reader] for reader in ring.readers])
        sender = plan.stages[ring.source].name if ring.source >= 0 else ""
        bits = np.array(ring.pixel_bits).reshape(-1, row[at.G_COUNT]).sum(axis=1)
        found, which = np.unique(bits, return_inverse=True)
        port = timing.buffer
        services = []
        for amount in found.tolist():
            write = Service((("buffer", "write"),), stage.name, port.accesses(amount), 1, port.access_ps)
            services.append([tables.service(write), *tables.packet(amount, sender)] if amount else [-1, -1, -1])
        row[at.G_VARIES] = len(found) > 1
        row[at.G_SERVICE] = tables.listed(np.array(services)[which if len(found) > 1 else [0]].reshape(-1))
        homes = [GLOBAL] if ring.source < 0 else [plan.replicas[one].home for one in plan.stages[ring.source].replicas]
        row[at.G_PATH] = tables.listed([tables.path(home, ring.tile) for home in homes])
        row[at.G_EARLY] = -1
        rows.append(row)
    return np.array(rows), np.array(keep, np.int64), keeps


def _replicas(tables: Tables, keeps: list[int]) -> tuple[Ints, Ints]:
    plan, timing = tables.plan, tables.timing
    rows: list[Ints] = []
    parts: list[Ints] = []
    for number, replica in enumerate(plan.replicas):
        stage = plan.stages[replica.stage]
        row = np.zeros(at.REPLICA_COLUMNS, np.int64)
        row[at.R_STAGE], row[at.R_INDEX], row[at.R_HOME] = replica.stage, replica.index, tables.tile(replica.home)
        row[at.R_PART] = len(parts)
        for part in replica.parts:
            made = np.zeros(at.PART_COLUMNS, np.int64)
            made[at.Q_REPLICA], made[at.Q_RING], made[at.Q_KEEP] = number, part.ring, keeps[part.ring] + part.reader
            made[at.Q_TILE] = tables.tile(part.tile)
            bits = part.fetch_bits.tolist()
            fetch = {
                amount: Service(
                    (("buffer", "read"),), stage.name, timing.buffer.accesses(amount), 1, timing.buffer.access_ps
                )
                for amount in set(bits)
            }
            transfer = {
                amount: Service(
                    (("bus", "transfer"),), stage.name, timing.bus.accesses(amount), 1, timing.bus.access_ps
                )
                for amount in set(bits)
            }
            made[at.Q_FETCH] = tables.listed([tables.service(fetch[amount]) for amount in bits])
            made[at.Q_TRANSFER] = tables.listed([tables.service(transfer[amount]) for amount in bits])
            made[at.Q_VARIES], made[at.Q_PATH] = len(bits) > 1, -1
            if part.partial_bits:
                made[at.Q_PATH] = tables.path(part.tile, replica.home)
                made[at.Q_HOP], made[at.Q_DOWN] = tables.packet(part.partial_bits, stage.name)
                row[at.R_AWAY] += 1
            parts.append(made)
        row[at.R_PART_END] = len(parts)
        row[at.R_SET] = tables.listed(replica.sets)
        row[at.R_SET_END] = row[at.R_SET] + len(replica.sets)
        row[at.R_DIGITAL] = tables.listed([tables.digital[tables.tile(tile)] for tile in replica.tiles])
        row[at.R_DIGITAL_END] = row[at.R_DIGITAL] + len(replica.tiles)
        row[at.R_RIVAL] = tables.listed(replica.rivals)
        row[at.R_RIVAL_END] = row[at.R_RIVAL] + len(replica.rivals)
        row[at.R_ARRAYS] = bool(replica.arrays)
        engine = EnginePlan(stage.name, stage.layers, replica.arrays, replica.groups, replica.chunks, timing)
        row[at.R_PHASE_PS], row[at.R_REST_PS] = engine.phase_ps, engine.rest_ps
        row[at.R_NEXT], row[at.R_SLOTS] = replica.index, OUTPUT_WINDOWS
        row[[at.R_FETCHED, at.R_DONE, at.R_DONE_2, at.R_CLAIM_PS, at.R_FIRST_PS]] = -1
        rows.append(row)
    return np.array(rows), np.array(parts)


def _groups(tables: Tables, replicas: Ints) -> Ints:
    """Groups of rivals by their lowest member; fills the replicas' group."""
    of_replica = groups_of([replica.rivals for replica in tables.plan.replicas])
    rows: list[list[int]] = []
    for number in sorted({one for one in of_replica if one >= 0}):
        members = [replica for replica, group in enumerate(of_replica) if group == number]
        replicas[members, at.R_GROUP] = len(rows)
        first = tables.listed(members)
        rows.append([first, first + len(members), 0])
    return np.array(rows, np.int64).reshape(-1, 3)


def _head(tables: Tables, images: int) -> Ints:
    plan, timing = tables.plan, tables.timing
    head = np.zeros(at.HEADER_COLUMNS, np.int64)
    rows, _, row_bits = plan.rows
    last = plan.stages[-1]
    head[at.H_UNUSED], head[at.H_EARLY_LEFT] = _FIRST_ROWS, _FIRST_ROWS
    fan = 2 + max(len(plan.targets), *(len(stage.targets) for stage in plan.stages))
    head[at.H_MARGIN] = 64 + 2 * AT_ONCE * fan + 2 * sum(2 + len(replica.parts) for replica in plan.replicas)
    head[at.H_MARK_ROWS] = -(-rows // _MARKS)
    head[at.H_AFTER_PS], head[at.H_WAKE_PS] = timing.after_ps, timing.wake_ps
    head[at.H_SAMPLE_HOLD], head[at.H_CONVERT_PS] = timing.sample_hold, timing.slots * timing.convert_ps
    head[at.H_SHIFT_ADD_PS], head[at.H_ROUTER_PS] = timing.shift_add_ps, timing.router_ps
    head[at.H_LATENCY_PS] = timing.off_chip_latency_ps
    head[at.H_LINK] = tables.server(tables.tracker("off_chip", None))
    head[at.H_BUFFER] = tables.server(tables.tracker("global_buffer", "buffers"), timing.global_buffer.ports)
    head[at.H_IN_SERVICE] = tables.services_in_a_row(border_services(timing, row_bits))
    head[at.H_OUT_SERVICE] = tables.services_in_a_row(border_services(timing, last.out_bits))
    head[at.H_ROWS], head[at.H_IMAGE_ROWS] = rows * images, rows
    head[at.H_ROW_CAPACITY] = half_of_global(timing, "a row of the input", row_bits)
    head[at.H_IN_TARGET] = tables.listed(plan.targets)
    head[at.H_IN_TARGET_END] = head[at.H_IN_TARGET] + len(plan.targets)
    head[at.H_OUT_STAGE], head[at.H_OUT_RING] = len(plan.stages), len(plan.rings)
    homes = [plan.replicas[one].home for one in last.replicas]
    head[at.H_OUT_PATH] = tables.listed([tables.path(home, GLOBAL) for home in homes])
    head[at.H_OUT_HOP], head[at.H_OUT_DOWN] = tables.packet(last.out_bits, last.name)
    head[at.H_OUT_PIXELS] = last.pixels
    head[at.H_OUT_CAPACITY] = half_of_global(timing, "an output pixel", last.out_bits)
    return head
