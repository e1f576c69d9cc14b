"""Vertical arrays: what a read takes of a layer's inputs, for every kind of word line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.chip import Array
from pillarsim.arch.chip.array import READINGS
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.cli import status
from pillarsim.mapping import compile_network
from pillarsim.mapping.fit import array_shape
from pillarsim.mapping.partition import row_blocks
from pillarsim.workloads.network import Linear, Network

WORD_LINES = ("plane", "comb", "comb2", "finger")
WAYS = ("layer_parallel", "layer_serial", "select_line", "word_line")
ALLOWED = [(lines, way) for lines, ways in READINGS.items() for way in ways]


def array(word_lines: str, reading: str | None, layers: int, rows: int, active: int | None = None) -> Array:
    """A vertical array of 8 columns."""
    data: dict[str, Any] = {"geometry": "vertical", "layers": layers, "rows": rows, "columns": 8, "reading": reading}
    cell = {"lrs": "10 kOhm", "hrs": "1 MOhm", "levels": 4}
    data |= {"word_lines": word_lines, "read_voltage": "0.6 V", "cell_pitch": "200 nm", "cell": cell}
    return Array.model_validate(data if active is None else data | {"max_active_rows": active})


def place(reading: str, sides: int, layers: int, rows: int, number: int) -> tuple[int, int, int]:
    """(layer, pillar row, side) of an input, as the design says: rows inside layers, or layers inside rows."""
    if reading in ("layer_serial", "select_line"):
        return number // rows, number % rows, 0
    return number // sides % layers, number // sides // layers, number % sides


@given(
    way=st.sampled_from(ALLOWED),
    layers=st.integers(1, 5),
    rows=st.integers(1, 9),
    active=st.integers(1, 12),
    inputs=st.integers(1, 200),
)
def test_reads_take_what_may_be_on_together(
    way: tuple[str, str], layers: int, rows: int, active: int, inputs: int
) -> None:
    """Every input once; one layer a read, or whole pillar rows; at most the rows that may be on; no cell twice."""
    word_lines, reading = way
    one = array(word_lines, reading, layers, rows, None if reading == "word_line" else active)
    most = 1 if reading == "word_line" else min(active, rows)
    sides = 2 if word_lines == "comb2" else 1
    position = 0
    for block in row_blocks(inputs, array_shape(one)):
        assert block.start == position
        assert block.stop - block.start <= layers * rows * sides
        reads_of_row: dict[int, int] = {}
        for number, (start, stop) in enumerate(block.groups):
            assert start == position < stop
            position = stop
            places = [place(reading, sides, layers, rows, k - block.start) for k in range(start, stop)]
            assert len(set(places)) == len(places)
            assert all(layer < layers and row < rows for layer, row, _ in places)
            assert len({row for _, row, _ in places}) <= most
            if reading in ("layer_serial", "select_line"):
                assert len({layer for layer, _, _ in places}) == 1
            else:
                for row in {row for _, row, _ in places}:
                    assert reads_of_row.setdefault(row, number) == number
        assert block.stop == position
    assert position == inputs


@pytest.mark.parametrize(
    ("word_lines", "reading", "active", "groups"),
    [
        # 3 layers of 4 rows; 20 inputs take two arrays (of 24 inputs in a comb2 one), 10 inputs each
        ("finger", "layer_parallel", 2, [(0, 6), (6, 10)]),  # rows 0 1, then 2 3
        ("finger", "layer_serial", 2, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]),  # rows 0 1 and 2 3 of each layer
        ("finger", "layer_serial", 4, [(0, 4), (4, 8), (8, 10)]),
        ("plane", "select_line", 3, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]),  # 4 rows in two even reads
        ("plane", "word_line", None, [(0, 3), (3, 6), (6, 9), (9, 10)]),  # one pillar row a read
        ("comb", "word_line", None, [(0, 3), (3, 6), (6, 9), (9, 10)]),
        ("comb2", "word_line", None, [(0, 6), (6, 12), (12, 18), (18, 20)]),
    ],
)
def test_reads_by_hand(word_lines: str, reading: str, active: int | None, groups: list[tuple[int, int]]) -> None:
    """The reads of the first array of 20 inputs, one case each."""
    blocks = row_blocks(20, array_shape(array(word_lines, reading, 3, 4, active)))
    assert list(blocks[0].groups) == groups
    assert len(blocks) == (1 if word_lines == "comb2" else 2)


def compiled(*sets: str) -> Placement:
    """One linear layer of 30 inputs and 5 outputs on the vertical preset with 3 layers of 4 rows."""
    small = ("array.layers=3", "array.rows=4", "array.columns=64", "array.max_active_rows=null")
    chip = load_chip("vrram_finger_8layer", (*small, *sets)).chip
    random = np.random.default_rng(0)
    weight = random.normal(size=(5, 30)).astype(np.float32)
    return compile_network(
        Network("one", (30,), (Linear("fc", weight, np.zeros(5, np.float32)),), None),
        random.random((4, 30), dtype=np.float32),
        array=chip.array,
        tile=chip.tile,
        weights=chip.weights,
        bits_per_cell=chip.bits_per_cell,
        inputs=chip.input,
        mapping=chip.mapping,
    )


@pytest.mark.parametrize(
    ("sets", "reads"),
    [
        ((), 1),
        (("array.max_active_rows=2",), 2),
        (("array.reading=layer_serial",), 3),
        (("array.word_lines=plane",), 4),
        (("array.word_lines=comb2",), 3),  # 15 inputs an array, 6 a pillar row
    ],
)
def test_a_window_takes_the_reads_of_its_groups(sets: tuple[str, ...], reads: int) -> None:
    """30 inputs in 3 arrays of 10 (in 2 of a comb2): reads of one input chunk, and 8 chunks of one bit."""
    layer: PlacedLayer = compiled(*sets).layers[0]
    assert (layer.reads_per_chunk, layer.chunks) == (reads, 8)
    assert len(layer.row_blocks) == (2 if sets == ("array.word_lines=comb2",) else 3)


def test_the_default_reading_is_the_first_of_each_list() -> None:
    """Left out, a finger array reads all layers at once, the others row by row on their word lines."""
    for word_lines, ways in READINGS.items():
        assert array(word_lines, None, 2, 3).read_mode == ways[0]
    assert READINGS["finger"][0] == "layer_parallel"
    assert {READINGS[name][0] for name in ("plane", "comb", "comb2")} == {"word_line"}


@pytest.mark.parametrize(
    ("word_lines", "reading"), [(lines, way) for lines in WORD_LINES for way in WAYS if (lines, way) not in ALLOWED]
)
def test_other_combinations_are_named(word_lines: str, reading: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each pair outside the list ends with status 2, the key, what fits and what was found."""
    sets = (f"array.word_lines={word_lines}", f"array.reading={reading}", "array.max_active_rows=null")
    options = [part for text in sets for part in ("--set", text)]
    assert status(["check", "vrram_finger_8layer", *options]) == 2
    message = capsys.readouterr().err
    wanted = " or ".join(READINGS[word_lines])
    assert f"array.reading: expected {wanted} with word_lines '{word_lines}', found '{reading}'" in message


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (
            ("array.word_lines=plane", "array.max_active_rows=4"),
            r"array\.max_active_rows: expected 1 with reading 'word_line'.*found 4",
        ),
        (("array.rows_per_finger=2",), r"array\.rows_per_finger: expected only with word_lines 'comb'"),
        (("array.word_lines=combs",), r"array\.word_lines: .*did you mean 'comb'"),
        (("array.reading=layer",), r"array\.reading: "),
    ],
)
def test_keys_that_do_not_fit_are_named(sets: tuple[str, ...], message: str) -> None:
    """Rows that cannot be on, fingers that take no rows, unknown words."""
    with pytest.raises(InputError, match=message):
        load_chip("vrram_finger_8layer", sets)


@pytest.mark.parametrize("key", ["reading=word_line", "rows_per_finger=2", "word_lines=comb", "layers=2"])
def test_a_planar_array_has_no_such_key(key: str) -> None:
    """Keys of vertical arrays are refused on planar ones."""
    name = key.partition("=")[0]
    with pytest.raises(InputError, match=rf"array\.{name}: expected only with geometry 'vertical'"):
        load_chip("hfox_planar_128", (f"array.{key}",))
