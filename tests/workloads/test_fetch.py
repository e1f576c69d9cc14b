"""Public datasets from a server on this machine: checked, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pillarsim.arch.errors import InputError
from pillarsim.workloads import fetch as module
from pillarsim.workloads.fetch import fetch, fetchable

FILES = {f"{stem}.gz": stem.encode() * 1000 for stem in ("images", "labels")}


@dataclass
class Server:
    """What the server holds, whom it cuts short, and what was asked of it."""

    url: str
    files: dict[str, bytes]
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of FILES at /data/, and a registry that expects them as 'mnist'."""
    state = Server("", dict(FILES))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/data/")
            state.asked.append(name)
            content = state.files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:-5] if name in state.cut else content)

        def log_message(self, *args: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{running.server_port}/data/"
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    monkeypatch.setitem(module._PUBLIC, "mnist", replace(module._PUBLIC["mnist"], files=sums))
    monkeypatch.setenv("no_proxy", "*")
    yield state
    running.shutdown()
    thread.join()
    running.server_close()


def held(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dataset_is_fetched_once(server: Server, tmp_path: Path) -> None:
    """All files arrive in a folder that is made; progress ends at the size; a second call asks for nothing."""
    seen: list[tuple[str, int, int]] = []
    found = fetch("mnist", tmp_path / "new", server.url, lambda *step: seen.append(step))
    assert held(tmp_path / "new") == {f"mnist/{name}": content for name, content in FILES.items()}
    assert [path.name for path in found] == list(FILES)
    for name, content in FILES.items():
        assert seen[[step[0] for step in seen].index(name) :]
        assert (name, len(content), len(content)) in seen
    assert len(server.asked) == 2
    assert fetch("mnist", tmp_path / "new", server.url) == found
    assert len(server.asked) == 2
    found[0].unlink()
    fetch("mnist", tmp_path / "new", server.url)
    assert server.asked[2:] == [found[0].name]


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """The second file is another one: the first is not kept either."""
    server.files["labels.gz"] = b"other"
    with pytest.raises(InputError, match=r"labels\.gz: wrong checksum: expected sha256 .*, found"):
        fetch("mnist", tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_or_missing_file_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """A connection that ends early and an address without the file are told apart."""
    server.cut.add("labels.gz")
    with pytest.raises(InputError, match=r"labels\.gz: (broke off|the connection broke)"):
        fetch("mnist", tmp_path, server.url)
    del server.files["images.gz"]
    with pytest.raises(InputError, match=r"images\.gz: the server answered 404 Not Found"):
        fetch("mnist", tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the folder and the reason."""

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_download", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        fetch("mnist", tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_no_network(server: Server, tmp_path: Path) -> None:
    """Nobody answers: the message says so and names --url."""
    with pytest.raises(InputError, match=r"no answer \(.*\); is there a network\? A mirror may be named by --url"):
        fetch("mnist", tmp_path, "http://127.0.0.1:9/")
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused(server: Server, tmp_path: Path) -> None:
    """A dataset that is not public, another kind of address, and a file that is there with other content."""
    with pytest.raises(InputError, match=r"unknown dataset 'mnits' \(did you mean 'mnist'\?\); expected one of mnist"):
        fetch("mnits", tmp_path)
    with pytest.raises(InputError, match="--url: expected an address that begins with http"):
        fetch("mnist", tmp_path, "file:///etc")
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "images.gz").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"images\.gz: is there with another checksum"):
        fetch("mnist", tmp_path, server.url)
    assert held(tmp_path) == {"mnist/images.gz": b"mine"}
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        fetch("mnist", tmp_path / "file", server.url)


def archive(names: tuple[str, ...]) -> bytes:
    """A .tar.gz with these files in the published folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as opened:
        for name in names:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(name)
            opened.addfile(member, io.BytesIO(name.encode()))
    return stream.getvalue()


def test_an_archive_is_unpacked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The members appear together, and nothing else; an archive that lacks one leaves nothing."""
    public = module._PUBLIC["cifar10"]

    def serve(content: bytes) -> None:
        server.files["cifar-10-binary.tar.gz"] = content
        sums = {"cifar-10-binary.tar.gz": hashlib.sha256(content).hexdigest()}
        monkeypatch.setitem(module._PUBLIC, "cifar10", replace(public, files=sums))

    serve(archive(public.members[:-1]))
    with pytest.raises(InputError, match="not the expected archive"):
        fetch("cifar10", tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []
    serve(archive((*public.members, "../../evil", "readme.html")))
    fetch("cifar10", tmp_path, server.url)
    assert held(tmp_path) == {f"cifar-10-batches-bin/{name}": name.encode() for name in public.members}
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").unlink()
    with pytest.raises(InputError, match=r"holds 6 of 7 files: move it away"):
        fetch("cifar10", tmp_path, server.url)


def test_what_can_be_fetched() -> None:
    """The three public datasets, each file with a sha256."""
    assert fetchable() == ("mnist", "fashion-mnist", "cifar10")
    for public in module._PUBLIC.values():
        assert all(len(bytes.fromhex(found)) == 32 for found in public.files.values())
