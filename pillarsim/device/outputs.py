"""The files that one command writes: no two the same, none of them an input, all written or none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pillarsim.arch.errors import InputError
from pillarsim.report.files import check_writable, write_bytes


@dataclass(frozen=True)
class Output:
    """A file to be written, and what writes it."""

    path: Path
    write: Callable[[], object]


def check_apart(inputs: Mapping[str, Path | None], outputs: Mapping[str, Path | None]) -> None:
    """Raise InputError where an output is an input or another output, links followed; both are named.

    inputs, outputs: option or argument -> file; None: not given.
    """
    seen = {path.resolve(): (name, True) for name, path in inputs.items() if path is not None}
    for name, path in outputs.items():
        if path is None:
            continue
        other, is_input = seen.setdefault(path.resolve(), (name, False))
        if other != name:
            found = f"{path} is {other}, which is read" if is_input else f"{path} is the file of {other} too"
            raise InputError(f"{name}: {found}: expected another file")


def check_output(option: str, path: Path, check: Callable[[Path], None] = check_writable) -> None:
    """Raise InputError that names option and file, where `check` finds that it could not be written."""
    try:
        check(path)
    except InputError as error:
        message = str(error)
        if message.startswith(option):
            raise
        where = option if message.startswith(f"{path}:") else f"{option}: {path}"
        raise InputError(f"{where}: {message}") from None


@contextlib.contextmanager
def all_or_none(outputs: list[Output]) -> Iterator[None]:
    """Write the files in their order; where one of them or the body fails, all are again as they were.

    What went to a device or pipe stays there. Raises InputError for a file that cannot be written or read.
    """
    before = [(one.path, _content(one.path)) for one in outputs if not one.path.exists() or one.path.is_file()]
    try:
        for one in outputs:
            one.write()
        yield
    except BaseException:
        for path, content in before:
            _restore(path, content)
        raise


def _content(path: Path) -> bytes | None:
    """What a file holds; None: there is none."""
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _restore(path: Path, content: bytes | None) -> None:
    with contextlib.suppress(OSError, InputError):
        if content is None:
            path.resolve().unlink(missing_ok=True)
        elif path.read_bytes() != content:
            write_bytes(path, content)
