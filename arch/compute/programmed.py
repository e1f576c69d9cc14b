"""The conductances that a layer's cells hold."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class ProgrammedLayer:
    """One replica of a matrix layer, as a read sees it.

    conductance_s: float32 (P, R, O, S), siemens, access device included; P = 2 for differential pairs (0 positive,
    1 negative), else 1; R rows, O outputs, S slices (0 lowest).
    flipped: bool (row blocks, O, S), True where a column holds complemented levels (offset_flip); None elsewhere.
    Raises ValueError where the shapes do not agree.
    """

    conductance_s: torch.Tensor
    flipped: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.conductance_s.ndim != 4 or self.conductance_s.shape[0] not in (1, 2):
            raise ValueError(f"conductance_s: expected (1 or 2, R, O, S), got {tuple(self.conductance_s.shape)}")
        if self.flipped is not None and tuple(self.flipped.shape[1:]) != tuple(self.conductance_s.shape[2:]):
            raise ValueError(f"flipped: expected (row blocks, O, S), got {tuple(self.flipped.shape)}")
