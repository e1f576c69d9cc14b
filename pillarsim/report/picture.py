"""Pictures: written whole, in the format that the file's name says; needs matplotlib (the `plot` extra)."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillarsim.arch.errors import InputError
from pillarsim.report.files import check_writable, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# format -> what its file says about itself; no times and versions, so that the same figure gives the same bytes
_METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": "pillarsim"},
    ".png": {"Software": "pillarsim"},
    ".pdf": {"CreationDate": None, "Creator": "pillarsim", "Producer": None},
}


def check_picture(path: Path) -> None:
    """Raise InputError now if no picture could be written to `path` later: its format, its folder, no matplotlib."""
    if path.suffix.lower() not in _METADATA:
        raise InputError(f"--plot: expected a file name that ends in {', '.join(_METADATA)}, found {str(path)!r}")
    check_writable(path)
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("--plot needs matplotlib, which is not installed: pip install 'pillarsim[plot]'")


def write_picture(figure: Figure, path: Path) -> None:
    """Write a figure to `path`, whole or not at all. Raises InputError where that is not possible."""
    from matplotlib import rc_context

    suffix, content = path.suffix.lower(), io.BytesIO()
    with rc_context({"svg.hashsalt": "pillarsim"}):  # without it the ids in an SVG change from run to run
        figure.savefig(content, format=suffix[1:], metadata=_METADATA[suffix])
    write_bytes(path, content.getvalue())
