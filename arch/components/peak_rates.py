"""How often one instance of each part acts when every array computes at its peak.

Parts locked to the arrays follow the arrays' rhythm; parts that serve (adders, buffers, links) act as fast as they can.
"""

from __future__ import annotations

from collections.abc import Mapping

from pillarsim.arch.chip import Hardware
from pillarsim.arch.components.array_clock import ArrayClock, partial_sum_bits, weights_per_array_row
from pillarsim.arch.components.array_power import electrodes
from pillarsim.devices.costs import ComponentCost


def array_locked_hz(hardware: Hardware, clock: ArrayClock) -> dict[str, dict[str, float]]:
    """role -> action -> actions a second beside one array, all instances of the role together."""
    array, mvm_s = hardware.array, clock.mvm_ps * 1e-12
    reads = clock.chunks / mvm_s
    conversions = clock.conversions * hardware.outputs_per_array / mvm_s
    input_bits = array.active_inputs * hardware.input.bits / mvm_s
    output_bits = weights_per_array_row(hardware) * partial_sum_bits(hardware) / mvm_s
    spikes = conversions * ((1 << hardware.readout.bits) - 1)
    return {
        "array": {"read": reads},
        "driver": {"drive": reads * min(array.active_inputs, electrodes(array))},
        "sample_hold": {"sample": conversions},
        "converter": {"convert": conversions, "spike": spikes},
        "shift_add": {"add": conversions},
        "input_register": {"read": input_bits, "write": input_bits},
        "output_register": {"read": output_bits, "write": output_bits},
        "write_circuit": {"set": 0.0, "reset": 0.0, "verify": 0.0},
        # an array that computes forward is neither read from its bit lines nor updated
        "column_driver": {"drive": 0.0},
        "row_sample_hold": {"sample": 0.0},
        "pulse_generator": {"slot": 0.0},
    }


def served_hz(cost: ComponentCost, clock_hz: float, ports: int = 1) -> dict[str, float]:
    """Actions a second of a clocked part that is always busy: one each whole number of cycles on every port."""
    rates = {}
    for name, action in cost.actions.items():
        if action.time_ps is not None:
            cycles = max(1, round(action.time_ps * 1e-12 * clock_hz))
            rates[name] = ports * clock_hz / cycles
    return rates


def only_costliest(rates: Mapping[str, float], cost: ComponentCost, alternatives: tuple[str, ...]) -> dict[str, float]:
    """`rates` with all but the costliest of the `alternatives`, which one port cannot do at once, set to 0."""
    present = [name for name in alternatives if name in rates]
    if not present:
        return dict(rates)
    kept = max(present, key=lambda name: (cost.actions[name].energy_j or 0.0) * rates[name])
    return {name: 0.0 if name in present and name != kept else rate for name, rate in rates.items()}
