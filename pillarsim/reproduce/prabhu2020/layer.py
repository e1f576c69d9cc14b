"""A first convolution layer on photographs, and the relative error of its output when its weights change.

Filters: SqueezeNet v1.0 conv1, ImageNet-trained (96 x 3 x 7 x 7, stride 2, no padding, blue-green-red input of 0 to 255
minus 104, 117, 123). AlexNet's own weights are not available: for its geometry (11 x 11 x 3 x 96, stride 4) the same
filters are resampled. The output is taken before bias and ReLU, which are digital.

An output is linear in the weights, so ||y(w + d) - y(w)||^2 = d' C d with C = sum over windows of p p': the windows
enter once, and every reading of the weights costs no convolution. Pixels are integers, so C is exact.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.devices.streams import generator
from pillarsim.workloads import datasets

Array = NDArray[np.float64]

SIZE = 227  # pixels a side of the input; AlexNet and SqueezeNet v1.0
MEAN_BGR = (104, 117, 123)  # subtracted from the pixels; SqueezeNet's preprocessing
PHOTOGRAPHS = "images/imagenet_samples50_227_u8.npz"  # in the data directory
_WEIGHTS = Path(datasets.__file__).parent / "data" / "squeezenet" / "squeezenet_conv1.npz"
_SPREAD = 0.05  # standard deviation of the weights of the derived table
_PATCHES = 200  # windows of the derived table


@dataclass(frozen=True)
class Geometry:
    """Shape of a first layer: filters, channels, kernel and stride in pixels; input SIZE x SIZE, no padding."""

    filters: int
    channels: int
    kernel: int
    stride: int

    @property
    def inputs(self) -> int:
        """Weights of a filter."""
        return self.channels * self.kernel**2

    @property
    def weights(self) -> int:
        """Weights of the layer, without bias."""
        return self.filters * self.inputs

    @property
    def side(self) -> int:
        """Output positions a side."""
        return (SIZE - self.kernel) // self.stride + 1

    @property
    def macs(self) -> int:
        """Multiplications an image."""
        return self.weights * self.side**2


SQUEEZENET = Geometry(96, 3, 7, 2)
ALEXNET = Geometry(96, 3, 11, 4)


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights (filters, inputs) float32 and the Gram matrix (inputs, inputs) of the windows they meet."""

    weights: NDArray[np.float32]
    gram: Array

    def squared_norms(self, weights: Array) -> Array:
        """||y||^2 of each filter over all windows (filters,), for weights (filters, inputs)."""
        # No BLAS: its order of summation would depend on its threads.
        return np.asarray(np.maximum(np.einsum("fi,ij,fj->f", weights, self.gram, weights), 0))


def squeezenet_filters() -> NDArray[np.float32]:
    """The shipped filters (96, 3, 7, 7)."""
    with np.load(_WEIGHTS) as file:
        return np.asarray(file["W"], dtype=np.float32)


def resampled(filters: NDArray[np.float32], kernel: int) -> NDArray[np.float32]:
    """Filters with a kernel of `kernel` pixels, interpolated bilinearly, corner to corner."""
    grown = torch.nn.functional.interpolate(
        torch.from_numpy(filters), size=(kernel, kernel), mode="bilinear", align_corners=True
    )
    return np.asarray(grown.numpy(), dtype=np.float32)


def squeezenet_layer(images: NDArray[np.uint8]) -> Layer:
    """SqueezeNet's first layer on images (images, SIZE, SIZE, 3), red-green-blue."""
    return Layer(squeezenet_filters().reshape(SQUEEZENET.filters, -1), gram_of(images, SQUEEZENET))


def alexnet_layer(images: NDArray[np.uint8]) -> Layer:
    """AlexNet's first geometry with SqueezeNet's filters, resampled."""
    filters = resampled(squeezenet_filters(), ALEXNET.kernel)
    return Layer(filters.reshape(ALEXNET.filters, -1), gram_of(images, ALEXNET))


def made_layer(seed: int) -> Layer:
    """The layer of the derived table: weights N(0, 0.05), 200 windows of U(-1, 1), AlexNet's shape."""
    shape = (ALEXNET.filters, ALEXNET.inputs)
    weights = _SPREAD * torch.randn(shape, generator=generator(seed, "made weights"), dtype=torch.float64)
    windows = torch.rand((_PATCHES, ALEXNET.inputs), generator=generator(seed, "made windows"), dtype=torch.float64)
    patches = 2 * windows.numpy() - 1
    return Layer(weights.float().numpy(), patches.T @ patches)


def gram_of(images: NDArray[np.uint8], geometry: Geometry) -> Array:
    """Sum over all windows of all images of p p' (inputs, inputs), inputs in the order channel, row, column."""
    total = np.zeros((geometry.inputs, geometry.inputs))
    for image in images:
        pixels = image[..., ::-1].astype(np.float64) - MEAN_BGR
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (geometry.kernel, geometry.kernel), axis=(0, 1))
        patches = windows[:: geometry.stride, :: geometry.stride].reshape(-1, geometry.inputs)
        total += patches.T @ patches
    return total


def load_images(count: int, data_dir: Path | None) -> tuple[NDArray[np.uint8], str]:
    """Return `count` images (count, SIZE, SIZE, 3) and what they are, in words.

    Photographs where the data directory (None: the environment variable PILLARSIM_DATA) has them, else shipped
    digits in three equal channels, scaled to the size by repeating pixels. Raises InputError for a data directory that
    is not there and for a damaged file.
    """
    named = data_dir or (Path(os.environ[datasets.DATA_VARIABLE]) if os.environ.get(datasets.DATA_VARIABLE) else None)
    if named is not None and (named / PHOTOGRAPHS).is_file():
        photographs = _photographs(named / PHOTOGRAPHS)[:count]
        return (
            photographs,
            f"{len(photographs)} ImageNet photographs of {SIZE} x {SIZE} pixels, from the data directory",
        )
    digits = datasets.load_dataset("mnist", "test", count, data_dir).images[:, 0]
    place = np.arange(SIZE) * digits.shape[1] // SIZE
    grey = np.rint(255 * digits).astype(np.uint8)[:, place][:, :, place]
    return np.repeat(grey[..., None], 3, axis=3), (
        f"{count} MNIST test digits scaled to {SIZE} x {SIZE} pixels (no photographs: no {PHOTOGRAPHS} in a data "
        "directory)"
    )


def _photographs(path: Path) -> NDArray[np.uint8]:
    try:
        with np.load(path) as file:
            images = np.asarray(file["X"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: expected an npz file with images X ({error})") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 3) or not len(images):
        raise InputError(f"{path}: expected X (N, {SIZE}, {SIZE}, 3) of uint8, found {images.shape} of {images.dtype}")
    return images
