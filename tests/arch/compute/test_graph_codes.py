"""Codings between operators: finer codes must come to the float network, whatever follows whatever."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.mapping import compile_network
from pillarsim.workloads.forward import forward
from pillarsim.workloads.network import (
    Activation,
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Relu,
    Slice,
    Transpose,
)
from tests.arch.compute.graphs import Draws

SHAPE = (4, 8, 8)


def ending(draw: Draws, channels: int, pixels: int) -> tuple[Layer, ...]:
    """A convolution and a linear layer over a map of `pixels`."""
    return (
        Conv2d("tail", draw(6, channels, 3, 3), draw(6), padding=(1, 1)),
        Flatten("flat"),
        Linear("out", draw(5, 6 * pixels), draw(5)),
    )


def first(draw: Draws) -> Conv2d:
    return Conv2d("first", draw(8, 4, 3, 3), draw(8), padding=(1, 1))


def norm_and_sign() -> Network:
    """Batch norm behind a pool stays an operator; a sign follows it."""
    draw = Draws()
    pool, sign = MaxPool2d("pool", (2, 2), (2, 2)), Activation("sign", "sign")
    return Network("n", SHAPE, (first(draw), pool, draw.norm("norm", 8), sign, *ending(draw, 8, 16)), None)


def sum_and_sign() -> Network:
    """The sign of a residual sum."""
    draw = Draws()
    second = Conv2d("second", draw(8, 8, 3, 3), draw(8), padding=(1, 1))
    layers = (first(draw), second, Add("sum"), Activation("sign", "sign"), *ending(draw, 8, 64))
    return Network("n", SHAPE, layers, None, wires={"sum": ("first", "second")})


def mean_of_signs() -> Network:
    """The mean of a map of signs has more values than -1, 0 and 1."""
    draw = Draws()
    mean = AvgPool2d("mean", (8, 8), (8, 8))
    layers = (first(draw), Activation("sign", "sign"), mean, Flatten("flat"), Linear("out", draw(5, 8), draw(5)))
    return Network("n", SHAPE, layers, None)


def pool_beside() -> Network:
    """A maximum of signed codes that somebody else takes too, as in an inception block."""
    draw = Draws()
    pool = MaxPool2d("pool", (3, 3), (1, 1), (1, 1))
    layers = (first(draw), pool, Concat("both"), *ending(draw, 16, 64))
    return Network("n", SHAPE, layers, None, wires={"pool": ("first",), "both": ("first", "pool")})


def pool_of_input() -> Network:
    """A maximum of the network's input."""
    draw = Draws()
    return Network("n", SHAPE, (MaxPool2d("pool", (2, 2), (2, 2)), *ending(draw, 4, 16)), None)


def pool_at_the_end() -> Network:
    """A maximum that is a stage of its own and gives the network's output."""
    draw = Draws()
    layers = (first(draw), Slice("some", 0, 1, 5), MaxPool2d("pool", (2, 2), (2, 2)))
    return Network("n", SHAPE, layers, None)


def norm_of_tokens() -> Network:
    """Batch norm along the tokens, of which there are as many as features."""
    draw = Draws()
    layers = (Linear("a", draw(8, 5), draw(8)), draw.norm("norm", 8), Relu("relu"), Linear("b", draw(3, 8), draw(3)))
    return Network("n", (8, 5), layers, None)


def views_at_the_end() -> Network:
    """A transposition and a slice behind the last operator change the order and number of the outputs."""
    draw = Draws()
    layers = (first(draw), Transpose("turned", (1, 2, 0)), Slice("some", 2, 1, 6), Flatten("flat"))
    return Network("n", SHAPE, layers, None)


NETWORKS = (
    norm_and_sign,
    sum_and_sign,
    mean_of_signs,
    pool_beside,
    pool_of_input,
    pool_at_the_end,
    norm_of_tokens,
    views_at_the_end,
)


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("percentile", [100, 99])
def test_fine_codes_come_to_floats(make: Callable[[], Network], percentile: int) -> None:
    """With 16-bit codes outputs are within 0.2 % of the float ones; where the largest codes clip, most within 5 %.

    The inputs' largest magnitude is negative, so that a maximum has another range than what it is taken of.
    """
    network = make()
    inputs = np.random.default_rng(3).uniform(-1.0, 0.5, (6, *network.input_shape)).astype(np.float32)
    chip = load_chip(
        "hfox_planar_128", ("input.bits=16", "weights.bits=16", f"input.calibration_percentile={percentile}")
    ).chip
    placement = compile_network(
        network, inputs, array=chip.array, tile=chip.tile, weights=chip.weights, bits_per_cell=chip.bits_per_cell,
        inputs=chip.input, mapping=chip.mapping,
    )  # fmt: skip
    wanted = forward(network, torch.from_numpy(inputs).double()).flatten(1).numpy()
    error = np.abs(integer_forward(placement, inputs) - wanted) / np.abs(wanted).max()
    if percentile == 100:
        assert error.max() < 0.002
    else:
        assert np.median(error) < 0.05
