"""What the runs of a row have found, kept in a folder, so that an interrupted row goes on where it stopped.

One JSON file a finished run, `<folder>/<row>/<key>.json`, which appears whole or not at all. It names the row's
identity (what was asked: sizes, data, code), so that a result of another run is refused and never mixed in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pillarsim.arch.errors import InputError
from pillarsim.report.files import make_folder, write_text
from pillarsim.report.json import json_text
from pillarsim.report.provenance import versions

__all__ = ["SCHEMA_VERSION", "Store"]

SCHEMA_VERSION = 1  # of a file; rises when a key changes its meaning
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+=-]*")


@dataclass(frozen=True)
class Store:
    """Results of a row's runs. folder: None keeps nothing; row: its name; identity: words that a message may show.

    The versions of Python and libraries and the hash of the code belong to the identity by themselves.
    """

    folder: Path | None
    row: str
    identity: Mapping[str, str] = field(default_factory=dict)

    def result(self, key: str, compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the result called `key`: the one in the folder, else that of `compute`, which is then written there.

        key: of letters, digits and `_ . + = -`, another one for each run. The result is plain data; what comes back has
        gone through JSON in both cases (tuples are lists), every digit of its floats kept.
        Raises ValueError for another key and for NaN or infinity; InputError for a file that cannot be read or written,
        or is of another run: the message says what differs.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"key: expected letters, digits and _ . + = -, found {key!r}")
        if self.folder is None:
            return _plain(compute())
        path = self.folder / self.row / f"{key}.json"
        if path.exists():
            return self._read(path)
        found = _plain(compute())
        make_folder(path.parent)
        write_text(path, json_text({"schema_version": SCHEMA_VERSION, "identity": self._words(), "result": found}))
        return found

    def _words(self) -> dict[str, str]:
        return {"row": self.row, **_versions(), **self.identity}

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            held = json.loads(path.read_text("utf-8"))
            version, identity, result = (held.get(name) for name in ("schema_version", "identity", "result"))
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: not a readable result of a run ({error}); delete it to run it again") from None
        if version != SCHEMA_VERSION:
            raise InputError(f"{path}: expected schema version {SCHEMA_VERSION}, found {version}")
        if not isinstance(identity, dict) or not isinstance(result, dict):
            raise InputError(f"{path}: not a result of a run; delete it to run it again")
        here = self._words()
        other = [name for name in sorted({*here, *identity}) if here.get(name) != identity.get(name)]
        if other:
            listed = "; ".join(f"{name} {identity.get(name)}, this run has {here.get(name)}" for name in other)
            raise InputError(f"{path}: it is of another run: {listed}. Take another folder, or delete it")
        return result


@cache
def _versions() -> dict[str, str]:
    return versions()


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same through JSON; raises ValueError for NaN, infinity, and what JSON does not hold."""
    made: dict[str, Any] = json.loads(json.dumps(dict(found), allow_nan=False))
    return made
