"""Progress of long work on standard error: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SHOW_AFTER_S = 2.0  # s; shorter work shows no bar (our choice)

# (stage, done, total)
ProgressCallback = Callable[[str, int, int], None]


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """Yield a callback that draws a bar once the work has run for two seconds on a terminal.

    A Ctrl-C that some library swallowed is raised again at the next call of the callback, or at the end.
    """
    bars = _Bars() if sys.stderr.isatty() else None
    with _heeded_interrupts() as check:

        def update(stage: str, done: int, total: int) -> None:
            check()
            if bars is not None:
                bars.update(stage, done, total)

        try:
            yield update
            check()
        finally:
            if bars is not None:
                bars.close()


@contextmanager
def _heeded_interrupts() -> Iterator[Callable[[], None]]:
    """Yield a check that raises KeyboardInterrupt if there was one: callbacks of compilers cannot pass it on."""
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if seen:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    previous = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, previous)


class _Bars:
    def __init__(self) -> None:
        self.started = time.monotonic()
        self.progress: Progress | None = None
        self.tasks: dict[str, object] = {}

    def update(self, stage: str, done: int, total: int) -> None:
        if self.progress is None:
            if time.monotonic() - self.started < SHOW_AFTER_S:
                return
            self._open()
        assert self.progress is not None
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total)
        self.progress.update(self.tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self.progress.start()

    def close(self) -> None:
        if self.progress is not None:
            self.progress.stop()
