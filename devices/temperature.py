"""How temperature changes a cell: Arrhenius factors of rates, and thermally activated conduction.

Modelled: a rate rises by exp(-Ea/k (1/T - 1/T_ref)); so does a conductance whose carriers cross a barrier, the barrier
differing by state (in oxide cells hardly any for the low-resistance state: Ielmini, Semicond. Sci. Technol. 31, 2016).
Left out: metallic conduction (falls with T), barriers that depend on voltage, self-heating during a read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from pillarsim.devices.ranges import check_states, within
from pillarsim.devices.scaling import BOLTZMANN_EV

COLDEST_K, HOTTEST_K = 200.0, 600.0  # K, assumed: where one activation energy is taken to hold


def acceleration(activation_ev: float, from_k: float, to_k: float) -> float:
    """Factor by which a rate with this activation energy (eV) is faster at `to_k` than at `from_k` (kelvin)."""
    return math.exp(activation_ev / BOLTZMANN_EV * (1 / from_k - 1 / to_k))


def state_place(conductance_s: torch.Tensor, g_min_s: float, g_max_s: float) -> torch.Tensor:
    """Place between the states, 0 at `g_min_s` and 1 at `g_max_s`, linear in ln G; cells beyond take the end.

    Same shape and type as `conductance_s`. Raises OutOfRange unless 0 < g_min_s < g_max_s.
    """
    check_states(g_min_s, g_max_s)
    inside = conductance_s.clamp(g_min_s, g_max_s)
    return inside.div_(g_min_s).log_().div_(math.log(g_max_s / g_min_s)).clamp_(0, 1)


@dataclass(frozen=True)
class ThermalActivation:
    """Conductance against temperature, relative to `temperature_k`; activation energies in eV at the two states.

    The energy is linear in ln G between the states. min_ev belongs to g_min_s, max_ev to g_max_s.
    """

    min_ev: float
    max_ev: float
    temperature_k: float
    coldest_k: float = COLDEST_K
    hottest_k: float = HOTTEST_K

    def factor(self, conductance_s: torch.Tensor, g_min_s: float, g_max_s: float, temperature_k: float) -> torch.Tensor:
        """Return G(temperature_k) / G of cells whose conductance at the reference is `conductance_s`, same shape.

        Raises OutOfRange for a temperature outside coldest_k..hottest_k or unordered states.
        """
        within("temperature", temperature_k, self.coldest_k, self.hottest_k, "K")
        energy = state_place(conductance_s, g_min_s, g_max_s).mul_(self.max_ev - self.min_ev).add_(self.min_ev)
        return energy.mul_((1 / self.temperature_k - 1 / temperature_k) / BOLTZMANN_EV).exp_()
