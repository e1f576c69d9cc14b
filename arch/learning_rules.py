"""The names of the rules by which a chip may learn, apart from all else: the command line's help shows them too."""

from __future__ import annotations

from typing import Literal, get_args

Rule = Literal["stochastic", "sign", "per_device", "mixed_precision", "binary"]
RULES: tuple[Rule, ...] = get_args(Rule)
