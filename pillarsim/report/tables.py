"""The run report as CSV tables, one file a breakdown; SI units in the column names."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from pillarsim.report.files import make_folder, write_text


def write_csv(report: dict[str, Any], folder: Path) -> None:
    """Write summary.csv, components.csv and layers.csv into `folder`; raises InputError if it cannot be written."""
    make_folder(folder)
    for name, rows in csv_tables(report).items():
        write_text(folder / f"{name}.csv", _text(rows))


def csv_tables(report: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the tables, name -> rows."""
    energy, leakage, area = (report[key]["by_component"] for key in ("energy_j", "leakage_w", "area_m2"))
    models = {entry["component"]: entry for entry in report["models"]}
    components = [
        {
            "component": name,
            "energy_per_image_j": energy.get(name),
            "leakage_w": leakage.get(name),
            "area_m2": area.get(name),
            "model": models.get(name, {}).get("model"),
            "source": models.get(name, {}).get("source"),
            "scaling": models.get(name, {}).get("scaling"),
        }
        for name in sorted({*energy, *leakage, *area})
    ]
    keys = (
        "accuracy",
        "latency_s",
        "energy_j",
        "power_w",
        "leakage_w",
        "area_m2",
        "programming",
        "adc",
        "ir_drop",
    )
    summary = [
        {"quantity": f"{key}.{name}", "value": value}
        for key in keys
        for name, value in report[key].items()
        if not isinstance(value, (dict, list))
    ]
    summary += [{"quantity": key, "value": report[key]} for key in ("throughput_per_s", "tops", "tops_per_w")]
    return {"summary": summary, "components": components, "layers": report["mapping"]["layers"]}


def _text(rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
