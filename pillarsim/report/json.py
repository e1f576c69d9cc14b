"""Reports as JSON text: stable key order as built, no NaN, one trailing newline."""

from __future__ import annotations

import json
from typing import Any


def json_text(report: dict[str, Any]) -> str:
    """Return `report` as indented JSON; raises ValueError for NaN or infinity, which no report may hold."""
    return json.dumps(report, indent=2, allow_nan=False) + "\n"
