"""From a chip to its components: every part with its count, its cost at the chip's operating point, its peak rates.

Wires get their length from the area of what they span: a bus crosses the level it stands in, a link the tiles between
two routers; area that is not stated adds no length. Energies of `write_circuit` are the circuit's overhead only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pillarsim.arch.chip import ROLES, Hardware, Level, Part
from pillarsim.arch.components.array_clock import ArrayClock, array_clock, partial_sum_bits, weights_per_array_row
from pillarsim.arch.components.array_power import electrodes, full_read_energy_j
from pillarsim.arch.components.card_costs import Use, bits_cost, find_card, part_cost
from pillarsim.arch.components.cards import BitsCard, PartCard
from pillarsim.arch.components.component import Component
from pillarsim.arch.components.converter import converter_cost
from pillarsim.arch.components.learning_parts import counters, line_parts
from pillarsim.arch.components.peak_rates import array_locked_hz, only_costliest, served_hz
from pillarsim.arch.errors import InputError, nearest
from pillarsim.devices.costs import Action, ComponentCost
from pillarsim.devices.wires import planar_area_m2, vertical_area_m2

__all__ = ["build_components", "chip_clock", "router_block"]

GROUP = {
    "array": "arrays", "driver": "arrays", "sample_hold": "arrays", "write_circuit": "arrays",
    "column_driver": "arrays", "row_sample_hold": "arrays", "pulse_generator": "arrays",
    "converter": "converters", "buffer": "buffers", "global_buffer": "global_buffer", "off_chip": "off_chip",
    "router": "mesh", "link": "mesh",
}  # fmt: skip
# names that `extra` parts cannot take
RESERVED = (*ROLES, *GROUP, "bus", "counter", "half_select", "regulator", "wake_up")
# actions that each role is charged for (one card must offer them all)
ACTIONS: dict[str, tuple[str, ...]] = {
    "driver": ("drive",), "sample_hold": ("sample",), "shift_add": ("add",), "input_register": ("read", "write"),
    "output_register": ("read", "write"), "adder": ("add",), "activation": ("apply",), "pooling": ("apply",),
    "lookup": ("apply",), "multiplier": ("multiply",),
    "buffer": ("read", "write"), "bus": ("transfer",), "router": ("flit",), "link": ("flit",),
    "global_buffer": ("read", "write"), "off_chip": ("bit",), "write_circuit": ("set", "reset", "verify"),
    "column_driver": ("drive",), "row_sample_hold": ("sample",), "pulse_generator": ("slot",), "counter": ("count",),
}  # fmt: skip


@dataclass(frozen=True)
class _Place:
    """A level with its path, its instances on a tile, and the arrays in one of them."""

    path: str
    level: Level
    per_tile: int
    arrays: int


def build_components(hardware: Hardware) -> tuple[Component, ...]:
    """Every part of the chip, outermost levels last; raises InputError for cards that are unknown or do not fit."""
    places = list(_places(hardware))
    convert = converter_cost(hardware)
    clock = _clock(hardware, convert)
    parts = [part for place in places for part in _level_parts(hardware, place, clock)]
    parts += _array_parts(hardware, places[-1], clock, convert)
    parts.append(_buffer(hardware, "tile.buffer"))
    parts = [_with_charges(part, parts) for part in parts]
    place = next(place for place in places if place.level.bus is not None)
    parts.append(_bus(hardware, place, _area_m2(parts, place.path) / (place.per_tile * hardware.tile.count.total)))
    router = _router(hardware)
    tile_m2 = (_area_m2(parts, "tile") + router.instances * (router.cost.area_m2 or 0.0)) / hardware.tile.count.total
    outside = [router, _link(hardware, tile_m2), _buffer(hardware, "global_buffer"), *_counters(hardware)]
    outside.append(_off_chip(hardware))
    return (*sorted(parts, key=lambda part: (-part.path.count("."), part.path)), *outside)


def chip_clock(hardware: Hardware) -> ArrayClock:
    """The rhythm of the chip's arrays with the converter that it names."""
    return _clock(hardware, converter_cost(hardware))


def _clock(hardware: Hardware, converter: ComponentCost) -> ArrayClock:
    return array_clock(hardware, converter.actions["convert"].time_ps or 1)


def _places(hardware: Hardware) -> Iterator[_Place]:
    path, per_tile = "tile", 1
    for depth, level in enumerate(hardware.tile.chain()):
        if depth:
            path, per_tile = f"{path}.macro", per_tile * level.count
        yield _Place(path, level, per_tile, level.arrays_per_level)


def _level_parts(hardware: Hardware, place: _Place, clock: ArrayClock) -> Iterator[Component]:
    for role in ROLES:
        part = getattr(place.level, role)
        if part is not None:
            yield _level_part(hardware, place, role, part, clock)
    for name, part in place.level.extra.items():
        if name in RESERVED:
            raise InputError(f"{place.path}.extra.{name}: expected a name that is no role ({', '.join(RESERVED)})")
        use = Use(f"{place.path}.extra.{name}", part.component)
        cost = part_cost(use, hardware.technology, ())
        yield _component(hardware, f"{place.path}.{name}", name, part.per_level * place.per_tile, cost, {})


def _level_part(hardware: Hardware, place: _Place, role: str, part: Part, clock: ArrayClock) -> Component:
    bits = {
        "input_register": hardware.array.inputs * hardware.input.bits,
        "output_register": weights_per_array_row(hardware) * partial_sum_bits(hardware),
    }.get(role, 0)
    use = Use(f"{place.path}.{role}.component", part.component, stored_bits=bits * place.arrays / part.per_level)
    cost = part_cost(use, hardware.technology, ACTIONS[role])
    together = array_locked_hz(hardware, clock).get(role)
    if together is None:
        rates = served_hz(cost, hardware.technology.clock)
    else:
        rates = {name: rate * place.arrays / part.per_level for name, rate in together.items()}
        rates = only_costliest(rates, cost, ("read", "write"))
    locked = together is not None
    return _component(hardware, f"{place.path}.{role}", role, part.per_level * place.per_tile, cost, rates, locked)


def _array_parts(hardware: Hardware, place: _Place, clock: ArrayClock, convert: ComponentCost) -> Iterator[Component]:
    """Parts beside every array: itself, drivers, sample-and-holds, converters, its share of a write circuit."""
    together = array_locked_hz(hardware, clock)
    arrays = hardware.tile.arrays_per_level
    counts = {
        "array": (1.0, _array_cost(hardware, clock)),
        "driver": (float(electrodes(hardware.array)), _driver_cost(hardware, "input.driver.component")),
        "converter": (float(hardware.converters_per_array), convert),
        "write_circuit": (-(-arrays // hardware.write.shared_by) / arrays, _write_cost(hardware)),
    }
    if hardware.readout.sample_hold is not None:
        use = Use("readout.sample_hold", hardware.readout.sample_hold)
        cost = part_cost(use, hardware.technology, ACTIONS["sample_hold"])
        counts["sample_hold"] = (float(hardware.outputs_per_array), cost)
    for part in line_parts(hardware):
        if part.role == "column_driver":
            cost = _driver_cost(hardware, part.key, part.card)
        else:
            cost = part_cost(Use(part.key, part.card), hardware.technology, ACTIONS[part.role])
        counts[part.role] = (float(part.per_array), cost)
    for role, (per_array, cost) in counts.items():
        rates = {name: rate / per_array for name, rate in together[role].items() if name in cost.actions}
        yield _component(hardware, f"{place.path}.{role}", role, per_array * arrays, cost, rates, True)


def _array_cost(hardware: Hardware, clock: ArrayClock) -> ComponentCost:
    array, derived = hardware.array, hardware.array.read_energy == "derived"
    energy_j = full_read_energy_j(array, hardware.technology, clock.bias_ps * 1e-12)
    rule = "V^2 G t at the mean conductance and C V^2 of all lines, drawn from the rail" if derived else "chip file"
    if array.area != "derived":
        area_m2, area_rule = array.area, "chip file"
    elif array.geometry == "planar":
        area_m2, area_rule = planar_area_m2(array.rows, array.columns, array.cell_pitch), "cells x pitch^2"
    else:
        area_rule = "pillars x pitch^2 + staircase + select transistors"
        area_m2 = vertical_area_m2(
            array.rows,
            array.columns,
            array.layers,
            array.cell_pitch,
            array.staircase_step,
            array.select_transistor_area,
        )
    return ComponentCost(
        area_m2=area_m2,
        leakage_w=0.0 if derived else None,  # an idle array is unbiased; a published total says nothing about it
        actions={"read": Action(energy_j, clock.read_ps, rule)},
        model=f"{array.geometry} array, read energy {'derived' if derived else 'stated'}",
        source=f"area: {area_rule}; read energy: {rule}",
        scaling="wires at the chip's temperature",
    )


def _driver_cost(hardware: Hardware, key: str, card: str | None = None) -> ComponentCost:
    """Of a driver of inputs, or of errors, which go out as inputs do."""
    name, bits = card or hardware.input.driver.component, hardware.input.chunk_bits
    levels = bits if hardware.input.coding == "amplitude" else 1
    use = Use(key, name)
    if isinstance(find_card(use.key, name).card, BitsCard):
        return bits_cost(use, levels, hardware.technology, "drive")
    if levels > 1:
        raise InputError(
            f"{use.key}: expected a table over bits (such as 'dac_multibit') for {levels}-bit amplitudes, "
            f"found {name!r}"
        )
    return part_cost(use, hardware.technology, ACTIONS["driver"])


def _write_cost(hardware: Hardware) -> ComponentCost:
    use = Use("write.component", hardware.write.component, lines=hardware.write.cells_at_once + 1)
    return part_cost(use, hardware.technology, ACTIONS["write_circuit"])


def _buffer(hardware: Hardware, path: str) -> Component:
    role = path.rpartition(".")[2]
    buffer = hardware.global_buffer if role == "global_buffer" else hardware.tile.buffer
    use = Use(f"{path}.component", buffer.component, width=buffer.width, stored_bits=buffer.size)
    cost = part_cost(use, hardware.technology, ACTIONS[role])
    rates = only_costliest(served_hz(cost, hardware.technology.clock, buffer.ports), cost, ("read", "write"))
    per_tile = 1.0 if role == "buffer" else 1 / hardware.tile.count.total
    return _component(hardware, path, role, per_tile, cost, rates)


def _bus(hardware: Hardware, place: _Place, level_m2: float) -> Component:
    bus = place.level.bus
    if bus is None:
        raise InputError(f"{place.path}.bus: expected a bus")
    use = Use(f"{place.path}.bus.component", bus.component, width=bus.width, length_m=math.sqrt(level_m2))
    cost = part_cost(use, hardware.technology, ACTIONS["bus"])
    rates = served_hz(cost, hardware.technology.clock)
    return _component(hardware, f"{place.path}.bus", "bus", float(place.per_tile), cost, rates)


def router_block(shared_by: int) -> tuple[int, int]:
    """Tiles (x, y) that share one router."""
    return {1: (1, 1), 2: (2, 1), 4: (2, 2)}[shared_by]


def _router_grid(hardware: Hardware) -> tuple[int, int]:
    block = router_block(hardware.mesh.router.shared_by)
    return -(-hardware.tile.count.x // block[0]), -(-hardware.tile.count.y // block[1])


def _router(hardware: Hardware) -> Component:
    use = Use("mesh.router.component", hardware.mesh.router.component, width=hardware.mesh.link_width)
    cost = part_cost(use, hardware.technology, ACTIONS["router"])
    x, y = _router_grid(hardware)
    ports = 4 + hardware.mesh.router.shared_by  # ways out: four neighbours and the tiles
    rates = served_hz(cost, hardware.technology.clock, ports)
    return _component(hardware, "mesh.router", "router", x * y / hardware.tile.count.total, cost, rates)


def _link(hardware: Hardware, tile_m2: float) -> Component:
    length_m = math.sqrt(tile_m2 * hardware.mesh.router.shared_by)
    use = Use("mesh.link", hardware.mesh.link, width=hardware.mesh.link_width, length_m=length_m)
    cost = part_cost(use, hardware.technology, ACTIONS["link"])
    x, y = _router_grid(hardware)
    links = 2 * ((x - 1) * y + x * (y - 1))  # one each way between neighbours
    rates = served_hz(cost, hardware.technology.clock)
    return _component(hardware, "mesh.link", "link", links / hardware.tile.count.total, cost, rates)


def _counters(hardware: Hardware) -> list[Component]:
    count = counters(hardware)
    if hardware.learning is None or not count:
        return []
    cost = part_cost(Use("learning.counter", hardware.learning.counter), hardware.technology, ACTIONS["counter"])
    # A chip at its peak computes; requests for updates come between.
    rates = dict.fromkeys(cost.actions, 0.0)
    return [_component(hardware, "learning.counter", "counter", count / hardware.tile.count.total, cost, rates)]


def _off_chip(hardware: Hardware) -> Component:
    cost = part_cost(Use("off_chip.component", hardware.off_chip.component), hardware.technology, ACTIONS["off_chip"])
    rates = {"bit": 8 * hardware.off_chip.bandwidth}
    return _component(hardware, "off_chip", "off_chip", 1 / hardware.tile.count.total, cost, rates)


def _component(
    hardware: Hardware,
    path: str,
    role: str,
    per_tile: float,
    cost: ComponentCost,
    rates: dict[str, float],
    locked: bool = False,
) -> Component:
    return Component(
        path=path,
        role=role,
        group=GROUP.get(role, "digital"),
        instances=per_tile * hardware.tile.count.total,
        per_tile=per_tile,
        per_array=per_tile / hardware.tile.arrays_per_level if locked else 0.0,
        cost=cost,
        peak_rate_hz=rates,
    )


def _with_charges(part: Component, parts: list[Component]) -> Component:
    """Give an `extra` part the rates of the action that its card says it goes with."""
    if part.role in ACTIONS or part.role in ("array", "converter"):
        return part
    name = part.cost.model.removeprefix("card ")
    card = find_card(part.path, name).card
    if not isinstance(card, PartCard) or card.charged_with is None:
        return part
    role, _, action = card.charged_with.partition(".")
    with_role = {other.role: other for other in parts}
    if role not in with_role or action not in with_role[role].cost.actions:
        raise InputError(
            f"{part.path}: card {name!r} goes with {card.charged_with!r}, "
            f"which the chip has not{nearest(role, with_role)}"
        )
    other = with_role[role]
    rate = other.peak_rate_hz.get(action, 0.0) * other.instances / part.instances
    return replace(part, peak_rate_hz=dict.fromkeys(part.cost.actions, rate), charged_with=(role, action))


def _area_m2(parts: list[Component], path: str) -> float:
    inside = [part for part in parts if part.path.startswith(path + ".")]
    return sum(part.instances * part.cost.area_m2 for part in inside if part.cost.area_m2 is not None)
