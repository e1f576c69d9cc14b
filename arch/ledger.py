"""The only place where cost is added: integer counts and picoseconds, energy multiplied once at the end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """Counts of actions by (component role, action, layer) and busy picoseconds by (component role, layer)."""

    counts: defaultdict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    busy_ps: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def add(self, role: str, action: str, layer: str, count: int = 1) -> None:
        """Record `count` actions."""
        self.counts[role, action, layer] += count

    def busy(self, role: str, layer: str, picoseconds: int) -> None:
        """Record time in which the layer's parts of `role` were active."""
        self.busy_ps[role, layer] += picoseconds
