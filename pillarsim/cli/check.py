"""`pillarsim check`: validate a chip file and say in one line what it describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pillarsim.cli.options import set_option

if TYPE_CHECKING:
    from pillarsim.arch.chip import Chip, Learning


@click.command("check")
@click.argument("chip", metavar="CHIP")
@set_option
def command(chip: str, sets: tuple[str, ...]) -> None:
    """Validate CHIP, a chip file or a preset's name."""
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.arch.chip.located import located
    from pillarsim.arch.components.build import build_components
    from pillarsim.arch.components.timing import build_timing
    from pillarsim.arch.errors import InputError
    from pillarsim.report.cautions import learning_cautions

    loaded = load_chip(chip, sets)
    try:
        build_timing(loaded.chip.hardware, build_components(loaded.chip.hardware), loaded.chip.idle)
    except InputError as error:
        raise located(error, loaded) from None
    click.echo(f"{loaded.document.name}: valid: {loaded.name}, {summary(loaded.chip)}")
    if loaded.chip.learning is not None:
        for text in learning_cautions(loaded.chip.learning):
            click.echo(f"warning: {text}")


def summary(chip: Chip) -> str:
    """Return one line on what `chip` is: tiles, arrays, weights that fit, readout."""
    from pillarsim.arch.components.array_clock import weights_per_array_row

    count, array, weights = chip.tile.count, chip.array, chip.weights
    layers = f"{array.layers} x " if array.geometry == "vertical" else ""
    fit = int(chip.arrays * array.inputs * weights_per_array_row(chip))
    learns = "" if chip.learning is None else f", {learns_as(chip.learning)}"
    return (
        f"{count.x} x {count.y} tiles, {chip.arrays} {array.geometry} arrays of "
        f"{layers}{array.rows} x {array.columns} cells, "
        f"room for {fit} {weights.bits}-bit weights ({weights.scheme}, {chip.bits_per_cell} bits a cell), "
        f"{chip.readout.bits}-bit {chip.readout.converter}{learns}"
    )


def learns_as(learning: Learning) -> str:
    """Return the words for how a chip learns."""
    devices = "1 device" if learning.devices_per_synapse == 1 else f"{learning.devices_per_synapse} devices"
    return f"learns by rule {learning.rule}, {devices} a synapse ({learning.arrangement})"
