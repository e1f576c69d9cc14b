"""What slices and tracks of a timeline are called."""

from __future__ import annotations

import json

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.mesh import GLOBAL
from pillarsim.arch.simulate.plan import Plan
from pillarsim.arch.simulate.timeline import Part

__all__ = ["Subjects", "microseconds", "thread_name"]

_US = 10**6  # picoseconds in a microsecond
_OF_PARTS = (at.FETCH, at.TRANSFER, at.PARTIAL_HOP)
_OF_RINGS = (at.PIXEL_HOP, at.WRITE)
_OF_OUTPUTS = (at.OUT_HOP, at.OUT_WRITE, at.OUT_READ, at.OUT_MOVE)


def microseconds(time_ps: int) -> str:
    """Picoseconds as decimal microseconds, exactly."""
    return f"{time_ps // _US}.{time_ps % _US:06d}"


def thread_name(part: Part, port: int) -> str:
    """`link (0, 0) to (1, 0)`, `buffer port 2`, `adder`."""
    if part.role == "link":
        x, y, to_x, to_y = part.place
        name = f"link ({x}, {y}) to ({to_x}, {to_y})"
    elif part.role == "way down":
        x, y, tile = part.place
        name = f"way down ({x}, {y}) to {'the global buffer' if tile == GLOBAL else f'tile {tile}'}"
    else:
        name = {"off_chip": "off-chip link", "global_buffer": "global buffer port", "buffer": "buffer port"}.get(
            part.role, part.role
        )
    return f"{name} {port + 1}" if part.ports > 1 else name


class Subjects:
    """What a service or window works on: (image, name as it stands between quotes in JSON)."""

    def __init__(self, plan: Plan) -> None:
        names = [_escaped(stage.name) for stage in plan.stages]
        rows, row_pixels, _ = plan.rows
        # (start of the name, pieces of an image, number of a piece in each)
        windows = [
            (f"{name} image", stage.windows, 1, "window") for name, stage in zip(names, plan.stages, strict=True)
        ]
        pixels = [(f"{name} image", stage.pixels, 1, "pixel") for name, stage in zip(names, plan.stages, strict=True)]
        self._rows = ("input image", rows, 1, "row")
        self._replicas = [windows[replica.stage] for replica in plan.replicas]
        self._parts = [windows[replica.stage] for replica in plan.replicas for _ in replica.parts]
        whole = ("input image", rows, row_pixels, "row")
        self._rings = [whole if ring.source < 0 else pixels[ring.source] for ring in plan.rings]
        self._out = pixels[-1]

    def of(self, kind: int, a: int, number: int) -> tuple[int, str]:
        """Of a request of some kind (see `fast.requests.ask`)."""
        if kind in _OF_PARTS:
            return _named(self._parts[a], number)
        if kind == at.STEP:
            return _named(self._replicas[a], number)
        if kind in _OF_RINGS:
            return _named(self._rings[a], number)
        return _named(self._out if kind in _OF_OUTPUTS else self._rows, number)

    def window(self, replica: int, number: int) -> tuple[int, str]:
        """Of a window of a replica."""
        return _named(self._replicas[replica], number)


def _named(subject: tuple[str, int, int, str], number: int) -> tuple[int, str]:
    start, pieces, each, noun = subject
    image, piece = divmod(number // each, pieces)
    return image, f"{start} {image} {noun} {piece}"


def _escaped(name: str) -> str:
    return json.dumps(name)[1:-1]
