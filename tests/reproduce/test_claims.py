"""Claims, rows and their rendering, with made results."""

from dataclasses import replace

import pytest

from pillarsim import reproduce
from pillarsim.arch.errors import InputError
from pillarsim.report.json import json_text
from pillarsim.report.reproduce import render, render_list
from pillarsim.reproduce.claims import Claim, Parameter, Result, as_json
from pillarsim.reproduce.rows import ROWS, find_row

GOOD = Claim("e1", "it rises", 150.0, 162.0, "states", "measured", True)
RESULT = Result("made", "A paper", False, (Parameter("R", "1 MOhm", "assumed"),), (GOOD,), {"a": {"x": [1.0]}})


@pytest.mark.parametrize(
    ("holds", "basis", "verdict", "shown"),
    [
        (True, "measured", "validated", "yes, validated"),
        (True, "published", "validated", "yes, validated"),
        (True, "assumed", "consistent", "yes, consistent"),
        (False, "assumed", "fails", "no"),
        (None, "published", "undecided", "undecided"),
    ],
)
def test_verdict_follows_basis(holds: bool | None, basis: str, verdict: str, shown: str) -> None:
    """Only parameters that are not assumed validate a claim; the table says the same."""
    claim = Claim("e1", "it rises", None, None, "", basis, holds)  # type: ignore[arg-type]
    assert claim.verdict == verdict
    text = render(replace(RESULT, claims=(claim,)))
    assert shown in text
    assert ("validated" in text) == (verdict == "validated")


@pytest.mark.parametrize(("holds", "all_hold"), [(True, True), (False, False), (None, False)])
def test_one_claim_that_does_not_hold_fails_the_row(holds: bool | None, all_hold: bool) -> None:
    """A row holds only when every claim does; undecided does not hold."""
    result = replace(RESULT, claims=(GOOD, replace(GOOD, id="e2", holds=holds)))
    assert result.holds is all_hold
    assert f"{1 + all_hold} of 2 claims hold" in render(result)


def test_json_has_the_promised_keys() -> None:
    """Each claim has the keys of the interface, and null stands for what is undecided or not simulated."""
    data = as_json(replace(RESULT, claims=(GOOD, replace(GOOD, id="e2", holds=None, simulated=None))))
    assert data["name"] == "made"
    assert {"id", "claim", "paper", "simulated", "unit", "basis", "holds"} <= set(data["claims"][0])
    assert (data["claims"][1]["holds"], data["claims"][1]["simulated"], data["holds"]) == (None, None, False)
    assert json_text(data).count("null") == 2


def test_table_shows_both_sides_and_notes() -> None:
    """Numbers stand with their unit; parameters and notes follow with their source."""
    text = render(replace(RESULT, claims=(replace(GOOD, note="because of it"),)))
    for part in ("150 states", "162 states", "e1: because of it", "1 MOhm", "the paper says", "A paper"):
        assert part in text


def test_claims_have_ids_of_their_own() -> None:
    """Two claims of one id, or none at all, are refused."""
    for claims in ((GOOD, GOOD), ()):
        with pytest.raises(ValueError, match="an id each"):
            replace(RESULT, claims=claims)


def test_unknown_row_names_the_nearest() -> None:
    """A mistyped row is refused with the nearest name, by the function and by the registry."""
    with pytest.raises(InputError, match="did you mean 'chen2021'"):
        find_row("chen2020")
    with pytest.raises(InputError, match="no row 'x'"):
        reproduce.run("x")


def test_list_has_every_row() -> None:
    """The list has one line a row, and each key is its row's own name."""
    lines = render_list().splitlines()
    assert [line.split()[0] for line in lines] == list(ROWS)
    assert all(row.name == name and name != "list" for name, row in ROWS.items())
