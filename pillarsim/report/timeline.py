"""A recorded run as a timeline for Perfetto and chrome://tracing (docs/timeline.md).

JSON in the trace event format: "X" slices and "C" counters, their `ts` and `dur` in microseconds with picoseconds
behind the point, and "M" names. A process is a tile, the mesh, the border of the chip or the chip as a whole; a
thread is one component (one port of it), so that no two slices of a thread overlap.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.simulate.fast.observe import BORDER, FILL, SERVED, WINDOW
from pillarsim.arch.simulate.timeline import Recording
from pillarsim.report.build import RunResults
from pillarsim.report.files import check_writable
from pillarsim.report.timeline_names import Subjects, microseconds, thread_name
from pillarsim.report.timeline_power import Power, PowerTable

__all__ = ["CHIP", "EDGE", "FIRST_TILE", "MESH", "write_timeline"]

SCHEMA_VERSION = 1
CHIP, EDGE, MESH, FIRST_TILE = 1, 2, 3, 10  # process ids; tile n is FIRST_TILE + n
_PROCESSES = {CHIP: "chip", EDGE: "off-chip link and global buffer", MESH: "mesh"}


def write_timeline(path: Path, recording: Recording, results: RunResults) -> None:
    """Write `recording` to `path`, compressed if its name ends in .gz; whole or not at all.

    Raises InputError where the file cannot be written, ModelError where the energies of a run that was recorded whole
    do not sum to the report's.
    """
    power = Power(recording, results.trace, results.costs, results.components, results.chip.idle)
    with _whole(path) as stream, _text(stream, path.suffix == ".gz") as text:
        _Writer(text, recording, results).write(power)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place at the end; a device or pipe is written to."""
    check_writable(path)
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        ) as file:
            try:
                yield file
                file.flush()
                umask = os.umask(0)
                os.umask(umask)
                os.chmod(file.name, 0o666 & ~umask)  # temporary files are private; give it the usual permissions
                os.replace(file.name, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


@contextmanager
def _text(stream: IO[bytes], packed: bool) -> Iterator[TextIO]:
    """Text into a stream that stays open; compressed without the time of day, so that equal runs give equal files."""
    with contextlib.ExitStack() as stack:
        inner: Any = stream
        if packed:
            inner = stack.enter_context(gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0, compresslevel=6))
        text = io.TextIOWrapper(inner, encoding="ascii", newline="\n", write_through=False)
        yield text
        text.flush()
        text.detach()


class _Writer:
    """Brings the rows of a recording to a file, some at a time."""

    def __init__(self, text: TextIO, recording: Recording, results: RunResults) -> None:
        self._text, self._recording, self._results = text, recording, results
        self._plan = recording.plan
        self._subjects = Subjects(recording.plan)
        self._threads: dict[tuple[int, int], str] = {}
        self._next: dict[int, int] = {}
        self._ports = [[0] * part.ports for part in recording.servers]
        self._names: list[list[str]] = [[] for _ in recording.servers]
        self._categories = [
            ",".join(f"{role} {action}" for role, action in service.actions) for service in recording.services
        ]
        self._arrays = [self._replica(number) for number in range(len(self._plan.replicas))]
        self._rings = [self._ring(number) for number in range(len(self._plan.rings))]

    def write(self, power: Power) -> None:
        """Write everything; `power` takes the rows in passing."""
        text, recording = self._text, self._recording
        text.write('{"displayTimeUnit":"ns","traceEvents":[\n')
        text.write(_meta("process_name", CHIP, 0, {"name": "chip"}))  # every other event begins with a comma
        zero = microseconds(0)
        for pid, name in self._rings:
            self._fill(pid, name, zero, 0, 0)
        for rows in recording.chunks():
            power.add(rows)
            self._slices(rows)
            self._counters(rows)
        self._power(power.table(), power.width_ps)
        for (pid, tid), name in sorted(self._threads.items()):
            text.write(",\n" + _meta("thread_name", pid, tid, {"name": name}))
            text.write(",\n" + _meta("thread_sort_index", pid, tid, {"sort_index": tid}))
        pids = {pid for pid, _ in self._threads} | {pid for pid, _ in self._rings} | {EDGE}
        for pid in sorted(pids):
            name = _PROCESSES.get(pid, f"tile {pid - FIRST_TILE}")
            text.write(",\n" + _meta("process_name", pid, 0, {"name": name}))
        for pid in sorted(pids | {CHIP}):
            text.write(",\n" + _meta("process_sort_index", pid, 0, {"sort_index": pid}))
        text.write(f'\n],\n"otherData":{json.dumps(self._about(power))}}}\n')

    def _about(self, power: Power) -> dict[str, Any]:
        """What the file shows, as strings."""
        recording, results = self._recording, self._results
        about = {
            "schema_version": SCHEMA_VERSION,
            "chip": results.chip.name,
            "workload": results.network.name,
            "images": f"the first {recording.images} of {recording.run_images}",
            "recorded_ps": recording.end_ps,
            "power_bin_ps": power.width_ps,
            "energy_not_stated": ", ".join(results.costs.unstated) or "none",
            **{f"version of {name}": version for name, version in results.versions.items()},
        }
        return {key: str(value) for key, value in about.items()}

    def _thread(self, pid: int, name: str) -> str:
        """The process and thread of a new track, as they stand in a slice."""
        tid = self._next.get(pid, 1)
        self._next[pid] = tid + 1
        self._threads[pid, tid] = name
        return f'"pid":{pid},"tid":{tid}'

    def _track(self, server: int, port: int) -> str:
        """The track of a port; all ports of a server get theirs when one of them does."""
        if not self._names[server]:
            part = self._recording.servers[server]
            pid = {"link": MESH, "way down": MESH, "off_chip": EDGE, "global_buffer": EDGE}.get(part.role, 0)
            pid = pid or FIRST_TILE + part.place[0]
            self._names[server] = [self._thread(pid, thread_name(part, number)) for number in range(part.ports)]
        return self._names[server][port]

    def _replica(self, number: int) -> tuple[Callable[[], tuple[str, str]], int, int]:
        """(its tracks, array reads of a window, conversions of a window)."""
        replica = self._plan.replicas[number]
        made: list[tuple[str, str]] = []

        def tracks() -> tuple[str, str]:
            if not made:
                name, spread = self._plan.stages[replica.stage].name, len(replica.tiles) > 1
                pid = FIRST_TILE + (replica.home if spread else replica.tiles[0])
                where = f" in {len(replica.tiles)} tiles" if spread else ""
                arrays = f"arrays ({len(replica.arrays)}{where}): {name}, replica {replica.index}"
                made.append((self._thread(pid, arrays), self._thread(pid, arrays.replace("arrays", "converters", 1))))
            return made[0]

        counts = self._recording.window_counts(replica) if replica.arrays else {}
        reads, conversions = (
            sum(count for place, count in counts.items() if place[:2] == what)
            for what in (("array", "read"), ("converter", "convert"))
        )
        return tracks, reads, conversions

    def _ring(self, number: int) -> tuple[int, str]:
        """(process, counter's name in JSON) of the fill of a ring."""
        ring = self._plan.rings[number]
        name = f"{self._plan.stages[ring.stage].name}: pixels of input {ring.input} (room for {ring.capacity})"
        return FIRST_TILE + ring.tile, json.dumps(name)

    def _slices(self, rows: NDArray[np.int64]) -> None:
        images, services, write = self._recording.images, self._recording.services, self._text.write
        for _, server, service, start, end, kind, a, number in rows[rows[:, 0] == SERVED].tolist():
            free = self._ports[server]
            port = free.index(min(free))  # as the server took it
            free[port] = end
            image, name = self._subjects.of(kind, a, number)
            if image < images:
                write(
                    f',\n{{"ph":"X",{self._track(server, port)},"ts":{microseconds(start)},'
                    f'"dur":{microseconds(end - start)},"name":"{name}","cat":"{self._categories[service]}",'
                    f'"args":{{"count":{services[service].amount}}}}}'
                )
        for _, replica, window, start, free, first, converted, _ in rows[rows[:, 0] == WINDOW].tolist():
            image, name = self._subjects.window(replica, window)
            if image >= images:
                continue
            tracks, reads, conversions = self._arrays[replica]
            held, converting = tracks()
            for track, begin, until, what, count in (
                (held, start, free, "array read", reads),
                (converting, first, converted, "converter convert", conversions),
            ):
                write(
                    f',\n{{"ph":"X",{track},"ts":{microseconds(begin)},"dur":{microseconds(until - begin)},'
                    f'"name":"{name}","cat":"{what}","args":{{"count":{count}}}}}'
                )

    def _counters(self, rows: NDArray[np.int64]) -> None:
        """The last state of each picosecond, of everything that changed."""
        fills = rows[rows[:, 0] == FILL]
        for number, time_ps, held, coming in _last(fills[:, 1:5], 2).tolist():
            pid, name = self._rings[number]
            self._fill(pid, name, microseconds(time_ps), held, coming)
        border = rows[rows[:, 0] == BORDER]
        capacity = self._recording.global_pieces
        for time_ps, held, out in _last(border[:, 1:4], 1).tolist():
            for what, count, room in (("input rows", held, capacity[0]), ("output pixels", out, capacity[1])):
                self._text.write(
                    f',\n{{"ph":"C","pid":{EDGE},"ts":{microseconds(time_ps)},'
                    f'"name":"global buffer: {what} (room for {room})","args":{{"held":{count}}}}}'
                )

    def _fill(self, pid: int, name: str, time: str, held: int, coming: int) -> None:
        self._text.write(
            f',\n{{"ph":"C","pid":{pid},"ts":{time},"name":{name},"args":{{"held":{held},"coming":{coming}}}}}'
        )

    def _power(self, table: PowerTable, width_ps: int) -> None:
        """Watts from each bin's start on; 0 at the end."""
        for title, place in ((f"power in W, means of {width_ps} ps", 1), ("power in W by component", 0)):
            columns = table.by(place)
            for number, time_ps in enumerate(table.edges_ps.tolist()):
                last = number == len(table.edges_ps) - 1
                args = {key: 0.0 if last else float(f"{watts[number]:.9g}") for key, watts in columns.items()}
                head = f',\n{{"ph":"C","pid":{CHIP},"ts":{microseconds(time_ps)},"name":{json.dumps(title)},"args":'
                self._text.write(f"{head}{json.dumps(args, allow_nan=False)}}}")


def _meta(kind: str, pid: int, tid: int, args: dict[str, object]) -> str:
    return json.dumps({"ph": "M", "pid": pid, "tid": tid, "name": kind, "args": args})


def _last(rows: NDArray[np.int64], keys: int) -> NDArray[np.int64]:
    """The last row of each run of rows that are equal in their first `keys` columns."""
    changes = (rows[1:, :keys] != rows[:-1, :keys]).any(axis=1)
    return rows[np.append(changes, True)] if len(rows) else rows
