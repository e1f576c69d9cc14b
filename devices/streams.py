"""Named random streams of one seed: a draw added elsewhere changes nothing here."""

from __future__ import annotations

import hashlib

import torch


def stream_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed for the stream called `names`; equal inputs give equal seeds on every machine."""
    text = "/".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a torch CPU generator for the stream called `names`."""
    return torch.Generator().manual_seed(stream_seed(seed, *names))
