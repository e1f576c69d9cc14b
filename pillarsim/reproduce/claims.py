"""What a row of `pillarsim reproduce` returns: claims, the parameters they rest on, and the series that are drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

SCHEMA_VERSION = 1  # of the JSON; rises when a key changes its meaning

Basis = Literal["measured", "published", "assumed"]
Value = float | str | None


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    id         e1, e2, ... for the points that the row is judged by; other letters for further checks
    paper      what the paper says, a number in `unit` or words
    simulated  the same of the simulation; None where nothing could be simulated
    basis      what the simulation's parameters rest on
    holds      None: undecided, which does not hold
    note       what the decision leaves open, or the likely reason where the claim fails
    """

    id: str
    claim: str
    paper: Value
    simulated: Value
    unit: str
    basis: Basis
    holds: bool | None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`validated` or `consistent` (parameters assumed) where the claim holds, else `fails` or `undecided`."""
        if self.holds is None:
            return "undecided"
        if not self.holds:
            return "fails"
        return "consistent" if self.basis == "assumed" else "validated"


@dataclass(frozen=True)
class Parameter:
    """A parameter of the simulation as it is printed: name, value with unit, and where it comes from."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Result:
    """A simulated row. `series` holds what is drawn: name -> column -> numbers, units in the column names.

    Raises ValueError where two claims share an id or there is none.
    """

    name: str
    reference: str
    quick: bool
    parameters: tuple[Parameter, ...]
    claims: tuple[Claim, ...]
    series: dict[str, dict[str, list[float]]]

    def __post_init__(self) -> None:
        names = [claim.id for claim in self.claims]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{self.name}: expected claims with an id each, found {names}")

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all(claim.holds is True for claim in self.claims)


def as_json(result: Result) -> dict[str, Any]:
    """Return the result as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": result.name,
        "reference": result.reference,
        "quick": result.quick,
        "holds": result.holds,
        "parameters": [asdict(parameter) for parameter in result.parameters],
        "claims": [{**asdict(claim), "verdict": claim.verdict} for claim in result.claims],
        "series": result.series,
    }
