"""The kernel: plain callbacks in integer time, and results that no order of insertion can change."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.simulate import run, simulate
from pillarsim.arch.simulate.kernel import GRANT, Kernel
from tests.arch.simulate.builders import ARRAYS_PER_TILE
from tests.arch.simulate.strategies import Case, cases


def _shuffled_numbers(seed: int) -> Iterator[int]:
    draw = random.Random(seed)
    number = 0
    while True:
        yield draw.getrandbits(20) << 40 | number
        number += 1


class _ShuffledKernel(Kernel):
    """Events of one picosecond and phase are processed in random order."""

    seed = 0

    def __init__(self) -> None:
        super().__init__()
        self._eid = _shuffled_numbers(self.seed)  # type: ignore[assignment]

    def processed(self) -> int:
        return 0


@given(case=cases(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_order_of_insertion_changes_nothing(case: Case, seed: int) -> None:
    """Events of the same picosecond may be processed in any order: times, counts and states stay the same."""
    arguments = (case.placement, case.timing, case.idle, case.images, "operation")
    plain = simulate(*arguments, arrays_per_tile=ARRAYS_PER_TILE)
    _ShuffledKernel.seed = seed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Kernel", _ShuffledKernel)
        shuffled = simulate(*arguments, arrays_per_tile=ARRAYS_PER_TILE)
    assert replace(shuffled, events=0, cpu_s=0, wall_s=0) == replace(plain, events=0, cpu_s=0, wall_s=0)


def test_grants_come_after_everything_else() -> None:
    """A grant runs after all other events of its picosecond, those made in that picosecond included."""
    kernel, log = Kernel(), list[str]()
    kernel.at(5, lambda _: log.append("grant"), priority=GRANT)
    kernel.at(5, lambda _: kernel.at(5, lambda _: log.append("second")))
    kernel.at(5, lambda event: log.append(f"{event.value} at {kernel.time_ps}"), "first")
    kernel.run()
    assert log == ["first at 5", "second", "grant"]
    assert kernel.processed() == 4
