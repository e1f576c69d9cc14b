"""Progress of long work on standard error: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
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
    """Yield a callback that draws a bar once the work has run for two seconds on a terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    bars = _Bars()
    try:
        yield bars.update
    finally:
        bars.close()


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
