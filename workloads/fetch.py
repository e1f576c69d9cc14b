"""Public datasets fetched into a data directory: checked against known checksums, whole or not at all.

Nothing is fetched unless asked for by `pillarsim workload fetch`. MNIST and Fashion-MNIST are kept as published,
CIFAR-10 (binary version) is unpacked. A download that breaks off starts anew.
"""

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pillarsim.arch.errors import InputError, nearest

__all__ = ["fetch", "fetchable"]

_TIMEOUT_S = 30.0  # s without an answer, ours
_BLOCK = 1 << 20  # bytes read at a time, ours
# (what, bytes done, bytes in all or 0 where the server does not say)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Public:
    """A dataset: where its files lie, `file -> sha256`, the folder that they come into, members of an archive."""

    url: str
    folder: str
    files: Mapping[str, str]
    members: tuple[str, ...] = ()


_MNIST = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_FASHION = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
_CIFAR10 = {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin", "batches.meta.txt")
# The published places, or the mirror that others use where the first one is no longer open to programs.
_PUBLIC = {
    "mnist": _Public("https://ossci-datasets.s3.amazonaws.com/mnist", "mnist", _MNIST),
    "fashion-mnist": _Public(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", "fashion-mnist", _FASHION
    ),
    "cifar10": _Public("https://www.cs.toronto.edu/~kriz", "cifar-10-batches-bin", _CIFAR10, _BATCHES),
}  # fmt: skip


def fetchable() -> tuple[str, ...]:
    """The names that `fetch` takes."""
    return tuple(_PUBLIC)


def fetch(name: str, data_dir: Path, url: str | None = None, progress: Progress | None = None) -> tuple[Path, ...]:
    """Fetch a dataset into its folder of the data directory, which is made where it is missing; returns its files.

    url: address of the folder that holds the files, in place of the published one. Files that are there and whole are
    left alone. Raises InputError for an unknown name or address, no answer, a wrong checksum, a full disk, and a file
    of the same name with other content; then the data directory holds what it held before.
    """
    if name not in _PUBLIC:
        raise InputError(f"unknown dataset '{name}'{nearest(name, _PUBLIC)}; expected one of {', '.join(_PUBLIC)}")
    public = _PUBLIC[name]
    base = public.url if url is None else url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise InputError(f"--url: expected an address that begins with http:// or https://, found {base!r}")
    folder = data_dir / public.folder
    kept = tuple(folder / file for file in public.members or public.files)
    wanted = _missing(public, folder)
    if not wanted:
        return kept
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data_dir, prefix=f".{public.folder}.") as temporary:
            for file in wanted:
                _download(f"{base}/{file}", Path(temporary) / file, public.files[file], progress)
            if public.members:
                _unpack(Path(temporary) / wanted[0], public, folder)
            else:
                folder.mkdir(exist_ok=True)
                for file in wanted:
                    os.replace(Path(temporary) / file, folder / file)
    except OSError as error:
        raise InputError(f"{data_dir}: cannot be written ({error.strerror or error})") from error
    return kept


def _missing(public: _Public, folder: Path) -> list[str]:
    """The files that are not there yet; raises InputError for one with other content."""
    if public.members:
        there = [member for member in public.members if (folder / member).is_file()]
        if folder.exists() and len(there) < len(public.members):
            raise InputError(f"{folder}: is there but holds {len(there)} of {len(public.members)} files: move it away")
        return [] if there else list(public.files)
    missing = []
    for file, expected in public.files.items():
        path = folder / file
        if not path.exists():
            missing.append(file)
        elif _sha256(path) != expected:
            raise InputError(f"{path}: is there with another checksum than the published file: move it away")
    return missing


def _download(url: str, path: Path, expected: str, progress: Progress | None) -> None:
    hasher, done = hashlib.sha256(), 0
    try:
        # `fetch` has seen to it that the address is http or https
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            with path.open("wb") as stream:
                while block := _block_of(url, answer):
                    stream.write(block)
                    hasher.update(block)
                    done += len(block)
                    if progress is not None:
                        progress(path.name, done, max(done, total))
    except urllib.error.HTTPError as error:
        raise InputError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"{url}: no answer ({reason}); is there a network? A mirror may be named by --url") from error
    if done < total:
        raise InputError(f"{url}: broke off after {done} of {total} bytes")
    if hasher.hexdigest() != expected:
        raise InputError(f"{url}: wrong checksum: expected sha256 {expected}, found {hasher.hexdigest()}")


def _block_of(url: str, answer: http.client.HTTPResponse) -> bytes:
    """The next bytes; errors of the network apart from those of the disk."""
    try:
        return answer.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"{url}: the connection broke ({error})") from error


def _unpack(archive: Path, public: _Public, folder: Path) -> None:
    """The members of an archive's folder into `folder`, which appears with all of them."""
    temporary = archive.parent / public.folder
    temporary.mkdir()
    try:
        with tarfile.open(archive) as opened:
            for member in public.members:
                stream = opened.extractfile(f"{public.folder}/{member}")
                if stream is None:
                    raise InputError(f"{archive.name}: '{member}' is no file")
                with (temporary / member).open("wb") as target:
                    shutil.copyfileobj(stream, target)
    except (KeyError, EOFError, tarfile.TarError, zlib.error) as error:
        raise InputError(f"{archive.name}: not the expected archive ({error})") from error
    os.replace(temporary, folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
