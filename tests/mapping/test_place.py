"""Tiles: filled within slots and buffers, moved to shorten the network's ways."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.capacity import least_pixels
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.compiled import compile_for
from pillarsim.mapping.arrange import arranged, regular_order
from pillarsim.mapping.needs import Need, layer_need
from pillarsim.mapping.share import Part, Shared
from pillarsim.mapping.tiles import Limits, block_groups, filled
from pillarsim.mapping.traffic import GLOBAL, Flows, Grid, flows_of, homes, hop_bits, random_hop_bits
from pillarsim.workloads.load import load_network
from tests.mapping.chips import chip, compiled, timing_of
from tests.mapping.networks import NETWORKS, conv, network
from tests.near import near

ORDERS = ("row", "snake", "traffic")


def tiles_of(placement: Placement) -> set[int]:
    return {array.tile for layer in placement.layers for arrays in layer.replicas for array in arrays}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("buffer", ["512 B", "4 KiB"])
def test_the_event_model_takes_every_placement(name: str, order: str, buffer: str) -> None:
    """No tile has more arrays than slots, and the event model, which adds buffers up by itself, finds room."""
    sets = (f"mapping.placement={order}", f"tile.buffer.size={buffer}", "mapping.replicas=2")
    placement = compiled(NETWORKS[name], *sets)
    slots = Counter(array.tile for layer in placement.layers for arrays in layer.replicas for array in arrays)
    assert max(slots.values()) <= chip().tile.arrays_per_level
    rings = make_plan(placement, timing_of(chip(*sets)), 1).rings  # raises FitError for a buffer that is too small
    least = least_pixels(placement)
    assert all(ring.capacity >= least[ring.stage, ring.input] for ring in rings)


def test_a_small_buffer_spreads_a_layer() -> None:
    """The same arrays take more tiles where a buffer holds fewer of their inputs; none is left out."""
    net = network((16, 12, 12), conv("c", 8, 16), conv("d", 4, 8))
    large, small = (compiled(net, f"tile.buffer.size={size}", "tile.arrays=40") for size in ("64 KiB", "300 B"))
    assert large.arrays == small.arrays
    assert len(tiles_of(large)) < len(tiles_of(small))


def test_what_is_missing_is_named() -> None:
    """A buffer too small for one array's inputs; tiles too few for all of them; no room for a residual sum."""
    net = network((16, 12, 12), conv("c", 8, 16), conv("d", 4, 8))
    with pytest.raises(FitError, match=r"tile\.buffer\.size: layer 'c': the inputs of one of its arrays need \d+ B"):
        compiled(net, "tile.buffer.size=40 B")
    with pytest.raises(FitError, match=r"tile\.buffer\.size: the network's \d+ arrays need the buffers of \d+ tiles"):
        compiled(net, "tile.buffer.size=160 B", "tile.count={x: 4, y: 2}", "tile.arrays=20")


def test_operators_without_room_are_named() -> None:
    """The sum of a block needs the skipped rows: a buffer below that is named with the bytes that it must have."""
    with pytest.raises(
        FitError, match=r"operator 'add' needs (\d+) B .*; expected tile\.buffer\.size of at least \1 B"
    ):
        compiled(NETWORKS["residual"], "tile.buffer.size=70 B", "array.rows=6")


def test_a_large_network_fits_a_published_chip() -> None:
    """ResNet-18 on ISAAC's 64 KiB tiles, balanced: the event model finds room for every input."""
    on = load_chip("isaac_isca_2016", ("mapping.replicas=balanced",)).chip
    net = load_network("resnet18")
    inputs = np.random.default_rng(0).random((1, *net.input_shape), dtype=np.float32)
    placement = compile_for(on, net, inputs, timing_of(on))
    assert 60 < len(tiles_of(placement)) <= on.tile.count.total
    assert make_plan(placement, timing_of(on), 1).rings


def need_of(blocks: int, bits: int) -> Need:
    return Need(tuple((k, k + 1) for k in range(blocks)), unit_bits=bits, pixels=1, least=1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 30), st.integers(1, 4)), min_size=1, max_size=5),
    st.integers(1, 6),
    st.integers(30, 90),
)
def test_tiles_hold_what_they_can(layers: list[tuple[int, int, int]], slots: int, buffer_bits: int) -> None:
    """Every array once, in some order; slots and buffers kept; blocks of a group fit an empty buffer."""
    needs = {number: need_of(blocks, bits) for number, (blocks, bits, _) in enumerate(layers)}
    limits = Limits(1000, slots, buffer_bits)
    arrays = [
        Shared(((Part(number, number, 0, block, (span, span + 1), 1, 1), 0, 0),))
        for number, (blocks, _, spans) in enumerate(layers)
        for block in range(blocks)
        for span in range(spans)
    ]
    names = [str(number) for number in needs]
    tiles = filled(arrays, needs, limits, names)
    assert Counter(array for tile in tiles for array in tile.arrays) == Counter(arrays)
    for tile in tiles:
        assert 0 < len(tile.arrays) <= slots
        held = sum(needs[layer].held_bits(blocks) for layer, blocks in tile.blocks.items())
        assert tile.held_bits == held <= buffer_bits
        there = {(part.layer, part.block) for array in tile.arrays for part, _, _ in array.parts}
        assert there == {(layer, block) for layer, blocks in tile.blocks.items() for block in blocks}
    for need in needs.values():
        groups = block_groups(need, limits)
        assert [block for group in groups for block in group] == list(range(len(need.blocks)))
        assert all(need.held_bits(group) <= buffer_bits for group in groups)
    # a chip of just as many tiles is enough, one with fewer may not be
    assert len(filled(arrays, needs, Limits(len(tiles), slots, buffer_bits), names)) == len(tiles)


def test_blocks_share_a_channel_at_their_border() -> None:
    """Rows of a 3x3 kernel cut inside a channel: both blocks need it, together once."""
    placement = compiled(network((16, 12, 12), conv("c", 8, 16), conv("d", 4, 8)))
    need = layer_need(placement, 0, placement.stages[0], placement.layers[0], least_pixels(placement))
    # 144 rows in 6 blocks of 24: 2 2/3 channels each
    assert need.blocks == ((0, 3), (2, 6), (5, 8), (8, 11), (10, 14), (13, 16))
    assert need.units(range(6)) == 16
    assert need.units((0, 1)) == 6
    assert need.units((0, 2)) == 6
    assert need.unit_bits == 144 * 8


def test_needs_are_those_of_the_event_model() -> None:
    """Bits of an image that arrays in a tile take: the same sums as the event model's rings."""
    for name, net in NETWORKS.items():
        placement = compiled(net, "tile.buffer.size=512 B", "mapping.replicas=2")
        flows: Counter[tuple[int, int]] = Counter()
        for ring in make_plan(placement, timing_of(chip()), 1).rings:
            flows[ring.source, ring.tile] += sum(ring.pixel_bits)
        found = {ends: bits for ends, bits in flows_of(placement, 0).items() if bits}
        starts = {number: homes(stage, placement.layers) for number, stage in enumerate(placement.stages)}
        expected: defaultdict[tuple[int, int], float] = defaultdict(float)
        for (source, tile), bits in flows.items():
            for home in starts.get(source, [GLOBAL]):
                if home != tile:
                    expected[home, tile] += bits / len(starts.get(source, [GLOBAL]))
        last = placement.stages[-1]
        for home in starts[len(placement.stages) - 1]:
            expected[home, GLOBAL] += float(np.prod(last.stream)) * 32 / len(starts[len(placement.stages) - 1])
        assert found == near(dict(sorted(expected.items()))), name


def test_flits_follow_the_flows() -> None:
    """The link-flits that the event model counts are the flows' bits x hops, but for what flits round up."""
    net = network((8, 8, 8), conv("c", 16, 8), conv("d", 16, 16), conv("e", 4, 16))
    sets = ("mesh.link_width=1", "mesh.header_bits=0", "mapping.replicas=2", "tile.arrays=2")
    placement, on = compiled(net, *sets), chip(*sets)
    timing = timing_of(on)
    trace = simulate(placement, timing, on.idle, 3, "window", arrays_per_tile=on.tile.arrays_per_level)
    flits = sum(n for (role, action, _), n in trace.ledger.counts.items() if (role, action) == ("link", "flit"))
    expected = hop_bits(flows_of(placement, timing.partial_sum_bits), Grid(12, 12, timing.router_block))
    # windows of two copies alternate over three images, so that shares of a copy are not exactly a half
    assert flits / 3 == pytest.approx(expected, rel=0.01)


def test_hops_by_hand() -> None:
    """A 4x2 grid, 2x1 tiles a router: places 0 to 3 in the first row are routers 0 and 1."""
    grid = Grid(4, 2, (2, 1))
    flows = {(GLOBAL, 0): 10.0, (0, 1): 7.0, (0, 3): 5.0, (1, 6): 2.0, (7, GLOBAL): 1.0}
    assert hop_bits(flows, grid) == 0 + 0 + 5 + 2 * 2 + 2
    assert hop_bits({(0, 1): 3.0}, grid, [0, 6]) == 6


@pytest.mark.parametrize("order", ["row", "snake"])
def test_regular_orders_take_every_tile_once(order: str) -> None:
    """Any width of strips covers the grid; the snake's neighbours are one hop apart."""
    grid = Grid(5, 3)
    for width in (None, 1, 2, 3):
        tiles = regular_order(grid, order == "snake", width)
        assert sorted(tiles) == list(range(15))
    snake = regular_order(grid, True)
    assert all(abs(a % 5 - b % 5) + abs(a // 5 - b // 5) == 1 for a, b in pairwise(snake))


@st.composite
def random_flows(draw: st.DrawFn) -> tuple[Flows, int]:
    tiles = draw(st.integers(2, 14))
    ends = st.tuples(st.integers(GLOBAL, tiles - 1), st.integers(GLOBAL, tiles - 1)).filter(lambda e: e[0] != e[1])
    return draw(st.dictionaries(ends, st.floats(1, 100), min_size=1, max_size=40)), tiles


@settings(deadline=None, max_examples=60)
@given(random_flows(), st.sampled_from([(1, 1), (2, 1), (2, 2)]), st.integers(0, 3))
def test_the_search_is_never_worse_than_the_snake(drawn: tuple[Flows, int], block: tuple[int, int], seed: int) -> None:
    """Each tile on a place of its own; at most the snake's bits x hops; no swap of two tiles would lower them."""
    flows, tiles = drawn
    grid = Grid(5, 4, block)
    places = arranged(flows, grid, tiles, seed)
    assert len(set(places)) == tiles
    found = hop_bits(flows, grid, places)
    assert found <= hop_bits(flows, grid, regular_order(grid, True)) * (1 + 1e-12)
    assert arranged(flows, grid, tiles, seed) == places
    for one in range(tiles):
        for other in range(one):
            swapped = list(places)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            assert hop_bits(flows, grid, swapped) >= found * (1 - 1e-6)


def test_traffic_beats_snake_and_random() -> None:
    """A deep network over many tiles: shorter ways than the snake's, far shorter than at random."""
    net = network((3, 8, 8), conv("stem", 8, 3), *(conv(f"c{number}", 8, 8) for number in range(20)))
    sets = ("tile.arrays=3",)
    timing = timing_of(chip(*sets))
    grid = Grid(12, 12, timing.router_block)
    flows = {
        order: flows_of(compiled(net, *sets, f"mapping.placement={order}"), timing.partial_sum_bits) for order in ORDERS
    }
    hops = {order: hop_bits(each, grid) for order, each in flows.items()}
    assert hops["traffic"] < hops["snake"]
    assert hops["traffic"] < 0.5 * random_hop_bits(flows["traffic"], grid, 0)


def test_operators_stand_where_their_ways_are_short() -> None:
    """A residual sum sits in a tile of the grid with room for its inputs; some home is that of a producer."""
    placement = compiled(NETWORKS["residual"], "tile.arrays=2")
    add = next(stage for stage in placement.stages if stage.name == "add")
    assert add.home is not None
    near_by = {home for edge in add.inputs for home in homes(placement.stages[edge.source], placement.layers)}
    near_by |= {array.tile for array in placement.layers[-1].replicas[0]}
    assert add.home in near_by
