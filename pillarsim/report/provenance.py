"""Which code produced a report."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions of what computes a report, and a hash of this package's own code."""
    packages = ("pillarsim", "numpy", "torch", "numba", "simpy", "pydantic")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}, "code": code_hash()}


def code_hash() -> str:
    """sha256 of every module and every card of this package: what a version number of a checkout cannot say."""
    hasher = hashlib.sha256()
    root = Path(__file__).parent.parent
    folders = (root, *(root / name for name in ("arch", "configs", "devices", "mapping", "workloads")))
    for path in sorted(
        {found for folder in folders for found in folder.rglob("*") if found.suffix in (".py", ".yaml")}
    ):
        hasher.update(str(path.relative_to(root).as_posix()).encode() + path.read_bytes())
    return hasher.hexdigest()
