"""The 26 letters of `workloads.letters` as a dataset: the same images for training and for test, without noise."""

from pathlib import Path

import numpy as np

from pillarsim.workloads.letters import letters
from pillarsim.workloads.readers.common import Progress, Read, Split, count_of

__all__ = ["read_letters"]


def read_letters(split: Split, limit: int | None, data_dir: Path | None, progress: Progress | None) -> Read:
    """Images (N, 1, 7, 7) of 0 and 1, labels 0 to 25 in the order of the alphabet; both splits are the same."""
    words = "26 letters of 7 x 7 pixels, shipped; training and test are the same"
    count = count_of("letters7x7", 26, limit, words)
    return Read(letters()[:count, None].astype(np.float32), np.arange(count, dtype=np.int64), words)
