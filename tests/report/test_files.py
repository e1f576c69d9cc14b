"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from pillarsim.arch.errors import InputError
from pillarsim.report.files import write_text


def test_text_replaces_an_older_file(tmp_path: Path) -> None:
    """The new text is there, alone, readable as any new file, without a temporary file beside it."""
    path = tmp_path / "a.json"
    path.write_text("old")
    write_text(path, "new µ\n")
    assert path.read_bytes() == "new µ\n".encode()
    (tmp_path / "b.json").write_text("")
    assert path.stat().st_mode == (tmp_path / "b.json").stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    """An absent folder, a folder in the file's place and a file in the folder's place each say so."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "absent" / "a", tmp_path, tmp_path / "file" / "a"):
        with pytest.raises(InputError, match="cannot be written"):
            write_text(path, "x")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    """Ctrl-C or a full disk leaves the old content and nothing half-written."""
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(source: str, target: Path) -> None:
        assert os.path.exists(source)
        raise interruption

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((KeyboardInterrupt, InputError)):
        write_text(path, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"


def test_a_link_keeps_pointing_where_it_did(tmp_path: Path) -> None:
    """Writing through a symbolic link changes its target and leaves the link."""
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_devices_are_written_through(tmp_path: Path) -> None:
    """A device is not replaced by a file."""
    write_text(Path("/dev/null"), "gone")
    assert not Path("/dev/null").is_file()
