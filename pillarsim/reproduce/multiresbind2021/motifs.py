"""Synthetic windows of RNA: proteins that look for a motif, and whose share of windows depends on the region.

Modelled: windows in one of four regions (intron, CDS, 3'UTR, 5'UTR), all alike in number; a protein binds a window with
a probability of its own for each region, and a window that it binds holds its motif once, at a random place, other
bases at random. Left out: structure, motifs of unequal weight, windows that cross a border, wrong labels.
Everything here is assumed: it says whether a network can find motifs, and nothing about proteins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.devices.streams import generator
from pillarsim.workloads.datasets import Dataset, Split

__all__ = ["MOTIF", "REGIONS", "SHARES", "Motifs", "View", "draw_motifs", "region_auc"]

View: TypeAlias = Literal["sequence", "region"]

REGIONS = 4  # intron, CDS, 3'UTR, 5'UTR
MOTIF = 7  # bases, assumed: motifs of RNA-binding proteins have 4 to 8
COPIES = 4  # of the motif in a window that is bound, which may cover one another; assumed
# share of windows that a protein binds, for the regions in an order of its own: assumed, 10 % on average
SHARES = (0.04, 0.08, 0.12, 0.16)


@dataclass(frozen=True, eq=False)
class Motifs:
    """Windows (N, length) of bases 0 to 3, their regions (N,), and labels (N, proteins) of 0 and 1."""

    split: Split
    bases: NDArray[np.int64]
    regions: NDArray[np.int64]
    labels: NDArray[np.int64]

    def seen(self, view: View) -> Dataset:
        """The same windows as a network sees them, one-hot (N, 4, 1, length): by the base, or by the region alone."""
        classes = self.bases if view == "sequence" else np.broadcast_to(self.regions[:, None], self.bases.shape)
        images = np.ascontiguousarray(np.eye(4, dtype=np.float32)[classes].transpose(0, 2, 1)[:, :, None])
        words = f"synthetic motifs, {len(images)} windows, input {view} (assumed)"
        return Dataset(f"motifs-{view}", self.split, images, self.labels, words)


def draw_motifs(split: Split, count: int, proteins: int, length: int, seed: int) -> Motifs:
    """Draw `count` windows. Motifs and shares are the same for both splits; windows have streams of their own."""
    rules = generator(seed, "motifs")
    motifs = torch.randint(0, 4, (proteins, MOTIF), generator=rules)
    shares = torch.stack([torch.tensor(SHARES)[torch.randperm(REGIONS, generator=rules)] for _ in range(proteins)])
    stream = generator(seed, "motifs", split)
    bases = torch.randint(0, 4, (count, length), generator=stream)
    regions = torch.randint(0, REGIONS, (count,), generator=stream)
    labels = torch.rand((count, proteins), generator=stream) < shares.T[regions]
    starts = torch.randint(0, length - MOTIF + 1, (COPIES, count, proteins), generator=stream)
    for copy in starts:
        for protein, motif in enumerate(motifs):
            bound = torch.nonzero(labels[:, protein])[:, 0]
            places = copy[bound, protein, None] + torch.arange(MOTIF)
            bases[bound[:, None], places] = motif
    return Motifs(split, bases.numpy(), regions.numpy(), labels.long().numpy())


def region_auc() -> float:
    """ROC-AUC of the best scores that know the region alone: the share itself, equal regions count half."""
    found = 0.0
    for p in SHARES:
        for q in SHARES:
            found += p * (1 - q) * ((p > q) + 0.5 * (p == q))
    return found / (sum(SHARES) * sum(1 - q for q in SHARES))
