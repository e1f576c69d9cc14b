"""The JSON Schema of chip files as people write them, for editors and other tools."""

from __future__ import annotations

from typing import Any

from pillarsim.arch.chip import Chip

_SOURCED = {"$ref": "#/$defs/Sourced"}


def chip_json_schema() -> dict[str, Any]:
    """Return the schema of a chip file: the keys of `Chip`, with what the reader adds.

    The reader adds `extends`, the name of a device card as ``array.cell``, and ``{value: ..., source: ...}`` for
    any value. No key is required here, since a file may leave it to the one that it extends.
    """
    schema = Chip.model_json_schema(mode="validation")
    definitions: dict[str, Any] = schema["$defs"]
    for section in (schema, *definitions.values()):
        section.pop("required", None)
        properties: dict[str, Any] = section.get("properties", {})
        for name, value in properties.items():
            properties[name] = _with_source(value)
    extends = {"type": "string", "description": "A preset's name, or the path of another file to start from"}
    schema["properties"] = {"extends": extends, **schema["properties"]}
    definitions["CellCard"]["properties"] = {"extends": extends, **definitions["CellCard"]["properties"]}
    card = {"type": "string", "description": "Name or path of a device card"}
    cell = definitions["Array"]["properties"]["cell"]
    definitions["Array"]["properties"]["cell"] = {"anyOf": [card, *cell["anyOf"]]}
    definitions["Sourced"] = {
        "type": "object",
        "description": "A value and where it comes from; the value is what the key takes",
        "properties": {"value": {}, "source": {"type": "string"}},
        "required": ["value"],
        "additionalProperties": False,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_source(value: dict[str, Any]) -> dict[str, Any]:
    """Let the property `value` also be written with its source; notes on the key stay beside the choice."""
    notes: dict[str, Any] = {key: value[key] for key in ("title", "description", "default", "label") if key in value}
    plain = {key: member for key, member in value.items() if key not in notes}
    options = plain.pop("anyOf") if set(plain) == {"anyOf"} else [plain]
    return {**notes, "anyOf": [*options, _SOURCED]}
