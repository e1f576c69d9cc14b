"""Stretches of RNA and which of 19 proteins bind them, several labels each; from the data directory.

`rbp/rbp19_multilabel.npz`: X (N, 101) uint8, 0 to 3 for A, C, G, U and 4 for an unknown base; Y (N, 19) of 0 and 1;
split (N,), 0 training, 1 validation, 2 test, by chromosome. The samples of a split keep the order of the file.
Labels come from sub-sampled peaks: a 0 may be an unobserved binding.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pillarsim.arch.errors import InputError
from pillarsim.workloads.readers.common import Progress, Read, Split, count_of, needed, read_npz

__all__ = ["one_hot", "read_rna"]

_FILE = Path("rbp") / "rbp19_multilabel.npz"
_SPLITS: dict[Split, tuple[int, str]] = {"train": (0, "training"), "validation": (1, "validation"), "test": (2, "test")}
# code -> (A, C, G, U); an unknown base is a quarter of each
_BASES = np.vstack([np.eye(4, dtype=np.float32), np.full((1, 4), 0.25, np.float32)])


def read_rna(split: Split, limit: int | None, data_dir: Path | None, progress: Progress | None) -> Read:
    """Inputs (N, 4, 1, 101) and labels (N, 19); raises InputError for a wrong file."""
    path = needed("rbp", data_dir, str(_FILE)) / _FILE
    held = read_npz(path)
    absent = [name for name in ("X", "Y", "split") if name not in held]
    if absent:
        raise InputError(f"{path}: expected arrays X, Y and split, {', '.join(absent)} is not there")
    codes, labels, parts = held["X"], held["Y"], held["split"]
    if codes.ndim != 2 or labels.ndim != 2 or not len(codes) == len(labels) == len(parts):
        raise InputError(f"{path}: expected X of (N, length), Y of (N, labels) and split of (N,)")
    if codes.dtype != np.uint8 or int(codes.max(initial=0)) >= len(_BASES) or int(labels.max(initial=0)) > 1:
        raise InputError(f"{path}: expected codes 0 to 4 in X and labels 0 and 1 in Y")
    chosen, noun = _SPLITS[split]
    places = np.flatnonzero(parts == chosen)
    words = f"RNA-binding proteins, {len(places)} {noun} samples, from the data directory"
    places = places[: count_of("rbp", len(places), limit, words)]
    return Read(one_hot(codes[places]), labels[places].astype(np.int64), words)


def one_hot(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Codes (N, L) of 0 to 4 as (N, 4, 1, L): one channel a base, 0.25 in each for an unknown one."""
    return np.ascontiguousarray(_BASES[codes].transpose(0, 2, 1)[:, :, None])
