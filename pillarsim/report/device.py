"""Device cards, samples and fits as a person reads them."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from tabulate import tabulate

from pillarsim.report.format import duration, engineering, plural

_WIDEST = 118  # characters of a line, our choice
_PIPED = 200  # characters of a line that goes to no terminal, our choice
_GAP = 2  # characters between columns of a plain table
_HEADER = 2  # characters that the table adds to a header
_KEPT = 4  # columns of the list that any terminal gets
_NARROWEST = 16  # characters that a shortened column needs; with less it is left out
_TECHNOLOGY = 24  # characters of its column at most
_STATISTICS = ("median", "p05", "p25", "p75", "p95", "mean", "std")


def render_list(rows: list[dict[str, Any]]) -> str:
    """Return the cards, one line each, no wider than the terminal: columns that do not fit are cut or left out."""
    columns: dict[str, list[str]] = {
        "card": [row["name"] for row in rows],
        "LRS": [engineering(row["lrs_ohm"], "Ohm") for row in rows],
        "HRS": [engineering(row["hrs_ohm"], "Ohm") for row in rows],
        "levels": [str(row["levels"]) for row in rows],
        "written": [row["programming"] for row in rows],
        "pulse model": [row["pulse_model"] or "-" for row in rows],
        "retention": [row["retention"] or "-" for row in rows],
    }
    width = shutil.get_terminal_size((_PIPED, 24)).columns
    while len(columns) > _KEPT and _width(columns) > width:
        columns.popitem()
    for title, most in (("technology", _TECHNOLOGY), ("reference", width)):
        left = min(width - _width(columns) - _GAP, most)
        if left >= _NARROWEST:
            columns[title] = [_cut(row[title], left) for row in rows]
    align = ["right" if title in ("LRS", "HRS", "levels") else "left" for title in columns]
    table = list(zip(*columns.values(), strict=True))
    return tabulate(table, list(columns), tablefmt="simple", disable_numparse=True, colalign=align) + "\n"


def _width(columns: dict[str, list[str]]) -> int:
    """Characters of a line of the table."""
    widths = [max(len(title) + _HEADER, *map(len, cells)) for title, cells in columns.items()]
    return sum(widths) + _GAP * (len(columns) - 1)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip(" ,;") + "..."


def render_sheet(sheet: dict[str, Any]) -> str:
    """Return a card: labels, values with numbered sources, imperfections."""
    numbers: dict[str, int] = {}
    rows = []
    for entry in sheet["values"]:
        source = entry["source"]
        mark = "" if source is None else f"[{numbers.setdefault(source, len(numbers) + 1)}]"
        rows.append((entry["key"], _cut(entry["value"], 64), mark))
    based = f", extends {', '.join(sheet['extends'])}" if sheet["extends"] else ""
    labels = [
        textwrap.fill(f"{key.replace('_', ' '):13} {text}", _WIDEST, subsequent_indent=" " * 14)
        for key, text in sheet["labels"].items()
    ]
    kinds = sheet["imperfections"]
    switches = [f"{'imperfections':13} {', '.join(kinds['programmed']) or 'none'}"]
    if kinds["pulsed"] is not None and kinds["pulsed"] != kinds["programmed"]:
        switches.append(f"{'  by pulses':13} {', '.join(kinds['pulsed']) or 'none'}")
    sources = [
        textwrap.fill(f"  [{number}] {source}", _WIDEST, subsequent_indent="      ")
        for source, number in numbers.items()
    ]
    parts = [
        f"{sheet['card']} ({sheet['file']}{based})",
        "\n".join([*labels, *switches]),
        tabulate(rows, ("key", "value", "source"), tablefmt="simple", disable_numparse=True),
    ]
    return "\n\n".join([*parts, *(["sources\n" + "\n".join(sources)] if sources else [])]) + "\n"


def render_sample(record: dict[str, Any]) -> str:
    """Return a sample: what was drawn, and the statistics of each level or of the devices after pulses."""
    if record["pulses"] is None:
        rows = [
            [
                str(one["level"]),
                engineering(one["target_ohm"], "Ohm"),
                *(engineering(one["resistance_ohm"][name], "Ohm") for name in _STATISTICS),
                f"{one['write_pulses_mean']:.2f}",
                str(one["failed"]),
            ]
            for one in record["levels"]
        ]
        headers = ["level", "target", *_STATISTICS, "pulses", "failed"]
    else:
        rows = [[str(record["pulses"]), *(engineering(record["resistance_ohm"][name], "Ohm") for name in _STATISTICS)]]
        headers = ["pulses", *_STATISTICS]
    table = tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=["right"] * len(headers))
    return f"{_sample_title(record)}\n\n{table}\n"


def _sample_title(record: dict[str, Any]) -> str:
    if record["pulses"] is not None:
        before = f" after {plural(record['pulses_before'], 'pulse')}" if record["pulses_before"] else ""
        how = f"fresh devices{before}, then {record['pulses']} pulses" if before else "fresh devices, pulsed"
    elif record["verify"] is not None:
        tolerance = engineering(record["verify"]["tolerance_s"], "S")
        how = f"programmed until within {tolerance}, at most {record['verify']['max_pulses']} pulses"
    else:
        how = "programmed by one pulse, unverified"
    parts = [
        f"{record['card']}: resistance of {plural(record['count'], 'device')}"
        + ("" if record["pulses"] is not None else " a level"),
        how,
        f"imperfections {', '.join(record['imperfections']) or 'none'}",
        *([f"kept for {duration(record['time_s'])}"] if record["time_s"] is not None else []),
        *([f"at {record['temperature_k']:g} K"] if record["temperature_k"] is not None else []),
        f"seed {record['seed']}",
    ]
    return "; ".join(parts)


def render_fit(record: dict[str, Any]) -> str:
    """Return a fit: data, parameters with standard errors, goodness, the card."""
    data = record["data"]
    rows = [
        (name, _number(one["value"], one["unit"]), _number(one["standard_error"], one["unit"], 2))
        for name, one in record["parameters"].items()
    ]
    parameters = tabulate(
        rows,
        ("parameter", "value", "standard error"),
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", "right", "right"),
    )
    goodness = tabulate(
        [(name, f"{value:.4g}") for name, value in record["goodness"].items()],
        ("goodness", ""),
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", "right"),
    )
    ranges = "; ".join(
        f"{name} {_number(one['lowest'], one['unit'])} to {_number(one['highest'], one['unit'])}"
        for name, one in data["range"].items()
    )
    notes = [f"range: {ranges}"]
    if data["left_out"]:
        notes.append(f"left out: {plural(data['left_out'], 'point')}")
    if data["columns_not_used"]:
        notes.append(f"columns not used: {', '.join(data['columns_not_used'])}")
    notes += [f"assumed: {text}" for text in record["assumed"]]
    notes += [f"not claimed: {text}" for text in record["not_claimed"]]
    title = f"{record['model']} fitted to {data['file']}: {plural(data['points'], 'point')}"
    return "\n\n".join([title, parameters, goodness, "\n".join(notes), f"card: {record['card']}"]) + "\n"


def _number(value: float | None, unit: str, digits: int = 4) -> str:
    if value is None:
        return "-"
    if unit in ("", "a.u.", "K", "eV") or (unit == "s" and abs(value) >= 1):
        return f"{value:.{digits}g} {unit}".rstrip()
    return engineering(value, unit, digits)
