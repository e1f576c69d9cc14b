"""From the results of a run's stages to one plain report (the JSON), with the sums checked.

SI units in every number; what was not evaluated or is not stated by a source is None.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pillarsim.arch.activity import Activity
from pillarsim.arch.chip import Chip
from pillarsim.arch.circuit.sampled import SampledReads
from pillarsim.arch.components.component import Component
from pillarsim.arch.costing import Costs, ProgrammingCosts, action_counts
from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.arch.timing import PS
from pillarsim.arch.trace import ProgrammingTrace, Trace
from pillarsim.report.accuracy import NOT_EVALUATED, Accuracy, Outputs
from pillarsim.report.circuit import circuit_section
from pillarsim.workloads.network import Network

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class RunResults:
    """Everything that the stages of one run produced."""

    chip: Chip
    chip_digest: str
    network: Network
    placement: Placement
    accuracy: Accuracy | None
    outputs: Outputs | None
    activity: Activity
    trace: Trace
    programming_trace: ProgrammingTrace
    costs: Costs
    programming: ProgrammingCosts
    reload: dict[str, Any] | None
    components: tuple[Component, ...]
    ir_drop: dict[str, Any]
    sampled: tuple[SampledReads, ...] | None
    warnings: tuple[str, ...]
    options: dict[str, Any]
    seed: int
    versions: dict[str, str]


def build_report(results: RunResults) -> dict[str, Any]:
    """Return the report of a run; raises ModelError when parts do not sum to their total."""
    trace, costs = results.trace, results.costs
    images, span_s = trace.images, costs.span_s
    first_s = trace.finished_ps[0] * PS
    steady_s = (trace.finished_ps[-1] - trace.finished_ps[0]) * PS / (images - 1) if images > 1 else None
    energy = {role: joules / images for role, joules in sorted(costs.by("role").items())}
    leakage = {role: joules / span_s for role, joules in sorted(costs.by("role", "leakage").items())}
    leakage_j = costs.total("leakage") if leakage else None  # nothing stated is not zero
    per_image_j = costs.total() / images
    operations = 2 * results.network.macs
    if results.reload is not None:
        steady_s = results.reload["batch_s"] / images
    throughput = None if not steady_s else 1 / steady_s
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "chip": {"name": results.chip.name, "hash": chip_hash(results.chip_digest, results.components)},
        "workload": {
            "name": results.network.name,
            "weights": results.network.weights,
            "macs": results.network.macs,
            "hash": results.network.digest,
        },
        "options": results.options,
        "seed": results.seed,
        "versions": results.versions,
        "accuracy": {"metric": results.network.metric, **NOT_EVALUATED}
        if results.accuracy is None
        else results.accuracy.as_json(),
        "latency_s": {"first_result": first_s, "per_image_steady": steady_s},
        "throughput_per_s": throughput,
        "energy_j": {
            "per_image": per_image_j,
            "dynamic": costs.total("dynamic") / images,
            "leakage": None if leakage_j is None else leakage_j / images,
            "outside_layers": costs.by("layer").get("", 0.0) / images,
            "by_component": energy,
            "not_stated": list(costs.unstated),
        },
        "power_w": {"average": costs.total() / span_s},
        "leakage_w": {
            "total": None if leakage_j is None else leakage_j / span_s,
            "by_component": leakage,
            "not_stated": not_stated(results.components, "leakage_w"),
        },
        "area_m2": area_section(results.components),
        "programming": {
            "time_s": results.programming.time_s,
            "energy_j": results.programming.energy_j,
            "pulses": results.programming.pulses,
            "cells": results.programming.cells,
            "failed_cells": results.programming.failed,
            "disturb_v": results.programming.disturb_v,
            "by_component": dict(sorted(results.programming.by_component.items())),
            "not_stated": list(results.programming.unstated),
        },
        "reload": results.reload,
        "tops": None if throughput is None else operations * throughput / 1e12,
        "tops_per_w": operations / per_image_j / 1e12,
        "mapping": _mapping(results),
        "adc": _conversions(results),
        "ir_drop": results.ir_drop,
        "circuit": circuit_section(results.chip, results.costs, results.sampled, images),
        "activity": {"source": results.activity.source},
        "models": [model_of(component) for component in results.components],
        "warnings": list(results.warnings),
        "span_s": span_s,
        "spikes_per_image": _spikes(results),
        "busy_s": _busy(trace),
        "events": {
            "count": trace.events + results.programming_trace.events,
            "detail": trace.detail,
            "exact": trace.exact,
            "contended": list(trace.contended),
            "skipped_images": trace.skipped,
            "cpu_s": trace.cpu_s + results.programming_trace.cpu_s,
            "wall_s": trace.wall_s + results.programming_trace.wall_s,
        },
    }
    check_sums(report)
    return report


def chip_hash(digest: str, components: Sequence[Component]) -> str:
    """sha256 of a chip file's values and of what its cards cost at its operating point."""
    parts = [(part.path, part.role, part.instances, part.cost, part.peak_rate_hz) for part in components]
    return hashlib.sha256(f"{digest}{parts!r}".encode()).hexdigest()


def check_sums(report: dict[str, Any]) -> None:
    """Raise ModelError where the parts of a total do not sum to it (1e-9 relative)."""
    energy = report["energy_j"]
    layers = report["mapping"]["layers"]
    pairs = [
        ("energy_j.per_image by component", sum(energy["by_component"].values()), energy["per_image"]),
        (
            "energy_j.per_image as dynamic + leakage",
            energy["dynamic"] + (energy["leakage"] or 0.0),
            energy["per_image"],
        ),
        ("leakage_w.total", sum(report["leakage_w"]["by_component"].values()), report["leakage_w"]["total"] or 0.0),
        ("area_m2.total", sum(report["area_m2"]["by_component"].values()), report["area_m2"]["total"]),
        (
            "programming.energy_j",
            sum(report["programming"]["by_component"].values()),
            report["programming"]["energy_j"],
        ),
        ("mapping.arrays", sum(layer["arrays"] for layer in layers), report["mapping"]["arrays"]),
        ("mapping.cells", sum(layer["cells"] for layer in layers), report["mapping"]["cells"]),
        (
            "energy of layers and of what serves none",
            sum(layer["energy_j"] for layer in layers) + energy["outside_layers"],
            energy["per_image"],
        ),
        ("circuit.energy_j", sum(report["circuit"]["energy_j"].values()), energy["by_component"].get("array", 0.0)),
    ]
    for name, parts, total in pairs:
        if not math.isclose(parts, total, rel_tol=1e-9, abs_tol=1e-30):
            raise ModelError(f"{name}: parts sum to {parts!r}, total is {total!r}")


def area_section(components: Sequence[Component]) -> dict[str, Any]:
    """Area of a chip's parts, by role."""
    areas: defaultdict[str, float] = defaultdict(float)
    for component in components:
        if component.cost.area_m2 is not None:
            areas[component.role] += component.instances * component.cost.area_m2
    return {
        "total": sum(areas.values()),
        "by_component": dict(sorted(areas.items())),
        "not_stated": not_stated(components, "area_m2"),
    }


def not_stated(components: Sequence[Component], cost: Literal["leakage_w", "area_m2"]) -> list[str]:
    """Roles of parts for which no source states a cost."""
    return sorted({component.role for component in components if getattr(component.cost, cost) is None})


def _spikes(results: RunResults) -> float | None:
    """Spikes of integrate-and-fire neurons; None for other converters."""
    if results.chip.readout.neuron is None:
        return None
    counts = action_counts(results.trace, results.activity)
    return sum(count for (_, action, _), count in counts.items() if action == "spike") / results.trace.images


def _busy(trace: Trace) -> dict[str, float]:
    """Time in which each component served, summed over its instances."""
    sums: defaultdict[str, float] = defaultdict(float)
    for (role, _), picoseconds in trace.ledger.busy_ps.items():
        sums[role] += picoseconds * PS
    return dict(sorted(sums.items()))


def _mapping(results: RunResults) -> dict[str, Any]:
    placement, chip = results.placement, results.chip
    by_layer, shares = results.costs.by("layer"), placement.arrays_by_layer
    layers = []
    for stage, trace in zip(placement.stages, results.trace.layers, strict=True):
        parts = [placement.layers[number] for number in stage.layers]
        names = {stage.name, *(part.name for part in parts)}
        copies = len(parts[0].replicas) if parts else 1
        layers.append(
            {
                "name": stage.name,
                **_arrays(parts, sum(shares[number] for number in stage.layers), chip.array.cells),
                "operator": None if stage.operator is None else type(stage.operator).__name__,
                "windows": stage.windows,
                "replicas": copies,
                "time_per_image_s": trace.busy_ps * PS / results.trace.images / copies,
                "stalled_s": trace.stalled_ps * PS / results.trace.images / copies,
                "energy_j": sum(by_layer.get(name, 0.0) for name in sorted(names)) / results.trace.images,
                "clipped_fraction": _clipped(results, names),
            }
        )
    cells = sum(layer.cells for layer in placement.layers)
    arrays = placement.arrays
    tiles = {tile for _, tile, _ in placement.sharers}
    return {
        "arrays": arrays,
        "parts": len(placement.parts),
        "arrays_available": chip.arrays,
        "tiles": len(tiles),
        "cells": cells,
        "utilization": cells / (arrays * chip.array.cells),
        "layers": layers,
    }


def _arrays(parts: Sequence[PlacedLayer], arrays: float, cells_each: int) -> dict[str, Any]:
    """What a stage's matrices take, its share of arrays that layers share; a digital operator takes nothing."""
    if not parts:
        nothing = dict.fromkeys(("rows", "outputs", "row_blocks", "reads_per_window", "utilization"))
        return {**nothing, "arrays": 0, "cells": 0}
    cells = sum(part.cells for part in parts)
    return {
        "rows": sum(part.matrix.weight.shape[0] for part in parts),
        "outputs": sum(part.matrix.weight.shape[1] for part in parts),
        "arrays": arrays,
        "row_blocks": sum(len(part.row_blocks) for part in parts),
        "reads_per_window": max(part.reads_per_chunk * part.chunks for part in parts),
        "cells": cells,
        "utilization": cells / (arrays * cells_each),
    }


def _clipped(results: RunResults, names: set[str]) -> float | None:
    """Share of conversions out of range; None where nothing was evaluated or converted."""
    active = [layer for layer in results.activity.layers if layer.name in names]
    if results.outputs is None or not active:
        return None
    return sum(layer.clipped for layer in active) / sum(layer.conversions for layer in active)


def _conversions(results: RunResults) -> dict[str, Any]:
    counts = results.trace.ledger.counts
    done = sum(count for (role, action, _), count in counts.items() if (role, action) == ("converter", "convert"))
    pairs = list(zip(results.activity.layers, results.placement.layers, strict=True))
    evaluated = sum(active.conversions * layer.matrix.windows for active, layer in pairs)
    clipped = sum(active.clipped * layer.matrix.windows for active, layer in pairs)
    return {
        "conversions": done,
        "clipped_fraction": None if results.outputs is None else clipped / evaluated,
        "model": results.chip.readout.cost_model,
    }


def model_of(component: Component) -> dict[str, Any]:
    """Which model a part's cost comes from, and how it was scaled."""
    cost = component.cost
    return {
        "component": component.role,
        "path": component.path,
        "model": cost.model,
        "source": cost.source,
        "scaling": cost.scaling,
    }
