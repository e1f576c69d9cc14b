"""The report of a training run as a person reads it: one screen of accuracy, time, energy and wear."""

from __future__ import annotations

import textwrap
from typing import Any

from tabulate import tabulate

from pillarsim.report.format import engineering, plural
from pillarsim.report.terminal import part, percent, quantity, stated

_WIDTH = 105  # letters of a value in the summary, so that lines stay within 120
_EPOCHS = 10  # that the table shows; of more, the first, the last and some between


def render_training(report: dict[str, Any]) -> str:
    """Return the whole report as text."""
    parts = [_title(report), _summary(report), _epochs(report), _phases(report), _layers(report), _components(report)]
    if report["warnings"]:
        parts.append("\n".join(f"warning: {text}" for text in report["warnings"]))
    return "\n\n".join(parts) + "\n"


def _title(report: dict[str, Any]) -> str:
    options = report["options"]
    return (
        f"{report['chip']['name']} learning {report['workload']['name']}    {plural(options['epochs'], 'epoch')} of "
        f"{plural(options['train_samples'], 'image')}, {plural(options['seeds'], 'device seed')}, seed {report['seed']}"
    )


def _summary(report: dict[str, Any]) -> str:
    time, energy, pulses, wear = (report[key] for key in ("time_s", "energy_j", "pulses", "endurance"))
    options, leakage, area = report["options"], report["leakage_w"], report["area_m2"]
    lines = [
        (
            "rule",
            f"{options['rule']}    {plural(options['devices_per_synapse'], 'device')} a synapse "
            f"({options['arrangement']})    learning rate {options['learning_rate']:g}    batch {options['batch']}",
        ),
        ("imperfections", ", ".join(options["imperfections"]) or "none"),
        ("accuracy", _accuracy(report["accuracy"])),
        ("time", f"{quantity(time['total'], 's')}    {quantity(time['per_image'], 's')} per image"),
        (
            "energy",
            f"{quantity(energy['total'], 'J')}    {quantity(energy['per_image'], 'J')} per image    dynamic "
            f"{quantity(energy['dynamic'], 'J')}    leakage {stated(energy['leakage'], 'J')}",
        ),
        (
            "pulses",
            f"{pulses['total']:,.0f}    {pulses['per_device_mean']:.4g} a device    "
            f"{pulses['per_device_max']:,} the most",
        ),
        ("endurance", _endurance(wear)),
        ("half-selected", _disturb(report["disturb"])),
        ("leakage power", stated(leakage["total"], "W")),
        ("area", quantity(area["total"], "m2")),
    ]
    for name, section in (("energy", energy), ("leakage", leakage), ("area", area)):
        if section["not_stated"]:
            text = f"{name} of {', '.join(section['not_stated'])}: totals sum what is stated"
            first, *more = textwrap.wrap(text, _WIDTH, break_on_hyphens=False)
            lines += [("not stated", first), *(("", line) for line in more)]
    return tabulate(lines, tablefmt="plain")


def _accuracy(accuracy: dict[str, Any]) -> str:
    spread = "" if accuracy["final_std"] is None else f" +- {100 * accuracy['final_std']:.2f}"
    software = accuracy["float_baseline"]
    beside = "no float baseline" if software is None else f"{percent(software)} trained in float"
    return (
        f"{100 * accuracy['final_mean']:.2f}{spread} % on the chip    {beside}    "
        f"{plural(accuracy['samples'], 'test image')}"
    )


def _endurance(wear: dict[str, Any]) -> str:
    if wear["cycles"] is None:
        return "the device card states none"
    return (
        f"{wear['cycles']:g} cycles stated    used {100 * wear['used_mean']:.3g} % in the mean    "
        f"{100 * wear['used_max']:.3g} % by the most worn device"
    )


def _disturb(disturb: dict[str, Any]) -> str:
    if not disturb["half_selected"]:
        return f"none (write scheme {disturb['scheme']})"
    moved = "which do not move" if disturb["disturb_voltage_v"] is None else "which move by the card's rate law"
    return (
        f"{disturb['half_selected']:,.0f} pulses over devices at {engineering(disturb['voltage_v'], 'V')} "
        f"({disturb['scheme']}), {moved}"
    )


def _epochs(report: dict[str, Any]) -> str:
    accuracy, loss = report["accuracy"]["per_epoch"], report["loss"]["per_epoch"]
    count = len(accuracy)
    if count <= _EPOCHS:
        shown = list(range(count))
    else:
        shown = sorted({round(k * (count - 1) / (_EPOCHS - 1)) for k in range(_EPOCHS)})
    rows = [
        ("by epoch", *(str(epoch + 1) for epoch in shown)),
        ("accuracy %", *(f"{100 * accuracy[epoch]:.2f}" for epoch in shown)),
        ("loss", *(f"{loss[epoch]:.4g}" for epoch in shown)),
    ]
    aligned = ("left", *["right"] * len(shown))
    return tabulate(rows[1:], rows[0], tablefmt="simple", disable_numparse=True, colalign=aligned)


def _phases(report: dict[str, Any]) -> str:
    time, energy = report["time_s"], report["energy_j"]
    rows = [
        (
            name,
            quantity(time["by_phase"][name], "s") if name in time["by_phase"] else "-",
            percent(time["by_phase"][name] / time["total"], 1) if name in time["by_phase"] else "-",
            quantity(energy["by_phase"].get(name, 0.0), "J"),
            percent(energy["by_phase"].get(name, 0.0) / energy["total"], 1),
        )
        for name in (*time["by_phase"], *(name for name in energy["by_phase"] if name not in time["by_phase"]))
    ]
    headers = ("by phase", "time", "share", "energy", "share")
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", *["right"] * 4))


def _layers(report: dict[str, Any]) -> str:
    energy = report["energy_j"]
    rows = [
        (
            layer["name"],
            layer["arrays"],
            layer["devices"],
            quantity(energy["by_layer"][layer["name"]], "J"),
            f"{layer['pulses']:,.0f}",
            f"{layer['per_device_mean']:.4g}",
            f"{layer['per_device_max']:,}",
            percent(layer["saturated"], 1),
        )
        for layer in report["pulses"]["by_layer"]
    ]
    rows.append(("outside layers", "", "", quantity(energy["outside_layers"], "J"), "", "", "", ""))
    bound = "past the knee" if report["options"]["rule"] == "binary" else "at a bound"
    headers = ("by layer", "arrays", "devices", "energy", "pulses", "a device", "most", bound)
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", *["right"] * 7))


def _components(report: dict[str, Any]) -> str:
    energy, leakage, area = (report[key] for key in ("energy_j", "leakage_w", "area_m2"))
    parts = sorted({*energy["by_component"], *leakage["by_component"], *area["by_component"]})
    rows = [
        (
            name,
            part(energy, name, "J"),
            percent(energy["by_component"].get(name, 0.0) / energy["total"], 1),
            part(leakage, name, "W"),
            part(area, name, "m2"),
        )
        for name in sorted(parts, key=lambda name: (-energy["by_component"].get(name, 0.0), name))
    ]
    rows.append(
        (
            "total",
            engineering(energy["total"], "J"),
            "100 %",
            stated(leakage["total"], "W"),
            quantity(area["total"], "m2"),
        )
    )
    headers = ("by component", "energy", "share", "leakage", "area")
    return tabulate(rows, headers, tablefmt="simple", colalign=("left", *["right"] * 4))
