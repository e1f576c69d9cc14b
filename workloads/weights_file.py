"""Tensors in a `.safetensors` file: read with every fault named, written whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pillarsim.arch.errors import InputError

__all__ = ["read_tensors", "write_tensors"]

Floats = npt.NDArray[np.float32]


def read_tensors(path: Path, mentioned_at: str) -> dict[str, Floats]:
    """Every tensor of the file as float32.

    mentioned_at: file:line that names the file, for the message. Raises InputError if the file is absent,
    unreadable, truncated or no safetensors file, or holds a type other than float16, float32 or float64.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{mentioned_at}: weights: no file {path}; expected a .safetensors file") from None
    except OSError as error:
        raise InputError(f"{mentioned_at}: weights: {path} cannot be read: {error.strerror}") from error
    try:
        found = load(raw)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{mentioned_at}: weights: {path} is truncated or no .safetensors file ({len(raw)} bytes: {error})"
        ) from error
    for name, array in found.items():
        if array.dtype.kind != "f":
            raise InputError(
                f"{mentioned_at}: weights: tensor '{name}' of {path} is {array.dtype}, "
                f"expected float16, float32 or float64"
            )
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which the layer then refuses by name
        return {name: array.astype(np.float32) for name, array in found.items()}


def write_tensors(path: Path, tensors: Mapping[str, Floats]) -> None:
    """Write the tensors as float32; the file appears whole or not at all."""
    raw = save({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in tensors.items()})
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(raw)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
