"""Copies under a budget: the least bottleneck, against every choice of small cases."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarsim.arch.errors import InputError
from pillarsim.mapping.balance import Load, copies_after, rounds
from pillarsim.mapping.circuits import Circuits
from tests.mapping.chips import chip, compiled
from tests.mapping.networks import NETWORKS
from tests.near import near

LOADS = st.lists(st.builds(Load, st.integers(1, 40), st.integers(1, 5)), min_size=1, max_size=4)


def balanced(loads: list[Load], budget: int, floor_ps: int = 0) -> tuple[int, ...]:
    return copies_after(len(loads), list(rounds(loads, budget, floor_ps)))


def arrays(loads: list[Load], copies: tuple[int, ...]) -> int:
    return sum(load.arrays * number for load, number in zip(loads, copies, strict=True))


def slowest(loads: list[Load], copies: tuple[int, ...]) -> float:
    return max(load.work_ps / number for load, number in zip(loads, copies, strict=True))


@settings(max_examples=150, deadline=None)
@given(LOADS, st.integers(0, 14))
def test_no_choice_is_faster(loads: list[Load], spare: int) -> None:
    """Of all copies within the budget none has a lower bottleneck, and none that is as fast takes fewer arrays."""
    budget = arrays(loads, (1,) * len(loads)) + spare
    found = balanced(loads, budget)
    assert arrays(loads, found) <= budget
    most = [1 + spare // load.arrays for load in loads]
    choices = [each for each in product(*(range(1, k + 1) for k in most)) if arrays(loads, each) <= budget]
    best = min(slowest(loads, each) for each in choices)
    assert slowest(loads, found) == near(best, rel=1e-12)
    assert arrays(loads, found) == min(arrays(loads, c) for c in choices if slowest(loads, c) <= best * (1 + 1e-12))


@given(LOADS, st.integers(0, 60))
def test_more_arrays_are_never_slower(loads: list[Load], spare: int) -> None:
    """The bottleneck falls, or stays, as the budget grows."""
    least = arrays(loads, (1,) * len(loads))
    times = [slowest(loads, balanced(loads, least + extra)) for extra in range(spare + 1)]
    assert times == sorted(times, reverse=True)


def test_by_hand() -> None:
    """Works of 12, 4 and 3 with 1, 2 and 1 arrays: 12, then 6, then 4 twice, then 3 or so, as far as arrays go."""
    loads = [Load(12, 1), Load(4, 2), Load(3, 1)]
    assert balanced(loads, 4) == (1, 1, 1)
    assert balanced(loads, 6) == (3, 1, 1)  # 4 and 4: the next round costs three arrays
    assert balanced(loads, 8) == (3, 1, 1)
    assert balanced(loads, 9) == (4, 2, 1)
    assert balanced(loads, 99, floor_ps=4) == (3, 1, 1)  # nothing is gained below what copies do not shorten
    assert balanced([Load(5, 1), Load(9, 0)], 3) == (3, 1)  # digital operators have no copies


def test_windows_take_what_the_engine_says() -> None:
    """Reads and conversions overlap with sample-and-hold, follow one another without; analog sums convert once."""
    plain = Circuits(read_ps=10, batch_ps=4, sample_hold=False)
    assert plain.window_ps(groups=3, chunks=8) == 3 * 8 * 14
    assert Circuits(read_ps=10, batch_ps=4).window_ps(3, 8) == 3 * 8 * 10
    assert Circuits(read_ps=10, batch_ps=40).window_ps(3, 8) == 3 * 8 * 40
    assert Circuits(read_ps=10, batch_ps=40, sample_hold=False, analog_bits=True).window_ps(3, 8) == 3 * (80 + 40)


def test_compiled_copies_balance_the_pipeline() -> None:
    """Balanced copies take more arrays than one of each, at most the budget, and the slow first layer gets most."""
    network = NETWORKS["residual"]
    single = compiled(network)
    found = compiled(network, "mapping.replicas=balanced", "mapping.array_budget=60")
    copies = {layer.name: len(layer.replicas) for layer in found.layers}
    assert single.arrays < found.arrays <= 60
    assert copies["fc"] == 1 < min(copies["stem"], copies["a"], copies["b"])


def test_a_budget_below_one_copy_is_refused() -> None:
    """The message counts the arrays of one copy of each layer."""
    network = NETWORKS["residual"]
    needed = compiled(network).arrays
    with pytest.raises(InputError, match=rf"mapping\.array_budget: .*needs {needed} arrays, 1 more than {needed - 1}"):
        compiled(network, "mapping.replicas=balanced", f"mapping.array_budget={needed - 1}")
    assert compiled(network, "mapping.replicas=balanced", f"mapping.array_budget={needed}").arrays == needed


def test_budgets_that_mean_nothing_are_refused() -> None:
    """Above the chip's arrays; without balanced copies; a word that is no choice."""
    with pytest.raises(InputError, match=r"mapping\.array_budget: expected at most the chip's 864 arrays, found 865"):
        compiled(NETWORKS["residual"], "mapping.replicas=balanced", "mapping.array_budget=865")
    with pytest.raises(InputError, match=r"array_budget: expected only with replicas 'balanced'"):
        chip("mapping.array_budget=9")
    with pytest.raises(InputError, match=r"mapping\.replicas"):
        chip("mapping.replicas=balance")


def test_the_chip_is_not_filled_without_gain() -> None:
    """By default the budget is the chip, and copies end where the units of one tile are the limit."""
    network = NETWORKS["chain"]
    found = compiled(network, "mapping.replicas=balanced")
    assert found.arrays < chip().arrays
