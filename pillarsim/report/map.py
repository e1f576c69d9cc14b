"""The map of a network on a chip as a person reads it: totals, layers, busiest parts, readings of vertical arrays."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from pillarsim.report.format import engineering, plural

__all__ = ["render_map"]

_SHOWN = 1e-18  # W; smaller numbers are the rounding of a circuit that has none


def render_map(record: dict[str, Any]) -> str:
    """Return the whole map as text."""
    parts = [_title(record), _summary(record), _layers(record), _busiest(record)]
    if record["readings"]:
        parts.append(_readings(record))
    return "\n\n".join(parts) + "\n"


def _title(record: dict[str, Any]) -> str:
    workload = record["workload"]
    return (
        f"{workload['name']} on {record['chip']['name']}    {_count(workload['weights'])} weights, "
        f"{_count(workload['macs'])} multiply-accumulates an image"
    )


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _summary(record: dict[str, Any]) -> str:
    arrays, tiles, traffic, slowest = record["arrays"], record["tiles"], record["traffic"], record["bottleneck"]
    used = f"{100 * arrays['utilization']:.1f} % of their cells used"
    shared = f"    {arrays['shared']} shared by several layers" if arrays["shared"] else ""
    ratio = traffic["against_random"]
    against = "" if ratio is None else f"    {100 * ratio:.1f} % of random places"
    lines = [
        ("arrays", f"{_count(arrays['most_at_once'])} of {_count(arrays['available'])}    {used}{shared}"),
        ("tiles", f"{_count(tiles['used'])} of {_count(tiles['available'])}    order: {record['placement']['order']}"),
        ("bottleneck", f"{_part(slowest)}    at most {_rate(record['time_per_image_s'])}"),
        (
            "traffic an image",
            f"{_bytes(traffic['bytes_per_image'])}    {_bytes(traffic['hop_bytes_per_image'])} x hops{against}",
        ),
    ]
    if len(record["parts"]) > 1:
        listed = ", ".join(f"{part['first']} to {part['last']} ({part['arrays']})" for part in record["parts"])
        lines.append(("parts (arrays)", f"{len(record['parts'])}, {arrays['used']} arrays in all: {listed}"))
        lines.append(("", "programmed in turn, which takes time beside what is shown here (`pillarsim run`)"))
    return tabulate(lines, tablefmt="plain")


def _bytes(number: float) -> str:
    text = engineering(number, "")
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def _rate(time_s: float) -> str:
    return engineering(1 / time_s, "images/s")


def _part(busy: dict[str, Any]) -> str:
    """`arrays of conv1: 20.1 ms an image`."""
    where = "" if busy["tile"] is None else f" in tile {busy['tile']}"
    names = ", ".join(busy["layers"][:3]) + (f" and {len(busy['layers']) - 3} more" if len(busy["layers"]) > 3 else "")
    return f"{busy['what'].replace('_', ' ')}{where} ({names}): {engineering(busy['time_per_image_s'], 's')} an image"


def _layers(record: dict[str, Any]) -> str:
    rows = [
        (
            layer["name"],
            layer["operator"] or f"{layer['rows']} x {layer['outputs']}",
            f"{layer['arrays']:g}",
            layer["replicas"],
            "-" if layer["utilization"] is None else f"{100 * layer['utilization']:.1f} %",
            layer["windows"],
            "-" if layer["window_s"] is None else engineering(layer["window_s"], "s"),
            engineering(layer["time_per_image_s"], "s"),
            layer["tiles"] or "-",
            _homes(layer["homes"]),
        )
        for layer in record["layers"]
    ]
    headers = (
        "by layer", "matrix", "arrays", "copies", "utilization", "windows", "window", "time/image", "tiles", "home",
    )  # fmt: skip
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", "left", *["right"] * 8))


def _homes(homes: list[int]) -> str:
    return str(homes[0]) if len(homes) == 1 else f"{homes[0]} +{len(homes) - 1}"


def _busiest(record: dict[str, Any]) -> str:
    lines = ["busiest parts, in closed form (network and waiting left out)"]
    lines += [f"  {_part(busy)}" for busy in record["busiest"]]
    return "\n".join(lines)


def _readings(record: dict[str, Any]) -> str:
    rows = []
    for row in record["readings"]:
        name = f"{row['reading']}{' (this chip)' if row['chosen'] else ''}"
        if row["excluded"] is not None:
            rows.append((name, *[""] * 7, row["excluded"]))
            continue
        rows.append(
            (
                name,
                row["inputs_a_read"],
                row["reads_a_chunk"],
                engineering(row["read_s"], "s"),
                engineering(row["window_s"], "s"),
                engineering(row["array_current_a"], "A"),
                engineering(row["chip_current_a"], "A"),
                engineering(row["signal_w"], "W"),
                "not solved" if row["sneak_w"] is None else _power(row["sneak_w"]),
            )
        )
    headers = (
        "reading of a full array", "inputs", "reads", "read", "window", "current", "all arrays", "signal", "sneak",
    )  # fmt: skip
    note = (
        f"One read with every input on, cells at the mean of their states; all arrays: the "
        f"{plural(record['arrays']['most_at_once'], 'array')} in use reading at once."
    )
    return f"{tabulate(rows, headers, tablefmt='simple', colalign=('left', *['right'] * 8))}\n{note}"


def _power(watts: float) -> str:
    return engineering(watts if watts > _SHOWN else 0.0, "W")
