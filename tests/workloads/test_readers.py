"""Datasets of the data directory, and a user's own arrays: what comes out, and one message for each fault."""

from __future__ import annotations

import io
import os
import pickle
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import TooFewImages, dataset_names, load_arrays, load_dataset
from pillarsim.workloads.network import Linear, Network
from pillarsim.workloads.readers.cifar10 import CLASSES
from pillarsim.workloads.readers.rna import one_hot
from tests.near import near

DRAWS = np.random.default_rng(3)
RECORDS = DRAWS.integers(0, 256, (60, 3073), dtype=np.uint8)
RECORDS[:, 0] = np.arange(60) % 10


def binary_cifar(folder: Path) -> Path:
    """CIFAR-10 in the published binary form, 10 images a file."""
    batches = folder / "cifar-10-batches-bin"
    batches.mkdir()
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    for index, name in enumerate(names):
        (batches / name).write_bytes(RECORDS[10 * index : 10 * index + 10].tobytes())
    return batches


def pickled_cifar(folder: Path) -> Path:
    """The same in the published Python form."""
    batches = folder / "cifar-10-batches-py"
    batches.mkdir()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for index, name in enumerate(names):
        part = RECORDS[10 * index : 10 * index + 10]
        held = {b"data": part[:, 1:], b"labels": part[:, 0].tolist(), b"batch_label": b"some"}
        (batches / name).write_bytes(pickle.dumps(held, protocol=2))
    return batches


@pytest.mark.parametrize("make", [binary_cifar, pickled_cifar])
def test_published_forms_of_cifar(tmp_path: Path, make: Any) -> None:
    """Both published forms give the records in their order, planes of red, green and blue, over 255."""
    make(tmp_path)
    train, test = (load_dataset("cifar10", split, data_dir=tmp_path) for split in ("train", "test"))
    assert (train.images.shape, test.images.shape) == ((50, 3, 32, 32), (10, 3, 32, 32))
    assert train.labels.tolist() == RECORDS[:50, 0].tolist()
    np.testing.assert_array_equal(np.rint(test.images * 255).reshape(10, -1), RECORDS[50:, 1:])
    assert train.source.startswith("CIFAR-10, ")
    assert "JPEG" not in train.source


def test_damaged_cifar(tmp_path: Path) -> None:
    """A cut file, a label that is none and a missing file are told by name."""
    batches = binary_cifar(tmp_path)
    (batches / "test_batch.bin").write_bytes(RECORDS[:2].tobytes()[:-1])
    with pytest.raises(InputError, match=r"test_batch\.bin: expected records of 3073 bytes, found 6145 bytes"):
        load_dataset("cifar10", "test", data_dir=tmp_path)
    (batches / "test_batch.bin").write_bytes(bytes([10]) + bytes(3072))
    with pytest.raises(InputError, match="labels 10 to 10, expected 0 to 9"):
        load_dataset("cifar10", "test", data_dir=tmp_path)
    (batches / "data_batch_3.bin").unlink()
    with pytest.raises(InputError, match=r"data_batch_3\.bin: no such file"):
        load_dataset("cifar10", "train", data_dir=tmp_path)


class Command:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


@pytest.mark.parametrize("held", [pickle.dumps(Command()), b"", b"\x80\x04.", pickle.dumps({b"data": [1]})])
def test_pickles_that_are_no_batches(tmp_path: Path, held: bytes) -> None:
    """A pickle is read as data alone; one that would run something, or holds something else, is refused."""
    (pickled_cifar(tmp_path) / "test_batch").write_bytes(held)
    with pytest.raises(InputError, match="test_batch: not a batch of CIFAR-10"):
        load_dataset("cifar10", "test", data_dir=tmp_path)


def jpeg_cifar(folder: Path, each: int) -> None:
    """An archive of `each` flat images a class, the class in the brightness."""
    image = pytest.importorskip("PIL.Image")
    (folder / "cifar10").mkdir()
    with tarfile.open(folder / "cifar10" / "cifar10_jpeg_full.tar.xz", "w:xz") as archive:
        for split in ("test", "train"):
            for kind, name in enumerate(CLASSES):
                for number in range(each):
                    stream = io.BytesIO()
                    image.new("RGB", (32, 32), (20 * kind, number, 0)).save(stream, "JPEG", quality=95)
                    member = tarfile.TarInfo(f"{split}/{name}/{number:04d}.jpg")
                    member.size = stream.tell()
                    stream.seek(0)
                    archive.addfile(member, stream)


def test_lossy_cifar_takes_the_classes_in_turn(tmp_path: Path) -> None:
    """The first images are the first of each class, then the second; the source says that they are lossy."""
    jpeg_cifar(tmp_path, 2)
    data = load_dataset("cifar10", "test", 13, tmp_path)
    assert data.labels.tolist() == [*range(10), 0, 1, 2]
    assert data.source.startswith("CIFAR-10 (JPEG q75), 10 000 test images")
    red = np.rint(data.images[:10, 0].mean((1, 2)) * 255)
    np.testing.assert_allclose(red, 20 * np.arange(10), atol=3)
    with pytest.raises(InputError, match=r"no image test/airplane/0002\.jpg"):
        load_dataset("cifar10", "test", 21, tmp_path)
    path = tmp_path / "cifar10" / "cifar10_jpeg_full.tar.xz"
    content = path.read_bytes()
    for kept in (0, 5, 50, len(content) // 4):
        path.write_bytes(content[:kept])
        with pytest.raises(InputError, match=r"not a readable archive, perhaps truncated|no image test/"):
            load_dataset("cifar10", "test", 20, tmp_path)


def test_lossy_cifar_of_the_data_directory(data_dir: Path) -> None:
    """The test images: 1000 of each class, channel means of the published set within 0.01; progress to the end."""
    seen: list[tuple[int, int]] = []
    data = load_dataset("cifar10", "test", None, data_dir, lambda done, total: seen.append((done, total)))
    assert np.bincount(data.labels).tolist() == [1000] * 10
    # channel means of the published test images, often quoted: 0.4942, 0.4851, 0.4504
    np.testing.assert_allclose(data.images.mean((0, 2, 3), dtype=np.float64), (0.4942, 0.4851, 0.4504), atol=0.002)
    assert seen[-1] == (10_000, 10_000)
    first = load_dataset("cifar10", "test", 20, data_dir)
    np.testing.assert_array_equal(first.images, data.images[:20])


def test_cifar_that_is_not_there(tmp_path: Path) -> None:
    """Without a data directory, or without its files in it, the message says what was expected."""
    with pytest.raises(
        InputError, match=r"'cifar10' is not shipped: expected --data-dir or PILLARSIM_DATA, with cifar"
    ):
        load_dataset("cifar10", "test")
    with pytest.raises(InputError, match=r"has no CIFAR-10; expected cifar-10-batches-bin/, .*tar\.xz"):
        load_dataset("cifar10", "test", data_dir=tmp_path)


def test_photographs(data_dir: Path) -> None:
    """50 photographs, blue first, means taken away; both splits are the same images."""
    data = load_dataset("imagenet-samples", "test", data_dir=data_dir)
    assert data.images.shape == (50, 3, 227, 227)
    assert -123 <= float(data.images.min()) < 0 < float(data.images.max()) <= 255 - 104
    with np.load(data_dir / "images" / "imagenet_samples50_227_u8.npz") as held:
        red = held["X"][7, 5, 9, 0]
    assert float(data.images[7, 2, 5, 9]) == float(red) - 123
    np.testing.assert_array_equal(data.images, load_dataset("imagenet-samples", "train", data_dir=data_dir).images)
    with pytest.raises(TooFewImages, match="expected 1 to 50 images of imagenet-samples"):
        load_dataset("imagenet-samples", "test", 51, data_dir)


def test_rna_splits(data_dir: Path) -> None:
    """One base of four is on, or a quarter of each; the splits are those of the file and cover it."""
    data = load_dataset("rbp", "validation", data_dir=data_dir)
    assert data.images.shape[1:] == (4, 1, 101)
    assert data.labels.shape == (len(data.images), 19)
    assert set(np.unique(data.labels)) == {0, 1}
    np.testing.assert_array_equal(data.images.sum(1), 1)
    with np.load(data_dir / "rbp" / "rbp19_multilabel.npz") as held:
        codes, counts = held["X"][held["split"] == 1], np.bincount(held["split"])
    assert counts[1] == len(data.images)
    known = codes < 4
    assert (data.images.argmax(1)[:, 0] == codes)[known].all()


def test_one_hot_of_an_unknown_base() -> None:
    """Code 4 is a quarter of each base."""
    found = one_hot(np.array([[2, 4]], np.uint8))
    assert found.shape == (1, 4, 1, 2)
    assert found[0, :, 0, 0].tolist() == [0, 0, 1, 0]
    assert found[0, :, 0, 1].tolist() == [0.25] * 4


def test_only_rna_has_a_validation_split() -> None:
    """Other datasets refuse the split by name."""
    for name in dataset_names():
        if name != "rbp":
            with pytest.raises(InputError, match=f"'{name}' has no split 'validation'; expected one of train, test"):
                load_dataset(name, "validation")


NETWORK = Network("net", (3,), (Linear("fc", np.ones((4, 3), np.float32), np.zeros(4, np.float32)),), None)


def write(folder: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> Path:
    """An .npz file."""
    path = folder / "mine.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_own_arrays(tmp_path: Path) -> None:
    """x becomes float32, y int64; both are optional to the network that they are for."""
    x = np.arange(6).reshape(2, 3)
    inputs, labels = load_arrays(write(tmp_path, {"x": x, "y": np.array([3, 0], np.uint8)}), NETWORK)
    assert inputs.dtype == np.float32
    assert inputs.tolist() == x.tolist()
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == [3, 0]
    inputs, labels = load_arrays(write(tmp_path, {"x": x / 7}))
    assert labels is None
    assert float(inputs[1, 2]) == near(5 / 7)
    several = np.array([[0, 1, 1, 0], [0, 0, 0, 1]])
    found = load_arrays(write(tmp_path, {"x": x, "y": several}), NETWORK)[1]
    assert found is not None
    assert found.tolist() == several.tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": np.ones((2, 3))}, "no array 'x'; expected x and, optionally, y, found inputs"),
        ({"x": np.ones((2, 3)), "z": np.ones(2)}, "unknown array 'z'"),
        ({"x": np.ones((2, 4))}, r"x has shape \(2, 4\), but workload 'net' takes \(samples, 3\)"),
        ({"x": np.ones(3)}, r"x has shape \(3,\), expected samples first"),
        ({"x": np.ones((0, 3))}, r"x has shape \(0, 3\), expected samples first"),
        ({"x": np.full((2, 3), np.nan)}, "x holds 6 value.s. that are not finite numbers"),
        ({"x": np.full((2, 3), 1e300)}, "x holds 6 value.s. that are not finite numbers of float32"),
        ({"x": np.full((2, 3), "a")}, "x is <U1, expected real numbers"),
        ({"x": np.full((2, 3), 1j)}, "x is complex128, expected real numbers"),
        ({"x": np.ones((2, 3)), "y": np.ones(2)}, "y is float64, expected integers"),
        ({"x": np.ones((2, 3)), "y": np.ones(3, int)}, r"y has shape \(3,\), expected \(2,\) or \(2, labels\)"),
        ({"x": np.ones((2, 3)), "y": np.array([0, -1])}, "y holds the label -1, expected 0 or more"),
        ({"x": np.ones((2, 3)), "y": np.array([0, 4])}, "y holds the label 4, but workload 'net' has outputs 0 to 3"),
        ({"x": np.ones((2, 3)), "y": np.full((2, 4), 2)}, "holds 2 to 2, expected 0 and 1"),
        ({"x": np.ones((2, 3)), "y": np.ones((2, 5), int)}, r"y has shape \(2, 5\), but workload 'net' gives \(4,\)"),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: dict[str, npt.NDArray[Any]], message: str) -> None:
    """Each fault of a user's file is told with the file, the array, and both sides of a mismatch."""
    path = write(tmp_path, arrays)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}: .*{message}"):
        load_arrays(path, NETWORK)


def test_one_sample_without_its_axis(tmp_path: Path) -> None:
    """A sample of the network's own shape gets a hint."""
    square = Network("flat", (2, 3), NETWORK.layers, None)
    with pytest.raises(InputError, match="one sample still needs a first axis of length 1"):
        load_arrays(write(tmp_path, {"x": np.ones((2, 3))}), square)


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    """An absent, empty, cut or foreign file, one of a single array, and one of Python objects are refused."""
    good = write(tmp_path, {"x": DRAWS.random((50, 3))}).read_bytes()
    path = tmp_path / "bad.npz"
    with pytest.raises(InputError, match=r"bad\.npz: no such file"):
        load_arrays(path)
    for content in (b"", good[:20], good[: len(good) // 2], good[:-30], b"PK\x03\x04", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.npz: not a readable \.npz file"):
            load_arrays(path)
    with path.open("wb") as stream:
        np.save(stream, np.ones(3))
    with pytest.raises(InputError, match="found a single array"):
        load_arrays(path)
    with pytest.raises(InputError, match="not a readable"):
        load_arrays(write(tmp_path, {"x": np.array([{}, {}], object)}))
    for member in (b"no header", b"\x93NUMPY\x01\x00\x0c\x00{'descr': (\n\n"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", member)
        with pytest.raises(InputError, match=r"bad\.npz: not a readable \.npz file"):
            load_arrays(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(InputError, match="holds Python objects, or is another kind of file"):
        load_arrays(path)
