"""Places of synapses that learn: every synapse in one array, arrays in tiles, digital work, what does not fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip import Hardware
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import FitError, InputError
from pillarsim.arch.training.placement import TrainingPlacement
from pillarsim.mapping.arrange import regular_order
from pillarsim.mapping.learn import place_synapses
from pillarsim.mapping.traffic import Grid
from pillarsim.workloads.load import load_network
from pillarsim.workloads.network import (
    Activation,
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    Relu,
)

SMALL = ("array.rows=24", "array.columns=20", "array.max_active_rows=10", "tile.arrays=6", "tile.count={x: 5, y: 4}")


def chip(*sets: str, preset: str = "hfox_learning_128") -> Hardware:
    return load_chip(preset, sets).chip.hardware


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Linear:
    return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32), has_bias=bias)


def perceptron(*sizes: int) -> Network:
    layers = [linear(f"fc{place}", *pair) for place, pair in enumerate(pairwise(sizes))]
    return Network("perceptron", sizes[:1], tuple(layers), "mnist")


def convolutions() -> Network:
    """Two convolutions with a pool behind each activation, and two dense layers, the last without bias."""
    return Network(
        "convolutions",
        (1, 12, 12),
        (
            Conv2d("conv1", np.zeros((6, 1, 3, 3), np.float32), np.zeros(6, np.float32), (1, 1), (1, 1)),
            Relu("relu1"),
            MaxPool2d("pool1", (2, 2), (2, 2)),
            Conv2d("conv2", np.zeros((8, 6, 3, 3), np.float32), np.zeros(8, np.float32), (1, 1), (0, 0)),
            Activation("tanh", "tanh"),
            Flatten("flat"),
            linear("fc1", 128, 10),
            Relu("relu2"),
            linear("fc2", 10, 4, bias=False),
        ),
        "mnist",
    )


def check_covered(placement: TrainingPlacement, hardware: Hardware) -> None:
    """Every synapse sits in exactly one array, no array is too small for its part, no slot is taken twice."""
    places = Counter((array.tile, array.slot) for array in placement.arrays)
    assert max(places.values()) == 1
    assert all(0 <= slot < hardware.tile.arrays_per_level for _, slot in places)
    assert all(0 <= tile < hardware.tile.count.total for tile, _ in places)
    for layer in placement.layers:
        covered = np.zeros((layer.inputs, layer.outputs), int)
        for array in layer.arrays:
            covered[slice(*array.inputs), slice(*array.outputs)] += 1
            assert 0 < array.inputs[1] - array.inputs[0] <= hardware.array.inputs
            assert 0 < (array.outputs[1] - array.outputs[0]) * layer.columns <= hardware.array.columns
        assert (covered == 1).all()


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=2, max_size=4),
    devices=st.integers(1, 20),
    rows=st.integers(1, 40),
    columns=st.integers(20, 50),
)
def test_every_synapse_has_one_place(sizes: list[int], devices: int, rows: int, columns: int) -> None:
    """Whatever the shapes: all synapses once, bias rows too, and no more arrays than whole ones would take."""
    base = chip(*SMALL, "tile.count={x: 64, y: 64}")
    learning = base.learning
    assert learning is not None
    hardware = base.model_copy(
        update={
            "array": base.array.model_copy(update={"rows": rows, "columns": columns}),
            "learning": learning.model_copy(update={"devices_per_synapse": devices}),
        }
    )
    placement = place_synapses(perceptron(*sizes), hardware)
    check_covered(placement, hardware)
    for layer, inputs, outputs in zip(placement.layers, sizes, sizes[1:], strict=False):
        assert (layer.inputs, layer.outputs, layer.columns, layer.bias) == (inputs + 1, outputs, devices, True)
        assert len(layer.arrays) == -(-(inputs + 1) // rows) * -(-outputs // (columns // devices))


def test_blocks_are_balanced() -> None:
    """Parts of one matrix differ by a row and an output at most."""
    layer = place_synapses(perceptron(100, 33), chip(*SMALL)).layers[0]
    for sizes in (
        {a.inputs[1] - a.inputs[0] for a in layer.arrays},
        {a.outputs[1] - a.outputs[0] for a in layer.arrays},
    ):
        assert max(sizes) - min(sizes) <= 1


def test_reads_of_planar_and_vertical_arrays() -> None:
    """10 of 24 rows on at once are 3 reads; a comb reads one pillar row, 16 inputs of 8 layers, at a time."""
    planar = chip(*SMALL)
    assert [layer.reads for layer in place_synapses(perceptron(23, 8, 3), planar).layers] == [3, 1]
    comb = chip(preset="vrram_comb_learning")
    vertical = place_synapses(perceptron(784, 40, 3), comb)
    check_covered(vertical, comb)
    assert [layer.reads for layer in vertical.layers] == [-(-785 // 16), -(-41 // 16)]
    assert len(vertical.layers[0].arrays) == 1


def test_a_convolution_is_its_windows() -> None:
    """Rows are channels x kernel and the bias, windows output positions; pools thin what is handed on."""
    placement = place_synapses(convolutions(), chip())
    found = [(one.name, one.inputs, one.outputs, one.windows, one.bias, one.handed_on) for one in placement.layers]
    assert found == [
        ("conv1", 10, 6, 144, True, 6 * 36),
        ("conv2", 55, 8, 16, True, 128),
        ("fc1", 129, 10, 1, True, 10),
        ("fc2", 10, 4, 1, False, 4),
    ]
    assert [one.digital for one in placement.layers] == [
        (("activation", 6 * 144), ("pooling", 4 * 6 * 36)),
        (("lookup", 128),),
        (("activation", 10),),
        (),
    ]
    assert placement.input_values == 144


def test_pairs_have_batch_norm_and_no_bias() -> None:
    """Rule 'binary': no bias row, six operations a value of batch norm behind the pool, listed or not."""
    hardware = chip(preset="hfox_weak_reset_128")
    ones = np.ones(5, np.float32)
    norm = BatchNorm("norm", ones, ones, ones, ones, 1e-5)
    plain = (linear("fc1", 6, 5), Activation("sign", "sign"), linear("fc2", 5, 3))
    listed = (plain[0], norm, *plain[1:])
    digitals = []
    for layers in (plain, listed):
        placement = place_synapses(Network("binary", (6,), layers, "mnist"), hardware)
        assert [(layer.inputs, layer.bias, layer.columns) for layer in placement.layers] == [
            (6, False, 2),
            (5, False, 2),
        ]
        digitals.append([layer.digital for layer in placement.layers])
    assert digitals[0] == digitals[1]
    first, last = (Counter[str](), Counter[str]())
    for sums, steps in zip((first, last), digitals[0], strict=True):
        for unit, count in steps:
            sums[unit] += count
    assert first == {"adder": 4 * 5, "multiplier": 2 * 5, "activation": 5}
    assert last == {"adder": 4 * 3, "multiplier": 2 * 3}
    assert digitals[0][0][-1] == ("activation", 5)


def test_tiles_are_filled_along_the_snake() -> None:
    """A layer that fits a tile is not split while tiles suffice; on a full chip no slot is left free."""
    network = perceptron(47, 8, 16, 8)  # 8, 8 and 4 arrays of 24 x 20 cells for 7 devices, 6 slots a tile
    loose = chip(*SMALL)
    placement = place_synapses(network, loose)
    check_covered(placement, loose)
    order = regular_order(Grid(5, 4), snake=True)
    tiles = [[order.index(array.tile) for array in layer.arrays] for layer in placement.layers]
    assert [len(numbers) for numbers in tiles] == [8, 8, 4]
    assert tiles[2] == [3] * 4
    tight = chip(*SMALL[:-2], "tile.arrays=10", "tile.count={x: 2, y: 1}")
    check_covered(place_synapses(network, tight), tight)


def test_what_is_missing_is_named() -> None:
    """The message counts missing arrays, and each way out that it names works."""
    network = perceptron(47, 16)
    with pytest.raises(FitError) as caught:
        place_synapses(network, chip(*SMALL[:-2], "tile.arrays=1", "tile.count={x: 3, y: 3}"))
    message = str(caught.value)
    assert "need 16 arrays and the chip has 9: 7 missing" in message
    ways = {
        "tile.count={x: 3, y: 6}": ("tile.count={x: 3, y: 6}",),
        "tile.arrays=2": ("tile.arrays=2",),
        "array.rows=48 with array.columns=40": ("array.rows=48", "array.columns=40"),
        "learning.devices_per_synapse of at most 5": ("learning.devices_per_synapse=5",),
    }
    for text, sets in ways.items():
        assert text in message
        mended = chip(*SMALL[:-2], "tile.arrays=1", "tile.count={x: 3, y: 3}", *sets)
        check_covered(place_synapses(network, mended), mended)


def test_networks_that_cannot_learn() -> None:
    """Branches, groups and a chip without `learning` are refused by name."""
    branched = Network(
        "branched", (4,), (linear("a", 4, 4), linear("b", 4, 4), Add("sum"), linear("c", 4, 2)), "mnist",
        wires={"b": ("a",), "sum": ("a", "b")},
    )  # fmt: skip
    with pytest.raises(NetworkError, match="chain"):
        place_synapses(branched, chip())
    grouped = Network(
        "grouped", (4, 6, 6),
        (Conv2d("c", np.zeros((4, 2, 3, 3), np.float32), np.zeros(4, np.float32), (1, 1), (0, 0), groups=2),), "mnist",
    )  # fmt: skip
    with pytest.raises(NetworkError, match="layer 'c'"):
        place_synapses(grouped, chip())
    with pytest.raises(InputError, match="learning: expected a section"):
        place_synapses(perceptron(4, 2), chip(preset="hfox_planar_128"))


def test_the_digest_names_the_placement() -> None:
    """Equal placements have one digest; another arrangement has another."""
    network = load_network("mnist-mlp")
    first = place_synapses(network, chip())
    assert first == place_synapses(network, chip())
    assert first.digest != place_synapses(network, chip("learning.devices_per_synapse=3")).digest
    assert replace(first, digest="") != first
