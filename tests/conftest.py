"""Fixtures that every test may use, and the list of skipped checks at the end of a run."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no reference folder ../shared beside the checkout")
    return folder


@pytest.fixture(scope="session")
def data_dir(shared: Path) -> Path:
    """The data directory with the full datasets; the test is skipped where it is absent."""
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip("no folder ../shared/data with the full datasets beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Where torch is in use it gets one thread, so that results and timings do not depend on the machine."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_data_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own data directory must not change what a test sees."""
    if "PILLARSIM_DATA" in os.environ:
        monkeypatch.delenv("PILLARSIM_DATA")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end which checks did not run, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("checks that did not run")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
