"""Placement: every weight once a replica, no array twice, and a fit that is explained."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import Placement
from pillarsim.mapping import compile_network
from pillarsim.workloads.network import Conv2d, Flatten, Linear, Network, Relu


def network() -> Network:
    random = np.random.default_rng(1)
    layers = (
        Conv2d("conv", random.normal(size=(5, 2, 3, 3)).astype(np.float32), np.zeros(5, np.float32)),
        Relu("relu"),
        Flatten("flat"),
        Linear("fc", random.normal(size=(7, 80)).astype(np.float32), np.zeros(7, np.float32)),
    )
    return Network("net", (2, 6, 6), layers, None)


def compiled(chip: Chip) -> Placement:
    images = np.random.default_rng(2).random((4, 2, 6, 6), dtype=np.float32)
    return compile_network(
        network(),
        images,
        array=chip.array,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
    )


def chip(*sets: str) -> Chip:
    return load_chip("hfox_planar_128", sets).chip


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(4, 90),
    columns=st.integers(2, 90),
    scheme=st.sampled_from(["differential", "offset"]),
    replicas=st.integers(1, 3),
    order=st.sampled_from(["row", "snake"]),
)
def test_every_cell_is_placed_once(rows: int, columns: int, scheme: str, replicas: int, order: str) -> None:
    """In each replica every row and unit lies in exactly one array; no array of the chip is used twice."""
    extra = ("weights.subtract=null",) if scheme == "offset" else ()
    hardware = chip(
        f"array.rows={rows}",
        f"array.columns={columns}",
        f"weights.scheme={scheme}",
        f"mapping.replicas={replicas}",
        f"mapping.placement={order}",
        "tile.count={x: 16, y: 16}",
        *extra,
    )
    placement = compiled(hardware)
    used = [(one.tile, one.slot) for layer in placement.layers for arrays in layer.replicas for one in arrays]
    assert len(used) == len(set(used))
    assert all(0 <= slot < 16 and 0 <= tile < 256 for tile, slot in used)
    for layer in placement.layers:
        assert len(layer.replicas) == replicas
        for arrays in layer.replicas:
            filled = np.zeros((layer.matrix.weight.shape[0], layer.units), int)
            for one in arrays:
                block = layer.row_blocks[one.row_block]
                filled[block.start : block.stop, one.units[0] : one.units[1]] += 1
                assert block.stop - block.start <= rows
                assert (one.units[1] - one.units[0]) * layer.polarities <= columns
            assert (filled == 1).all()


def test_snake_order_keeps_neighbours_together() -> None:
    """The fifth array of a 4-wide grid with one array a tile lies under the fourth, not at the start of its row."""
    small = ("tile.arrays=1", "tile.count={x: 4, y: 8}", "array.rows=9", "array.columns=8")
    snake = [one.tile for one in compiled(chip(*small, "tile.count={x: 4, y: 40}")).layers[0].replicas[0]]
    row = [
        one.tile
        for one in compiled(chip(*small, "tile.count={x: 4, y: 40}", "mapping.placement=row")).layers[0].replicas[0]
    ]
    assert row[:6] == [0, 1, 2, 3, 4, 5]
    assert snake[:6] == [0, 1, 2, 3, 7, 6]


def test_linear_after_a_map_is_a_whole_map_kernel() -> None:
    """The linear layer waits for the whole map: one window, kernel as large as the map."""
    fc = compiled(chip()).layers[1].matrix
    assert (fc.kernel, fc.windows, fc.in_shape) == ((4, 4), 1, (5, 4, 4))


def test_missing_arrays_are_counted() -> None:
    """18 rows in 2 blocks of 16 and 80 rows in 5, one column block each, are 7 arrays; the chip has 4."""
    with pytest.raises(FitError, match=r"needs 7 arrays and the chip has 4: 3 missing"):
        compiled(chip("tile.count={x: 1, y: 1}", "tile.arrays=4", "array.rows=16", "array.columns=64"))


def test_digest_names_the_placement() -> None:
    """The same inputs give the same digest; another array size gives another."""
    assert compiled(chip()).digest == compiled(chip()).digest != compiled(chip("array.rows=64")).digest
