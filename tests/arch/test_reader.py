"""The YAML reader: plain data, line numbers, sources, and one clear refusal for each bad file."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.errors import InputError
from pillarsim.arch.reader import dotted, parse_text, parse_value, read_yaml


def test_scalars_follow_yaml_1_2() -> None:
    """Numbers in exponent form are numbers, and words that YAML 1.1 turns into something else stay text."""
    document = parse_text("a: 1e-9\nb: on\nc: no\nd: 0:30\ne: 2016-06-18\nf: 010\ng: 0x1f\nh: true\ni: ~\n", "f")
    assert document.data == {
        "a": 1e-9, "b": "on", "c": "no", "d": "0:30", "e": "2016-06-18", "f": 10, "g": 31, "h": True, "i": None,
    }  # fmt: skip


def test_places_name_the_line_of_a_key_or_its_nearest_ancestor() -> None:
    """`where` gives file:line, also for list members and for keys that are not written."""
    document = parse_text("# comment\narray:\n  rows: 128\n\n  points:\n    - 1\n    - 2\n", "chip.yaml")
    assert document.where(("array", "rows")) == "chip.yaml:3"
    assert document.where(("array", "points", 1)) == "chip.yaml:7"
    assert document.where(("array", "missing", "deep")) == "chip.yaml:2"
    assert document.where(("elsewhere",)) == "chip.yaml:2"


def test_sourced_numbers_collapse_to_their_value() -> None:
    """``{value, source}`` leaves the value in the data; the source covers all that the value holds."""
    document = parse_text("a: {value: 2 mW, source: table 1}\nb: {value: {x: 1, y: [2]}, source: page 3}\n", "f")
    assert document.data == {"a": "2 mW", "b": {"x": 1, "y": [2]}}
    assert document.source_of(("a",)) == "table 1"
    assert document.source_of(("b", "y", 0)) == "page 3"
    assert document.source_of(("c",)) is None


def test_an_inner_source_wins_over_the_group_it_stands_in() -> None:
    """A number's own source is not hidden by that of the mapping around it."""
    text = "a: {value: {x: {value: 1, source: own}, y: 2}, source: group}\n"
    document = parse_text(text, "f")
    assert document.data == {"a": {"x": 1, "y": 2}}
    assert [document.source_of(("a", key)) for key in "xy"] == ["own", "group"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml: expected a mapping of keys, found an empty file"),
        ("# only a comment\n", "f.yaml: expected a mapping of keys, found an empty file"),
        ("- a\n", "f.yaml:1: expected a mapping of keys (key: value), found a list"),
        ("\nhello\n", "f.yaml:2: expected a mapping of keys (key: value), found the value 'hello'"),
        ("a:\n  b: 1\n  b: 2\n", "f.yaml:3: a.b: the key is written twice (first on line 2)"),
        ("a:\n  b: .nan\n", "f.yaml:2: a.b: expected a finite number, found .nan (not a number)"),
        ("a: -.inf\n", "f.yaml:1: a: expected a finite number, found -.inf (not a number)"),
        ("a: 1e999\n", "f.yaml:1: a: expected a finite number, found 1e999 (not a number)"),
        ("a: !!python/object:os.system x\n", "f.yaml:1: a: tags are not supported"),
        ("a: !!set {x}\n", "f.yaml:1: a: tags are not supported"),
        ("a: &x [*x]\n", "f.yaml:1: a[0]: an alias refers to a value that holds the alias itself"),
        ("? {a: b}\n: c\n", "f.yaml:1: expected a name as key, found a mapping"),
        ("a: 1\nb: [1, 2\n", "f.yaml:3: not valid YAML: expected ',' or ']'"),
        ("a:\n\t- b\n", "f.yaml:2: not valid YAML: found character '\\t'"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not valid YAML: but found another document"),
        ("a: 1\nb: \x07\n", "f.yaml:2: not valid YAML: special characters are not allowed"),
        ("a: " + "[" * 5000, "f.yaml: not valid YAML: nested too deeply"),
        ("a: " + "9" * 5000, "f.yaml:1: a: expected a number of at most 300 digits, found 5000"),
        ("a: {value: 1, source: 3}\n", "f.yaml:1: a.source: expected a text that names the source"),
        ("value: 1\n", "f.yaml:1: expected a mapping of keys, found a single value"),
    ],
)
def test_bad_text_is_refused_with_line_and_key(text: str, message: str) -> None:
    """Each malformed text gives one InputError that names file, line and, where there is one, the key."""
    with pytest.raises(InputError) as error:
        parse_text(text, "f.yaml")
    assert str(error.value).startswith(message)


def test_aliases_that_multiply_are_refused() -> None:
    """Nine lines that unfold to 10^9 values do not fill the memory."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(InputError, match=r"f:1: .*too many values"):
        parse_text("\n".join(lines), "f")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Absent files, folders, binary data and bytes that are no UTF-8 each say what was found."""
    (tmp_path / "binary").write_bytes(b"\x89HDF\0\0")
    (tmp_path / "latin").write_bytes(b"a: 1\nb: caf\xe9\n")
    expected = {
        "absent": "absent: no such file",
        ".": "expected a YAML file, found a folder",
        "binary": "binary: expected a YAML text file, found binary data",
        "latin": "latin:2: expected UTF-8 text, found byte 0xe9",
    }
    for name, message in expected.items():
        with pytest.raises(InputError) as error:
            read_yaml(tmp_path / name)
        assert message in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_files_without_permission_are_refused(tmp_path: Path) -> None:
    """A file that may not be read says so instead of a traceback."""
    path = tmp_path / "closed.yaml"
    path.write_text("a: 1\n")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(path)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Files saved by editors that write a byte order mark read as all others."""
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path).data == {"a": 1}


def test_inline_values_name_the_option_in_errors() -> None:
    """A value given to an option is parsed as in a file and refused by the option's name."""
    assert parse_value("{x: 4, y: 10 ns}", "--set a", ("a",)) == {"x": 4, "y": "10 ns"}
    assert parse_value("", "--set a", ("a",)) is None
    with pytest.raises(InputError, match=r"^--set a=\.nan: a: expected a finite number"):
        parse_value(".nan", "--set a=.nan", ("a",))


@given(st.text(max_size=60))
def test_any_text_reads_or_is_refused_by_name(text: str) -> None:
    """No text makes the reader fail in another way than with an InputError that names the file."""
    try:
        document = parse_text(text, "f.yaml")
        read: object = document.data
    except InputError as error:
        read = str(error)
    assert isinstance(read, dict) or str(read).startswith("f.yaml")


def test_key_paths_print_as_people_write_them() -> None:
    """Names are joined by dots, list members stand in brackets."""
    assert dotted(("tile", "extra", "a")) == "tile.extra.a"
    assert dotted(("points", 2, "x")) == "points[2].x"
