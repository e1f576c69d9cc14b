"""What a study says against limits, on arrays whose figures are simple formulas."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from pillarsim.leakage.grid import Point
from pillarsim.leakage.limits import REFINED, Limits, Thresholds, find_limits
from pillarsim.leakage.study import Figures, Outcome
from pillarsim.leakage.words import sentences, window
from tests.near import near

POINT = Point(layers=1, rows=8, columns=8, voltage_v=0.5, scheme="half", bits=1, nonlinearity=None)
NONE = Figures(0.0, 0.0, 1e-6, 1e-6, 1e-8, 0.5, None, 0.1, 0.2, None, None, None, 1e-6, 0.0, 0.0, 0.0)

Model = Callable[[Point], Figures | None]


def study(model: Model, layers: Sequence[int], volts: Sequence[float]) -> tuple[list[Outcome], Callable[..., Outcome]]:
    def solve(point: Point) -> Outcome:
        found = model(point)
        return Outcome(point, found, None if found is not None else "not solved")

    points = [replace(POINT, layers=count, voltage_v=volt) for count in layers for volt in volts]
    return [solve(point) for point in points], solve


def limits(model: Model, layers: Sequence[int], volts: Sequence[float], thresholds: Thresholds) -> Limits:
    outcomes, solve = study(model, layers, volts)
    return find_limits(outcomes, thresholds, solve, 1, lambda done, total: None)


def words(model: Model, layers: Sequence[int], volts: Sequence[float], thresholds: Thresholds) -> str:
    outcomes, _ = study(model, layers, volts)
    return "\n".join(sentences(outcomes, limits(model, layers, volts, thresholds), thresholds, "read"))


def rising(point: Point) -> Figures:
    """Margin V / L, leakage 1 uA e^(6 V), disturb V / 2."""
    volts = point.voltage_v
    leak = 1e-6 * math.exp(6 * volts)
    return replace(
        NONE, read_margin=volts / (point.layers or 1), i_leak_a=leak, disturb_v=volts / 2, disturb_fraction=0.5
    )


THRESHOLDS = Thresholds(read_margin=0.1, leakage_a=100e-6, disturb_v=1.0)
VOLTS = (0.05, 0.35, 0.9, 1.5)


def test_lowest_and_highest_voltage_are_bracketed() -> None:
    """The voltages named hold and lie within the stated share of the exact limits."""
    found = limits(rising, (1, 2), VOLTS, THRESHOLDS)
    for layers, limit in zip((1, 2), found.lowest, strict=True):
        assert limit.at is not None
        exact = 0.1 * layers
        assert limit.refined
        assert exact <= limit.at.point.voltage_v <= exact + REFINED * 0.35
    for limit in found.highest:
        assert limit.at is not None
        exact = math.log(100) / 6  # where leakage is 100 uA; disturb would allow 2 V
        assert exact - REFINED * 0.9 <= limit.at.point.voltage_v <= exact
        assert len(limit.solved) < 12


@pytest.mark.parametrize(
    ("thresholds", "exact"),
    [
        (Thresholds(leakage_a=1.0, disturb_v=0.6), 1.2),
        (Thresholds(leakage_a=100e-6, disturb_v=0.2), 0.4),
        (Thresholds(leakage_a=100e-6, disturb_v=0.6), math.log(100) / 6),
    ],
)
def test_the_stricter_of_leakage_and_disturb_counts(thresholds: Thresholds, exact: float) -> None:
    """The highest voltage is where the first of the two limits is met."""
    (limit,) = limits(rising, (1,), VOLTS, thresholds).highest
    assert limit.at is not None
    assert limit.at.point.voltage_v == near(exact, rel=4 * REFINED)


def test_disturb_as_a_share_of_the_voltage() -> None:
    """A limit in percent holds the fraction: half of V passes 60 % at every voltage and 40 % at none."""
    loose, strict = (Thresholds(leakage_a=1.0, disturb_fraction=share) for share in (0.6, 0.4))
    (limit,) = limits(rising, (1,), VOLTS, loose).highest
    assert limit.at is not None
    assert limit.at.point.voltage_v == 1.5
    assert limits(rising, (1,), VOLTS, strict).highest[0].at is None
    assert "No read voltage studied has at most 1.00 A of supply leakage and 40 % of it as disturb." in words(
        rising, (1,), VOLTS, strict
    )


def test_largest_layer_count() -> None:
    """The margin V / L of 0.1 is kept by 10 layers at 1 V: 8 of the studied ones, and 16 is the next."""
    found = limits(rising, (1, 2, 4, 8, 16), (0.5, 1.0), THRESHOLDS)
    largest = [limit.largest.point.layers for limit in found.layers if limit.largest is not None]
    assert largest == [4, 8]
    text = words(rising, (1, 2, 4, 8, 16), (0.5, 1.0), THRESHOLDS)
    assert "Largest layer count that keeps a read margin of at least 10 %: 8 (1.00 V), with 12.5 %." in text
    assert "The next studied, 16, has 6.25 %. Layers studied: 1, 2, 4, 8, 16." in text


def test_nothing_holds() -> None:
    """Where no studied value meets a limit the conclusion is that none exists, and says how close it came."""
    strict = Thresholds(read_margin=0.99, leakage_a=1e-9, disturb_v=1.0)
    found = limits(rising, (2, 4), (0.5, 1.0), strict)
    assert all(limit.largest is None for limit in found.layers)
    assert all(limit.at is None for limit in (*found.lowest, *found.highest))
    assert all(window(low, high) is None for low, high in zip(found.lowest, found.highest, strict=True))
    text = words(rising, (2, 4), (0.5, 1.0), strict)
    assert (
        "No layer count studied keeps a read margin of at least 99 %; the most is 50 % with 2 layers, 1.00 V." in text
    )
    assert "No read voltage studied keeps a read margin of at least 99 %." in text
    assert "No read voltage studied has at most 1.00 nA of supply leakage and 1.00 V of disturb." in text
    assert "0 of 2 combinations" in text


def test_ends_of_what_was_studied() -> None:
    """Where every studied voltage holds, the ends are named as studied and nothing more is solved."""
    loose = Thresholds(read_margin=0.01, leakage_a=1.0, disturb_v=10.0)
    found = limits(rising, (1,), VOLTS, loose)
    (low,), (high,) = found.lowest, found.highest
    assert (low.at is not None, low.refined, low.solved) == (True, False, ())
    assert window(low, high) == (0.05, 1.5)
    assert "(the lowest that was studied and holds)" in words(rising, (1,), VOLTS, loose)


def test_windows() -> None:
    """Voltages that meet all limits exist only where the lowest is below the highest."""
    found = limits(rising, (1, 8), VOLTS, THRESHOLDS)
    windows = [window(low, high) for low, high in zip(found.lowest, found.highest, strict=True)]
    assert windows[0] == near((0.1, math.log(100) / 6), rel=4 * REFINED)
    assert windows[1] is None  # 8 layers need 0.8 V, the leakage allows 0.77 V
    assert "1 of 2 combinations have a voltage that meets all limits." in words(rising, (1, 8), VOLTS, THRESHOLDS)
    assert "Voltages that meet all limits: 100 mV to 768 mV." in words(rising, (1,), VOLTS, THRESHOLDS)
    assert "No voltage studied meets all limits." in words(rising, (8,), VOLTS, THRESHOLDS)


def test_margin_that_is_not_monotone() -> None:
    """A margin that crosses its limit more than once is not refined, and the sentence says so."""

    def wavy(point: Point) -> Figures:
        return replace(rising(point), read_margin=0.5 if point.voltage_v in (0.35, 1.5) else 0.0)

    (limit,) = limits(wavy, (1,), VOLTS, THRESHOLDS).lowest
    assert limit.at is not None
    assert (limit.at.point.voltage_v, limit.refined, limit.monotone, limit.solved) == (0.35, False, False, ())
    assert "crossed more than once" in words(wavy, (1,), VOLTS, THRESHOLDS)


def test_margin_that_falls_with_voltage() -> None:
    """A margin that is kept only below some voltage has the lowest studied voltage as its lowest."""
    (limit,) = limits(lambda point: replace(NONE, read_margin=1 - point.voltage_v), (1,), VOLTS, THRESHOLDS).lowest
    assert limit.at is not None
    assert limit.at.point.voltage_v == 0.05


def test_points_without_a_solution() -> None:
    """A failed point meets no limit; a failure between two studied voltages ends the refinement there."""
    studied = set(VOLTS)
    (limit,) = limits(
        lambda point: rising(point) if point.voltage_v in studied else None, (1,), VOLTS, THRESHOLDS
    ).lowest
    assert limit.at is not None
    assert (limit.at.point.voltage_v, limit.refined) == (0.35, False)
    (failed,) = limits(lambda point: None, (1,), VOLTS, THRESHOLDS).lowest
    assert failed.at is None
    assert "4 of 4 points could not be solved" in words(lambda point: None, (1,), VOLTS, THRESHOLDS)


def test_margin_that_does_not_exist() -> None:
    """A read without current has no margin and keeps none."""
    found = limits(lambda point: replace(NONE, read_margin=None), (1,), (0.5, 1.0), THRESHOLDS)
    assert found.lowest[0].at is None
    assert found.layers[0].largest is None


def test_planar_array_has_no_layer_count() -> None:
    """Of a planar array no layer count is named."""
    outcomes = [Outcome(replace(POINT, layers=None), NONE)]
    found = find_limits(outcomes, THRESHOLDS, lambda point: outcomes[0], 1, lambda done, total: None)
    assert found.layers == ()
    assert sentences(outcomes, found, THRESHOLDS, "read")[0].startswith("A planar array has no layers")


@pytest.mark.parametrize("operation", ["read", "write"])
def test_operation_is_named(operation: str) -> None:
    """The sentences speak of the voltage of a read or of a write, also where none holds."""
    other = {"read": "write voltage", "write": "read voltage"}[operation]
    for thresholds in (THRESHOLDS, Thresholds(read_margin=0.99, leakage_a=1e-9, disturb_v=1.0)):
        outcomes, _ = study(rising, (8,), VOLTS)
        text = " ".join(sentences(outcomes, limits(rising, (8,), VOLTS, thresholds), thresholds, operation))
        assert text.count(f"{operation} voltage") == 2
        assert other not in text
