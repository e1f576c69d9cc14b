"""`pillarsim show` on a terminal: the resolved chip as a tree, each number with a reference to its source."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from pillarsim.report.format import engineering, size

NOT_STATED = "not stated"
_BRANCH = "│ "  # tabulate strips blanks, so depth is drawn


class _Sources:
    """Numbers the sources in the order in which they are first named."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, source: str) -> str:
        """Return ``[3]`` for `source`."""
        return f"[{self._numbers.setdefault(source, len(self._numbers) + 1)}]"

    def listing(self) -> str:
        """Return the numbered list."""
        return "\n".join(f"  [{number}] {source}" for source, number in self._numbers.items())


def render_show(data: dict[str, Any]) -> str:
    """Return the data of `inventory` as text."""
    sources = _Sources()
    parts = [_head(data), _parts(data, sources), _values(data, sources), "sources\n" + sources.listing()]
    return "\n\n".join(parts) + "\n"


def stated(value: float | None, unit: str) -> str:
    """A number in engineering notation, or that its source does not state it."""
    return NOT_STATED if value is None else engineering(value, unit)


def _head(data: dict[str, Any]) -> str:
    chip, tile, timing = data["chip"], data["tile"], data["timing_s"]
    lines = [f"{chip['name']}    {chip['description']}".rstrip(), ""]
    rows = [
        ("peak throughput", engineering(data["peak_ops_per_s"], "OPS"), "two operations a multiply-accumulate"),
        ("arrays", f"{data['arrays']:,}".replace(",", " "), f"{tile['count']} tiles, {data['cells']:.4g} cells"),
        (
            "array rhythm",
            engineering(timing["read"], "s"),
            f"a read; {engineering(timing['convert'], 's')} a conversion, "
            f"{engineering(timing['multiplication'], 's')} a multiplication; converter model {data['converter_model']}",
        ),
    ]
    for name, level in (("chip", chip), ("tile", tile)):
        rows += [
            (f"{name} area", stated(level["area_m2"], "m2"), _share(level, "area_m2")),
            (f"{name} peak power", stated(level["power_w"], "W"), _share(level, "power_w")),
            (f"{name} leakage", stated(level["leakage_w"], "W"), _share(level, "leakage_w")),
        ]
    return "\n".join(lines) + tabulate(rows, tablefmt="plain", colalign=("left", "right", "left"))


def _share(level: dict[str, Any], key: str) -> str:
    """``leakage_w`` and its kin: how many of the parts state it."""
    found, parts = level["parts_stated"][key], level["parts"]
    return f"all {parts} parts stated" if found == parts else f"{found} of {parts} parts stated"


def _parts(data: dict[str, Any], sources: _Sources) -> str:
    rows: list[tuple[str, ...]] = []
    for title, indent, components in _levels(data):
        rows.append((title, *[""] * 7))
        for component in components:
            rows += _part_rows(component, _BRANCH * (indent + 1), sources)
    headers = ("part", "count", "area", "leakage", "peak power", "energy", "peak rate", "model and source")
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", *["right"] * 6, "left"))


def _part_rows(component: dict[str, Any], indent: str, sources: _Sources) -> list[tuple[str, ...]]:
    """One row for the part (numbers of one instance) and one for each of its actions."""
    rows: list[tuple[str, ...]] = [
        (
            indent + component["role"],
            _count(component["instances"]),
            stated(component["area_m2"], "m2"),
            stated(component["leakage_w"], "W"),
            stated(component["peak_power_w"], "W"),
            "",
            "",
            f"{component['model']} {sources.mark(component['source'])}; {component['scaling']}",
        )
    ]
    for action in component["actions"]:
        rate = action["peak_rate_hz"]
        note = f", with each {component['charged_with']}" if component["charged_with"] else ""
        rows.append(
            (
                f"{indent}{_BRANCH}.{action['name']}",
                *[""] * 4,
                stated(action["energy_j"], "J"),
                "" if rate is None else "not at peak" if rate == 0 else engineering(rate, "Hz"),
                sources.mark(action["source"]) + note,
            )
        )
    return rows


def _count(number: float) -> str:
    text = f"{number:,.0f}" if number == round(number) else f"{number:,.2f}"
    return text.replace(",", " ")


def _levels(data: dict[str, Any]) -> list[tuple[str, int, list[dict[str, Any]]]]:
    """Group the parts by the level they stand in, outermost first: (title, depth, parts)."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for component in data["components"]:
        groups.setdefault(component["path"].rpartition(".")[0], []).append(component)
    ordered = sorted(groups, key=lambda path: ((path != "", path.startswith("tile")), path.count("."), path))
    levels = []
    for path in ordered:
        depth = path.count(".") + 1 if path else 0
        title = path.rpartition(".")[2] or "chip"
        note = f" (x {data['levels'][path]})" if path in data["levels"] else ""
        levels.append((_BRANCH * depth + title + note, depth, groups[path]))
    return levels


def _values(data: dict[str, Any], sources: _Sources) -> str:
    rows = []
    previous: list[str] = []
    for entry in data["values"]:
        keys = entry["key"].split(".")
        same = next((i for i, (a, b) in enumerate(zip(keys, previous, strict=False)) if a != b), 0)
        rows += [(_BRANCH * depth + keys[depth], "", "") for depth in range(same, len(keys) - 1)]
        rows.append((_BRANCH * (len(keys) - 1) + keys[-1], _value(entry), sources.mark(entry["source"])))
        previous = [*keys[:-1], ""]
    return tabulate(rows, ("chip file", "value", "source"), tablefmt="simple", colalign=("left", "right", "left"))


def _value(entry: dict[str, Any]) -> str:
    value, unit = entry["value"], entry["unit"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if unit == "bit":
        return size(value)
    if unit == "K":
        return f"{value:g} K"
    return engineering(value, unit) if unit else f"{value:g}"
