"""The shipped MNIST files and the reader of idx data."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import load_dataset, read_idx


def test_test_split_is_the_published_one() -> None:
    """10 000 images with the published class counts."""
    data = load_dataset("mnist", "test")
    assert data.images.shape == (10_000, 1, 28, 28)
    assert data.images.dtype == np.float32
    assert data.labels.dtype == np.int64
    assert np.bincount(data.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert float(data.images.mean(dtype=np.float64)) == pytest.approx(0.1325, abs=1e-4)


def test_pixels_are_eight_bit_codes() -> None:
    """Every pixel is k / 255, so that an 8-bit input code is exact."""
    images = load_dataset("mnist", "test", limit=500).images
    codes = images * 255
    assert images.min() == 0
    assert images.max() == 1
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-4)


def test_limit_takes_the_first_images() -> None:
    """`limit` means the first images, in the order of the file: 7, 2, 1, 0, 4 in the test split."""
    data = load_dataset("mnist", "test", limit=5)
    assert data.labels.tolist() == [7, 2, 1, 0, 4]
    np.testing.assert_array_equal(data.images, load_dataset("mnist", "test").images[:5])


def test_full_training_split(data_dir: Path) -> None:
    """60 000 images with the published mean and deviation; the shipped ones are their first 10 000."""
    full = load_dataset("mnist", "train", data_dir=data_dir)
    shipped = load_dataset("mnist", "train")
    assert float(full.images.mean(dtype=np.float64)) == pytest.approx(0.1307, abs=5e-5)
    assert float(full.images.std(dtype=np.float64)) == pytest.approx(0.3081, abs=5e-5)
    assert np.bincount(full.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(full.images[:10_000], shipped.images)
    np.testing.assert_array_equal(full.labels[:10_000], shipped.labels)


def test_shipped_test_split_is_unchanged(data_dir: Path) -> None:
    """The shipped test files are the published ones, byte for byte."""
    folder = Path(__file__).resolve().parents[2] / "workloads" / "data" / "mnist"
    for file in sorted(folder.glob("t10k-*.gz")):
        assert file.read_bytes() == (data_dir / "mnist" / file.name).read_bytes()


def test_environment_variable_names_the_data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PILLARSIM_DATA is used where no directory is given."""
    monkeypatch.setenv("PILLARSIM_DATA", str(data_dir))
    assert len(load_dataset("mnist", "train", limit=20_000).labels) == 20_000


@pytest.fixture
def shipped_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine without Debian's packages of data."""
    monkeypatch.setattr("pillarsim.workloads.datasets._DEBIAN", tmp_path / "absent")


@pytest.mark.usefixtures("shipped_only")
def test_shipped_clothes() -> None:
    """6 000 and 1 500 images with the class counts of the published files' beginnings; the source says shipped."""
    train, test = load_dataset("fashion-mnist", "train"), load_dataset("fashion-mnist", "test")
    assert (train.images.shape, test.images.shape) == ((6000, 1, 28, 28), (1500, 1, 28, 28))
    assert np.bincount(train.labels).tolist() == [560, 643, 608, 612, 584, 594, 590, 617, 590, 602]
    assert train.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert test.labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert "first 6 000 training images, shipped" in train.source
    assert "first 1 500 test images, shipped" in test.source


def test_all_clothes_from_a_data_directory(tmp_path: Path, shipped_only: None) -> None:
    """A folder fashion-mnist/ is used for both splits; a data directory without it leaves the shipped images."""
    assert len(load_dataset("fashion-mnist", "test", data_dir=tmp_path).labels) == 1500
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for stem, count in (("train", 3), ("t10k", 2)):
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(_idx(bytes(count * 4), (count, 2, 2)))
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(_idx(bytes(count), (count,)))
    train, test = (load_dataset("fashion-mnist", split, data_dir=tmp_path) for split in ("train", "test"))
    assert (len(train.labels), len(test.labels)) == (3, 2)
    assert "from the data directory" in train.source
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte\.gz: no such file"):
        load_dataset("fashion-mnist", "test", data_dir=tmp_path)


def test_shipped_clothes_begin_the_published_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The subset is the beginning of Debian's copy of the published files, where that is installed."""
    full = load_dataset("fashion-mnist", "test")
    if "Debian" not in full.source:
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    assert len(full.labels) == 10_000
    monkeypatch.setattr("pillarsim.workloads.datasets._DEBIAN", Path("absent"))
    shipped = load_dataset("fashion-mnist", "test")
    np.testing.assert_array_equal(full.images[:1500], shipped.images)
    np.testing.assert_array_equal(full.labels[:1500], shipped.labels)


def test_licence_of_the_clothes_is_shipped(root: Path) -> None:
    """The MIT notice stands beside the images, and all of it stays below 4 MB."""
    folder = root / "workloads" / "data" / "fashion_mnist"
    assert "Copyright (c) 2017 Zalando SE" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 4e6


def test_unknown_dataset_names_the_nearest() -> None:
    """A wrong name gets the nearest valid one."""
    with pytest.raises(InputError, match=r"unknown dataset 'minst'.*mnist"):
        load_dataset("minst", "test")


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_limit_out_of_range(limit: int) -> None:
    """More images than there are, or none, is an error that says how many there are."""
    with pytest.raises(InputError, match=f"expected 1 to 10000 images of mnist .* found {limit}"):
        load_dataset("mnist", "test", limit)


def test_data_directory_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory that does not exist, or holds no files, is an error for every split that needs it."""
    with pytest.raises(InputError, match="data directory is not a folder"):
        load_dataset("mnist", "test", data_dir=tmp_path / "absent")
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz: no such file"):
        load_dataset("mnist", "train", data_dir=tmp_path)
    monkeypatch.setenv("PILLARSIM_DATA", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="PILLARSIM_DATA"):
        load_dataset("mnist", "test")


def _idx(values: bytes, sizes: tuple[int, ...], kind: int = 8) -> bytes:
    header = bytes((0, 0, kind, len(sizes))) + b"".join(size.to_bytes(4, "big") for size in sizes)
    return gzip.compress(header + values)


def test_idx_reader(tmp_path: Path) -> None:
    """Values come back in row-major order."""
    path = tmp_path / "data.gz"
    path.write_bytes(_idx(bytes(range(6)), (2, 3)))
    assert read_idx(path, 2).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected idx data|not a readable gzip"),
        (b"not gzip at all", "not a readable gzip file"),
        (_idx(bytes(range(6)), (2, 3))[:-12], "not a readable gzip file, perhaps truncated"),
        (_idx(bytes(range(5)), (2, 3)), "announces 6 values, the file holds 5"),
        (_idx(bytes(range(7)), (2, 3)), "announces 6 values, the file holds 7"),
        (_idx(bytes(range(6)), (6,)), r"unsigned bytes in 2 dimension\(s\)"),
        (_idx(bytes(range(6)), (2, 3), kind=13), "unsigned bytes"),
        (gzip.compress(b"\0\0\x08"), "expected idx data"),
    ],
)
def test_damaged_idx_file(tmp_path: Path, content: bytes, message: str) -> None:
    """An empty, foreign, truncated or inconsistent file gets one message that names it."""
    path = tmp_path / "data.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}: .*({message})"):
        read_idx(path, 2)


def test_labels_that_do_not_fit_the_images(tmp_path: Path) -> None:
    """Counts of images and labels must agree, and labels must be classes."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(_idx(bytes(8), (2, 2, 2)))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(_idx(bytes(3), (3,)))
    with pytest.raises(InputError, match="2 images, but 3 labels"):
        load_dataset("mnist", "train", data_dir=tmp_path)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(_idx(bytes((1, 10)), (2,)))
    with pytest.raises(InputError, match="label 10, expected 0 to 9"):
        load_dataset("mnist", "train", data_dir=tmp_path)
