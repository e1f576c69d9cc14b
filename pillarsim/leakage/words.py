"""The conclusions of a study in words, and which values of the axes vary in it."""

from __future__ import annotations

from collections.abc import Sequence

from pillarsim.leakage.grid import Point
from pillarsim.leakage.limits import REFINED, LayerLimit, Limits, Thresholds, VoltageLimit
from pillarsim.leakage.study import Outcome
from pillarsim.report.format import engineering, plural

# axis of a point -> how its value reads in a sentence
AXES = ("layers", "size", "voltage_v", "scheme", "bits", "nonlinearity")


def varied(points: Sequence[Point]) -> tuple[str, ...]:
    """Return the axes that take more than one value."""
    return tuple(axis for axis in AXES if len({getattr(point, axis) for point in points}) > 1)


def named(point: Point, axis: str) -> str:
    """Return a value as it reads in a sentence: `8 layers`, `0.600 V`, `scheme half`."""
    value = getattr(point, axis)
    if axis == "layers":
        return "planar" if value is None else plural(value, "layer")
    if axis == "size":
        return f"{value} pillars" if point.layers is not None else f"{value} cells"
    if axis == "voltage_v":
        return engineering(value, "V")
    if axis == "scheme":
        return f"scheme {value}"
    if axis == "bits":
        return plural(value, "bit")
    return "the array's own cell" if value is None else f"nonlinearity {value:g}"


def best_layers(limits: Limits) -> LayerLimit | None:
    """Return the combination that keeps the margin with the most layers; the larger margin wins a tie."""
    held = [limit for limit in limits.layers if limit.largest is not None]
    return max(held, key=lambda limit: (_layers(limit.largest), _margin(limit.largest)), default=None)


def best_lowest(limits: Limits) -> VoltageLimit | None:
    """Return the combination that keeps the margin at the lowest voltage; more layers win a tie."""
    held = [limit for limit in limits.lowest if limit.at is not None]
    return min(held, key=lambda limit: (_volts(limit.at), -_layers(limit.at)), default=None)


def best_highest(limits: Limits) -> VoltageLimit | None:
    """Return the combination within leakage and disturb at the highest voltage; more layers win a tie."""
    held = [limit for limit in limits.highest if limit.at is not None]
    return max(held, key=lambda limit: (_volts(limit.at), _layers(limit.at)), default=None)


def sentences(outcomes: Sequence[Outcome], limits: Limits, thresholds: Thresholds, operation: str) -> list[str]:
    """Return the conclusions, each a sentence or two; `operation` is what the voltage does, `read` or `write`."""
    points = [outcome.point for outcome in outcomes]
    axes = varied(points)
    text = [_layer_sentence(outcomes, limits, thresholds, axes)]
    text.append(_lowest_sentence(limits, thresholds, axes, operation))
    text.append(_highest_sentence(limits, thresholds, axes, operation))
    text.append(_window_sentence(limits))
    text.append(_searched(points, limits))
    failed = sum(outcome.figures is None for outcome in outcomes)
    if failed:
        text.append(f"{failed} of {plural(len(outcomes), 'point')} could not be solved and meet no limit.")
    return text


def window(low: VoltageLimit, high: VoltageLimit) -> tuple[float, float] | None:
    """Return the voltages between which a combination meets all limits, None where there is none."""
    if low.at is None or high.at is None or low.at.point.voltage_v > high.at.point.voltage_v:
        return None
    return low.at.point.voltage_v, high.at.point.voltage_v


def leakage_words(thresholds: Thresholds) -> str:
    """Return the limits of leakage and disturb: `at most 100 uA of supply leakage and 1.00 V of disturb`."""
    parts = [f"{engineering(thresholds.leakage_a, 'A')} of supply leakage"]
    if thresholds.disturb_v is not None:
        parts.append(f"{engineering(thresholds.disturb_v, 'V')} of disturb")
    if thresholds.disturb_fraction is not None:
        parts.append(f"{100 * thresholds.disturb_fraction:g} % of it as disturb")
    return f"at most {' and '.join(parts)}"


def _layer_sentence(outcomes: Sequence[Outcome], limits: Limits, thresholds: Thresholds, axes: tuple[str, ...]) -> str:
    margin = f"a read margin of at least {100 * thresholds.read_margin:g} %"
    if not limits.layers:
        return "A planar array has no layers: no layer count is named."
    counts = sorted({_layers(outcome) for outcome in outcomes})
    studied = f"Layers studied: {', '.join(str(count) for count in counts)}."
    best = best_layers(limits)
    if best is None:
        solved = [outcome for outcome in outcomes if outcome.figures is not None]
        top = max(solved, key=_margin, default=None)
        most = "" if top is None else f"; the most is {_percent(top)} with {_described(top.point, ('layers', *axes))}"
        return f"No layer count studied keeps {margin}{most}. {studied}"
    found = best.largest
    assert found is not None
    others = _at(found.point, axes, "layers")
    text = f"Largest layer count that keeps {margin}: {_layers(found)}{others}, with {_percent(found)}."
    if best.beyond is None:
        text += " No larger count was studied."
    else:
        text += f" The next studied, {_layers(best.beyond)}, has {_percent(best.beyond)}."
    if not best.monotone:
        text += " A smaller count studied fails: the margin is not monotone."
    return f"{text} {studied}"


def _lowest_sentence(limits: Limits, thresholds: Thresholds, axes: tuple[str, ...], operation: str) -> str:
    margin = f"a read margin of at least {100 * thresholds.read_margin:g} %"
    best = best_lowest(limits)
    if best is None:
        return f"No {operation} voltage studied keeps {margin}."
    assert best.at is not None
    return f"Lowest {operation} voltage that keeps {margin}: {_limit(best, 'lowest', axes)}, with {_percent(best.at)}."


def _highest_sentence(limits: Limits, thresholds: Thresholds, axes: tuple[str, ...], operation: str) -> str:
    wanted = leakage_words(thresholds)
    best = best_highest(limits)
    if best is None:
        return f"No {operation} voltage studied has {wanted}."
    assert best.at is not None
    assert best.at.figures is not None
    leak = engineering(best.at.figures.i_leak_a, "A")
    disturb = best.at.figures.disturb_v
    shown = "no unselected cell" if disturb is None else f"{engineering(disturb, 'V')}"
    return f"Highest {operation} voltage with {wanted}: {_limit(best, 'highest', axes)}, with {leak} and {shown}."


def _window_sentence(limits: Limits) -> str:
    windows = [window(low, high) for low, high in zip(limits.lowest, limits.highest, strict=True)]
    if len(windows) > 1:
        usable = sum(found is not None for found in windows)
        return f"{usable} of {len(windows)} combinations have a voltage that meets all limits."
    (found,) = windows
    if found is None:
        return "No voltage studied meets all limits."
    return f"Voltages that meet all limits: {engineering(found[0], 'V')} to {engineering(found[1], 'V')}."


def _limit(limit: VoltageLimit, end: str, axes: tuple[str, ...]) -> str:
    assert limit.at is not None
    text = engineering(limit.at.point.voltage_v, "V") + _at(limit.at.point, axes, "voltage_v")
    if not limit.monotone:
        return f"{text} (of the voltages studied: the limit is crossed more than once)"
    return text if limit.refined else f"{text} (the {end} that was studied and holds)"


def _searched(points: Sequence[Point], limits: Limits) -> str:
    volts = sorted({point.voltage_v for point in points})
    more = sum(len(limit.solved) for limit in (*limits.lowest, *limits.highest))
    text = f"Voltages studied: {', '.join(f'{value:.4g}' for value in volts)} V"
    if not more:
        return f"{text}; no limit lies between two of them, so nothing between them was solved."
    return f"{text}; limits between two of them were bracketed to {100 * REFINED:g} %, {plural(more, 'more point')}."


def _described(point: Point, axes: Sequence[str]) -> str:
    return ", ".join(named(point, axis) for axis in dict.fromkeys(axes))


def _at(point: Point, axes: tuple[str, ...], without: str) -> str:
    others = [axis for axis in axes if axis != without]
    return f" ({_described(point, others)})" if others else ""


def _percent(outcome: Outcome) -> str:
    if outcome.figures is None:
        return "no solution"
    margin = outcome.figures.read_margin
    return "no margin" if margin is None else f"{100 * margin:.3g} %"


def _margin(outcome: Outcome | None) -> float:
    if outcome is None or outcome.figures is None or outcome.figures.read_margin is None:
        return float("-inf")
    return outcome.figures.read_margin


def _layers(outcome: Outcome | None) -> int:
    return 0 if outcome is None else outcome.point.layers or 1


def _volts(outcome: Outcome | None) -> float:
    assert outcome is not None
    return outcome.point.voltage_v
