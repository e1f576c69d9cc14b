"""A matrix layer as a convolution over a map, with what is folded into it; its weights are made when asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pillarsim.mapping.streams import Ref, Tensor
from pillarsim.workloads.network import Affine, BatchNorm, CellResponse, Conv2d, Flatten, Linear, padding_of

__all__ = ["Matrix", "channel_affine", "matrix_of"]

Shape3 = tuple[int, int, int]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Matrix:
    """y = gain (W x + b) + shift of each output, over windows of the map `in_map`.

    A linear layer is a convolution whose kernel is the whole map, where its input is a flattened map, and a 1x1
    convolution over a map of tokens (features, 1, tokens) or of one pixel.
    """

    layer: Conv2d | Linear
    gain: Floats
    shift: Floats
    in_map: Shape3
    out_map: Shape3
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def response(self) -> CellResponse | None:
        """What takes the place of products."""
        return self.layer.response

    @property
    def rows(self) -> int:
        """Inputs of one output: those of its group."""
        return int(np.prod(self.layer.weight.shape[1:]))

    @property
    def outputs(self) -> int:
        """Outputs of all groups."""
        return int(self.layer.weight.shape[0])

    @property
    def windows(self) -> int:
        """Output positions."""
        return self.out_map[1] * self.out_map[2]

    @property
    def whole_map(self) -> bool:
        """Whether one window takes the whole map."""
        return self.kernel == self.in_map[1:] and self.windows == 1

    @property
    def tokens(self) -> bool:
        """Whether it is a linear layer over (tokens, features)."""
        return isinstance(self.layer, Linear) and self.out_map[2] > 1

    def weights(self, first: int = 0, last: int | None = None) -> Floats:
        """(O, rows) of outputs [first, last), gain folded in; rows in im2col order (channel, kernel row, column)."""
        chosen = slice(first, last)
        return self.layer.weight[chosen].reshape(-1, self.rows) * self.gain[chosen, None]

    def largest(self) -> Floats:
        """(O,) largest |weight| of each output, gain folded in."""
        flat = self.layer.weight.reshape(self.outputs, -1)
        found: Floats = np.abs(self.gain) * np.maximum(flat.max(axis=1), -flat.min(axis=1))
        return found

    def bias(self) -> Floats:
        """(O,) with gain and shift folded in."""
        return self.layer.bias * self.gain + self.shift

    def followed_by(self, scale: Floats, shift: Floats) -> Matrix:
        """The same with y scaled and shifted once more."""
        return replace(self, gain=self.gain * scale, shift=self.shift * scale + shift)


def matrix_of(layer: Conv2d | Linear, ref: Ref, tensor: Tensor) -> Matrix:
    """The matrix of `layer` fed by `tensor` behind the views of `ref`."""
    outputs = layer.weight.shape[0]
    plain = np.ones(outputs), np.zeros(outputs)
    if isinstance(layer, Conv2d):
        kernel, padding = (layer.weight.shape[2], layer.weight.shape[3]), padding_of(layer)
        size = [
            (ref.shape[axis + 1] + padding[axis] + padding[axis + 2] - (kernel[axis] - 1) * layer.dilation[axis] - 1)
            // layer.stride[axis]
            + 1
            for axis in (0, 1)
        ]
        in_map = (ref.shape[0], ref.shape[1], ref.shape[2])
        out_map = (outputs, size[0], size[1])
        return Matrix(layer, *plain, in_map, out_map, kernel, layer.stride, padding, layer.dilation, layer.groups)
    if len(ref.shape) == 2:
        tokens, features = ref.shape
        return Matrix(layer, *plain, (features, 1, tokens), (outputs, 1, tokens), (1, 1))
    stream = tensor.stream
    flattened = all(isinstance(view, Flatten) for view in ref.views) and tensor.pixel_axes == (1, 2)
    in_map = stream if flattened else (ref.shape[0], 1, 1)
    return Matrix(layer, *plain, in_map, (outputs, 1, 1), (in_map[1], in_map[2]))


def channel_affine(layer: BatchNorm | Affine, shape: tuple[int, ...]) -> tuple[Floats, Floats] | None:
    """(scale, shift) of each output channel of a matrix result of `shape`; None where they differ within a channel."""
    axis, channels = (0, shape[0]) if len(shape) == 3 else (len(shape) - 1, shape[-1])
    if isinstance(layer, BatchNorm):  # along the first axis, which of (tokens, features) is not the outputs
        scale = layer.gamma.astype(np.float64) / np.sqrt(layer.variance.astype(np.float64) + layer.epsilon)
        return (scale, layer.beta - layer.mean * scale) if axis == 0 and scale.size == channels else None
    found = []
    for values in (layer.scale, layer.shift):
        shaped = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
        if any(size > 1 for place, size in enumerate(shaped.shape) if place != axis):
            return None
        found.append(np.broadcast_to(shaped.ravel(), (channels,)).astype(np.float64))
    return found[0], found[1]
