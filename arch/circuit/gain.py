"""Column-gain calibration: each converted output's gain trimmed once, after programming.

With every input of an array on, an output should carry the sum of its cells' target conductances; its gain is that
sum over what its converter sees. A differential pair subtracted in analog has one gain, from both its columns.
It corrects what a column loses in the mean (wires, programming), not what differs from cell to cell or input to input.
Assumed: the gain is set in the converter's reference and costs no energy or area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer


def calibrate_gains(
    layers: Sequence[PlacedLayer],
    targets: Sequence[ProgrammedLayer],
    programmed: Sequence[ProgrammedLayer],
    analog_pairs: bool,
) -> tuple[ProgrammedLayer, ...]:
    """Return the programmed layers with each output's gain in `effective_s`; targets: the same with ideal cells.

    Raises InputError where an output carries no current with every input on, so that no gain mends it.
    """
    return tuple(
        _calibrated(layer, target, one, analog_pairs)
        for layer, target, one in zip(layers, targets, programmed, strict=True)
    )


def _calibrated(
    layer: PlacedLayer, target: ProgrammedLayer, programmed: ProgrammedLayer, analog_pairs: bool
) -> ProgrammedLayer:
    wanted, seen = target.conductance_s.double(), programmed.seen_s.double()
    trimmed = torch.empty_like(seen)
    axes = (0, 1) if analog_pairs else (1,)
    for block in layer.row_blocks:
        rows = slice(block.start, block.stop)
        expected, found = (part[:, rows].sum(dim=axes, keepdim=True) for part in (wanted, seen))
        if bool((found <= 0).any()):
            raise InputError(
                f"readout.column_gain: layer '{layer.name}': {int((found <= 0).sum())} of {found.numel()} outputs "
                "carry no current with every input on; expected arrays that lose less, or 'nominal'"
            )
        trimmed[:, rows] = seen[:, rows] * (expected / found)
    return replace(programmed, effective_s=trimmed.float())
