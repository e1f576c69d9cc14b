"""From the results of a run's stages to one plain report (the JSON), with the sums checked.

SI units in every number; what was not evaluated or is not stated by a source is None.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pillarsim.arch.activity import Activity
from pillarsim.arch.chip import Chip
from pillarsim.arch.circuit.sampled import SampledReads
from pillarsim.arch.components.component import Component
from pillarsim.arch.costing import Costs, ProgrammingCosts, action_counts
from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import Placement
from pillarsim.arch.timing import PS
from pillarsim.arch.trace import ProgrammingTrace, Trace
from pillarsim.report.circuit import circuit_section
from pillarsim.workloads.network import Network

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Accuracy:
    """Share of right answers of the float, the integer and the chip's network on the same images."""

    metric: str
    float_: float
    quantized: float
    per_seed: tuple[float, ...]
    samples: int

    def as_json(self) -> dict[str, Any]:
        """The `accuracy` object; the standard deviation is the sample one (None for a single seed)."""
        mean = sum(self.per_seed) / len(self.per_seed)
        spread = None
        if len(self.per_seed) > 1:
            spread = math.sqrt(sum((x - mean) ** 2 for x in self.per_seed) / (len(self.per_seed) - 1))
        return {
            "metric": self.metric,
            "float": self.float_,
            "quantized": self.quantized,
            "chip_mean": mean,
            "chip_std": spread,
            "per_seed": list(self.per_seed),
            "samples": self.samples,
        }


NOT_EVALUATED: dict[str, Any] = {
    "float": None, "quantized": None, "chip_mean": None, "chip_std": None, "per_seed": [], "samples": 0,
}  # fmt: skip


@dataclass(frozen=True)
class RunResults:
    """Everything that the stages of one run produced."""

    chip: Chip
    chip_digest: str
    network: Network
    placement: Placement
    accuracy: Accuracy | None
    activity: Activity
    trace: Trace
    programming_trace: ProgrammingTrace
    costs: Costs
    programming: ProgrammingCosts
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
            **_unstated(results, "leakage"),
        },
        "area_m2": _area(results),
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
        "tops": None if throughput is None else operations * throughput / 1e12,
        "tops_per_w": operations / per_image_j / 1e12,
        "mapping": _mapping(results),
        "adc": _conversions(results),
        "ir_drop": results.ir_drop,
        "circuit": circuit_section(results.chip, results.costs, results.sampled, images),
        "activity": {"source": results.activity.source},
        "models": [_model(component) for component in results.components],
        "warnings": list(results.warnings),
        "span_s": span_s,
        "spikes_per_image": _spikes(results),
        "busy_s": _busy(trace),
        "events": {
            "count": trace.events + results.programming_trace.events,
            "detail": trace.detail,
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


def _area(results: RunResults) -> dict[str, Any]:
    areas: defaultdict[str, float] = defaultdict(float)
    for component in results.components:
        if component.cost.area_m2 is not None:
            areas[component.role] += component.instances * component.cost.area_m2
    return {
        "total": sum(areas.values()),
        "by_component": dict(sorted(areas.items())),
        **_unstated(results, "area"),
    }


def _unstated(results: RunResults, what: str) -> dict[str, list[str]]:
    missing = {
        component.role
        for component in results.components
        if (component.cost.leakage_w if what == "leakage" else component.cost.area_m2) is None
    }
    return {"not_stated": sorted(missing)}


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
    by_layer = results.costs.by("layer")
    activities = {layer.name: layer for layer in results.activity.layers}
    layers = []
    for layer, trace in zip(placement.layers, results.trace.layers, strict=True):
        active = activities[layer.name]
        layers.append(
            {
                "name": layer.name,
                "rows": layer.matrix.weight.shape[0],
                "outputs": layer.matrix.weight.shape[1],
                "windows": layer.matrix.windows,
                "arrays": layer.arrays,
                "replicas": len(layer.replicas),
                "row_blocks": len(layer.row_blocks),
                "reads_per_window": layer.reads_per_chunk * layer.chunks,
                "cells": layer.cells,
                "utilization": layer.cells / (layer.arrays * chip.array.cells),
                "time_per_image_s": trace.busy_ps * PS / results.trace.images / len(layer.replicas),
                "stalled_s": trace.stalled_ps * PS / results.trace.images / len(layer.replicas),
                "energy_j": by_layer.get(layer.name, 0.0) / results.trace.images,
                "clipped_fraction": None if results.accuracy is None else active.clipped / active.conversions,
            }
        )
    cells = sum(layer.cells for layer in placement.layers)
    arrays = sum(layer.arrays for layer in placement.layers)
    tiles = {array.tile for layer in placement.layers for arrays in layer.replicas for array in arrays}
    return {
        "arrays": arrays,
        "arrays_available": chip.arrays,
        "tiles": len(tiles),
        "cells": cells,
        "utilization": cells / (arrays * chip.array.cells),
        "layers": layers,
    }


def _conversions(results: RunResults) -> dict[str, Any]:
    counts = results.trace.ledger.counts
    done = sum(count for (role, action, _), count in counts.items() if (role, action) == ("converter", "convert"))
    pairs = list(zip(results.activity.layers, results.placement.layers, strict=True))
    evaluated = sum(active.conversions * layer.matrix.windows for active, layer in pairs)
    clipped = sum(active.clipped * layer.matrix.windows for active, layer in pairs)
    return {
        "conversions": done,
        "clipped_fraction": None if results.accuracy is None else clipped / evaluated,
        "model": results.chip.readout.cost_model,
    }


def _model(component: Component) -> dict[str, Any]:
    cost = component.cost
    return {
        "component": component.role,
        "path": component.path,
        "model": cost.model,
        "source": cost.source,
        "scaling": cost.scaling,
    }
