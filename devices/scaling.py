"""CMOS scaling of digital parts between nodes, voltages and temperatures.

Area and energy: Stillmaker and Baas, Integration 58 (2017), tables as listed below; listed nodes are joined by
straight lines of the logarithms. Delay: linear in the node (a simplification that leaves out the voltage).
Leakage: NeuroSim's transistor table has one off-current per gate width at every LSTP node, so power goes with width
(the node) times voltage; with temperature it follows the subthreshold law exp(-q Vth / n k T).
Analog parts (converters, arrays, drivers) must not be scaled with this module.
All functions take SI units, return a plain factor, and raise ValueError outside 7 nm to 130 nm.
"""

from __future__ import annotations

import math

from pillarsim.devices.tables import log_log

NM = 1e-9
NODE_RANGE_M = (7 * NM, 130 * NM)  # listed nodes of Stillmaker and Baas 2017
# node -> factor that brings an area to 32 nm (Stillmaker and Baas 2017)
AREA_TO_32NM = {
    130 * NM: 0.072, 90 * NM: 0.16, 65 * NM: 0.31, 45 * NM: 0.46, 32 * NM: 1.0,
    20 * NM: 2.2, 16 * NM: 2.4, 14 * NM: 2.7, 10 * NM: 4.5, 7 * NM: 7.8,
}  # fmt: skip
# node -> (a, b, c) of the energy of an operation, a V^2 + b V + c, relative (Stillmaker and Baas 2017)
ENERGY_POLYNOMIAL = {
    130 * NM: (7.171, -6.709, 2.904), 90 * NM: (4.762, -4.781, 2.092), 65 * NM: (3.755, -4.398, 1.975),
    45 * NM: (1.103, -0.362, 0.2767), 32 * NM: (0.9559, -0.7823, 0.471), 20 * NM: (0.373, -0.1582, 0.04104),
    16 * NM: (0.2958, -0.1241, 0.03024), 14 * NM: (0.2363, -0.09675, 0.02239), 10 * NM: (0.2068, -0.09311, 0.02375),
    7 * NM: (0.1776, -0.09097, 0.02447),
}  # fmt: skip
FIT_RANGE_V = (0.6, 1.3)  # [assumed] where the polynomials hold at every node; beyond, energy goes with V^2
# node -> threshold voltage in V of LSTP transistors (NeuroSim's table; its 14 nm and below are placeholders)
LSTP_VTH_V = {130 * NM: 0.4661, 90 * NM: 0.5013, 65 * NM: 0.5017, 45 * NM: 0.4644, 32 * NM: 0.442, 22 * NM: 0.4199}
SUBTHRESHOLD_N = 1.5  # [assumed] subthreshold ideality, typical of planar CMOS
BOLTZMANN_EV = 8.617333262e-5  # eV/K, CODATA 2018
REFERENCE_K = 300.0  # K, where cards and wires are stated unless they say otherwise
WIRE_PER_K = 0.00451  # 1/K, copper line resistance (NeuroSim Param.cpp)


def area_factor(from_m: float, to_m: float) -> float:
    """Factor of a digital area that moves from node `from_m` to `to_m` (metres)."""
    return _to_32nm(from_m) / _to_32nm(to_m)


def energy_factor(from_m: float, from_v: float, to_m: float, to_v: float) -> float:
    """Factor of a digital switching energy that moves from (node, supply) to (node, supply)."""
    return _relative_energy(to_m, to_v) / _relative_energy(from_m, from_v)


def delay_factor(from_m: float, to_m: float) -> float:
    """Factor of a digital delay; linear in the node, whatever the voltage."""
    _check_node(from_m)
    _check_node(to_m)
    return to_m / from_m


def leakage_factor(from_m: float, from_v: float, to_m: float, to_v: float) -> float:
    """Factor of a leakage power: gate width (the node) times voltage, at equal off-current per width."""
    _check_node(from_m)
    _check_node(to_m)
    return to_m / from_m * to_v / from_v


def leakage_temperature_factor(kelvin: float, node_m: float, stated_at_k: float = REFERENCE_K) -> float:
    """Factor of CMOS leakage between the temperature it is stated at and `kelvin`.

    exp(-q Vth / n k T) over its value at `stated_at_k`. Left out: the T^2 of the prefactor, the shift of Vth with
    temperature, gate and junction leakage. Below 22 nm the threshold of 22 nm is used.
    """
    inverse = 1 / stated_at_k - 1 / kelvin
    return math.exp(_threshold_v(node_m) / (SUBTHRESHOLD_N * BOLTZMANN_EV) * inverse)


def wire_factor(kelvin: float) -> float:
    """Factor of a metal line's resistance relative to 300 K, R(T) = R (1 + 0.00451 (T - 300 K))."""
    return 1 + WIRE_PER_K * (kelvin - REFERENCE_K)


def _to_32nm(node_m: float) -> float:
    _check_node(node_m)
    return log_log(sorted(AREA_TO_32NM.items()), node_m)


def _relative_energy(node_m: float, volts: float) -> float:
    _check_node(node_m)
    inside = min(max(volts, FIT_RANGE_V[0]), FIT_RANGE_V[1])
    points = [(node, a * inside**2 + b * inside + c) for node, (a, b, c) in sorted(ENERGY_POLYNOMIAL.items())]
    return log_log(points, node_m) * (volts / inside) ** 2


def _threshold_v(node_m: float) -> float:
    places = sorted(LSTP_VTH_V)
    return log_log(sorted(LSTP_VTH_V.items()), min(max(node_m, places[0]), places[-1]))


def _check_node(node_m: float) -> None:
    low, high = NODE_RANGE_M
    if not low * (1 - 1e-9) <= node_m <= high * (1 + 1e-9):
        raise ValueError(
            f"expected a node of {low / NM:g} nm to {high / NM:g} nm (the range of the scaling tables), "
            f"found {node_m / NM:g} nm"
        )
