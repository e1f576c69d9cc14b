"""A user's own samples: an .npz file with `x` and, optionally, labels `y`."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError
from pillarsim.workloads.network import Network
from pillarsim.workloads.readers.common import read_npz

__all__ = ["load_arrays"]


def load_arrays(
    path: Path, network: Network | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64] | None]:
    """(x, y) of an .npz file: x float32, samples first; y int64 of (N,) classes or (N, labels) of 0 and 1, or None.

    network: whose input shape x must have, and whose outputs bound the labels. Raises InputError for a file that cannot
    be read or has other arrays, values that are no finite numbers (float32), labels that are no integers, are negative
    or name no output, and shapes that do not fit.
    """
    held = read_npz(path)
    if "x" not in held:
        found = ", ".join(held) or "no array"
        raise InputError(f"{path}: no array 'x'; expected x and, optionally, y, found {found}")
    other = [name for name in held if name not in ("x", "y")]
    if other:
        raise InputError(f"{path}: unknown array '{other[0]}'; expected x and, optionally, y")
    inputs = _inputs(path, held["x"])
    if network is not None and inputs.shape[1:] != network.input_shape:
        hint = "; one sample still needs a first axis of length 1" if inputs.shape == network.input_shape else ""
        raise InputError(
            f"{path}: x has shape {inputs.shape}, but workload '{network.name}' takes (samples, "
            f"{', '.join(map(str, network.input_shape))}){hint}"
        )
    labels = None if "y" not in held else _labels(path, held["y"], len(inputs), network)
    return inputs, labels


def _inputs(path: Path, given: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if given.dtype.kind not in "fiub":
        raise InputError(f"{path}: x is {given.dtype}, expected real numbers")
    if given.ndim < 2 or not given.size:
        raise InputError(f"{path}: x has shape {given.shape}, expected samples first: (samples, ...), none of them 0")
    with np.errstate(over="ignore"):
        inputs = np.ascontiguousarray(given, dtype=np.float32)
    bad = int(np.count_nonzero(~np.isfinite(inputs)))
    if bad:
        raise InputError(f"{path}: x holds {bad} value(s) that are not finite numbers of float32")
    return inputs


def _labels(path: Path, given: npt.NDArray[Any], samples: int, network: Network | None) -> npt.NDArray[np.int64]:
    if given.dtype.kind not in "iub":
        raise InputError(f"{path}: y is {given.dtype}, expected integers")
    if given.ndim not in (1, 2) or len(given) != samples:
        raise InputError(f"{path}: y has shape {given.shape}, expected ({samples},) or ({samples}, labels)")
    if given.ndim == 2 and not np.isin(given, (0, 1)).all():
        raise InputError(f"{path}: y of {given.shape} holds {given.min()} to {given.max()}, expected 0 and 1")
    if given.min() < 0:
        raise InputError(f"{path}: y holds the label {given.min()}, expected 0 or more")
    if network is not None:
        outputs = network.shapes[-1]
        if given.ndim == 2 and given.shape[1:] != outputs:
            raise InputError(f"{path}: y has shape {given.shape}, but workload '{network.name}' gives {outputs}")
        if given.ndim == 1 and given.max() >= outputs[0]:
            raise InputError(
                f"{path}: y holds the label {given.max()}, but workload '{network.name}' has outputs 0 to "
                f"{outputs[0] - 1}"
            )
    return given.astype(np.int64)
