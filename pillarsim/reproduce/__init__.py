"""Papers' claims beside what is simulated: one row a paper, each claim with its basis and whether it holds.

from pillarsim import reproduce
result = reproduce.run("chen2021", quick=True)
print(result.holds, [claim.id for claim in result.claims if not claim.holds])
"""

from __future__ import annotations

from pathlib import Path

from pillarsim.reproduce.claims import Claim, Parameter, Result
from pillarsim.reproduce.rows import ROWS, Progress, find_row

__all__ = ["ROWS", "Claim", "Parameter", "Result", "run"]


def run(name: str, quick: bool = False, progress: Progress | None = None, checkpoint: Path | None = None) -> Result:
    """Simulate the row `name` and return its claims.

    quick: fewer and smaller points, at most 40 s on one thread. progress: called with (stage, done, total). checkpoint:
    a folder where rows that train keep what they have done; the same call goes on from there.
    Raises InputError for an unknown name, and for a checkpoint of a row that keeps nothing.
    """
    return find_row(name).simulate(quick, progress or _silent, checkpoint=checkpoint)


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
