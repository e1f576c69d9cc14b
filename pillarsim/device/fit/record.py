"""A fit as plain data: what `--json` writes and the terminal shows."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from pillarsim.device.fit.result import Fit
from pillarsim.device.fit.table import Table

SCHEMA_VERSION = 1


def fit_record(fit: Fit, table: Table, card: str, versions: dict[str, str]) -> dict[str, Any]:
    """Return the fit; values in SI, the unit beside them. `card`: the name of the card that is written."""
    return {
        "schema_version": SCHEMA_VERSION,
        "model": fit.model,
        "card": card,
        "data": {
            "file": PurePath(table.name).name,
            "sha256": table.sha256,
            "points": fit.points,
            "left_out": fit.left_out,
            "columns": {role: header.text for role, header in table.headers.items()},
            "columns_not_used": list(table.unused),
            "range": {
                name: {"lowest": low, "highest": high, "unit": unit} for name, (low, high, unit) in fit.ranges.items()
            },
        },
        "parameters": {
            one.name: {"value": one.value, "standard_error": one.error, "unit": one.unit} for one in fit.parameters
        },
        "goodness": fit.goodness,
        "states": {"lrs_ohm": fit.lrs_ohm, "hrs_ohm": fit.hrs_ohm, "levels": fit.levels},
        "assumed": list(fit.assumed),
        "not_claimed": list(fit.not_claimed),
        "versions": versions,
    }
