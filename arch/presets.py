"""Names of what the package ships in ``configs/``: chips, device cards, component cards, templates."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

from pillarsim.arch.errors import InputError, nearest

Kind = Literal["chip", "device", "component", "template"]

_FOLDERS: dict[Kind, str] = {
    "chip": "",
    "device": "devices",
    "component": "components",
    "template": "templates",
}
_NOUNS: dict[Kind, str] = {
    "chip": "chip preset",
    "device": "device card",
    "component": "component card",
    "template": "template",
}
_LISTED = 8  # names that a message lists before it says how many more there are


def config_folder(kind: Kind) -> Path:
    """The folder in the package that holds the files of `kind`."""
    return Path(str(files("pillarsim.configs"))) / _FOLDERS[kind]


def config_names(kind: Kind) -> tuple[str, ...]:
    """Names that are shipped, sorted."""
    return tuple(sorted(path.stem for path in config_folder(kind).glob("*.yaml")))


def config_path(kind: Kind, name: str) -> Path:
    """The file of the shipped `name`; an unknown one raises InputError with the nearest."""
    names = config_names(kind)
    if name not in names:
        raise InputError(f"{name}: no such {_NOUNS[kind]}{nearest(name, names) or listed(names)}")
    return config_folder(kind) / f"{name}.yaml"


def find_preset(name: str | Path, kind: Kind, folder: Path | None = None) -> Path:
    """The file that `name` means: a path (relative to `folder`, default the working one) or a shipped name.

    Text with a folder or the ending .yaml or .yml is a path; all else is a shipped name, or else a file of
    that name, with or without .yaml. Raises InputError where there is none.
    """
    text = str(name)
    path = Path(text).expanduser() if folder is None else folder / Path(text).expanduser()
    if isinstance(name, Path) or path.suffix in (".yaml", ".yml") or "/" in text or "\\" in text:
        if not path.exists():
            raise InputError(f"{path}: no such file{nearest(Path(text).stem, config_names(kind))}")
        return path
    if text not in config_names(kind):
        for candidate in (path, path.with_name(f"{path.name}.yaml") if path.name else path):
            if candidate.is_file():
                return candidate
    return config_path(kind, text)


def shown_name(path: Path) -> str:
    """How messages call the file: shipped ones by their path inside the package, others as given."""
    root = config_folder("chip")
    return f"configs/{path.relative_to(root).as_posix()}" if path.is_relative_to(root) else str(path)


def listed(names: tuple[str, ...]) -> str:
    """Return ``; known: a, b, c`` with at most a few names."""
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"; known: {', '.join(names[:_LISTED])}{more}"
