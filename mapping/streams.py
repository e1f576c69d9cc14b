"""How a tensor travels as pixels: which of its axes number the pixels, through views, and what a consumer needs of it.

A (C, H, W) map travels as H x W pixels of C channels, (tokens, features) as a pixel a token, a flat tensor as one
pixel. Views move nothing, so that behind them an element's pixel is still that of the stream it came with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import Access
from pillarsim.workloads.digital import apply_digital
from pillarsim.workloads.network import Layer

__all__ = ["Ref", "Tensor", "access_of", "input_tensor", "stream_shape", "values_of", "viewed_axes"]

Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Tensor:
    """What a node gives: its shape, and the axes that number its pixels in raster order."""

    shape: tuple[int, ...]
    pixel_axes: tuple[int, ...]

    @property
    def stream(self) -> Shape3:
        """(channels, height, width) of its pixels."""
        return stream_shape(self.shape, self.pixel_axes)


@dataclass(frozen=True, eq=False)
class Ref:
    """A node's output (`source` -1: the network's input) behind views."""

    source: int
    views: tuple[Layer, ...]
    shape: tuple[int, ...]


def input_tensor(shape: tuple[int, ...]) -> Tensor:
    """The network's input."""
    return Tensor(shape, {3: (1, 2), 2: (0,)}.get(len(shape), ()))


def stream_shape(shape: tuple[int, ...], pixel_axes: Sequence[int]) -> Shape3:
    """(channels, height, width) of a tensor whose axes `pixel_axes` number the pixels."""
    sizes = [shape[axis] for axis in pixel_axes]
    height, width = (sizes[0], math.prod(sizes[1:])) if len(sizes) > 1 else (1, math.prod(sizes))
    return math.prod(shape) // (height * width), height, width


def _numbers(tensor: Tensor, views: Sequence[Layer]) -> NDArray[np.int64]:
    """Of each element behind `views`, the number of the pixel that it came with."""
    sizes = [size if axis in tensor.pixel_axes else 1 for axis, size in enumerate(tensor.shape)]
    pixels = np.arange(math.prod(sizes)).reshape(sizes)
    numbers = torch.from_numpy(np.broadcast_to(pixels, tensor.shape).copy())[None]
    for view in views:
        numbers = apply_digital(view, [numbers], _no_parameters)
    found: NDArray[np.int64] = numbers[0].numpy()
    return found


def _no_parameters(name: str) -> torch.Tensor:
    raise ModelError(f"a view has no parameter {name!r}")


def viewed_axes(tensor: Tensor, views: Sequence[Layer]) -> tuple[int, ...] | None:
    """The axes that number the pixels behind views; None where an axis mixes pixels and channels."""
    if not views:
        return tensor.pixel_axes
    numbers = _numbers(tensor, views)
    axes = tuple(axis for axis in range(numbers.ndim) if bool((numbers != numbers.take([0], axis)).any()))
    pixels = math.prod(numbers.shape[axis] for axis in axes)
    return axes if pixels == len(np.unique(numbers)) else None


def access_of(tensor: Tensor, views: Sequence[Layer], axes: tuple[int, ...] | None, pixels: int) -> Access:
    """Whether each of the consumer's `pixels` needs the stream's pixel of the same number, or the whole map.

    axes: those of the viewed tensor that number the consumer's pixels; None: it takes them all at once.
    """
    _, height, width = tensor.stream
    if height * width != pixels:
        return "map"
    if not views or pixels == 1:
        return "pixel"
    if axes is None:
        return "map"
    numbers = np.moveaxis(_numbers(tensor, views), axes, range(len(axes))).reshape(pixels, -1)
    return "pixel" if bool((numbers == np.arange(pixels)[:, None]).all()) else "map"


def values_of(tensor: Tensor, views: Sequence[Layer]) -> int | tuple[int, ...]:
    """Values of each pixel of the stream that are left behind `views`; one number where all pixels give as many."""
    channels, height, width = tensor.stream
    if not views:
        return channels
    counts = np.bincount(_numbers(tensor, views).ravel(), minlength=height * width)
    return int(counts[0]) if bool((counts == counts[0]).all()) else tuple(int(count) for count in counts)
