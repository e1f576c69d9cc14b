"""Symmetric integer quantisation of weights and activations, with scales from calibration inputs.

Weights: signed codes of `bits`, scale max|w| / (2^(bits-1) - 1) per layer or per output channel (symmetric, no zero
point). Activations: unsigned codes where nothing is negative (after ReLU), else two's complement; a sign function has
the codes -1, 0 and 1. Every node's result has one coding, whoever takes it.
A layer with a response has its scales from it, one for all channels, and unsigned codes: they stand for the voltages
and conductances that it was trained with. Average pooling before such a layer takes the mean of clipped codes.
Left out: asymmetric zero points, quantisation-aware training, per-channel activation scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import INPUT, CodedResponse, Codes, Post, QuantizedMatrix
from pillarsim.mapping.lower import Lowered, Node
from pillarsim.mapping.lowered_forward import forward_nodes
from pillarsim.mapping.matrix import Matrix
from pillarsim.mapping.response import input_factors, weight_factors
from pillarsim.workloads.network import Activation, AvgPool2d, CellResponse, Layer, MaxPool2d, Relu

Floats = NDArray[np.float64]

__all__ = ["Coded", "coded_response", "codes_for", "group_matrix", "is_sign", "quantize"]

_EXACT_BITS = 52  # sums below 2^52 of the grid's step squared are exact in float64
LEAST_SHARE = 1e-3  # of a layer's largest weight: channels below it take the layer's scale (the project's own choice)
SIGNS = Codes(2, True, 1.0)  # of -1, 0 and 1
_MOST_WEIGHTS = 1 << 21  # weights that are coded at once, 16 MiB of float64 (the project's own choice)
_STEEP = 2.0**40  # codes a step of the accumulator before a sign: any sum but 0 reaches the largest code


@dataclass(frozen=True, eq=False)
class Coded:
    """The coding of a node: of its result, and of what leaves each operator fused behind it (None: floats)."""

    codes: Codes | None
    post: tuple[Post, ...]

    @property
    def output(self) -> Codes | None:
        """Codes of what leaves the node."""
        return self.post[-1].output if self.post else self.codes


def quantize(
    lowered: Lowered, inputs: NDArray[np.float32], *, activation_bits: int, percentile: float
) -> tuple[Codes, tuple[Coded, ...]]:
    """Return the input's coding and that of every node, calibrated on float `inputs` (N, *input_shape)."""
    wanted = _responses(lowered)
    images = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float64))
    coder = _Coder(activation_bits, percentile)
    input_codes = coder.codes_into(wanted.get(INPUT), images)
    coded = []
    for number, (node, steps) in enumerate(zip(lowered.nodes, forward_nodes(lowered, images), strict=True)):
        last = number == len(lowered.nodes) - 1
        if last:
            coded.append(Coded(None, tuple(Post(operator, None) for operator in node.post)))
        else:
            source = node.edges[0].source
            taken = input_codes if source == INPUT else coded[source].output
            assert taken is not None
            coded.append(coder.node(node, steps, wanted.get(number), taken))
    return input_codes, tuple(coded)


def _responses(lowered: Lowered) -> dict[int, CellResponse]:
    """The response of the layers that take each node's output. Raises InputError where they differ."""
    found: dict[int, tuple[str, CellResponse | None]] = {}
    for node in lowered.nodes:
        response = None if node.matrix is None else node.matrix.response
        for edge in node.edges:
            name, other = found.setdefault(edge.source, (node.name, response))
            if (other is None) != (response is None) or (
                other is not None and response is not None and other.input_scale != response.input_scale
            ):
                raise InputError(
                    f"layer '{node.name}': expected the same range of inputs as layer '{name}', which takes the same "
                    "values: only one of them has a response, or their input_scale differs"
                )
    return {source: response for source, (_, response) in found.items() if response is not None}


@dataclass(frozen=True)
class _Coder:
    bits: int
    percentile: float

    def codes_into(self, response: CellResponse | None, values: torch.Tensor) -> Codes:
        """Coding of a layer's inputs: calibrated on `values`, or what its response was trained with."""
        if response is None:
            return codes_for(values, self.bits, self.percentile)
        return Codes(self.bits, False, response.input_scale / ((1 << self.bits) - 1))

    def node(self, node: Node, steps: Sequence[torch.Tensor], response: CellResponse | None, taken: Codes) -> Coded:
        """`steps`: the result, and what leaves each operator behind it; `taken`: coding of the node's first input.

        An operator that clips takes its range on the result already; a response fixes the codes that leave. Before a
        sign a digital operator's result keeps nothing but its sign; a maximum of codes has their coding.
        """
        operators: list[Layer] = list(node.post)
        if isinstance(node.operator, MaxPool2d) and response is None:
            codes = taken
        elif operators and is_sign(operators[0]):
            codes = SIGNS if node.matrix is not None else _steep_codes(steps[0])
        elif is_sign(node.operator):
            codes = SIGNS
        else:
            kept = all(keeps_codes(operator) for operator in operators)
            codes = self.codes_into(response if kept else None, _shown(operators, steps))
        post, before = [], codes
        for place, operator in enumerate(operators, 1):
            if is_sign(operator):
                before = SIGNS
            elif not keeps_codes(operator):
                kept = all(keeps_codes(later) for later in operators[place:])
                before = self.codes_into(response if kept else None, _shown(operators[place:], steps[place:]))
            post.append(Post(operator, before))
        return Coded(codes, tuple(post))


def keeps_codes(operator: Layer) -> bool:
    """Whether an operator acts on codes as they are; others look codes of a new scale up in a table."""
    if isinstance(operator, Activation):
        return operator.function == "clip"
    return isinstance(operator, Relu | MaxPool2d | AvgPool2d)


def is_sign(operator: Layer | None) -> bool:
    """Whether an operator gives -1, 0 or 1."""
    return isinstance(operator, Activation) and operator.function == "sign"


def _steep_codes(values: torch.Tensor) -> Codes:
    """Codes so fine that any value but 0 reaches one of the right sign."""
    return Codes(SIGNS.bits, True, (float(values.abs().max()) or 1.0) / _STEEP)


def _shown(operators: Sequence[Layer], steps: Sequence[torch.Tensor]) -> torch.Tensor:
    """The values that a coding must cover: those behind the clipping functions that follow at once."""
    place = 0
    while place < len(operators):
        operator = operators[place]
        if not isinstance(operator, Relu) and not (isinstance(operator, Activation) and operator.function == "clip"):
            break
        place += 1
    return steps[place]


def codes_for(values: torch.Tensor, bits: int, percentile: float) -> Codes:
    """Coding whose largest code stands for the percentile of |values|; signed where any value is negative.

    Raises InputError where the percentile is 0 and the values are not.
    """
    signed = bool((values < 0).any())
    if signed and bits == 1:
        bits = 2  # a single two's complement bit holds only 0 and -1
    top = float(values.abs().max() if percentile == 100 else np.percentile(values.abs().numpy(), percentile))
    if top == 0 and bool(values.any()):
        raise InputError(
            f"input.calibration_percentile: percentile {percentile:g} of the calibration activations of a layer is 0; "
            "expected one that more of them reach"
        )
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    return Codes(bits, signed, top / high if top > 0 else 1.0)


def group_matrix(
    matrix: Matrix,
    groups: Sequence[tuple[int, int]],
    incoming: Codes,
    outgoing: Codes | None,
    *,
    bits: int,
    per_channel: bool,
    steep: bool,
) -> Iterator[QuantizedMatrix]:
    """One dense quantised matrix for each range of groups [first, last): (R, O), zeros between its groups.

    outgoing: codes of the result; steep: a sign function follows, so that only the sign of a sum must be kept.
    """
    high, response = (1 << (bits - 1)) - 1, matrix.response
    if response is None:
        scale = _weight_scales(matrix.largest(), high, per_channel)
    else:
        scale = np.full(matrix.outputs, response.weight_scale / high)
    step = incoming.scale * scale
    multiplier = step if outgoing is None else step / outgoing.scale
    if steep:
        multiplier = np.full_like(step, _STEEP)
    biases = np.rint(matrix.bias() / step).astype(np.int64)
    each_outputs = matrix.outputs // matrix.groups
    channels = matrix.in_map[0] // matrix.groups
    for first, last in groups:
        dense = _dense_codes(matrix, (first, last), scale, high)
        chosen = slice(first * each_outputs, last * each_outputs)
        yield QuantizedMatrix(
            weight=dense,
            bias=biases[chosen],
            multiplier=multiplier[chosen],
            input=incoming,
            output=outgoing,
            kernel=matrix.kernel,
            stride=matrix.stride,
            padding=matrix.padding,
            in_shape=((last - first) * channels, *matrix.in_map[1:]),
            out_shape=((last - first) * each_outputs, *matrix.out_map[1:]),
            dilation=matrix.dilation,
            response=None if response is None else coded_response(response, dense, incoming, high),
        )


def _dense_codes(matrix: Matrix, groups: tuple[int, int], scale: Floats, high: int) -> NDArray[np.int32]:
    """Weight codes (rows, outputs) of some groups, which follow one another on both axes, zeros between them."""
    each = matrix.outputs // matrix.groups
    step = min(each, max(1, _MOST_WEIGHTS // matrix.rows))
    dense = np.zeros(((groups[1] - groups[0]) * matrix.rows, (groups[1] - groups[0]) * each), np.int32)
    for group in range(*groups):
        row, column = (group - groups[0]) * matrix.rows, (group - groups[0]) * each
        for start in range(0, each, step):
            stop = min(start + step, each)
            codes = matrix.weights(group * each + start, group * each + stop)
            codes /= scale[group * each + start : group * each + stop, None]
            np.rint(codes, out=codes)
            if matrix.response is not None:
                np.clip(codes, -high, high, out=codes)
            dense[row : row + matrix.rows, column + start : column + stop] = codes.T
    return dense


def _weight_scales(each: Floats, high: int, per_channel: bool) -> Floats:
    """Worth of one weight code by output, from the largest |weight| of each."""
    whole = float(each.max()) or 1.0
    # A channel of (nearly) nothing must not turn the noise of its cells, or its bias, into huge numbers.
    largest = np.where(each >= LEAST_SHARE * whole, each, whole) if per_channel else np.full(len(each), whole)
    return np.asarray(largest / high, dtype=np.float64)


def coded_response(response: CellResponse, weight: NDArray[np.int32], codes: Codes, high: int) -> CodedResponse:
    """The response by input code, and at each weight code of `weight` (R, O); `high` is the largest weight code.

    Both factors are in codes, so that a linear law gives the product of the two codes.
    """
    levels = torch.arange(codes.high + 1, dtype=torch.float64) / codes.high * response.input_scale
    shares = torch.from_numpy(weight).double() / high * response.weight_scale
    inputs = np.stack([factor.numpy() for factor in input_factors(response, levels)]) * codes.high
    weights = np.stack([factor.numpy() for factor in weight_factors(response, shares)]) * high
    largest = sum(
        float(np.abs(x).max()) * float(np.abs(w).sum(axis=0).max()) for x, w in zip(inputs, weights, strict=True)
    )
    grid = 2.0 ** ((_EXACT_BITS - math.ceil(math.log2(max(largest, 1.0)))) // 2)
    return CodedResponse(np.rint(inputs * grid) / grid, np.rint(weights * grid) / grid)
