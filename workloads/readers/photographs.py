"""50 real photographs with their ImageNet classes, prepared for SqueezeNet v1.0; from the data directory.

`images/imagenet_samples50_227_u8.npz`: X (50, 227, 227, 3) uint8, red first; y, classes 0 to 999. There is one split:
training and test images are the same ones. Whoever calibrates on them uses no labels, but the same pixels.
"""

from pathlib import Path

import numpy as np

from pillarsim.arch.errors import InputError
from pillarsim.workloads.readers.common import Progress, Read, Split, count_of, needed, read_npz

__all__ = ["MEANS", "read_photographs"]

_FILE = Path("images") / "imagenet_samples50_227_u8.npz"
_CLASSES = 1000
MEANS = (104.0, 117.0, 123.0)  # of blue, green and red, which SqueezeNet v1.0 takes away (its published model)


def read_photographs(split: Split, limit: int | None, data_dir: Path | None, progress: Progress | None) -> Read:
    """Images (N, 3, 227, 227): blue, green, red of 0 to 255 minus MEANS; raises InputError for a wrong file."""
    path = needed("imagenet-samples", data_dir, str(_FILE)) / _FILE
    held = read_npz(path)
    if "X" not in held or "y" not in held:
        raise InputError(f"{path}: expected arrays X and y, found {', '.join(held) or 'none'}")
    codes, labels = held["X"], held["y"]
    if codes.dtype != np.uint8 or codes.shape[1:] != (227, 227, 3) or labels.shape != codes.shape[:1]:
        raise InputError(f"{path}: expected uint8 X of (N, 227, 227, 3) and y of (N,), found {codes.shape}")
    if labels.dtype.kind not in "iu" or (len(labels) and not (labels.min() >= 0 and labels.max() < _CLASSES)):
        raise InputError(f"{path}: expected classes 0 to {_CLASSES - 1} in y")
    words = f"{len(codes)} ImageNet photographs, one split, from the data directory"
    count = count_of("imagenet-samples", len(codes), limit, words)
    images = codes[:count, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    images -= np.array(MEANS, np.float32)[:, None, None]
    return Read(np.ascontiguousarray(images), labels[:count].astype(np.int64), words)
