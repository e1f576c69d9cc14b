"""Files of one command: none the same, all written or none."""

from pathlib import Path

import pytest

from pillarsim.arch.errors import InputError
from pillarsim.device.outputs import Output, all_or_none, check_apart, check_output
from pillarsim.report.files import write_text


def output(path: Path, text: str) -> Output:
    return Output(path, lambda: write_text(path, text))


def write_and_fail(outputs: list[Output], kind: type[BaseException]) -> None:
    with all_or_none(outputs):
        assert outputs[1].path.exists()
        raise kind("full")


def test_all_are_written(tmp_path: Path) -> None:
    """New files and replaced ones."""
    (tmp_path / "a").write_text("old")
    with all_or_none([output(tmp_path / "a", "new"), output(tmp_path / "b", "b")]):
        pass
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "b"}


@pytest.mark.parametrize("where", ["last", "body", "interrupt"])
def test_a_failure_leaves_all_as_it_was(tmp_path: Path, where: str) -> None:
    """Replaced files are restored, through links too; new ones are gone."""
    (tmp_path / "a").write_text("old")
    (tmp_path / "link").symlink_to("a")
    outputs = [output(tmp_path / "link", "new"), output(tmp_path / "b", "b")]
    kind: type[BaseException] = KeyboardInterrupt if where == "interrupt" else InputError
    if where == "last":
        outputs.append(output(tmp_path / "absent" / "c", "c"))
    with pytest.raises(kind):
        write_and_fail(outputs, kind)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "link"]
    assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "link").is_symlink()


def test_files_apart(tmp_path: Path) -> None:
    """Different files and those not given pass."""
    check_apart({"DATA": tmp_path / "a", "--base": None}, {"--out": tmp_path / "b", "--json": None})
    with pytest.raises(InputError, match=r"--plot: .* is the file of --out too: expected another file"):
        check_apart({}, {"--out": tmp_path / "b", "--plot": tmp_path / "x" / ".." / "b"})
    # Two inputs may be one file.
    check_apart({"DATA": tmp_path / "a", "--base": tmp_path / "a"}, {})


def test_message_names_option_and_file(tmp_path: Path) -> None:
    """Also where a folder above is what cannot be written."""
    path = tmp_path / "absent" / "a.json"
    with pytest.raises(InputError, match=r"^--json: .*absent/a\.json: cannot be written"):
        check_output("--json", path)

    def below(path: Path) -> None:
        raise InputError(f"{path.parent}: cannot be written")

    with pytest.raises(InputError, match=r"^--json: .*/a\.json: .*/absent: cannot be written$"):
        check_output("--json", path, below)
