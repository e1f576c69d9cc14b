"""The leakage study as a person reads it: tables of points and of disturb, limits by combination, conclusions."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from pillarsim.report.format import engineering, plural

# key of a point -> header
_AXES = {
    "layers": "layers",
    "size": "size",
    "voltage_v": "voltage",
    "scheme": "scheme",
    "bits": "bits",
    "nonlinearity": "nonlinearity",
}
_SHOWN = 1e-18  # A, V or W; smaller numbers are the rounding of a circuit that has none


def render_leakage(record: dict[str, Any]) -> str:
    """Return the whole study as text."""
    points = [_with_size(point) for point in record["points"]]
    varied = [axis for axis in _AXES if len({point[axis] for point in points}) > 1]
    parts = [_title(record, points, varied), _points(points, varied), *_disturb(record, points, varied)]
    parts += _combinations(record["conclusions"], varied)
    parts.append("\n".join(record["conclusions"]["text"]))
    return "\n\n".join(parts) + "\n"


def _with_size(point: dict[str, Any]) -> dict[str, Any]:
    return {**point, "size": f"{point['rows']} x {point['columns']}"}


def _title(record: dict[str, Any], points: list[dict[str, Any]], varied: list[str]) -> str:
    source, array, assumed = record["source"], record["array"], record["assumptions"]
    lines = f"{array['word_lines']} word lines" if array["word_lines"] else "planar"
    fixed = [_fixed(points[0], axis) for axis in _AXES if axis not in varied and points[0][axis] is not None]
    head = f"{source['name']} ({source['kind']}): {', '.join([lines, *fixed])}; {plural(len(points), 'point')}"
    schemes = "\n".join(f"{scheme}: {meaning}" for scheme, meaning in assumed["schemes"].items())
    return f"{head}\n{assumed['pattern']}\nselected: {assumed['selected']}\n{schemes}\n{assumed['regulators']}"


def _fixed(point: dict[str, Any], axis: str) -> str:
    value = _axis(point, axis)
    if axis == "size":
        return f"{value} {'cells' if point['layers'] is None else 'pillars'}"
    if axis in ("layers", "bits"):
        return plural(point[axis], axis.removesuffix("s"))
    return value if axis == "voltage_v" else f"{axis} {value}"


def _axis(point: dict[str, Any], axis: str) -> str:
    value = point[axis]
    if value is None:
        return "-"
    if axis == "voltage_v":
        return engineering(value, "V")
    return f"{value:.4g}" if axis == "nonlinearity" else str(value)


def _points(points: list[dict[str, Any]], varied: list[str]) -> str:
    with_volts = any(point["read_margin_v"] is not None for point in points)
    headers = [
        *(_AXES[axis] for axis in varied),
        *("leakage", "sense leakage", "sense LRS", "margin"),
        *(["sense dV/V"] if with_volts else []),
        *("disturb", "of V", "power", "leakage/bit", "leakage power/bit"),
    ]
    rows = [[*(_axis(point, axis) for axis in varied), *_figures(point, with_volts)] for point in points]
    table = tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=["right"] * len(headers))
    failed = [
        f"failed: {', '.join(f'{_AXES[axis]} {_axis(point, axis)}' for axis in varied)}: {point['error']}"
        for point in points
        if point["error"] is not None
    ]
    return "\n".join([table, *failed])


def _figures(point: dict[str, Any], with_volts: bool) -> list[str]:
    if point["error"] is not None:
        return ["failed", *["-"] * (9 if with_volts else 8)]
    return [
        _quantity(point["i_leak_a"], "A"),
        _quantity(point["i_sense_leak_a"], "A"),
        _quantity(point["i_sense_lrs_a"], "A"),
        _percent(point["read_margin"]),
        *([_percent(point["read_margin_v"])] if with_volts else []),
        _quantity(point["disturb_v"], "V"),
        _percent(point["disturb_fraction"]),
        _quantity(point["power_w"], "W"),
        _quantity(point["leakage_per_bit_a"], "A"),
        _quantity(point["leakage_power_per_bit_w"], "W"),
    ]


def _disturb(record: dict[str, Any], points: list[dict[str, Any]], varied: list[str]) -> list[str]:
    """A table of the largest voltage over unselected cells by where they are; none without such cells."""
    solved = [point for point in points if point["disturb_v"] is not None]
    if not solved:
        return []
    vertical = record["array"]["word_lines"] is not None
    places = ("same pillar", "same word line") if vertical else ("same column", "same row")
    headers = [*(_AXES[axis] for axis in varied), *(f"disturb, {place}" for place in places), "elsewhere"]
    keys = ("disturb_same_pillar_v", "disturb_same_line_v", "disturb_elsewhere_v")
    rows = [
        [*(_axis(point, axis) for axis in varied), *(_quantity(point[key], "V") for key in keys)] for point in solved
    ]
    return [tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=["right"] * len(headers))]


def _combinations(conclusions: dict[str, Any], varied: list[str]) -> list[str]:
    """A table of layer counts and one of voltages, each only where there are several combinations."""
    tables = []
    layers = [_with_size(entry) for entry in conclusions["layers_by_combination"]]
    axes = [axis for axis in varied if axis != "layers"]
    if len(layers) > 1 and "layers" in varied:
        rows = [
            [
                *(_axis(entry, axis) for axis in axes),
                _count(entry["largest_layers"]),
                _percent(entry["read_margin"]),
                _count(entry["next_layers"]),
                _percent(entry["next_read_margin"]),
            ]
            for entry in layers
        ]
        headers = [*(_AXES[axis] for axis in axes), "largest layer count", "margin", "next studied", "its margin"]
        tables.append(tabulate(rows, headers, disable_numparse=True, colalign=["right"] * len(headers)))
    voltages = [_with_size(entry) for entry in conclusions["voltages_by_combination"]]
    axes = [axis for axis in varied if axis != "voltage_v"]
    if len(voltages) > 1 and "voltage_v" in varied:
        rows = [
            [
                *(_axis(entry, axis) for axis in axes),
                _bound(entry, "lowest"),
                _bound(entry, "highest"),
                _window(entry["window_v"]),
            ]
            for entry in voltages
        ]
        headers = [*(_AXES[axis] for axis in axes), "margin kept from", "leakage, disturb kept to", "all kept"]
        tables.append(tabulate(rows, headers, disable_numparse=True, colalign=["right"] * len(headers)))
    return tables


def _bound(entry: dict[str, Any], end: str) -> str:
    volts = entry[f"{end}_voltage_v"]
    if volts is None:
        return "none"
    note = "" if entry[f"{end}_refined"] else " (studied)"
    return f"{engineering(volts, 'V')}{note if entry[f'{end}_monotone'] else ' (not monotone)'}"


def _window(window: list[float] | None) -> str:
    return "none" if window is None else f"{engineering(window[0], 'V')} to {engineering(window[1], 'V')}"


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return engineering(value if abs(value) >= _SHOWN else 0.0, unit)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.3g} %"


def _count(value: int | None) -> str:
    return "none" if value is None else str(value)
