"""Shares of tile buffers: credits, order, and what is too small."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pillarsim.arch.chip import Idle
from pillarsim.arch.errors import FitError
from pillarsim.arch.simulate import simulate
from pillarsim.arch.simulate.buffers import PixelRing
from pillarsim.arch.simulate.shares import Need, capacities
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, SLOW, Spec, build
from tests.arch.simulate.strategies import smallest_buffer_bits


def test_no_credit_for_pixels_that_have_not_arrived() -> None:
    """A reader that skips ahead gives credits back only as the skipped pixels arrive."""
    ring = PixelRing(capacity=4, keep=[0])
    ring.taken = 4
    ring.arrive(0, 1)
    ring.keep[0] = 3  # a 1x1 convolution of stride 3 has read pixel 0
    assert ring.free()
    assert (ring.freed, ring.credits) == (1, 1)
    ring.arrive(1, 1)
    assert ring.free()
    assert (ring.freed, ring.credits) == (2, 2)


def test_pixels_are_readable_in_order() -> None:
    """A pixel that overtakes another is readable only when the other has arrived."""
    ring = PixelRing(capacity=4, keep=[0])
    ring.arrive(1, 2)
    assert ring.arrived == 0
    ring.arrive(0, 1)
    assert ring.arrived == 3


def test_the_slowest_reader_frees() -> None:
    """Two replicas in a tile share its pixels: the one that is behind decides what is freed."""
    ring = PixelRing(capacity=9, keep=[5, 2])
    ring.taken = 9
    ring.arrive(0, 9)
    assert ring.free()
    assert ring.freed == 2
    assert not ring.free()


def test_strided_convolution_in_a_tiny_buffer() -> None:
    """A 1x1 convolution of stride 2 in the smallest buffer frees skipped pixels and finishes."""
    placement = build((1, 6, 6), [Spec(2, stride=2), Spec(1, linear=True, tiles=((3,),))])
    timing = replace(SLOW, buffer=replace(SLOW.buffer, size_bits=smallest_buffer_bits(placement)))
    trace = simulate(placement, timing, Idle(), 3, "window", arrays_per_tile=ARRAYS_PER_TILE)
    assert [layer.windows for layer in trace.layers] == [27, 3]


def test_too_small_a_buffer_is_named() -> None:
    """One bit below the smallest buffer the error names layer, tile, bytes needed and bytes there are."""
    placement = build((1, 6, 6), [Spec(2, kernel=3, tiles=((2,),))])
    least = smallest_buffer_bits(placement)
    assert least == (2 * 6 + 6) * 8  # two rows are held when the third one comes, as a whole
    timing = replace(FAST, buffer=replace(FAST.buffer, size_bits=least - 1))
    with pytest.raises(FitError, match=r"layer 'layer0' in tile 2: .* 18 bytes.* has 17\.875 .* at least 18 B"):
        simulate(placement, timing, Idle(), 1, "window", arrays_per_tile=ARRAYS_PER_TILE)


def test_too_small_a_global_buffer_is_named() -> None:
    """Half of the global buffer must hold one row of the input."""
    placement = build((1, 2, 6), [Spec(1)])
    timing = replace(FAST, global_buffer=replace(FAST.global_buffer, size_bits=94))
    with pytest.raises(FitError, match=r"row of the input takes 6 bytes.*has 5\.875.*global_buffer\.size .* 12 B"):
        simulate(placement, timing, Idle(), 1, "window", arrays_per_tile=ARRAYS_PER_TILE)


def test_inputs_share_what_a_tile_has_left() -> None:
    """Two inputs in one tile get what they must have, and half of the rest each."""
    needs = [Need("a", 3, map_bits=160, pixels=10, least=4), Need("b", 3, map_bits=80, pixels=10, least=2)]
    assert [need.bits for need in needs] == [64, 16]
    assert capacities(80, needs) == [4, 2]
    assert capacities(80 + 2 * 48, needs) == [4 + 3, 2 + 6]
    with pytest.raises(FitError, match=r"layer 'b' in tile 3: .* 10 bytes.*'a' 8, 'b' 2.* at least 10 B"):
        capacities(79, needs)


def test_tiles_do_not_share_with_one_another() -> None:
    """Each tile has a buffer of its own, and an input that wants nothing of any pixel takes none of it."""
    needs = [Need("a", 0, map_bits=80, pixels=10, least=1), Need("b", 1, map_bits=0, pixels=10, least=3)]
    assert capacities(8, needs) == [1, 20]
