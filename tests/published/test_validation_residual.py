"""Residual networks with and without back-pressure: what must hold whatever the numbers are."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pillarsim.arch.errors import FitError
from pillarsim.arch.simulate.plan import make_plan
from tests.near import near

WINDOWS = 32 * 32  # of every convolution of the small network
WINDOW_S = 16 * 100e-9  # 16 input bits, a read of 100 ns each
COPIES = 4


@pytest.fixture(scope="module")
def module(root: Path) -> ModuleType:
    """The command as a module."""
    path = root / "benchmarks" / "validate_residual.py"
    spec = importlib.util.spec_from_file_location("validate_residual", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["validate_residual"] = found  # dataclasses look their module up
    spec.loader.exec_module(found)
    return found


def by_buffer(module: ModuleType, name: str) -> dict[str, Any]:
    """The lines of one case by their buffers."""
    network, sets = module.CASES[name]
    return {line.buffer: line for line in module.lines(name, network(), sets, 3)}


@pytest.fixture(scope="module")
def residual(module: ModuleType) -> dict[str, Any]:
    """The small residual network, four copies of each matrix."""
    return by_buffer(module, "small-residual-4")


@pytest.fixture(scope="module")
def plain(module: ModuleType) -> dict[str, Any]:
    """The same convolutions in a chain."""
    return by_buffer(module, "small-plain-4")


@pytest.fixture(scope="module")
def placed(module: ModuleType) -> Any:
    """The small residual network, one copy."""
    network, sets = module.CASES["small-residual"]
    return module.place(network(), sets)


@pytest.mark.parametrize("kind", ["residual", "plain"])
def test_without_back_pressure_the_arrays_set_the_pace(kind: str, request: pytest.FixtureRequest) -> None:
    """With room for everything an image takes windows / copies x the time of a window, as the closed form says."""
    found = request.getfixturevalue(kind)
    assert found["unbounded"].steady_s == near(WINDOWS / COPIES * WINDOW_S, 1e-12)
    assert found["unbounded"].share_steady == 0
    assert 0 < found["unbounded"].share_first < 0.01


def test_a_sum_of_two_branches_makes_back_pressure_dear(residual: dict[str, Any], plain: dict[str, Any]) -> None:
    """In the least buffers the residual network loses most of its pace, the chain of the same convolutions none."""
    assert residual["least"].share_steady > 0.5
    assert plain["least"].share_steady == 0
    assert residual["least"].waits_second > residual["unbounded"].waits_second + 0.5


def test_more_room_lets_images_pass_no_slower(residual: dict[str, Any]) -> None:
    """The steady time falls with the size of the buffers, down to that of arrays without end."""
    lines = sorted(residual.values(), key=lambda line: line.buffer_bytes)
    times = [line.steady_s for line in lines]
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]


@pytest.mark.parametrize("kind", ["residual", "plain"])
def test_room_moves_no_other_flit(kind: str, request: pytest.FixtureRequest) -> None:
    """The same pixels take the same ways: flits x links do not depend on the buffers."""
    found = request.getfixturevalue(kind)
    assert len({line.flit_hops for line in found.values()}) == 1
    assert found["least"].flit_hops > 0


def test_the_least_is_the_least(module: ModuleType, placed: Any) -> None:
    """A byte less and the placement does not run; with the least it runs to the end, counts as with any."""
    least = module.least_bytes(placed)
    with pytest.raises(FitError, match=f"of at least {least}"):
        make_plan(placed.placement, module.with_buffers(placed.timing, least - 1), 1)
    tight = module.timed(placed, module.with_buffers(placed.timing, least), 2)
    wide = module.timed(placed, module.with_buffers(placed.timing, module.UNBOUNDED), 2)
    assert tight.ledger.counts == wide.ledger.counts
    assert tight.span_ps > wide.span_ps


def test_64_mib_are_as_good_as_no_limit(module: ModuleType, placed: Any) -> None:
    """Where no buffer is ever full, its size changes no time."""
    wide, wider = (
        module.timed(placed, module.with_buffers(placed.timing, size), 2)
        for size in (module.UNBOUNDED, 4 * module.UNBOUNDED)
    )
    assert replace(wide, cpu_s=0, wall_s=0) == replace(wider, cpu_s=0, wall_s=0)
