"""The content of `pillarsim map` as plain data: arrays, copies, times, traffic, tiles. SI units; bytes of traffic."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import LoadedChip
from pillarsim.arch.chip.located import located
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate.capacity import least_pixels
from pillarsim.arch.simulate.plan import Plan, make_plan
from pillarsim.arch.timing import PS, Timing
from pillarsim.compiled import circuits_of, compile_for
from pillarsim.map.busy import Busy, busy_parts, stage_ps
from pillarsim.map.vertical import reading_rows
from pillarsim.mapping.needs import layer_need, operator_need
from pillarsim.mapping.parts import parted
from pillarsim.mapping.traffic import GLOBAL, Grid, flows_of, hop_bits, random_hop_bits
from pillarsim.report.provenance import versions
from pillarsim.samples import choose_samples
from pillarsim.workloads.network import Network

__all__ = ["map_record"]

SCHEMA_VERSION = 1
_BUSIEST = 8  # parts of the chip that are listed


def map_record(loaded: LoadedChip, network: Network, seed: int = 0, data_dir: Path | None = None) -> dict[str, Any]:
    """Compile `network` for the chip and describe where it sits.

    Raises InputError and FitError as a run does: the map is that of a run with the same chip, network and seed.
    """
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return _record(loaded.chip, loaded.digest, network, seed, data_dir)
    except InputError as error:
        raise located(error, loaded) from None


def _record(chip: Chip, digest: str, network: Network, seed: int, data_dir: Path | None) -> dict[str, Any]:
    timing = build_timing(chip.hardware, build_components(chip.hardware), chip.idle)
    calibration, _ = choose_samples(network, chip.mapping.calibration_samples, 0, None, seed, data_dir)
    placement = compile_for(chip, network, calibration.inputs, timing)
    parts = parted(placement)
    apart = chip.weights.polarities if chip.weights.pair_subtract == "digital" else 1
    plans = [make_plan(part, timing, apart) for part in parts]
    circuits = circuits_of(timing)
    busy = [(number, one) for number, plan in enumerate(plans) for one in busy_parts(plan, timing, circuits)]
    slowest = max(busy, key=lambda entry: entry[1].time_ps)
    cells = sum(layer.cells for layer in placement.layers)
    return {
        "schema_version": SCHEMA_VERSION,
        "chip": {"name": chip.name, "hash": digest},
        "workload": {"name": network.name, "hash": network.digest, "weights": network.weights, "macs": network.macs},
        "seed": seed,
        "versions": versions(),
        "placement": {"digest": placement.digest, "order": chip.mapping.placement},
        "arrays": {
            "used": placement.arrays,
            "most_at_once": max(part.arrays for part in parts),
            "available": chip.arrays,
            "cells": cells,
            "utilization": cells / (placement.arrays * chip.array.cells),
            "shared": sum(len(layers) > 1 for layers in placement.sharers.values()),
        },
        "tiles": {"used": len({tile for _, tile, _ in placement.sharers}), "available": chip.tile.count.total},
        "parts": [_part(part, plan) for part, plan in zip(parts, plans, strict=True)],
        "time_per_image_s": sum(max(one.time_ps for own, one in busy if own == k) for k in range(len(parts))) * PS,
        "bottleneck": _slowest(slowest[0], slowest[1]),
        "busiest": _busiest(busy),
        "layers": _layers(placement, parts, plans, timing, chip.array.cells),
        "traffic": _traffic(parts, timing, seed),
        "readings": reading_rows(chip, max(part.arrays for part in parts)),
        "floor": [_floor(part, chip) for part in parts],
        "grid": {"x": chip.tile.count.x, "y": chip.tile.count.y},
    }


def _part(part: Placement, plan: Plan) -> dict[str, Any]:
    return {
        "first": part.stages[0].name,
        "last": part.stages[-1].name,
        "arrays": part.arrays,
        "stages": len(plan.stages),
    }


def _busiest(busy: list[tuple[int, Busy]]) -> list[dict[str, Any]]:
    """The busiest parts; of those of one kind that serve the same layers one, since copies are alike."""
    found: dict[tuple[int, str, tuple[str, ...]], dict[str, Any]] = {}
    for number, one in sorted(busy, key=lambda entry: -entry[1].time_ps):
        found.setdefault((number, one.what, one.stages), _slowest(number, one))
    return list(found.values())[:_BUSIEST]


def _slowest(part: int, busy: Busy) -> dict[str, Any]:
    return {
        "what": busy.what,
        "part": part,
        "tile": busy.tile,
        "layers": list(busy.stages),
        "time_per_image_s": busy.time_ps * PS,
    }


def _layers(
    placement: Placement, parts: tuple[Placement, ...], plans: list[Plan], timing: Timing, cells_each: int
) -> list[dict[str, Any]]:
    circuits, rows = circuits_of(timing), []
    shares, number = placement.arrays_by_layer, 0
    for index, (part, plan) in enumerate(zip(parts, plans, strict=True)):
        for stage, planned in zip(part.stages, plan.stages, strict=True):
            layers = [part.layers[layer] for layer in stage.layers]
            arrays = sum(shares[number + k] for k in range(len(layers)))
            number += len(layers)
            cells = sum(layer.cells for layer in layers)
            first = plan.replicas[planned.replicas[0]]
            rows.append(
                {
                    "name": stage.name,
                    "operator": None if stage.operator is None else type(stage.operator).__name__,
                    "part": index,
                    "rows": sum(int(layer.matrix.weight.shape[0]) for layer in layers) if layers else None,
                    "outputs": sum(int(layer.matrix.weight.shape[1]) for layer in layers) if layers else None,
                    "arrays": arrays,
                    "replicas": len(planned.replicas),
                    "utilization": cells / (arrays * cells_each) if layers else None,
                    "windows": stage.windows,
                    "window_s": circuits.window_ps(first.groups, first.chunks) * PS if layers else None,
                    "time_per_image_s": stage_ps(plan, planned, timing, circuits) * PS,
                    "tiles": len({tile for one in planned.replicas for tile in plan.replicas[one].tiles}),
                    "homes": sorted({plan.replicas[one].home for one in planned.replicas}),
                }
            )
    return rows


def _traffic(parts: tuple[Placement, ...], timing: Timing, seed: int) -> dict[str, Any]:
    """Bytes and bytes x hops an image; the mean of random placements of the same tiles beside them."""
    grid = Grid(*timing.grid, timing.router_block)
    flows = [flows_of(part, timing.partial_sum_bits) for part in parts]
    hops = sum(hop_bits(one, grid) for one in flows) / 8
    random = sum(random_hop_bits(one, grid, seed) for one in flows) / 8
    return {
        "bytes_per_image": sum(sum(one.values()) for one in flows) / 8,
        "hop_bytes_per_image": hops,
        "random_hop_bytes_per_image": random,
        "against_random": hops / random if random else None,
        "with_global_buffer_bytes": sum(bits for one in flows for ends, bits in one.items() if GLOBAL in ends) / 8,
    }


def _floor(part: Placement, chip: Chip) -> list[dict[str, Any]]:
    """What is in each tile in use: arrays by stage, operators, and the share of its buffer that must be there."""
    least = least_pixels(part)
    arrays: defaultdict[int, Counter[str]] = defaultdict(Counter)
    slots: defaultdict[int, set[int]] = defaultdict(set)
    operators: defaultdict[int, list[str]] = defaultdict(list)
    held: Counter[int] = Counter()
    for number, stage in enumerate(part.stages):
        if stage.home is not None:
            operators[stage.home].append(stage.name)
            needs = (operator_need(part, number, stage, place, least) for place in range(len(stage.inputs)))
            held[stage.home] += sum(need.held_bits((0,)) for need in needs)
        for layer in (part.layers[layer] for layer in stage.layers):
            blocks: defaultdict[int, set[int]] = defaultdict(set)
            for array in (array for replica in layer.replicas for array in replica):
                arrays[array.tile][stage.name] += 1
                slots[array.tile].add(array.slot)
                blocks[array.tile].add(array.row_block)
            need = layer_need(part, number, stage, layer, least)
            for tile, chosen in blocks.items():
                held[tile] += need.held_bits(chosen)
    return [
        {
            "tile": tile,
            "x": tile % chip.tile.count.x,
            "y": tile // chip.tile.count.x,
            "arrays": len(slots[tile]),
            "layers": dict(arrays[tile]),
            "operators": operators[tile],
            "buffer_needed": held[tile] / chip.tile.buffer.size,
        }
        for tile in sorted({*arrays, *operators})
    ]
