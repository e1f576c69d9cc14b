"""Results of runs in a folder: kept, reused, and refused where they are of another run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pillarsim.arch.errors import InputError
from pillarsim.reproduce.store import Store

WHO = {"images": "100", "seed": "1"}
FOUND = {"accuracy": 1 / 3, "steps": [1, 2], "name": "a"}


def never() -> dict[str, Any]:
    """A run that must not happen again."""
    pytest.fail("it ran again")


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    """The second start takes every digit from the folder, and only for what had finished."""
    store = Store(tmp_path / "new", "row", WHO)
    assert store.result("d2d-1", lambda: FOUND) == FOUND
    again = Store(tmp_path / "new", "row", WHO)
    assert again.result("d2d-1", never) == FOUND
    assert again.result("d2d-2", lambda: {"accuracy": 0.5}) == {"accuracy": 0.5}
    assert sorted(path.name for path in (tmp_path / "new" / "row").iterdir()) == ["d2d-1.json", "d2d-2.json"]


@pytest.mark.parametrize("folder", [True, False])
def test_a_result_is_the_same_kept_or_not(folder: bool, tmp_path: Path) -> None:
    """Tuples come back as lists with and without a folder, so that a resumed row sees what an unbroken one sees."""
    assert Store(tmp_path if folder else None, "row").result("a", lambda: {"pair": (1, 2.5)}) == {"pair": [1, 2.5]}


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    """Nothing is written of a run that fails, and it is run again."""
    store = Store(tmp_path, "row", WHO)
    with pytest.raises(KeyboardInterrupt):
        store.result("a", interrupted)
    assert list(tmp_path.rglob("*.json")) == []
    assert store.result("a", lambda: FOUND) == FOUND


def interrupted() -> dict[str, Any]:
    """A run that is stopped."""
    raise KeyboardInterrupt


def test_another_run_is_refused(tmp_path: Path) -> None:
    """Results of other sizes are refused with the name of what differs, and stay as they are."""
    Store(tmp_path, "row", WHO).result("a", lambda: FOUND)
    with pytest.raises(InputError, match="images 100, this run has 200"):
        Store(tmp_path, "row", {**WHO, "images": "200"}).result("a", never)
    assert Store(tmp_path, "row", WHO).result("a", never) == FOUND


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    """Text of a file with its content changed."""

    def apply(text: str) -> str:
        held = json.loads(text)
        change(held)
        return json.dumps(held)

    return apply


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text[: len(text) // 2], "not a readable result"),
        (lambda text: "[1]", "not a readable result"),
        (edited(lambda held: held.update(schema_version=99)), "expected schema version 1, found 99"),
        (edited(lambda held: held.update(result=None)), "not a result of a run"),
    ],
)
def test_a_damaged_file_is_named(change: Callable[[str], str], expected: str, tmp_path: Path) -> None:
    """A file cut short, of another kind or version: one message with its path."""
    store = Store(tmp_path, "row", WHO)
    store.result("a", lambda: FOUND)
    path = tmp_path / "row" / "a.json"
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(InputError, match=expected) as refused:
        store.result("a", never)
    assert str(path) in str(refused.value)


def test_keys_are_file_names_and_results_numbers(tmp_path: Path) -> None:
    """A key with a slash and a result that is not a number are defects of the caller."""
    store = Store(tmp_path, "row")
    with pytest.raises(ValueError, match="key"):
        store.result("../a", never)
    with pytest.raises(ValueError, match="JSON compliant"):
        store.result("a", lambda: {"accuracy": float("nan")})
