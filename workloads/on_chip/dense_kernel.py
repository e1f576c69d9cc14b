"""A chain of dense layers that learns by stochastic pulses, many steps in one compiled call.

A step reads all images of a batch forward and their errors backward with the weights as at its start, then updates
image after image (`devices.synapses.outer.stochastic_sample`) with the codes that were read: x and d as the digital
registers hold them. Hidden layers are ReLU, sigmoid or tanh; the loss is the cross-entropy of the last layer's softmax.
The first layer's errors are not read back.
Converters: a block of lines that one conversion covers is summed, gets read noise, is rounded to multiples of the
converter's step and clipped; blocks are then added digitally.
Left out: wire drop, noise and rounding of single bit planes of an input that is read in several parts (one draw and one
rounding a conversion of the whole).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.jit import compiled, contracted
from pillarsim.devices.synapses.core import Core
from pillarsim.devices.synapses.disturb import disturb_all
from pillarsim.devices.synapses.draws import knot_of, share_of
from pillarsim.devices.synapses.outer import stochastic_sample
from pillarsim.devices.write_kernel import drawn_word

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

RELU, SIGMOID, TANH, SOFTMAX = range(4)
FORWARD, TRANSPOSED = 0, 1
_ONE = np.uint64(1)


class Reads(NamedTuple):
    """How one layer's arrays are read. Arrays of two hold forward and transposed reads.

    bias             whether the layer's last input is the constant 1
    scale (2,) float32      value of the largest code; 0: the largest magnitude of each vector
    codes (2,) int64        largest code, 2^bits - 1, or 2^(bits - 1) - 1 where signed; 0: not rounded nor clipped
    weight_of (2, K) float64    conductance weight of a code's magnitude (sum over its parts of x^2 or x); codes 0: the
                            square of value / scale is taken
    drives_of (2, K) int64  parts of a code's magnitude that drive its line; codes 0: one where the value is not 0
    input_starts (B + 1,) int64, output_starts (C + 1,) int64    lines that one conversion covers, forward, transposed
    step, bound (B,) float32; step_back, bound_back (C,) float32     of the converters; step 0: ideal; as values,
                            or as values over the largest magnitude where that is the scale
    noise            standard deviation of a device's read conductance over its conductance; 0: none
    start            of the stream of read noise
    """

    bias: bool
    scale: Floats
    codes: Ints
    weight_of: Doubles
    drives_of: Ints
    input_starts: Ints
    output_starts: Ints
    step: Floats
    bound: Floats
    step_back: Floats
    bound_back: Floats
    noise: float
    start: np.uint64


@compiled
def coded(reads: Reads, way: int, values: Floats, out: Floats, sums: Doubles) -> tuple[int, float, np.float32]:
    """Write what a vector is after rounding to codes.

    Returns driven lines, the conductance weight of the read, and what the converters' steps are to be multiplied with.
    """
    scale, most, drives, weight = reads.scale[way], np.float32(reads.codes[way]), 0, 0.0
    size = np.float32(1)
    if scale == np.float32(0):
        for value in values:
            scale = max(scale, abs(value))
        if scale == np.float32(0):
            for k in range(out.size):
                out[k] = np.float32(0)
            return 0, 0.0, size
        size = scale
    for k in range(values.size):
        value = values[k]
        if value == np.float32(0):
            out[k] = value
            continue
        share = value / scale
        if most == np.float32(0):
            out[k] = value
            weight += np.float64(share) * np.float64(share) * sums[k]
            drives += 1
            continue
        code = min(np.floor(abs(share) * most + np.float32(0.5)), most)
        out[k] = math.copysign(code / most * scale, value)
        weight += reads.weight_of[way, np.int64(code)] * sums[k]
        drives += reads.drives_of[way, np.int64(code)]
    return drives, weight, size


@compiled
def converted(
    reads: Reads, normal: Floats, step: np.float32, bound: np.float32, total: Floats, power: Floats, gain: float,
    stream: np.uint64, first: int, out: Floats,
) -> None:  # fmt: skip
    """Add a block's sums to the result as its converters give them; power: sums of (x G)^2, for read noise."""
    if reads.noise > 0:
        for k in range(total.size):
            word = drawn_word(stream, first + k)
            knot = knot_of(word)
            z = normal[knot] + share_of(word) * (normal[knot + _ONE] - normal[knot])
            total[k] += np.float32(reads.noise * gain) * math.sqrt(power[k]) * z
    if step > np.float32(0):
        for k in range(total.size):
            out[k] += min(max(np.floor(total[k] / step + np.float32(0.5)) * step, -bound), bound)
    else:
        for k in range(total.size):
            out[k] += total[k]


@contracted
def forward_read(core: Core, reads: Reads, x: Floats, size: np.float32, number: int, out: Floats) -> None:
    """Write what read `number` of the layer gives for the coded inputs x, (O,); size: see `coded`."""
    weights, squares, stream = core.weights, core.squares, drawn_word(reads.start, number)
    total, power = np.empty(out.size, np.float32), np.empty(out.size if reads.noise > 0 else 0, np.float32)
    for o in range(out.size):
        out[o] = np.float32(0)
    for block in range(reads.input_starts.size - 1):
        for o in range(total.size):
            total[o] = np.float32(0)
        for o in range(power.size):
            power[o] = np.float32(0)
        for i in range(reads.input_starts[block], reads.input_starts[block + 1]):
            value = x[i]
            if value == np.float32(0):
                continue
            for o in range(total.size):
                total[o] += value * weights[i, o]
            for o in range(power.size):
                power[o] += value * value * squares[i, o]
        converted(reads, core.normal, reads.step[block] * size, reads.bound[block] * size, total, power, core.scale,
                  stream, block * out.size, out)  # fmt: skip


@contracted
def transposed_read(core: Core, reads: Reads, d: Floats, size: np.float32, number: int, out: Floats) -> None:
    """Write what transposed read `number` of the layer gives for the coded errors d, (I,); size: see `coded`."""
    weights, squares, stream = core.weights, core.squares, drawn_word(reads.start, number)
    total, power = np.empty(out.size, np.float32), np.empty(out.size if reads.noise > 0 else 0, np.float32)
    for i in range(out.size):
        out[i] = np.float32(0)
    for block in range(reads.output_starts.size - 1):
        first, end = reads.output_starts[block], reads.output_starts[block + 1]
        for i in range(total.size):
            value = np.float32(0)
            for o in range(first, end):
                value += d[o] * weights[i, o]
            total[i] = value
        for i in range(power.size):
            value = np.float32(0)
            for o in range(first, end):
                value += d[o] * d[o] * squares[i, o]
            power[i] = value
        converted(reads, core.normal, reads.step_back[block] * size, reads.bound_back[block] * size, total, power,
                  core.scale, stream, block * out.size, out)  # fmt: skip


@compiled
def activate(kind: int, values: Floats) -> None:
    """Replace sums of a hidden layer by its activations."""
    for k in range(values.size):
        value = values[k]
        if kind == RELU:
            values[k] = max(value, np.float32(0))
        elif kind == SIGMOID:
            values[k] = np.float32(1) / (np.float32(1) + math.exp(-value))
        else:
            values[k] = math.tanh(value)


@compiled
def through_slope(kind: int, activations: Floats, errors: Floats) -> None:
    """Multiply errors by the slope of the activation where the layer's outputs are `activations`."""
    for k in range(errors.size):
        a = activations[k]
        if kind == RELU:
            errors[k] = errors[k] if a > np.float32(0) else np.float32(0)
        elif kind == SIGMOID:
            errors[k] *= a * (np.float32(1) - a)
        else:
            errors[k] *= np.float32(1) - a * a


@compiled
def softmax_error(values: Floats, label: int) -> float:
    """Replace logits by the errors of the cross-entropy, softmax less one at the label; return the loss."""
    most = values[0]
    for value in values:
        most = max(most, value)
    total, wanted = np.float64(0), np.float64(values[label])
    for k in range(values.size):
        values[k] = math.exp(values[k] - most)
        total += values[k]
    for k in range(values.size):
        values[k] = np.float32(values[k] / total)
    values[label] -= np.float32(1)
    return math.log(total) + np.float64(most) - wanted


@compiled
def width_of(cores: tuple[Core, ...]) -> int:
    """Lines of the layer that has the most on one side."""
    most = 0
    for layer in range(len(cores)):
        core = cores[layer]
        most = max(most, core.weights.shape[0], core.weights.shape[1])
    return most


@compiled
def forward(
    cores: tuple[Core, ...], reads: tuple[Reads, ...], activations: Ints, image: Floats, number: int, inputs: Floats,
    outputs: Floats, drives: Ints, read_s: Doubles,
) -> None:  # fmt: skip
    """Read one image through all layers; the last one's outputs stay logits.

    inputs, outputs (L, width): receive each layer's coded inputs and its outputs; drives, read_s (L, 2): added to.
    """
    values = np.empty(inputs.shape[1], np.float32)
    for k in range(image.size):
        values[k] = image[k]
    for layer in range(len(cores)):
        core, read = cores[layer], reads[layer]
        lines, columns = core.weights.shape
        if read.bias:
            values[lines - 1] = np.float32(1)
        driven, weight, size = coded(read, FORWARD, values[:lines], inputs[layer, :lines], core.row_s)
        drives[layer, FORWARD] += driven
        read_s[layer, FORWARD] += weight
        out = outputs[layer, :columns]
        forward_read(core, read, inputs[layer, :lines], size, 2 * number, out)
        if layer < len(cores) - 1:
            activate(activations[layer], out)
            for k in range(columns):
                values[k] = out[k]


@compiled
def backward(
    cores: tuple[Core, ...], reads: tuple[Reads, ...], activations: Ints, number: int, outputs: Floats, errors: Floats,
    drives: Ints, read_s: Doubles,
) -> None:  # fmt: skip
    """Read one image's errors back. outputs (L, width): of `forward`, the last one's holding its errors.

    errors (L, width): receive each layer's coded errors; drives, read_s (L, 2): added to.
    """
    values, sums = np.empty(outputs.shape[1], np.float32), np.empty(outputs.shape[1])
    for k in range(values.size):
        values[k] = outputs[len(cores) - 1, k]
    for layer in range(len(cores) - 1, -1, -1):
        core, read = cores[layer], reads[layer]
        lines, columns = core.weights.shape
        for o in range(columns):
            sums[o] = 0.0
            for n in range(core.column_s.shape[1]):
                sums[o] += core.column_s[o, n]
        driven, weight, size = coded(read, TRANSPOSED, values[:columns], errors[layer, :columns], sums)
        if layer == 0:
            continue
        drives[layer, TRANSPOSED] += driven
        read_s[layer, TRANSPOSED] += weight
        transposed_read(core, read, errors[layer, :columns], size, 2 * number + 1, values[:lines])
        below = cores[layer - 1].weights.shape[1]
        through_slope(activations[layer - 1], outputs[layer - 1, :below], values[:below])


@compiled
def dense_steps(
    cores: tuple[Core, ...], reads: tuple[Reads, ...], activations: Ints, images: Floats, labels: Ints, first: int,
    batch: int, rate: float, train: int, disturb: float, counts: Ints, sums: Doubles, drives: Ints, read_s: Doubles,
    losses: Doubles,
) -> int:  # fmt: skip
    """Train on images (S batch, I) in their order; return the steps done, fewer than S where a loss is not a number.

    first: number of the first image, which numbers the draws of read noise; rate: step of a single image's gradient;
    train: slots of a pulse train; disturb: part of a step that a half-selected pulse moves a device by, 0 for none.
    Added to, of S steps and L layers: counts (S, L, COUNTS), sums (S, L, SUMS), drives and read_s (S, L, 2) as
    `arch.training.counts` has them; written: losses (S,), means over the batch. The step whose loss is not a number
    updates nothing.
    """
    depth, width = len(cores), width_of(cores)
    inputs, errors = np.zeros((batch, depth, width), np.float32), np.zeros((batch, depth, width), np.float32)
    outputs = np.zeros((depth, width), np.float32)
    classes = cores[depth - 1].weights.shape[1]
    for step in range(losses.size):
        loss = 0.0
        for b in range(batch):
            place = step * batch + b
            forward(
                cores, reads, activations, images[place], first + place, inputs[b], outputs, drives[step], read_s[step]
            )
            loss += softmax_error(outputs[depth - 1, :classes], labels[place])
            backward(cores, reads, activations, first + place, outputs, errors[b], drives[step], read_s[step])
        losses[step] = loss / batch
        if not math.isfinite(loss):
            return step
        for layer in range(depth):
            core = cores[layer]
            lines, columns = core.weights.shape
            for b in range(batch):
                stochastic_sample(core, inputs[b, layer, :lines], errors[b, layer, :columns], rate, train,
                                  counts[step, layer], sums[step, layer])  # fmt: skip
            if disturb > 0:
                disturb_all(core, disturb)
    return losses.size


@compiled
def dense_forward(
    cores: tuple[Core, ...], reads: tuple[Reads, ...], activations: Ints, images: Floats, first: int, logits: Floats
) -> None:
    """Write the logits (M, classes) of images (M, I), which reads number first, first + 1, ... give."""
    depth, width = len(cores), width_of(cores)
    inputs, outputs = np.zeros((depth, width), np.float32), np.zeros((depth, width), np.float32)
    drives, read_s = np.zeros((depth, 2), np.int64), np.zeros((depth, 2))
    for m in range(images.shape[0]):
        forward(cores, reads, activations, images[m], first + m, inputs, outputs, drives, read_s)
        for k in range(logits.shape[1]):
            logits[m, k] = outputs[depth - 1, k]
