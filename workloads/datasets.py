"""Labelled images for training and evaluation.

Shipped: all 10 000 MNIST test images and the first 10 000 training images. A data directory (argument, or
the environment variable PILLARSIM_DATA) with the published files in `mnist/` gives the training split its
full 60 000.
"""

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError, nearest

__all__ = ["DATA_VARIABLE", "Dataset", "Split", "TooFewImages", "dataset_names", "load_dataset", "read_idx"]

DATA_VARIABLE = "PILLARSIM_DATA"
Split: TypeAlias = Literal["train", "test"]

_SHIPPED = Path(__file__).parent / "data"
_NAMES = ("mnist",)
_MNIST_CLASSES = 10
_IDX_UINT8 = 8


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, in the order of their source.

    images: float32 (N, C, H, W) in [0, 1], pixel / 255, so that 8-bit codes are exact; labels: int64 (N,);
    source: in words, which files they came from.
    """

    name: str
    split: Split
    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    source: str


class TooFewImages(InputError):
    """More images were asked for than a split has, or none."""


def dataset_names() -> tuple[str, ...]:
    """The names that `load_dataset` takes."""
    return _NAMES


def load_dataset(name: str, split: Split, limit: int | None = None, data_dir: Path | None = None) -> Dataset:
    """The first `limit` images of a split (all of them for None).

    data_dir: folder that holds `mnist/`; None means the environment variable PILLARSIM_DATA, and without it
    the shipped files. The test split is the shipped one in every case: it is complete.
    Raises InputError for an unknown name, a data directory that is not there or lacks the files, a damaged
    file, or a limit that is not between 1 and the number of images.
    """
    if name not in _NAMES:
        raise InputError(f"unknown dataset '{name}'{nearest(name, _NAMES)}; known: {', '.join(_NAMES)}")
    folder = _data_folder(data_dir)
    if split == "test":
        stem, root, source = "t10k", _SHIPPED / "mnist", "MNIST, 10 000 test images, shipped"
    elif folder is None:
        stem, root, source = "train10k", _SHIPPED / "mnist", "MNIST, first 10 000 training images, shipped"
    else:
        stem, root, source = (
            "train",
            folder / "mnist",
            "MNIST, 60 000 training images, from the data directory",
        )
    images_file, labels_file = root / f"{stem}-images-idx3-ubyte.gz", root / f"{stem}-labels-idx1-ubyte.gz"
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    if len(images) != len(labels):
        raise InputError(f"{images_file}: {len(images)} images, but {len(labels)} labels in {labels_file.name}")
    if len(labels) and int(labels.max()) >= _MNIST_CLASSES:
        raise InputError(f"{labels_file}: label {int(labels.max())}, expected 0 to {_MNIST_CLASSES - 1}")
    count = len(images) if limit is None else limit
    if not 1 <= count <= len(images):
        raise TooFewImages(f"expected 1 to {len(images)} images of {name} ({source}), found {count}")
    scaled = images[:count, None].astype(np.float32) / np.float32(255)
    return Dataset(name, split, scaled, labels[:count].astype(np.int64), source)


def _data_folder(data_dir: Path | None) -> Path | None:
    """The user's data directory, if one is named; it must exist even where the shipped files are used."""
    named, origin = data_dir, "data directory"
    if named is None and os.environ.get(DATA_VARIABLE):
        named, origin = Path(os.environ[DATA_VARIABLE]), f"data directory of {DATA_VARIABLE}"
    if named is not None and not named.is_dir():
        raise InputError(f"{named}: the {origin} is not a folder")
    return named


def read_idx(path: Path, rank: int) -> npt.NDArray[np.uint8]:
    """The uint8 array of a gzip-compressed idx file with `rank` dimensions.

    Raises InputError if the file cannot be read, is not idx data of that rank, or is shorter or longer than
    it says.
    """
    try:
        with gzip.open(path) as stream:
            raw = stream.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a gzip-compressed idx file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a readable gzip file, perhaps truncated ({error})") from error
    header = 4 + 4 * rank
    if len(raw) < header or raw[:4] != bytes((0, 0, _IDX_UINT8, rank)):
        raise InputError(f"{path}: expected idx data of unsigned bytes in {rank} dimension(s)")
    shape = tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(4, header, 4))
    if len(raw) - header != math.prod(shape):
        raise InputError(f"{path}: the header announces {math.prod(shape)} values, the file holds {len(raw) - header}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
