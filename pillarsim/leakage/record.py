"""A study as plain data: what `--json` writes and the terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from pillarsim.leakage.circuit import RANDOM_LRS, own_nonlinearity
from pillarsim.leakage.grid import Point
from pillarsim.leakage.limits import LayerLimit, Limits, Thresholds, VoltageLimit
from pillarsim.leakage.source import Source
from pillarsim.leakage.study import Figures, Outcome
from pillarsim.leakage.words import best_highest, best_layers, best_lowest, sentences, window

SCHEMA_VERSION = 1

_SCHEMES = {
    "half": "selected word line V, selected bit lines 0, all others V/2",
    "third": "selected word line V, selected bit lines 0, other word lines V/3, other bit lines 2V/3",
    "ground": "selected word line V, all other lines 0",
    "float": "selected word line V, selected bit lines 0, all other lines floating",
}
_PATTERNS = {
    "all_lrs": "every other cell LRS, the worst case",
    "checker": "other cells LRS where the sum of their indices is even, else HRS",
    "random": f"other cells LRS with a chance of {RANDOM_LRS:g}, else HRS",
}


def study_record(
    source: Source,
    outcomes: Sequence[Outcome],
    limits: Limits,
    thresholds: Thresholds,
    *,
    pattern: str,
    seed: int,
    versions: dict[str, str],
) -> dict[str, Any]:
    """Return the whole study; lengths, counts and SI units are in the keys, None is what does not exist."""
    own = own_nonlinearity(source.spec, source.voltage_v)
    return {
        "schema_version": SCHEMA_VERSION,
        "source": {"kind": source.kind, "name": source.name, "digest": source.digest},
        "array": _array(source, own),
        "assumptions": _assumptions(source, outcomes, pattern, seed),
        "points": [_point(outcome, own) for outcome in outcomes],
        "refined_points": [
            _point(outcome, own) for limit in (*limits.lowest, *limits.highest) for outcome in limit.solved
        ],
        "conclusions": _conclusions(source, outcomes, limits, thresholds, own),
        "versions": versions,
    }


def _array(source: Source, own: float) -> dict[str, Any]:
    wires = {key: value for key, value in source.spec.items() if key.startswith("r_")}
    return {
        "layers": source.layers,
        "rows": source.rows,
        "columns": source.columns,
        "word_lines": source.spec["wl"]["type"] if source.vertical else None,
        "operation": source.operation,
        "voltage_v": source.voltage_v,
        "scheme": source.scheme,
        "bits": source.bits,
        "nonlinearity": own,
        "cell": source.spec["cell"],
        "selector": source.spec.get("selector"),
        "resistances_ohm": wires,
    }


def _assumptions(source: Source, outcomes: Sequence[Outcome], pattern: str, seed: int) -> dict[str, Any]:
    place = "the top layer, the last pillar row" if source.vertical else "the first row, whose columns are the longest"
    schemes = dict.fromkeys(outcome.point.scheme for outcome in outcomes)
    return {
        "pattern": f"{pattern}: {_PATTERNS[pattern]}",
        "seed": seed if pattern == "random" else None,
        "selected": f"the last columns of {place}; solved as LRS, then as HRS",
        "figures": "currents and power of the run with the selected cells LRS; disturb is the larger of both runs",
        "schemes": {scheme: _SCHEMES[scheme] for scheme in schemes},
        "regulators": "every line has a source of its own; losses of the V/2, V/3 and 2V/3 regulators are left out",
        "nonlinearity": "I(V) / I(V/2) at the array's own voltage, where the cell's currents are kept; 2 is linear",
    }


def _point(outcome: Outcome, own: float) -> dict[str, Any]:
    found = outcome.figures
    shown = {one.name: None for one in fields(Figures)} if found is None else asdict(found)
    return {**_values(outcome.point, own), **shown, "error": outcome.error}


def _values(point: Point, own: float, without: str | None = None) -> dict[str, Any]:
    values = {**asdict(point), "nonlinearity": own if point.nonlinearity is None else point.nonlinearity}
    return {key: value for key, value in values.items() if key != without}


def _conclusions(
    source: Source, outcomes: Sequence[Outcome], limits: Limits, thresholds: Thresholds, own: float
) -> dict[str, Any]:
    layers, lowest, highest = best_layers(limits), best_lowest(limits), best_highest(limits)
    return {
        "thresholds": asdict(thresholds),
        "largest_layers": None if layers is None or layers.largest is None else layers.largest.point.layers,
        "largest_layers_at": None if layers is None or layers.largest is None else _values(layers.largest.point, own),
        "lowest_voltage_v": _volts(lowest),
        "lowest_voltage_at": None if lowest is None or lowest.at is None else _values(lowest.at.point, own),
        "highest_voltage_v": _volts(highest),
        "highest_voltage_at": None if highest is None or highest.at is None else _values(highest.at.point, own),
        "layers_by_combination": [_layers(limit, own) for limit in limits.layers],
        "voltages_by_combination": [
            _voltages(low, high, own) for low, high in zip(limits.lowest, limits.highest, strict=True)
        ],
        "text": sentences(outcomes, limits, thresholds, source.operation),
    }


def _layers(limit: LayerLimit, own: float) -> dict[str, Any]:
    largest, beyond = limit.largest, limit.beyond
    return {
        **_values(limit.combination, own, "layers"),
        "largest_layers": None if largest is None else largest.point.layers,
        "read_margin": _margin(largest),
        "next_layers": None if beyond is None else beyond.point.layers,
        "next_read_margin": _margin(beyond),
        "monotone": limit.monotone,
    }


def _voltages(low: VoltageLimit, high: VoltageLimit, own: float) -> dict[str, Any]:
    between = window(low, high)
    return {
        **_values(low.combination, own, "voltage_v"),
        "lowest_voltage_v": _volts(low),
        "lowest_refined": low.refined,
        "lowest_monotone": low.monotone,
        "highest_voltage_v": _volts(high),
        "highest_refined": high.refined,
        "highest_monotone": high.monotone,
        "window_v": None if between is None else list(between),
    }


def _volts(limit: VoltageLimit | None) -> float | None:
    return None if limit is None or limit.at is None else limit.at.point.voltage_v


def _margin(outcome: Outcome | None) -> float | None:
    return None if outcome is None or outcome.figures is None else outcome.figures.read_margin
