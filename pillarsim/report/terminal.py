"""The run report as a person reads it: one screen of totals, then the breakdowns."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from pillarsim.report.format import engineering, plural
from pillarsim.report.reload import reload_lines

MISSING = "not evaluated"


def percent(value: float | None, digits: int = 2) -> str:
    """A ratio as a percentage, or that it was not evaluated."""
    return MISSING if value is None else f"{100 * value:.{digits}f} %"


def quantity(value: float | None, unit: str) -> str:
    """A number in engineering notation, or that it was not evaluated."""
    return MISSING if value is None else engineering(value, unit)


def stated(value: float | None, unit: str) -> str:
    """A number in engineering notation, or that no source states it."""
    return "not stated" if value is None else engineering(value, unit)


def part(section: dict[str, Any], name: str, unit: str) -> str:
    """One component's share of a breakdown: a number, that it is not stated, or a dash where it has none."""
    if name in section["by_component"]:
        return engineering(section["by_component"][name], unit)
    return "not stated" if name in section["not_stated"] else "-"


def render(report: dict[str, Any]) -> str:
    """Return the whole report as text."""
    parts = [_title(report), _summary(report), _components(report), _layers(report)]
    if report["warnings"]:
        parts.append("\n".join(f"warning: {text}" for text in report["warnings"]))
    return "\n\n".join(parts)


def _title(report: dict[str, Any]) -> str:
    options, chip, workload = report["options"], report["chip"], report["workload"]
    seeds = plural(options["seeds"], "device seed") if options["samples"] else "values skipped"
    return (
        f"{chip['name']} running {workload['name']}    {plural(options['samples'], 'image')}, {seeds}, "
        f"{options['images']} timed, detail: {report['events']['detail']}, seed {report['seed']}"
    )


def _summary(report: dict[str, Any]) -> str:
    energy, leakage, area = report["energy_j"], report["leakage_w"], report["area_m2"]
    programming, latency, mapping = report["programming"], report["latency_s"], report["mapping"]
    lines = [
        ("accuracy", _accuracy(report["accuracy"])),
        (
            "latency",
            f"{quantity(latency['first_result'], 's')} first result    " + _steady(report),
        ),
        (
            "energy per image",
            f"{quantity(energy['per_image'], 'J')}    dynamic {quantity(energy['dynamic'], 'J')}    "
            f"leakage {stated(energy['leakage'], 'J')}    {_number(report['tops_per_w'], 'TOPS/W')}",
        ),
        ("average power", f"{quantity(report['power_w']['average'], 'W')}    {_number(report['tops'], 'TOPS')}"),
        ("leakage power", f"{stated(leakage['total'], 'W')}    {_largest(leakage['by_component'], 'W')}"),
        ("area", f"{quantity(area['total'], 'm2')}    {_largest(area['by_component'], 'm2')}"),
        (
            "programming",
            f"{quantity(programming['time_s'], 's')}    {quantity(programming['energy_j'], 'J')}    "
            f"{programming['pulses'] / programming['cells']:.2f} pulses a cell    "
            f"{percent(programming['failed_cells'] / programming['cells'])} outside tolerance",
        ),
        (
            "mapping",
            f"{_arrays(mapping)} on {plural(mapping['tiles'], 'tile')}    "
            f"{percent(mapping['utilization'], 1)} of their cells used",
        ),
        *reload_lines(report["reload"]),
        (
            "conversions",
            f"{report['adc']['conversions'] / report['options']['images']:,.0f} per image    "
            f"clipped: {percent(report['adc']['clipped_fraction'], 4)}    model {report['adc']['model']}",
        ),
        ("IR drop estimate" if report["ir_drop"]["model"] == "estimate" else "IR drop", _ir_drop(report["ir_drop"])),
        *_circuit(report["circuit"]),
        ("activity", report["activity"]["source"]),
    ]
    for name, section in (("energy", energy), ("leakage", leakage), ("area", area), ("programming", programming)):
        if section["not_stated"] and not section["by_component"]:
            lines.append(("not stated", f"{name} of every part"))
        elif section["not_stated"]:
            lines.append(("not stated", f"{name} of {', '.join(section['not_stated'])}: totals sum what is stated"))
    return tabulate(lines, tablefmt="plain")


def _arrays(mapping: dict[str, Any]) -> str:
    """Arrays in use; of a network in parts, those of all parts."""
    if mapping["parts"] == 1:
        return f"{mapping['arrays']} of {mapping['arrays_available']} arrays"
    return f"{mapping['arrays']} arrays in {mapping['parts']} parts, {mapping['arrays_available']} there,"


def _accuracy(accuracy: dict[str, Any]) -> str:
    if accuracy["chip_mean"] is None:
        return MISSING
    spread = "" if accuracy["chip_std"] is None else f" +- {100 * accuracy['chip_std']:.2f}"
    return (
        f"{percent(accuracy['float'])} float    {percent(accuracy['quantized'])} quantised    "
        f"{100 * accuracy['chip_mean']:.2f}{spread} % on the chip"
    )


def _ir_drop(drop: dict[str, Any]) -> str:
    if drop["mean"] is None:
        return "the chip file states no wire, driver or sense resistance"
    how = "the values use ideal wires" if drop["model"] == "estimate" else "solved, in values and energy"
    return (
        f"{percent(drop['mean'])} mean ({drop['layer']}), {percent(drop['worst'])} worst cell with all rows on "
        f"({drop['worst_layer']}); {how}"
    )


def _circuit(circuit: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the arrays' energy goes, and the error of linearised cells where there are any."""
    lines = []
    if circuit["model"] == "exact":
        parts = {name.replace("_", " "): joules for name, joules in circuit["energy_j"].items()}
        lines.append(("array energy", _largest(parts, "J", len(parts))))
        lines.append(
            (
                "array circuits",
                f"exact    {circuit['reads_solved']} sampled reads solved in full    "
                f"rms error of the values' column currents {percent(circuit['linear_rms'], 3)}",
            )
        )
    if circuit["column_gain"] == "calibrated":
        lines.append(("column gain", "calibrated with every input of an array on"))
    return lines


def _number(value: float | None, unit: str) -> str:
    return f"{unit} {MISSING}" if value is None else f"{value:.3g} {unit}"


def _steady(report: dict[str, Any]) -> str:
    each = report["latency_s"]["per_image_steady"]
    if each is None:
        return "steady state not evaluated (one image)"
    return f"{quantity(each, 's')} per image, steady    {quantity(report['throughput_per_s'], 'images/s')}"


def _largest(parts: dict[str, float], unit: str, shown: int = 4) -> str:
    ranked = sorted(parts.items(), key=lambda item: -item[1])
    text = [f"{name} {engineering(value, unit)}" for name, value in ranked[:shown] if value > 0]
    rest = sum(value for _, value in ranked[shown:])
    if rest > 0:
        text.append(f"other {engineering(rest, unit)}")
    return "    ".join(text)


def _components(report: dict[str, Any]) -> str:
    energy, leakage, area = (report[key]["by_component"] for key in ("energy_j", "leakage_w", "area_m2"))
    models = {entry["component"]: f"{entry['model']}" for entry in report["models"]}
    total = report["energy_j"]["per_image"]
    rows = []
    for name in sorted({*energy, *leakage, *area}, key=lambda name: (-energy.get(name, 0.0), name)):
        rows.append(
            (
                name,
                part(report["energy_j"], name, "J"),
                percent(energy.get(name, 0.0) / total, 1),
                part(report["leakage_w"], name, "W"),
                part(report["area_m2"], name, "m2"),
                models.get(name, ""),
            )
        )
    rows.append(
        (
            "total",
            quantity(total, "J"),
            "100 %",
            stated(report["leakage_w"]["total"], "W"),
            quantity(report["area_m2"]["total"], "m2"),
            "",
        )
    )
    headers = ("by component", "energy/image", "share", "leakage", "area", "model")
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", "right", "right", "right", "right", "left"))


def _layers(report: dict[str, Any]) -> str:
    rows = [
        (
            layer["name"],
            layer["arrays"],
            layer["replicas"],
            layer["windows"],
            quantity(layer["time_per_image_s"], "s"),
            quantity(layer["energy_j"], "J"),
            percent(layer["utilization"], 1),
            percent(layer["clipped_fraction"], 4),
        )
        for layer in report["mapping"]["layers"]
    ]
    headers = (
        "by layer",
        "arrays",
        "replicas",
        "windows",
        "time/image",
        "energy/image",
        "utilization",
        "clipped",
    )
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", *["right"] * 7))
