"""`schema`, `init` and `check`: what they print and what they refuse."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.learning import Learning, Refresh
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.cli.check import command as check
from pillarsim.cli.init import command as init
from pillarsim.cli.schema import command as schema


def test_schema_prints_json() -> None:
    """The output is one JSON document that names its dialect."""
    result = CliRunner().invoke(schema, [], catch_exceptions=False)
    assert json.loads(result.output)["$schema"].startswith("https://json-schema.org/")


def test_starter_file_is_valid_and_is_the_default_chip(tmp_path: Path) -> None:
    """What `init` writes passes `check` and describes the chip that it extends."""
    path = tmp_path / "mine.yaml"
    assert CliRunner().invoke(init, [str(path)], catch_exceptions=False).exit_code == 0
    result = CliRunner().invoke(check, [str(path)], catch_exceptions=False)
    assert result.output.count("\n") == 1
    assert "valid: my_chip, 8 x 8 tiles, 1024 planar arrays" in result.output
    assert load_chip(path).digest == load_chip("hfox_planar_128").digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.yaml"]


def test_starter_file_shows_every_section_and_its_keys() -> None:
    """Each section of a chip and each key in it stands in the starter file, in use or in a comment."""
    text = CliRunner().invoke(init, [], catch_exceptions=False).output
    sections = {name: field.annotation for name, field in Chip.model_fields.items()}
    for name in sections:
        assert re.search(rf"^{name}:", text, re.MULTILINE), name
    for section in ("technology", "array", "weights", "input", "readout", "write", "idle", "mapping"):
        annotation = sections[section]
        assert annotation is not None
        for key in annotation.model_fields:
            assert re.search(rf"\b{key}:", text), f"{section}.{key}"
    for key in (*Learning.model_fields, *Refresh.model_fields):
        assert re.search(rf"\b{key}:", text[text.index("\nlearning:") :]), f"learning.{key}"


def test_init_leaves_existing_files_alone(tmp_path: Path) -> None:
    """A file that exists is refused and unchanged."""
    path = tmp_path / "mine.yaml"
    path.write_text("mine\n")
    with pytest.raises(InputError, match=r"mine\.yaml: exists already"):
        CliRunner().invoke(init, [str(path)], catch_exceptions=False)
    assert path.read_text() == "mine\n"


def test_check_refuses_bad_files(tmp_path: Path) -> None:
    """A bad file raises the error that `main` prints with exit status 2; a bad option names itself."""
    path = tmp_path / "bad.yaml"
    path.write_text("extends: hfox_planar_128\narray:\n  rws: 3\n")
    with pytest.raises(InputError, match=r"bad\.yaml:3: array\.rws: unknown key"):
        CliRunner().invoke(check, [str(path)], catch_exceptions=False)
    with pytest.raises(InputError, match=r"^--set array\.rows=x: array\.rows: expected an integer"):
        CliRunner().invoke(check, ["hfox_planar_128", "--set", "array.rows=x"], catch_exceptions=False)
