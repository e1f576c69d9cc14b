"""`pillarsim schema`: the JSON Schema of chip files."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of chip files."""
    import json

    from pillarsim.arch.chip.json_schema import chip_json_schema

    click.echo(json.dumps(chip_json_schema(), indent=2, ensure_ascii=False))
