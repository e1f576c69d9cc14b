"""Base of every section of a chip file: frozen, no unknown keys, and a mark for keys that are labels."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A mapping of a chip file. Values are SI floats once read; sizes are bits, times seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


def label(default: Any = None, description: str = "") -> Any:
    """A field that names or documents and changes no number of a report (design rule 10)."""
    return Field(default=default, description=f"Label: {description}", json_schema_extra={"label": True})
