"""The content of `pillarsim show` as plain data: parts and their costs, chip-file numbers, totals, peak throughput.

SI units throughout. None stands for what a source does not state; totals sum what is stated and count it.
Peak power of a part = sum of its actions' energy times peak rate, plus its leakage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import LoadedChip
from pillarsim.arch.chip.located import located
from pillarsim.arch.components.array_clock import peak_ops_per_s
from pillarsim.arch.components.build import build_components, chip_clock
from pillarsim.arch.components.component import Component, stated_peak_power_w
from pillarsim.arch.errors import InputError
from pillarsim.arch.reader import KeyPath, dotted
from pillarsim.devices.costs import product, total

SCHEMA_VERSION = 1
TILE_PATHS = ("tile.", "mesh.")  # parts that a tile's totals count: its own and its share of routers and links


def inventory(loaded: LoadedChip) -> dict[str, Any]:
    """Return everything that `show` prints; raises InputError for cards that are unknown or do not fit."""
    chip = loaded.chip
    try:
        components = build_components(chip)
    except InputError as error:
        raise located(error, loaded) from None
    clock = chip_clock(chip)
    tile = [component for component in components if component.path.startswith(TILE_PATHS)]
    return {
        "schema_version": SCHEMA_VERSION,
        "chip": {
            "name": loaded.name,
            "description": chip.description,
            "hash": loaded.digest,
            **_totals(components, [component.instances for component in components]),
        },
        "tile": {"count": chip.tile.count.total, **_totals(tile, [component.per_tile for component in tile])},
        "levels": _levels(chip),
        "arrays": chip.arrays,
        "cells": chip.arrays * chip.array.cells,
        "peak_ops_per_s": peak_ops_per_s(chip, clock),
        "timing_s": {
            "read": clock.read_ps * 1e-12,
            "convert": clock.convert_ps * 1e-12,
            "multiplication": clock.mvm_ps * 1e-12,
        },
        "converter_model": chip.readout.cost_model,
        "components": [_component(component) for component in components],
        "values": list(chip_values(loaded)),
    }


def peak_power_w(component: Component) -> float | None:
    """Peak power of one instance, static power included; None where neither is stated."""
    return total([stated_peak_power_w(component), component.cost.leakage_w])


def chip_values(loaded: LoadedChip) -> Iterator[dict[str, Any]]:
    """Yield every value of the resolved chip file: key, value (SI), unit, source; defaults say so."""
    for path, info, value in _leaves(loaded.chip, ()):
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        if extra.get("label") or value is None:
            continue
        written = _written(loaded, path)
        source = loaded.source_of(path) if written else None
        yield {
            "key": dotted(path),
            "value": value,
            "unit": _unit(info) if isinstance(value, float) else "",
            "source": source or ("chip file" if written else "default"),
        }


def _levels(chip: Chip) -> dict[str, int]:
    """Path of each level -> how many of it stand in the one around it."""
    counts = [chip.tile.count.total, *(level.count for level in list(chip.tile.chain())[1:])]
    return {"tile" + ".macro" * depth: count for depth, count in enumerate(counts)}


def _totals(components: Sequence[Component], counts: Sequence[float]) -> dict[str, Any]:
    columns = {
        "power_w": [peak_power_w(component) for component in components],
        "area_m2": [component.cost.area_m2 for component in components],
        "leakage_w": [component.cost.leakage_w for component in components],
    }
    sums: dict[str, Any] = {
        name: total(product(value, count) for value, count in zip(values, counts, strict=True))
        for name, values in columns.items()
    }
    stated = {name: sum(value is not None for value in values) for name, values in columns.items()}
    return {**sums, "parts": len(components), "parts_stated": stated}


def _component(component: Component) -> dict[str, Any]:
    cost = component.cost
    return {
        "path": component.path,
        "role": component.role,
        "group": component.group,
        "instances": component.instances,
        "per_tile": component.per_tile,
        "area_m2": cost.area_m2,
        "leakage_w": cost.leakage_w,
        "peak_power_w": peak_power_w(component),
        "total": {
            "area_m2": product(cost.area_m2, component.instances),
            "leakage_w": product(cost.leakage_w, component.instances),
            "peak_power_w": product(peak_power_w(component), component.instances),
        },
        "actions": [
            {
                "name": name,
                "energy_j": action.energy_j,
                "time_s": None if action.time_ps is None else action.time_ps * 1e-12,
                "peak_rate_hz": component.peak_rate_hz.get(name),
                "source": action.source,
            }
            for name, action in cost.actions.items()
        ],
        "model": cost.model,
        "source": cost.source,
        "scaling": cost.scaling,
        "charged_with": None if component.charged_with is None else ".".join(component.charged_with),
    }


def _unit(info: FieldInfo) -> str:
    """The SI unit of a field; also where it may be left out (``Voltage | None``)."""
    members = [info, *(mark for member in get_args(info.annotation) for mark in getattr(member, "__metadata__", ()))]
    for member in members:
        extra = getattr(member, "json_schema_extra", None)
        if isinstance(extra, dict) and "unit" in extra:
            return str(extra["unit"])
    return ""


def _leaves(section: BaseModel, path: KeyPath) -> Iterator[tuple[KeyPath, FieldInfo, Any]]:
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        for inner, item in _items(value, (*path, name)):
            if isinstance(item, BaseModel):
                yield from _leaves(item, inner)
            else:
                yield inner, info, item


def _items(value: Any, path: KeyPath) -> Iterable[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        return [((*path, key), item) for key, item in value.items()]
    return [(path, value)]


def _written(loaded: LoadedChip, path: KeyPath) -> bool:
    data: Any = loaded.document.data
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True
