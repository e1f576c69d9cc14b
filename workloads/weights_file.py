"""Tensors in a `.safetensors` file: read with every fault named, written whole or not at all.

A tensor of two values, -a and +a, is written as bits: `<name>.signs`, uint8, the values row-major, eight to a byte, the
first in the highest bit, 1 for +a; and `<name>.scale`, float32 of shape (1,), a.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pillarsim.arch.errors import InputError, nearest

__all__ = ["Tensors", "read_tensors", "write_tensors"]

Floats = npt.NDArray[np.float32]

_SIGNS, _SCALE = ".signs", ".scale"
_LEAST_BINARY = 64  # values; a shorter tensor of two values is written as floats (ours)


@dataclass
class Tensors:
    """The tensors of a file. `path`, `where`: of the file, and file:line that names it, for messages."""

    path: Path
    where: str
    held: dict[str, npt.NDArray[Any]]
    used: set[str] = field(default_factory=set)

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """The tensor of a name, read-only float32; raises InputError if it is not there or of another shape."""
        if name not in self.held and f"{name}{_SIGNS}" in self.held:
            return self._binary(name, shape)
        found = self.held.get(name)
        if found is None:
            self._fail(f"{self.path} has no tensor '{name}'{nearest(name, self.held)}")
        if found.shape != shape:
            self._fail(f"tensor '{name}' of {self.path} has shape {found.shape}, the topology asks for {shape}")
        self.used.add(name)
        return found

    def check_all_used(self, ignored: str) -> None:
        """Raise InputError where a tensor was not taken, unless its name ends in `ignored`."""
        unused = sorted(name for name in self.held.keys() - self.used if not name.endswith(ignored))
        if unused:
            self._fail(f"{self.path} has tensors that no layer uses: {', '.join(unused)}")

    def _binary(self, name: str, shape: tuple[int, ...]) -> Floats:
        signs, scale = self.held[f"{name}{_SIGNS}"], self.take(f"{name}{_SCALE}", (1,))
        count = math.prod(shape)
        if signs.shape != (-(-count // 8),):
            self._fail(
                f"tensor '{name}{_SIGNS}' of {self.path} has {signs.size} bytes, "
                f"the topology asks for one bit for each value of {shape}"
            )
        self.used.add(f"{name}{_SIGNS}")
        bits = np.unpackbits(signs, count=count).reshape(shape)
        array = np.where(bits, scale, -scale).astype(np.float32, copy=False)
        array.flags.writeable = False
        return array

    def _fail(self, message: str) -> NoReturn:
        raise InputError(f"{self.where}: weights: {message}")


def read_tensors(path: Path, mentioned_at: str) -> Tensors:
    """Every tensor of the file, as float32 but for the bits of binary ones.

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
    del raw
    for name, array in found.items():
        bits = name.endswith(_SIGNS) and array.dtype == np.uint8 and array.ndim == 1
        if array.dtype.kind != "f" and not bits:
            raise InputError(
                f"{mentioned_at}: weights: tensor '{name}' of {path} is {array.dtype}, "
                f"expected float16, float32 or float64"
            )
        if not bits:
            with np.errstate(over="ignore"):  # an overflow becomes infinite, which the layer then refuses by name
                found[name] = array = array.astype(np.float32)
        array.flags.writeable = False
    return Tensors(path, mentioned_at, found)


def write_tensors(path: Path, tensors: Mapping[str, Floats]) -> None:
    """Write the tensors, binary ones as bits, the others as float32; the file appears whole or not at all."""
    packed: dict[str, npt.NDArray[Any]] = {}
    for name, array in tensors.items():
        packed.update(_packed(name, np.asarray(array, dtype=np.float32, order="C")))
    raw = save(packed)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(raw)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _packed(name: str, array: Floats) -> dict[str, npt.NDArray[Any]]:
    scale = np.abs(array.reshape(-1)[:1])
    if array.size < _LEAST_BINARY or not scale.all() or not (np.abs(array) == scale).all():
        return {name: array}
    return {f"{name}{_SIGNS}": np.packbits(array > 0), f"{name}{_SCALE}": scale}
