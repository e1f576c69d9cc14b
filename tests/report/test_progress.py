"""Progress callbacks do not lose a Ctrl-C."""

from __future__ import annotations

import contextlib
import signal

import pytest

from pillarsim.report.progress import progress_bar


def swallow_an_interrupt() -> None:
    """Work whose library catches a Ctrl-C between two steps."""
    with progress_bar() as progress:
        progress("work", 1, 2)
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        progress("work", 2, 2)


def test_a_swallowed_interrupt_is_raised_again() -> None:
    """An interrupt that a library caught ends the work at the next progress, and the old handler comes back."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        swallow_an_interrupt()
    assert signal.getsignal(signal.SIGINT) is before


def test_undisturbed_work_ends_quietly() -> None:
    """Without an interrupt nothing is raised."""
    with progress_bar() as progress:
        progress("work", 2, 2)
