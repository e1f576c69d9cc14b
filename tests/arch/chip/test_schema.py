"""The schema itself: drawn chips are valid, and the JSON Schema knows every key."""

from typing import Any

from hypothesis import given, settings

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.explain import key_paths
from pillarsim.arch.chip.json_schema import chip_json_schema
from tests.strategies import chips


@settings(max_examples=50, deadline=None)
@given(chips())
def test_drawn_chips_are_valid_and_consistent(chip: Chip) -> None:
    """Derived numbers of any valid chip agree with each other."""
    assert chip.slices * chip.bits_per_cell >= chip.weights.magnitude_bits
    assert (chip.slices - 1) * chip.bits_per_cell < chip.weights.magnitude_bits
    assert chip.converters_per_array * chip.readout.columns_shared >= chip.outputs_per_array
    assert 1 <= chip.array.active_inputs <= chip.array.inputs
    low, high = chip.array.conductance_range
    assert 0 < low < high


def test_json_schema_knows_every_key_and_what_the_reader_adds() -> None:
    """Every section lists its keys, `extends` and named cells are allowed, and no key is required."""
    schema = chip_json_schema()
    sections: dict[str, Any] = schema["$defs"]
    known = {name for section in (schema, *sections.values()) for name in section.get("properties", {})}
    assert {str(path[-1]) for path in key_paths(Chip)} <= known
    assert "extends" in schema["properties"]
    assert {"type": "string", "description": "Name or path of a device card"} in sections["Array"]["properties"][
        "cell"
    ]["anyOf"]
    assert all("required" not in section for name, section in sections.items() if name != "Sourced")
    voltage = sections["Array"]["properties"]["read_voltage"]["anyOf"]
    assert {"type": "string", "dimension": "voltage", "unit": "V"}.items() <= voltage[0].items()
