"""The outputs of a run as a file of arrays."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from pillarsim.arch.errors import InputError
from pillarsim.report.accuracy import Outputs
from pillarsim.report.files import write_bytes

__all__ = ["write_outputs"]


def write_outputs(path: Path, outputs: Outputs | None) -> None:
    """Write `float` and `quantized` (N, values) and `chip` (device seeds, N, values) as a .npz file, whole or not.

    Raises InputError where nothing was evaluated, and where the file cannot be written.
    """
    if outputs is None:
        raise InputError(f"{path}: no output was computed; expected --inputs, or a trained network with a dataset")
    held = io.BytesIO()
    np.savez(held, float=outputs.float_, quantized=outputs.quantized, chip=outputs.chip)
    write_bytes(path, held.getvalue())
