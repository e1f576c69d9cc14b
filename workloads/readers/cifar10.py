"""CIFAR-10: 50 000 training and 10 000 test images of 32 x 32 pixels in colour, ten kinds (Krizhevsky, 2009).

In the data directory: the published files in `cifar-10-batches-bin/` or `cifar-10-batches-py/`, in their order; else
`cifar10/cifar10_jpeg_full.tar.xz`, a copy in JPEG of quality 75, which is lossy and always called so. Its members are
`<split>/<class>/<nnnn>.jpg`; they are taken number by number, each number's classes in alphabetical order (that of the
labels), so that a beginning of the split holds the classes in equal shares. The archive is read once and nothing is
kept; only the images asked for are decoded. Needs Pillow for JPEG.
"""

import io
import lzma
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError
from pillarsim.workloads.readers.common import Progress, Read, Split, count_of, needed, pixels

__all__ = ["CLASSES", "read_cifar10"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PIXELS = 3 * 32 * 32  # bytes of an image: planes of red, green, blue
_BINARY, _PICKLED = "cifar-10-batches-bin", "cifar-10-batches-py"
_JPEG = Path("cifar10") / "cifar10_jpeg_full.tar.xz"
_COUNTS = {"train": 50_000, "test": 10_000}
_WORDS = {"train": "50 000 training", "test": "10 000 test"}

Bytes = npt.NDArray[np.uint8]


def read_cifar10(split: Split, limit: int | None, data_dir: Path | None, progress: Progress | None) -> Read:
    """Images (N, 3, 32, 32) in [0, 1], red first, and labels.

    Raises InputError where the data directory has none of the files, or one is damaged.
    """
    expected = f"{_BINARY}/, {_PICKLED}/ or {_JPEG}"
    folder = needed("cifar10", data_dir, expected)
    for name, read in ((_BINARY, _read_binary), (_PICKLED, _read_pickled)):
        if (folder / name).is_dir():
            words = f"CIFAR-10, {_WORDS[split]} images, from the data directory"
            codes, labels = read(folder / name, split)
            count = count_of("cifar10", len(codes), limit, words)
            return Read(pixels(codes[:count].reshape(-1, 3, 32, 32)), labels[:count].astype(np.int64), words)
    if (folder / _JPEG).is_file():
        return _read_jpeg(folder / _JPEG, split, limit, progress)
    raise InputError(f"{folder}: the data directory has no CIFAR-10; expected {expected}")


def _read_binary(folder: Path, split: Split) -> tuple[Bytes, Bytes]:
    names = ["test_batch.bin"] if split == "test" else [f"data_batch_{number}.bin" for number in range(1, 6)]
    parts = []
    for path in (folder / name for name in names):
        raw = np.frombuffer(_bytes_of(path), np.uint8)
        if not raw.size or raw.size % (_PIXELS + 1):
            raise InputError(f"{path}: expected records of {_PIXELS + 1} bytes, found {raw.size} bytes")
        parts.append(raw.reshape(-1, _PIXELS + 1))
        _check_labels(path, parts[-1][:, 0])
    records = np.concatenate(parts)
    return records[:, 1:], records[:, 0]


def _read_pickled(folder: Path, split: Split) -> tuple[Bytes, Bytes]:
    names = ["test_batch"] if split == "test" else [f"data_batch_{number}" for number in range(1, 6)]
    codes, labels = [], []
    for path in (folder / name for name in names):
        try:
            held = _OnlyArrays(io.BytesIO(_bytes_of(path)), encoding="bytes").load()
            data, kinds = np.asarray(held[b"data"]), np.asarray(held[b"labels"])
        except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(f"{path}: not a batch of CIFAR-10, perhaps truncated ({error})") from error
        if data.dtype != np.uint8 or data.shape != (len(kinds), _PIXELS) or kinds.dtype.kind not in "iu":
            raise InputError(f"{path}: expected uint8 data of (N, {_PIXELS}) and N labels, found {data.shape}")
        _check_labels(path, kinds)
        codes.append(data)
        labels.append(kinds.astype(np.uint8))
    return np.concatenate(codes), np.concatenate(labels)


class _OnlyArrays(pickle.Unpickler):
    """Reads a pickle that holds plain data and arrays; anything else, which could run code, is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """See `pickle.Unpickler`."""
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def _read_jpeg(path: Path, split: Split, limit: int | None, progress: Progress | None) -> Read:
    words = f"CIFAR-10 (JPEG q75), {_WORDS[split]} images, from the data directory"
    count = count_of("cifar10", _COUNTS[split], limit, words)
    numbers = -(-count // len(CLASSES))  # of each class
    held: dict[tuple[int, int], bytes] = {}
    wanted, seen = _COUNTS[split], 0
    try:
        with tarfile.open(path, "r|xz") as archive:
            for member in archive:
                parts = member.name.removeprefix("./").split("/")
                if not member.isfile() or len(parts) != 3 or parts[0] != split or parts[1] not in CLASSES:
                    continue
                seen += 1
                number = int(Path(parts[2]).stem)
                if number < numbers and (stream := archive.extractfile(member)) is not None:
                    held[number, CLASSES.index(parts[1])] = stream.read()
                if progress is not None and (seen % 1000 == 0 or seen == wanted):
                    progress(seen, wanted)
                if seen == wanted:
                    break
    except (OSError, EOFError, ValueError, tarfile.TarError, lzma.LZMAError) as error:
        raise InputError(f"{path}: not a readable archive, perhaps truncated ({error})") from error
    order = [(number, kind) for number in range(numbers) for kind in range(len(CLASSES))][:count]
    absent = next((key for key in order if key not in held), None)
    if absent is not None:
        raise InputError(f"{path}: no image {split}/{CLASSES[absent[1]]}/{absent[0]:04d}.jpg")
    codes = np.stack([_decoded(held[key], path) for key in order])
    return Read(pixels(codes), np.array([kind for _, kind in order], np.int64), words)


def _decoded(raw: bytes, path: Path) -> Bytes:
    """An image as (3, 32, 32)."""
    try:
        from PIL import Image
    except ImportError:
        raise InputError(f"{path}: JPEG images need Pillow: expected `pip install pillow`") from None
    try:
        with Image.open(io.BytesIO(raw)) as image:
            codes = np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: an image cannot be decoded ({error})") from error
    if codes.shape != (32, 32, 3):
        raise InputError(f"{path}: expected images of 32 x 32 pixels, found {codes.shape}")
    return codes.transpose(2, 0, 1)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a batch of CIFAR-10") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _check_labels(path: Path, labels: npt.NDArray[Any]) -> None:
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(CLASSES)):
        raise InputError(f"{path}: labels {labels.min()} to {labels.max()}, expected 0 to {len(CLASSES) - 1}")
