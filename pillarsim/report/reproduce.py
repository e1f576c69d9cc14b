"""A row as a person reads it: parameters, the claims as a table, and notes."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from pillarsim.reproduce.claims import Claim, Result, Value
from pillarsim.reproduce.rows import ROWS

# characters a column and a line; our choice, fits a terminal of 120
_CLAIM_WIDTHS = (None, 44, 48, None)
_PARAMETER_WIDTHS = (None, 60, 36)
_NOTE_WIDTH = 118


def render_list() -> str:
    """Return the names of all rows, one line each."""
    return tabulate([(row.name, row.line) for row in ROWS.values()], tablefmt="plain") + "\n"


def render(result: Result) -> str:
    """Return the whole row as text."""
    parameters = tabulate(
        [(parameter.name, parameter.value, parameter.source) for parameter in result.parameters],
        headers=("parameter", "value", "source"),
        tablefmt="simple",
        maxcolwidths=list(_PARAMETER_WIDTHS),
        disable_numparse=True,
    )
    claims = tabulate(
        [(claim.id, _said(claim), _simulated(claim), _holds(claim)) for claim in result.claims],
        headers=("", "the paper says", "simulated", "holds"),
        tablefmt="simple_grid",
        maxcolwidths=list(_CLAIM_WIDTHS),
        disable_numparse=True,
    )
    notes = "\n".join(
        textwrap.fill(f"{claim.id}: {claim.note}", _NOTE_WIDTH, subsequent_indent="    ")
        for claim in result.claims
        if claim.note
    )
    held = sum(claim.holds is True for claim in result.claims)
    title = f"{result.name}{' (quick)' if result.quick else ''}: {result.reference}"
    last = f"{held} of {len(result.claims)} claims hold"
    if any(claim.verdict == "consistent" for claim in result.claims):
        last += "; consistent: holds with assumed parameters, which is no validation"
    return "\n\n".join(part for part in (title, parameters, claims, notes, last) if part) + "\n"


def _said(claim: Claim) -> str:
    return claim.claim if claim.paper is None else f"{claim.claim}: {_value(claim.paper, claim.unit)}"


def _simulated(claim: Claim) -> str:
    return "not simulated" if claim.simulated is None else _value(claim.simulated, claim.unit)


def _holds(claim: Claim) -> str:
    if claim.holds is None:
        return "undecided"
    return f"yes, {claim.verdict}" if claim.holds else "no"


def _value(value: Value, unit: str) -> str:
    text = value if isinstance(value, str) else f"{value:.3g}"
    return f"{text} {unit}".rstrip()
