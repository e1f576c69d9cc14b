"""The least pixels that inputs must hold: by hand, enough for every run, and no more than a little."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.chip import Idle
from pillarsim.arch.errors import ModelError
from pillarsim.arch.placement import Placement
from pillarsim.arch.simulate import plan_rings, simulate
from pillarsim.arch.simulate.capacity import least_pixels
from pillarsim.arch.simulate.plan import make_plan
from pillarsim.workloads.operators import Add, MatMul
from tests.arch.simulate.builders import ARRAYS_PER_TILE, FAST, Digital, Spec, build, pool
from tests.arch.simulate.strategies import placements


def test_chain_by_hand() -> None:
    """A 3x3 convolution holds two rows and three pixels of a stream, or rows as wholes of the input."""
    placement = build((1, 6, 5), [Spec(1, kernel=3), Spec(1, kernel=2), Spec(1, linear=True)])
    # 3 rows of 5; a 4x3 map comes pixel by pixel: one row and two pixels; a 3x2 map at once
    assert least_pixels(placement) == {(0, 0): 15, (1, 0): 5, (2, 0): 6}


def test_skipped_rows_are_not_held() -> None:
    """A 1x1 convolution of stride 2 holds one pixel: what it skips is freed as it arrives."""
    assert least_pixels(build((1, 6, 6), [Spec(1), Spec(1, stride=2)]))[1, 0] == 1


def test_residual_holds_what_the_branch_delays() -> None:
    """The skipped connection holds what two padded 3x3 convolutions are behind: two rows and a few pixels."""
    width = 8
    branch: list[Spec | Digital] = [
        Spec(1),
        Spec(1, kernel=3, padding=1),
        Spec(1, kernel=3, padding=1),
        Digital(Add("add"), (0, 2)),
    ]
    least = least_pixels(build((1, 9, width), branch))
    # pixel 0 of the sum needs row 1 and a pixel of the first convolution, which needs row 2 and two pixels
    assert least[3, 0] == 2 * width + 3
    assert least[3, 1] == 1
    assert least[1, 0] == 2 * width + 3


def test_maps_stay_for_the_whole_image() -> None:
    """The second factor of a product is held whole while the first comes pixel by pixel."""
    placement = build((2, 3, 4), [Spec(2), Spec(2), Digital(MatMul("product"), (0, 1), ("pixel", "map"))])
    # pixel 0 of the product waits for all 12 of the second factor, for which the input's rows go to stage 0 too
    assert least_pixels(placement)[2, 1] == 12


def test_pools_hold_rows() -> None:
    """A digital 3x3 pool with padding holds two rows and three pixels like a convolution."""
    assert least_pixels(build((1, 8, 8), [Spec(1), Digital(pool(3, 2, 1), (0,), ("window",))]))[1, 0] == 2 * 8 + 3


def test_replicas_and_tiles_do_not_matter() -> None:
    """The least pixels depend on stages and their geometry only."""
    one = build((2, 5, 5), [Spec(2, kernel=3), Spec(1, kernel=2)])
    many = build((2, 5, 5), [Spec(2, kernel=3, blocks=2, tiles=((0, 1), (2,), (3,))), Spec(1, kernel=2, tiles=((5,),))])
    assert least_pixels(one) == least_pixels(many)


@given(placement=placements(most=5), images=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_no_placement_deadlocks(placement: Placement, images: int) -> None:
    """With exactly the least pixels in every tile every image leaves, whatever the graph and the replicas."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_rings, "capacities", lambda size_bits, needs: [need.least for need in needs])
        trace = simulate(placement, FAST, Idle(), images, "window", arrays_per_tile=ARRAYS_PER_TILE, skip=False)
    assert len(trace.finished_ps) == images


@pytest.mark.parametrize(("stage", "place"), [(0, 0), (1, 0), (3, 0)])
def test_one_pixel_less_never_ends(stage: int, place: int) -> None:
    """Along this residual network the least is tight: a pixel less and the run stops early, with the stage named."""
    branch: list[Spec | Digital] = [
        Spec(1),
        Spec(1, kernel=3, padding=1),
        Spec(1, kernel=3, padding=1),
        Digital(Add("add"), (0, 2)),
    ]
    placement = build((1, 9, 8), branch)
    least = {**least_pixels(placement), (stage, place): least_pixels(placement)[stage, place] - 1}
    made = make_plan(placement, FAST, 1)
    rings = [replace(ring, capacity=least[ring.stage, ring.input]) for ring in made.rings]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pillarsim.arch.simulate.run.make_plan", lambda *_: replace(made, rings=tuple(rings)))
        for detail in ("window", "operation"):
            with pytest.raises(ModelError, match="stopped after"):
                simulate(placement, FAST, Idle(), 2, detail, arrays_per_tile=ARRAYS_PER_TILE)
