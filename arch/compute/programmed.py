"""The conductances that a layer's cells hold."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class ProgrammedLayer:
    """One replica of a matrix layer, as a read sees it.

    conductance_s: float32 (P, R, O, S), siemens, I / V of each cell at the read voltage, access device included;
    P = 2 for differential pairs (0 positive, 1 negative), else 1; R rows, O outputs, S slices (0 lowest).
    flipped: bool (row blocks, O, S), True where a column holds complemented levels (offset_flip); None elsewhere.
    effective_s: as conductance_s, what the converters see of each cell through wires and column gain; None: the same.
    Raises ValueError where the shapes do not agree.
    """

    conductance_s: torch.Tensor
    flipped: torch.Tensor | None = None
    effective_s: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.conductance_s.ndim != 4 or self.conductance_s.shape[0] not in (1, 2):
            raise ValueError(f"conductance_s: expected (1 or 2, R, O, S), got {tuple(self.conductance_s.shape)}")
        if self.flipped is not None and tuple(self.flipped.shape[1:]) != tuple(self.conductance_s.shape[2:]):
            raise ValueError(f"flipped: expected (row blocks, O, S), got {tuple(self.flipped.shape)}")
        if self.effective_s is not None and self.effective_s.shape != self.conductance_s.shape:
            raise ValueError(f"effective_s: expected {tuple(self.conductance_s.shape)}, got {self.effective_s.shape}")

    @property
    def seen_s(self) -> torch.Tensor:
        """What the converters see of each cell."""
        return self.conductance_s if self.effective_s is None else self.effective_s
