"""Networks with binary weights and sign activations that learn: a chain of blocks, forward and backward in torch.

A block is a matrix (fully connected, or a convolution), a max pool where there is one, batch norm and a sign; the last
block has no sign, its normalised sums are the logits. Batch norm stands there whether or not the network lists it, as
in Majumdar et al. (2021), and learns from scratch; a bias before it would change nothing and is left out.
Gradients: of a sign, that of hardtanh (1 where the normalised sum lies within (-1, 1)); weights are those that the
forward pass used. The images are not binarised.
Work is cut into fixed pieces (images; channels; rows), each on one thread, so results do not depend on their number.
Left out: branches, groups, dilation, unequal padding, average pools.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight

from pillarsim.workloads.network import (
    Activation,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    Shape,
    padding_of,
)

__all__ = ["Block", "Norm", "Pass", "backward", "blocks_of", "forward", "weight_gradient"]

Workers = ThreadPoolExecutor | None
Result = TypeVar("Result")

EPSILON = 1e-5  # of batch norm, as torch and the published program
MOMENTUM = 0.1  # of its running statistics, likewise
_IMAGES, _CHANNELS = 125, 384  # of a piece of work; change speed, and rounding, alone


@dataclass(frozen=True, eq=False)
class Block:
    """One matrix with what follows it. taken: shape of one image in front; sign: whether one follows."""

    layer: Linear | Conv2d
    taken: Shape
    pool: MaxPool2d | None
    sign: bool

    @property
    def name(self) -> str:
        """The matrix layer's."""
        return self.layer.name

    @property
    def inputs(self) -> int:
        """Rows of the matrix."""
        return math.prod(self.layer.weight.shape[1:])

    @property
    def outputs(self) -> int:
        """Columns of the matrix."""
        return int(self.layer.weight.shape[0])

    @property
    def padding(self) -> tuple[int, int]:
        """Of a convolution, vertical and horizontal."""
        assert isinstance(self.layer, Conv2d)
        return padding_of(self.layer)[:2]


@dataclass(frozen=True, eq=False)
class Norm:
    """Batch norm of a block, (O,) each: gamma and beta are learnt, mean and variance follow the batches in place."""

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    variance: Tensor

    @classmethod
    def fresh(cls, outputs: int) -> Norm:
        """As torch starts."""
        return cls(torch.ones(outputs), torch.zeros(outputs), torch.zeros(outputs), torch.ones(outputs))


@dataclass(frozen=True, eq=False)
class Pass:
    """What a block's forward pass leaves for its gradient.

    values: what the matrix took; places: of the pool's largest values; centred: normalised sums before gamma and beta;
    root: 1 / sqrt(variance + epsilon), (O,); inside: where the sign's gradient passes.
    """

    values: Tensor
    sums: Shape
    places: Tensor | None
    centred: Tensor
    root: Tensor
    inside: Tensor | None


def blocks_of(network: Network) -> tuple[Block, ...]:
    """The blocks of a chain, in order.

    Raises NetworkError, which names the layer, for a network that is not made of such blocks.
    """
    if not network.is_chain:
        raise NetworkError(f"network '{network.name}': binary learning takes a chain of layers, found branches")
    blocks: list[Block] = []
    listed: set[int] = set()  # blocks whose batch norm the network lists
    shapes: tuple[Shape, ...] = (network.input_shape, *network.shapes[:-1])
    for layer, taken in zip(network.layers, shapes, strict=True):
        last = blocks[-1] if blocks else None
        match layer:
            case Flatten():
                pass
            case BatchNorm() if last is not None and not last.sign:
                listed.add(len(blocks))
            case Linear() | Conv2d() if last is None or last.sign:
                _check_matrix(layer)
                blocks.append(Block(layer, taken, None, sign=False))
            case MaxPool2d() if last is not None and not (last.sign or last.pool or len(blocks) in listed):
                _check_pool(layer)
                blocks[-1] = Block(last.layer, last.taken, layer, sign=False)
            case Activation(function="sign") if last is not None and not last.sign:
                blocks[-1] = Block(last.layer, last.taken, last.pool, sign=True)
            case _:
                raise NetworkError(
                    f"layer '{layer.name}': binary learning takes conv2d or linear, then a max pool or none, then "
                    "batch norm or none, then a sign, and so on to a last matrix; flatten anywhere"
                )
    if not blocks or blocks[-1].sign or blocks[-1].pool is not None:
        raise NetworkError(f"network '{network.name}': binary learning takes a network that ends in a matrix layer")
    return tuple(blocks)


def _check_matrix(layer: Linear | Conv2d) -> None:
    if layer.response is not None:
        raise NetworkError(f"layer '{layer.name}': binary learning takes layers without a cell's response")
    if isinstance(layer, Conv2d):
        top, left, bottom, right = padding_of(layer)
        if layer.groups != 1 or layer.dilation != (1, 1) or (top, left) != (bottom, right):
            raise NetworkError(
                f"layer '{layer.name}': binary learning takes convolutions of one group, not dilated, with equal "
                "padding on both sides"
            )


def _check_pool(layer: MaxPool2d) -> None:
    if any(padding_of(layer)):
        raise NetworkError(f"layer '{layer.name}': binary learning takes pools without padding")


def pieces(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `count`."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def spread(work: Callable[[slice], Result], of: Iterator[slice], workers: Workers) -> list[Result]:
    """Results of `work` in order, by the workers' threads where there are any."""
    return list(map(work, of) if workers is None else workers.map(work, of))


def matrix_sums(block: Block, signs: Tensor, values: Tensor, workers: Workers) -> Tensor:
    """Sums of the matrix (b, O) or (b, O, H, W) for values (b, *taken); signs (I, O)."""
    if isinstance(block.layer, Linear):
        flat = values.flatten(1)
        return torch.cat(spread(lambda at: flat[at] @ signs, pieces(len(flat), _IMAGES), workers))
    layer, weight = block.layer, _kernels(block, signs)
    return torch.cat(
        spread(
            lambda at: functional.conv2d(values[at], weight, None, layer.stride, block.padding),
            pieces(len(values), _IMAGES),
            workers,
        )
    )


def _kernels(block: Block, signs: Tensor) -> Tensor:
    return signs.T.reshape(block.layer.weight.shape).contiguous()


def forward(block: Block, signs: Tensor, norm: Norm, values: Tensor, workers: Workers) -> tuple[Tensor, Pass]:
    """What a block makes of a training batch (b, *taken), with the batch's own statistics; moves the running ones."""
    sums = matrix_sums(block, signs, values, workers)
    parts = spread(lambda at: _normalised(block, sums[:, at], norm, at), pieces(sums.shape[1], _CHANNELS), workers)
    given, centred, root, inside, places = zip(*parts, strict=True)

    def joined(tensors: tuple[Tensor | None, ...]) -> Tensor | None:
        there = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(there, dim=1) if there else None

    held = Pass(values, tuple(sums.shape), joined(places), torch.cat(centred, 1), torch.cat(root), joined(inside))
    return torch.cat(given, 1), held


def _normalised(
    block: Block, sums: Tensor, norm: Norm, at: slice
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    places = None
    if block.pool is not None:
        sums, places = functional.max_pool2d(sums, block.pool.kernel, block.pool.stride, return_indices=True)
    axes = [axis for axis in range(sums.dim()) if axis != 1]
    count = sums.numel() // sums.shape[1]
    mean = sums.mean(axes)
    centred = sums - _wide(mean, sums)
    variance = (centred * centred).mean(axes)
    norm.mean[at].lerp_(mean, MOMENTUM)
    norm.variance[at].lerp_(variance * (count / max(count - 1, 1)), MOMENTUM)
    root = (variance + EPSILON).rsqrt()
    centred *= _wide(root, sums)
    scaled = torch.addcmul(_wide(norm.beta[at], sums), centred, _wide(norm.gamma[at], sums))
    if not block.sign:
        return scaled, centred, root, None, places
    return _signs(scaled), centred, root, scaled.abs() < 1, places


def _wide(of: Tensor, like: Tensor) -> Tensor:
    """(O,) to broadcast along axis 1."""
    return of.view(1, -1, *(1,) * (like.dim() - 2))


def _signs(values: Tensor) -> Tensor:
    """-1.0 below 0 and for -0.0, else 1.0."""
    return torch.copysign(torch.ones(()), values)


def inferred(block: Block, signs: Tensor, norm: Norm, values: Tensor, workers: Workers) -> Tensor:
    """As `forward`, with the running statistics, and nothing moved."""
    sums = matrix_sums(block, signs, values, workers)
    if block.pool is not None:
        sums = functional.max_pool2d(sums, block.pool.kernel, block.pool.stride)
    scale = norm.gamma * (norm.variance + EPSILON).rsqrt()
    scaled = torch.addcmul(_wide(norm.beta - norm.mean * scale, sums), sums, _wide(scale, sums))
    return _signs(scaled) if block.sign else scaled


@dataclass(frozen=True, eq=False)
class Gradients:
    """sums: of the matrix' results, as the matrix gave them; gamma, beta: (O,)."""

    sums: Tensor
    gamma: Tensor
    beta: Tensor


def backward(block: Block, norm: Norm, held: Pass, errors: Tensor, workers: Workers) -> Gradients:
    """Gradients of a block's sums and batch norm, from the errors (b, ...) of what it gave."""
    parts = spread(
        lambda at: _through_norm(block, norm, held, errors[:, at], at), pieces(errors.shape[1], _CHANNELS), workers
    )
    sums, gamma, beta = zip(*parts, strict=True)
    return Gradients(torch.cat(sums, 1), torch.cat(gamma), torch.cat(beta))


def _through_norm(block: Block, norm: Norm, held: Pass, errors: Tensor, at: slice) -> tuple[Tensor, Tensor, Tensor]:
    centred = held.centred[:, at]
    errors = errors.reshape(centred.shape)
    if held.inside is not None:
        errors = errors * held.inside[:, at]
    axes = [axis for axis in range(errors.dim()) if axis != 1]
    beta, gamma = errors.sum(axes), (errors * centred).sum(axes)
    count = errors.numel() // errors.shape[1]
    found = torch.addcmul(errors - _wide(beta / count, errors), centred, _wide(gamma / count, errors), value=-1)
    found *= _wide(norm.gamma[at] * held.root[at], errors)
    if held.places is not None and block.pool is not None:
        height, width = held.sums[2:]
        wide = found.new_zeros(found.shape[0], found.shape[1], height * width)
        wide.scatter_add_(2, held.places[:, at].flatten(2), found.flatten(2))
        found = wide.view(found.shape[0], found.shape[1], height, width)
    return found, gamma, beta


def input_errors(block: Block, signs: Tensor, values: Tensor, sums: Tensor, workers: Workers) -> Tensor:
    """Errors of what the matrix took, (b, *taken), through the transposed matrix; sums: errors of its results."""
    layer = block.layer
    if isinstance(layer, Linear):
        return torch.cat(spread(lambda at: sums[at] @ signs.T, pieces(len(sums), _IMAGES), workers)).view(values.shape)
    weight = _kernels(block, signs)

    def work(at: slice) -> Tensor:
        shape = list(values[at].shape)
        found: Tensor = conv2d_input(shape, weight, sums[at], layer.stride, block.padding)  # type: ignore[no-untyped-call]
        return found

    return torch.cat(spread(work, pieces(len(values), _IMAGES), workers))


def weight_gradient(block: Block, values: Tensor, sums: Tensor, rows: slice) -> Tensor:
    """Gradient of rows of the matrix, (rows, O): of a fully connected layer alone."""
    return values.flatten(1)[:, rows].T @ sums


def kernel_gradient(block: Block, values: Tensor, sums: Tensor, workers: Workers) -> Tensor:
    """Gradient of a convolution's matrix, (I, O), added piece by piece in order."""
    layer, shape = block.layer, list(block.layer.weight.shape)
    assert isinstance(layer, Conv2d)

    def work(at: slice) -> Tensor:
        found: Tensor = conv2d_weight(values[at], shape, sums[at], layer.stride, block.padding)  # type: ignore[no-untyped-call]
        return found

    parts = spread(work, pieces(len(values), _IMAGES), workers)
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total.reshape(block.outputs, block.inputs).T.contiguous()
