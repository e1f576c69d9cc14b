"""What the readers share: the data directory, numbers of samples, .npz files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError

__all__ = [
    "DATA_VARIABLE",
    "Progress",
    "Read",
    "Split",
    "TooFewImages",
    "count_of",
    "data_folder",
    "needed",
    "pixels",
    "read_npz",
]

DATA_VARIABLE = "PILLARSIM_DATA"
Split: TypeAlias = Literal["train", "validation", "test"]
# (files or samples done, in all)
Progress: TypeAlias = Callable[[int, int], None]


class Read(NamedTuple):
    """Samples (N, ...) float32, labels int64 (N,) or (N, classes), and in words which files they came from."""

    inputs: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    source: str


class TooFewImages(InputError):
    """More images were asked for than a split has, or none."""


def count_of(name: str, found: int, limit: int | None, words: str) -> int:
    """How many samples to take of `found`; raises TooFewImages for a limit that is not between 1 and `found`."""
    count = found if limit is None else limit
    if not 1 <= count <= found:
        raise TooFewImages(f"expected 1 to {found} images of {name} ({words}), found {count}")
    return count


def pixels(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Codes of 8 bits as code / 255, so that 8-bit inputs are exact."""
    scaled = codes.astype(np.float32)
    scaled /= np.float32(255)
    return scaled


def data_folder(data_dir: Path | None) -> Path | None:
    """The user's data directory, if one is named; it must exist even where the shipped files are used."""
    named, origin = data_dir, "data directory"
    if named is None and os.environ.get(DATA_VARIABLE):
        named, origin = Path(os.environ[DATA_VARIABLE]), f"data directory of {DATA_VARIABLE}"
    if named is not None and not named.is_dir():
        raise InputError(f"{named}: the {origin} is not a folder")
    return named


def needed(name: str, data_dir: Path | None, expected: str) -> Path:
    """The data directory of a dataset that is not shipped; raises InputError where none is named."""
    folder = data_folder(data_dir)
    if folder is None:
        raise InputError(f"dataset '{name}' is not shipped: expected --data-dir or {DATA_VARIABLE}, with {expected}")
    return folder


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz file by name; raises InputError if it is absent, damaged, or holds Python objects."""
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: expected an .npz file with named arrays, found a single array")
            with file:
                held = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected an .npz file") from None
    except InputError:
        raise
    except Exception as error:  # damage shows as almost any kind: of zip, zlib, tokenize, struct, MemoryError
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if "allow_pickle" in reason:  # numpy's advice is no advice here
            reason = "it holds Python objects, or is another kind of file"
        raise InputError(f"{path}: not a readable .npz file of numbers, perhaps truncated ({reason})") from error
    for name, array in held.items():
        if not isinstance(array, np.ndarray):  # numpy gives a member that is no .npy as bytes
            raise InputError(f"{path}: not a readable .npz file of numbers: '{name}' is no array")
    return held
