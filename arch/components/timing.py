"""From a chip and its components to the event model's `Timing`: whole picoseconds, bits and counts."""

from __future__ import annotations

from collections.abc import Sequence

from pillarsim.arch.chip import Buffer, Hardware, Idle
from pillarsim.arch.components.array_clock import array_clock, partial_sum_bits
from pillarsim.arch.components.build import router_block
from pillarsim.arch.components.component import Component
from pillarsim.arch.errors import ModelError
from pillarsim.arch.timing import Port, Timing, Unit, WriteTiming
from pillarsim.devices.costs import Action
from pillarsim.devices.wires import cycles_ps


def build_timing(hardware: Hardware, components: Sequence[Component], idle: Idle) -> Timing:
    """Derive every duration and width; `components` are the chip's own (`build_components`)."""
    by_role = {component.role: component for component in components}
    cycle_ps = cycles_ps(1, hardware.technology.clock)
    clock = array_clock(hardware, _time_ps(by_role["converter"], "convert"))
    return Timing(
        read_ps=clock.read_ps,
        convert_ps=clock.convert_ps,
        slots=clock.slots,
        sample_hold=clock.sample_hold,
        analog_bits=clock.analog_bits,
        shift_add_ps=_time_ps(by_role["shift_add"], "add"),
        buffer=_port(hardware.tile.buffer, by_role["buffer"]),
        bus=Port(_time_ps(by_role["bus"], "transfer"), _bus_width(hardware), int(by_role["bus"].per_tile)),
        global_buffer=_port(hardware.global_buffer, by_role["global_buffer"]),
        adder=_unit(by_role["adder"], "add"),
        activation=_unit(by_role["activation"], "apply"),
        pooling=_unit(by_role["pooling"], "apply"),
        lookup=_unit(by_role["lookup"], "apply") if "lookup" in by_role else None,
        multiplier=_unit(by_role["multiplier"], "multiply") if "multiplier" in by_role else None,
        router_ps=_ps(hardware.mesh.router_latency),
        flit_ps=cycle_ps,
        link_width=hardware.mesh.link_width,
        header_bits=hardware.mesh.header_bits,
        grid=(hardware.tile.count.x, hardware.tile.count.y),
        router_block=router_block(hardware.mesh.router.shared_by),
        partial_sum_bits=partial_sum_bits(hardware),
        off_chip_latency_ps=_ps(hardware.off_chip.latency),
        off_chip_bits_per_s=8 * hardware.off_chip.bandwidth,
        write=_write(hardware),
        after_ps=_ps(idle.after),
        wake_ps=_ps(idle.wake_up.time),
    )


def _write(hardware: Hardware) -> WriteTiming:
    write = hardware.write
    return WriteTiming(
        set_ps=_ps(write.pulse),
        reset_ps=0 if write.reset is None else _ps(write.reset.pulse),
        verify_ps=0 if write.verify is None else _ps(write.verify.read_time),
        cells_at_once=write.cells_at_once,
        arrays_per_circuit=write.shared_by,
    )


def _port(buffer: Buffer, component: Component) -> Port:
    actions = component.cost.actions
    access_ps = max(_ps_of(actions["read"]), _ps_of(actions["write"]))
    return Port(access_ps, buffer.width, buffer.ports, int(buffer.size))


def _unit(component: Component, action: str) -> Unit:
    """Units of one tile; where several tiles' levels share one, a tile still counts on one."""
    return Unit(_time_ps(component, action), max(1, int(component.per_tile)))


def _bus_width(hardware: Hardware) -> int:
    return next(level.bus.width for level in hardware.tile.chain() if level.bus is not None)


def _time_ps(component: Component, action: str) -> int:
    return _ps_of(component.cost.actions[action])


def _ps_of(action: Action) -> int:
    if action.time_ps is None:
        raise ModelError("an action that the event model times has no duration")
    return action.time_ps


def _ps(seconds: float) -> int:
    return round(seconds * 1e12)
