"""Labelled samples for training and evaluation.

Shipped: all 10 000 test images and the first 10 000 training images of MNIST; the first 1 500 test and 6 000 training
images of Fashion-MNIST; 26 letters of 7 x 7 pixels (`letters`). A data directory (argument, or the environment
variable PILLARSIM_DATA) with the published files in `mnist/` or `fashion-mnist/` gives the full splits; Debian's
package dataset-fashion-mnist gives them too.
Only in a data directory: CIFAR-10, photographs of ImageNet, RNA-binding proteins (`readers`).
"""

import gzip
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError, nearest
from pillarsim.workloads.readers.arrays import load_arrays
from pillarsim.workloads.readers.cifar10 import read_cifar10
from pillarsim.workloads.readers.common import (
    DATA_VARIABLE,
    Progress,
    Read,
    Split,
    TooFewImages,
    count_of,
    data_folder,
    pixels,
)
from pillarsim.workloads.readers.letters import read_letters
from pillarsim.workloads.readers.photographs import read_photographs
from pillarsim.workloads.readers.rna import read_rna

__all__ = [
    "DATA_VARIABLE",
    "Dataset",
    "Split",
    "TooFewImages",
    "dataset_names",
    "load_arrays",
    "load_dataset",
    "read_idx",
]

_SHIPPED = Path(__file__).parent / "data"
_DEBIAN = Path("/usr/share/datasets")  # where Debian's packages dataset-* put their files
_CLASSES = 10  # of MNIST and of Fashion-MNIST
_IDX_UINT8 = 8


@dataclass(frozen=True)
class _Source:
    """Files of one split: `<folder>/<stem>-images-idx3-ubyte.gz` and its labels, and what they are in words."""

    folder: Path
    stem: str
    words: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples, in the order of their source.

    images: float32 (N, C, H, W); of images in [0, 1], pixel / 255, so that 8-bit codes are exact (`imagenet-samples`:
    as its network takes them); labels: int64, classes (N,) or several labels of 0 and 1 (N, labels); source: in words,
    which files they came from.
    """

    name: str
    split: Split
    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    source: str


def dataset_names() -> tuple[str, ...]:
    """The names that `load_dataset` takes."""
    return (*_SOURCES, *_READERS)


def load_dataset(
    name: str, split: Split, limit: int | None = None, data_dir: Path | None = None, progress: Progress | None = None
) -> Dataset:
    """The first `limit` samples of a split (all of them for None).

    data_dir: folder that holds `mnist/`, `fashion-mnist/` and what `readers` names; None means the environment variable
    PILLARSIM_DATA. progress: called while a large archive is read. Only `rbp` has a validation split.
    MNIST: the test split is the shipped one in every case (it is complete); the training split is the data
    directory's, and the shipped one without a data directory. Fashion-MNIST: both splits are the data directory's
    where it has the folder, else those of Debian's package where that is installed, else the shipped ones.
    A shipped split is the beginning of the full one, so that the same `limit` gives the same images.
    Raises InputError for an unknown name or split, a data directory that is not there or lacks the files, a damaged
    file, or a limit that is not between 1 and the number of images.
    """
    names = dataset_names()
    if name not in names:
        raise InputError(f"unknown dataset '{name}'{nearest(name, names)}; known: {', '.join(names)}")
    splits = ("train", "validation", "test") if name == "rbp" else ("train", "test")
    if split not in splits:
        raise InputError(f"dataset '{name}' has no split '{split}'; expected one of {', '.join(splits)}")
    if name in _SOURCES:
        read = _read_source(name, _SOURCES[name](split, data_folder(data_dir)), limit)
    else:
        read = _READERS[name](split, limit, data_dir, progress)
    return Dataset(name, split, *read)


def _read_source(name: str, source: _Source, limit: int | None) -> Read:
    images_file, labels_file = (
        source.folder / f"{source.stem}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")
    )
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    if len(images) != len(labels):
        raise InputError(f"{images_file}: {len(images)} images, but {len(labels)} labels in {labels_file.name}")
    if len(labels) and int(labels.max()) >= _CLASSES:
        raise InputError(f"{labels_file}: label {int(labels.max())}, expected 0 to {_CLASSES - 1}")
    count = count_of(name, len(images), limit, source.words)
    return Read(pixels(images[:count, None]), labels[:count].astype(np.int64), source.words)


def _mnist(split: Split, folder: Path | None) -> _Source:
    if split == "test":
        return _Source(_SHIPPED / "mnist", "t10k", "MNIST, 10 000 test images, shipped")
    if folder is None:
        return _Source(_SHIPPED / "mnist", "train10k", "MNIST, first 10 000 training images, shipped")
    return _Source(folder / "mnist", "train", "MNIST, 60 000 training images, from the data directory")


def _fashion_mnist(split: Split, folder: Path | None) -> _Source:
    stem, count = ("t10k", "10 000 test") if split == "test" else ("train", "60 000 training")
    places = (folder, "the data directory"), (_DEBIAN, "Debian's package dataset-fashion-mnist")
    for place, words in places:
        if place is not None and (place / "fashion-mnist").is_dir():
            return _Source(place / "fashion-mnist", stem, f"Fashion-MNIST, {count} images, from {words}")
    stem, count = ("t1500", "1 500 test") if split == "test" else ("train6k", "6 000 training")
    return _Source(_SHIPPED / "fashion_mnist", stem, f"Fashion-MNIST, first {count} images, shipped")


# name -> where the files of a split lie, given the user's data directory
_SOURCES: dict[str, Callable[[Split, Path | None], _Source]] = {"mnist": _mnist, "fashion-mnist": _fashion_mnist}


# name -> reader of the datasets that are drawn here or never shipped: (split, limit, data directory, progress)
_READERS: dict[str, Callable[[Split, int | None, Path | None, Progress | None], Read]] = {
    "cifar10": read_cifar10,
    "imagenet-samples": read_photographs,
    "letters7x7": read_letters,
    "rbp": read_rna,
}


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
