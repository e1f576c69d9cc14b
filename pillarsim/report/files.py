"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pillarsim.arch.errors import InputError


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary file beside it; an existing file is replaced.

    A link is followed; a device or pipe is written to, since it cannot be replaced.

    Raises InputError where the folder does not exist or cannot be written, or `path` is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: cannot be written (it is a folder)")
    path = path.resolve()  # a link keeps pointing where it did
    if path.exists() and not path.is_file():
        _write_through(path, content)
        return
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes it private; give it the usual permissions
        os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
        raise


def _write_through(path: Path, content: bytes) -> None:
    """Write to a device or pipe, which cannot be replaced."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path: Path) -> None:
    """Raise InputError now if `write_text(path, ...)` could not write later, before long work starts."""
    if path.is_dir():
        raise InputError(f"{path}: cannot be written (it is a folder)")
    if not path.parent.exists():
        raise InputError(f"{path}: cannot be written (there is no folder {path.parent})")
    if not path.exists() or path.is_file():
        check_folder(path.resolve().parent)


def check_folder(folder: Path) -> None:
    """Raise InputError unless files can be written into `folder`, or the folder be made; nothing is left behind."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents; raises InputError where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror or error})") from None
