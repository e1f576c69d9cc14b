"""From a card to the cost of one instance at the chip's node, supplies and temperature.

Digital parts are scaled with Stillmaker and Baas, wires with the square of their supply, analog parts not at all;
`ComponentCost.scaling` says which. Times are whole clock cycles. Errors are InputErrors that name the chip's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pillarsim.arch.chip import Technology
from pillarsim.arch.components.cards import BitsCard, CardBase, MemoryCard, MemoryPoint, PartCard
from pillarsim.arch.components.library import LoadedCard, load_card
from pillarsim.arch.errors import InputError
from pillarsim.devices.converter_costs import CircuitPart
from pillarsim.devices.costs import Action, ComponentCost, product
from pillarsim.devices.scaling import (
    area_factor,
    delay_factor,
    energy_factor,
    leakage_factor,
    leakage_temperature_factor,
)
from pillarsim.devices.tables import log_log
from pillarsim.devices.wires import cycles_ps, whole_cycles

# CACTI memories over depth (hwcomponents scalefuncs): energy ~ depth^0.78, area and leakage ~ depth
DEPTH_ENERGY = 0.78


@dataclass(frozen=True)
class Use:
    """How a chip uses a card: the key that names it (for messages), and what scales one instance.

    width bits an access (0: as the card), stored_bits of a register file or memory, lines of a driver circuit,
    length of a wire.
    """

    key: str
    card: str
    width: int = 0
    stored_bits: float = 0.0
    lines: int = 1
    length_m: float = 0.0


@dataclass(frozen=True)
class Factors:
    """What a card's numbers are multiplied by, and the words for it."""

    area: float
    energy: float
    leakage: float
    text: str


def find_card(key: str, name: str) -> LoadedCard:
    """Read the card that the chip's `key` names; raises InputError that starts with the key."""
    try:
        return load_card(name)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def part_cost(use: Use, technology: Technology, actions: tuple[str, ...]) -> ComponentCost:
    """Cost of one instance of a part; raises InputError when the card lacks one of `actions`."""
    loaded = find_card(use.key, use.card)
    if isinstance(loaded.card, MemoryCard):
        return _memory_cost(use, loaded, loaded.card, technology, actions)
    if not isinstance(loaded.card, PartCard):
        raise InputError(f"{use.key}: expected a card of one part, found {use.card!r} (a table over bits)")
    card = loaded.card
    if missing := [name for name in actions if name not in card.actions]:
        raise InputError(
            f"{use.key}: expected a card with the action {missing[0]!r}, found {use.card!r} "
            f"(its actions: {', '.join(card.actions)})"
        )
    factors = _factors(use, card, technology)
    size_area, size_energy, size_text = _size(use, card)
    words = [factors.text, size_text]
    costs = {}
    for name, action in card.actions.items():
        energy = product(action.energy_j, factors.energy * size_energy * _width(use, card))
        time_ps = cycles_ps(action.cycles, technology.clock)
        costs[name] = Action(energy, time_ps, loaded.source("actions", name))
    instance = size_area * _extent(use, card)
    return ComponentCost(
        area_m2=product(card.area, factors.area * instance),
        leakage_w=product(card.leakage, factors.leakage * instance),
        actions=costs,
        model=f"card {loaded.name}",
        source=_area_source(loaded),
        scaling="; ".join(word for word in words if word),
    )


def circuit_part(key: str, name: str, action: str, technology: Technology) -> CircuitPart:
    """A comparator, counter or neuron card as a building block of a converter."""
    cost = part_cost(Use(key, name), technology, (action,))
    return CircuitPart(cost.actions[action].energy_j, cost.area_m2, cost.leakage_w, name, cost.actions[action].source)


def bits_cost(use: Use, bits: int, technology: Technology, action: str) -> ComponentCost:
    """Cost of one converter or driver of `bits` from a table over bits; only listed bits are covered."""
    loaded = find_card(use.key, use.card)
    card = loaded.card
    if not isinstance(card, BitsCard) or card.action != action:
        raise InputError(f"{use.key}: expected a table over bits with the action {action!r}, found {use.card!r}")
    for index, point in enumerate(card.points):
        if point.bits == bits:
            source = loaded.source("points", index)
            leakage = product(point.leakage, _temperature(card, technology, card.node or technology.node))
            return ComponentCost(
                area_m2=point.area,
                leakage_w=leakage,
                actions={action: Action(point.energy_j, None, source)},
                model=f"card {loaded.name}, {bits} bits",
                source=source,
                scaling=_unscaled(card),
            )
    listed = ", ".join(str(point.bits) for point in card.points)
    raise InputError(f"{use.key}: card {use.card!r} covers {listed} bits, found {bits}")


def _memory_cost(
    use: Use, loaded: LoadedCard, card: MemoryCard, technology: Technology, actions: tuple[str, ...]
) -> ComponentCost:
    if missing := [name for name in actions if name not in ("read", "write")]:
        raise InputError(f"{use.key}: expected a card with the action {missing[0]!r}, found {use.card!r} (a memory)")
    if use.stored_bits <= 0:
        raise InputError(f"{use.key}: expected a card of a part, found {use.card!r} (a memory)")
    nodes = sorted({point.node for point in card.points})
    sizes = sorted({point.size for point in card.points})
    node = min(max(technology.node, nodes[0]), nodes[-1])

    def at(get: Callable[[MemoryPoint], float]) -> float:
        columns = [
            (n, log_log(sorted((p.size, get(p)) for p in card.points if p.node == n), use.stored_bits)) for n in nodes
        ]
        return log_log(columns, node)

    core = technology.supply.core
    supply = at(lambda p: p.voltage)
    area, energy, leakage, delay = 1.0, (core / supply) ** 2, core / supply, 1.0
    text = f"table at {node * 1e9:g} nm, energy x (core supply / {supply:.3g} V)^2"
    if node != technology.node:
        area, delay = _digital(use, area_factor, node, technology), _digital(use, delay_factor, node, technology)
        energy = energy_factor(node, supply, technology.node, core)
        leakage = leakage_factor(node, supply, technology.node, core)
        text = f"table at {node * 1e9:g} nm, then Stillmaker and Baas to {technology.node * 1e9:g} nm, {core:g} V"
    if not sizes[0] <= use.stored_bits <= sizes[-1]:
        text += f"; extrapolated from {sizes[0] / 8192:g} to {sizes[-1] / 8192:g} KiB"
    text += _warmth(card, technology)
    cycles = whole_cycles(at(lambda p: p.access) * delay, technology.clock)
    time_ps = cycles_ps(cycles, technology.clock)
    source = loaded.source()
    return ComponentCost(
        area_m2=at(lambda p: p.area) * area,
        leakage_w=at(lambda p: p.leakage) * leakage * _temperature(card, technology, node),
        actions={
            "read": Action(at(lambda p: p.read) * energy * use.width, time_ps, source),
            "write": Action(at(lambda p: p.write) * energy * use.width, time_ps, source),
        },
        model=f"card {loaded.name}, {use.stored_bits / 8192:g} KiB",
        source=source,
        scaling=text,
    )


def _factors(use: Use, card: CardBase, technology: Technology) -> Factors:
    core, io, node = technology.supply.core, technology.supply.io, technology.node
    warm = _temperature(card, technology, card.node or node)
    if card.scaling == "digital" and card.node is not None:
        volts = card.voltage or core
        area = _digital(use, area_factor, card.node, technology)
        energy = energy_factor(card.node, volts, node, core)
        text = _digital_text(card.node, card.voltage, node, core) + _warmth(card, technology)
        return Factors(area, energy, leakage_factor(card.node, volts, node, core) * warm, text)
    if card.scaling in ("supply", "io") and card.voltage is not None:
        volts = core if card.scaling == "supply" else io
        text = f"energy x ({volts:g} V / {card.voltage:g} V)^2"
        return Factors(1.0, (volts / card.voltage) ** 2, volts / card.voltage * warm, text + _warmth(card, technology))
    return Factors(1.0, 1.0, warm, _unscaled(card) + _warmth(card, technology))


def _digital_text(from_m: float, from_v: float | None, to_m: float, to_v: float) -> str:
    unstated = "" if from_v else ", supply not stated"
    if from_m == to_m and from_v in (None, to_v):
        return "stated at the chip's node" + (unstated or " and supply")
    before = f"{from_m * 1e9:g} nm" + (f" {from_v:g} V" if from_v else "")
    return f"Stillmaker and Baas, {before} to {to_m * 1e9:g} nm {to_v:g} V{unstated}"


def _digital(use: Use, factor: Callable[[float, float], float], node_m: float, technology: Technology) -> float:
    try:
        return factor(node_m, technology.node)
    except ValueError as error:
        raise InputError(f"technology.node: {error}; needed to scale {use.card!r} ({use.key})") from None


def _temperature(card: CardBase, technology: Technology, node_m: float) -> float:
    return leakage_temperature_factor(technology.temperature, node_m, card.temperature)


def _warmth(card: CardBase, technology: Technology) -> str:
    unstated = isinstance(card, PartCard) and card.leakage is None
    if unstated or card.temperature == technology.temperature:
        return ""
    return f"; leakage from {card.temperature:g} K to {technology.temperature:g} K"


def _width(use: Use, card: PartCard) -> float:
    """Factor of energies: one bit of a wire times width and length, or accesses of another width."""
    if card.length is not None:
        return use.width * use.length_m / card.length
    return use.width / card.width if card.width and use.width else 1.0


def _extent(use: Use, card: PartCard) -> float:
    """Factor of area and leakage: bits stored, lines driven, wires and their length, width of a router or bus."""
    if card.per == "bit":
        return use.stored_bits
    if card.per == "line":
        return use.lines
    if card.length is not None or card.size is None:
        return _width(use, card)
    return 1.0


def _size(use: Use, card: PartCard) -> tuple[float, float, str]:
    if card.size is None or use.stored_bits in (0.0, card.size):
        return 1.0, 1.0, ""
    ratio = use.stored_bits / card.size
    return ratio, ratio**DEPTH_ENERGY, f"size x {ratio:.3g}: area and leakage ~ size, energy ~ size^{DEPTH_ENERGY}"


def _unscaled(card: CardBase) -> str:
    return "as published" + (f" at {card.node * 1e9:g} nm, not scaled" if card.node else ", not scaled")


def _area_source(loaded: LoadedCard) -> str:
    own = loaded.source("area")
    return own if own == loaded.source("leakage") else f"area: {own}; else: {loaded.card.source}"
