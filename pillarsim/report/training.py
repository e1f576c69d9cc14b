"""From the results of a training run to one plain report (the JSON), with the sums checked.

Each device seed is another chip that is trained once. Times, energies and pulses are means over the device seeds,
`per_device_max` is over all of them; SI units in every number; what was not evaluated or no source states is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from pillarsim.arch.chip import Chip
from pillarsim.arch.components.component import Component
from pillarsim.arch.errors import ModelError
from pillarsim.arch.timing import PS
from pillarsim.arch.training.costs import STATIC, TrainingCosts, endurance_used
from pillarsim.arch.training.counts import StepCounts
from pillarsim.arch.training.placement import TrainingPlacement
from pillarsim.arch.training.trace import TrainingTrace
from pillarsim.devices.halfselect import partial_voltage
from pillarsim.report.build import area_section, chip_hash, model_of, not_stated
from pillarsim.report.cautions import learning_cautions
from pillarsim.report.training_cautions import training_cautions
from pillarsim.workloads.network import Network
from pillarsim.workloads.on_chip.interface import LayerWear

SCHEMA_VERSION = 1
STANDBY = "standby"  # energy of the whole run, which no phase caused: leakage, idle clocks, wake-ups


@dataclass(frozen=True, eq=False)
class SeedResults:
    """What one device seed gave: accuracy and mean loss by epoch, wear of the layers, times and counts, energy."""

    accuracy: tuple[float, ...]
    loss: tuple[float, ...]
    wear: tuple[LayerWear, ...]
    trace: TrainingTrace
    costs: TrainingCosts


@dataclass(frozen=True, eq=False)
class TrainingResults:
    """Everything that a training run produced.

    baseline: accuracy of the same network trained in software, None where there is none; notes: warnings of the stages.
    """

    chip: Chip
    chip_digest: str
    network: Network
    placement: TrainingPlacement
    components: tuple[Component, ...]
    baseline: float | None
    seeds: tuple[SeedResults, ...]
    options: dict[str, Any]
    datasets: dict[str, dict[str, Any]]
    notes: tuple[str, ...]
    seed: int
    versions: dict[str, str]


def build_training_report(results: TrainingResults) -> dict[str, Any]:
    """Return the report of a run; raises ModelError when parts do not sum to their total."""
    area = area_section(results.components)
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "chip": {"name": results.chip.name, "hash": chip_hash(results.chip_digest, results.components)},
        "workload": {
            "name": results.network.name,
            "weights": results.network.weights,
            "macs": results.network.macs,
            "hash": results.network.digest,
        },
        "datasets": results.datasets,
        "options": results.options,
        "seed": results.seed,
        "versions": results.versions,
        "accuracy": _accuracy(results),
        "loss": {"per_epoch": _by_epoch([seed.loss for seed in results.seeds]), "per_seed": _lists(results, "loss")},
        "time_s": _time(results),
        "energy_j": _energy(results),
        "pulses": _pulses(results),
        "endurance": _endurance(results),
        "leakage_w": _leakage(results),
        "area_m2": area,
        "counters": _counters(results, area["by_component"]),
        "disturb": _disturb(results),
        "models": [model_of(component) for component in results.components],
        "events": {
            "steps": results.seeds[0].trace.steps,
            "images": results.seeds[0].trace.images,
            "count": results.seeds[0].trace.events,
            "schedules": results.seeds[0].trace.schedules,
        },
        "warnings": _warnings(results),
    }
    _check_sums(report)
    return report


def _warnings(results: TrainingResults) -> list[str]:
    disturbed = sum(_sum(seed.trace.totals, "half_selected") for seed in results.seeds)
    chip, worn = results.chip, [seed.wear for seed in results.seeds]
    learnt = () if chip.learning is None else learning_cautions(chip.learning)
    return [*results.notes, *learnt, *training_cautions(chip.array.cell, worn, disturbed)]


def _mean(results: TrainingResults, value: Callable[[SeedResults], float]) -> float:
    """Mean over the device seeds; of one seed its own number, whole where that is."""
    found = [value(seed) for seed in results.seeds]
    return found[0] if len(found) == 1 else fmean(found)


def _means(results: TrainingResults, value: Callable[[SeedResults], dict[str, float]]) -> dict[str, float]:
    """Means by name, in the order in which names come up; what a seed lacks is 0."""
    found = [value(seed) for seed in results.seeds]
    names = {name: None for one in found for name in one}
    return {name: fmean(one.get(name, 0.0) for one in found) for name in names}


def _lists(results: TrainingResults, name: str) -> list[list[float]]:
    return [list(getattr(seed, name)) for seed in results.seeds]


def _by_epoch(rows: list[tuple[float, ...]]) -> list[float]:
    return [fmean(column) for column in zip(*rows, strict=True)]


def _accuracy(results: TrainingResults) -> dict[str, Any]:
    final = [seed.accuracy[-1] for seed in results.seeds]
    return {
        "metric": results.network.metric,
        "float_baseline": results.baseline,
        "per_epoch": _by_epoch([seed.accuracy for seed in results.seeds]),
        "per_seed": _lists(results, "accuracy"),
        "final_mean": fmean(final),
        "final_std": stdev(final) if len(final) > 1 else None,
        "samples": results.options["samples"],
    }


def _time(results: TrainingResults) -> dict[str, Any]:
    total = _mean(results, lambda seed: seed.trace.span_ps * PS)
    return {
        "total": total,
        "per_image": total / results.seeds[0].trace.images,
        "by_phase": _means(results, lambda seed: {name: ps * PS for name, ps in seed.trace.phase_ps.items()}),
        "arrays_held_by_layer": _means(results, _held),
    }


def _held(seed: SeedResults) -> dict[str, float]:
    """Array-seconds in which a layer's arrays were held."""
    sums: dict[str, float] = {}
    for (_, layer), ps in seed.trace.busy_ps.items():
        sums[layer] = sums.get(layer, 0.0) + ps * PS
    return sums


def _energy(results: TrainingResults) -> dict[str, Any]:
    def by(key: str) -> dict[str, float]:
        return dict(sorted(_means(results, lambda seed: seed.costs.by(key)).items()))

    total, layers, phases = _mean(results, lambda seed: seed.costs.total()), by("layer"), by("phase")
    leakage = by_leakage(results)
    return {
        "total": total,
        "per_image": total / results.seeds[0].trace.images,
        "dynamic": _mean(results, lambda seed: seed.costs.total("dynamic")),
        "leakage": sum(leakage.values()) if leakage else None,  # nothing stated is not zero
        "by_phase": {
            **{name: phases[name] for name in results.seeds[0].trace.phase_ps if name in phases},
            STANDBY: phases.get(STATIC, 0.0),
        },
        "by_layer": {layer.name: layers.get(layer.name, 0.0) for layer in results.placement.layers},
        "outside_layers": layers.get("", 0.0),
        "by_component": by("role"),
        "not_stated": sorted({role for seed in results.seeds for role in seed.costs.unstated}),
    }


def by_leakage(results: TrainingResults) -> dict[str, float]:
    """Joules of leakage by component."""
    return dict(sorted(_means(results, lambda seed: seed.costs.by("role", "leakage")).items()))


def _leakage(results: TrainingResults) -> dict[str, Any]:
    span_s = _mean(results, lambda seed: seed.costs.span_s)
    watts = {role: joules / span_s for role, joules in by_leakage(results).items()}
    return {
        "total": sum(watts.values()) if watts else None,
        "by_component": watts,
        "not_stated": not_stated(results.components, "leakage_w"),
    }


def _pulses(results: TrainingResults) -> dict[str, Any]:
    def of(*names: str, written: bool = False) -> float:
        return _mean(results, lambda seed: _sum(seed.trace.written if written else seed.trace.totals, *names))

    layers: list[dict[str, Any]] = []
    for number, placed in enumerate(results.placement.layers):
        wear = [seed.wear[number] for seed in results.seeds]
        pulses = fmean(layer.pulses for layer in wear)
        layers.append(
            {
                "name": placed.name,
                "arrays": len(placed.arrays),
                "devices": placed.devices,
                "pulses": pulses,
                "per_device_mean": pulses / placed.devices,
                "per_device_max": max(layer.pulses_max for layer in wear),
                "saturated": fmean(layer.saturated for layer in wear),
            }
        )
    total = sum(layer["pulses"] for layer in layers)
    return {
        "total": total,
        "set": of("sets"),
        "reset": of("resets"),
        "refresh": of("refresh_sets", "refresh_resets"),
        "programming": of("refresh_sets", "refresh_resets", written=True),
        "verify_reads": of("verifies", "refresh_verifies") + of("refresh_verifies", written=True),
        "per_device_mean": total / sum(layer.devices for layer in results.placement.layers),
        "per_device_max": max(layer["per_device_max"] for layer in layers),
        "by_layer": layers,
    }


def _sum(counts: StepCounts, *names: str) -> int:
    return sum(int(getattr(counts, name).sum()) for name in names)


def _endurance(results: TrainingResults) -> dict[str, Any]:
    """What part of the endurance that the card states has gone; None where it states none."""
    stated = results.chip.array.cell.endurance
    if stated is None:
        return {"cycles": None, "used_mean": None, "used_max": None}
    devices = sum(layer.devices for layer in results.placement.layers)
    pulses = _mean(results, lambda seed: sum(layer.pulses for layer in seed.wear))
    most = max(layer.pulses_max for seed in results.seeds for layer in seed.wear)
    return {
        "cycles": stated.cycles,
        "used_mean": endurance_used(1, stated.cycles) * pulses / devices,
        "used_max": endurance_used(most, stated.cycles),
    }


def _counters(results: TrainingResults, area: dict[str, float]) -> dict[str, Any]:
    """The arbitration: what was asked of it, what it let through, and what its counters cost."""
    requests = _mean(results, lambda seed: _sum(seed.trace.totals, "requests"))
    fired = _mean(results, lambda seed: _sum(seed.trace.totals, "sets", "resets"))
    energy, leakage = _means(results, lambda seed: seed.costs.by("role")), _leakage(results)["by_component"]
    return {
        "requests": requests,
        "pulses": fired,
        "energy_j": energy.get("counter"),
        "leakage_w": leakage.get("counter"),
        "area_m2": area.get("counter"),
    }


def _disturb(results: TrainingResults) -> dict[str, Any]:
    """Update pulses over half-selected devices."""
    write = results.chip.write
    pulses = _mean(results, lambda seed: _sum(seed.trace.totals, "half_selected"))
    return {
        "scheme": write.scheme,
        "voltage_v": partial_voltage(write.scheme, write.voltage),
        "disturb_voltage_v": results.chip.array.cell.disturb_voltage,
        "half_selected": pulses,
        "per_device_mean": pulses / sum(layer.devices for layer in results.placement.layers),
        "energy_j": _means(results, lambda seed: seed.costs.by("role")).get("half_select", 0.0),
    }


def _check_sums(report: dict[str, Any]) -> None:
    """Raise ModelError where the parts of a total do not sum to it (1e-9 relative)."""
    time, energy, leakage, area, pulses = (
        report[name] for name in ("time_s", "energy_j", "leakage_w", "area_m2", "pulses")
    )
    pairs = [
        ("time_s by phase", sum(time["by_phase"].values()), time["total"]),
        ("energy_j by phase", sum(energy["by_phase"].values()), energy["total"]),
        ("energy_j by layer", sum(energy["by_layer"].values()) + energy["outside_layers"], energy["total"]),
        ("energy_j by component", sum(energy["by_component"].values()), energy["total"]),
        ("energy_j as dynamic + leakage", energy["dynamic"] + (energy["leakage"] or 0.0), energy["total"]),
        ("leakage_w", sum(leakage["by_component"].values()) * time["total"], energy["leakage"] or 0.0),
        ("area_m2", sum(area["by_component"].values()), area["total"]),
        ("pulses", sum(pulses[name] for name in ("set", "reset", "refresh", "programming")), pulses["total"]),
    ]
    for name, parts, total in pairs:
        if not math.isclose(parts, total, rel_tol=1e-9, abs_tol=1e-30):
            raise ModelError(f"{name}: parts sum to {parts!r}, total is {total!r}")
