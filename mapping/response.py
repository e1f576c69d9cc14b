"""What a differential pair of nonlinear cells computes with an input and a weight, in torch.

A law is a short sum of terms, I(V, G) = sum_k a_k(G) b_k(V), so that a layer's sum over its inputs is
sum_k A_k(w)^T B_k(x). B_k is b_k at V_r x / s_x over b_k at V_r; A_k is what term k adds to the pair at V_r, in shares
of V_r (g_max - g_min), and the A_k of a weight sum to w / s_w. With one term A is w / s_w itself.
Left out: how the law follows the temperature (it is taken at 300 K), and wires between driver and cell.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pillarsim.arch.errors import nearest
from pillarsim.devices.current_voltage import Law, Linear, Polynomial, PooleFrenkel, Sinh
from pillarsim.devices.ranges import OutOfRange
from pillarsim.workloads.network import CellLaw, CellResponse, NetworkError

__all__ = ["LAWS", "device_law", "input_factors", "weight_factors"]

# name -> the law and its parameters, by the names that a CellLaw gives them
LAWS: dict[str, tuple[type[Linear | Sinh | PooleFrenkel | Polynomial], tuple[str, ...]]] = {
    "linear": (Linear, ()),
    "sinh": (Sinh, ("v0_v",)),
    "poole_frenkel": (PooleFrenkel, ("permittivity_relative", "thickness_m")),
    "polynomial": (Polynomial, ()),
}
LAW_K = 300.0  # K, temperature at which laws are taken, as chip files take them, assumed
_STEPS = 4096  # of |w| / s_w in the tables of a law with several terms: a straight line between is good to 1e-8
_LEAST_SHARE = 1e-12  # of V_r: below it an input counts as 0, whose derivative of a square root is not a number


@lru_cache(maxsize=64)
def device_law(law: CellLaw) -> Law:
    """The device law of these numbers.

    Raises NetworkError for an unknown law, for other parameters than its own, and outside the range of its fit.
    """
    if law.name not in LAWS:
        raise NetworkError(f"unknown cell law '{law.name}'{nearest(law.name, LAWS)}; known: {', '.join(LAWS)}")
    make, wanted = LAWS[law.name]
    found = tuple(name for name, _ in law.parameters)
    if wanted != found:
        raise NetworkError(f"cell law '{law.name}': expected the parameters {list(wanted)}, found {list(found)}")
    try:
        device: Law = make(**dict(law.parameters))
        for conductance_s in (law.g_min_s, law.g_max_s):
            device.slope_from(conductance_s, law.read_voltage_v, LAW_K)
        if not np.isfinite(device.terms(law.read_voltage_v, LAW_K)).all():
            raise OutOfRange(f"read voltage: the law's current at {law.read_voltage_v:g} V is no finite number")
    except (OutOfRange, OverflowError) as error:
        raise NetworkError(f"cell law '{law.name}': {error}") from error
    return device


def input_factors(response: CellResponse, values: Tensor) -> tuple[Tensor, ...]:
    """B_k of inputs of any shape, each of that shape and type; 0 at x <= 0, 1 at x >= input_scale. Differentiable."""
    share = (values / response.input_scale).clamp(0, 1)
    device, volts = device_law(response.law), response.law.read_voltage_v
    if isinstance(device, Linear):
        return (share,)
    if isinstance(device, Polynomial):
        return share, share**2, share**3  # its terms are the powers of V
    driven = share > 0
    # A current at V_r may lie beyond what float32 holds.
    at = torch.where(driven, share, _LEAST_SHARE).double() * volts
    (found,), (full,) = device.terms(at, LAW_K), device.terms(volts, LAW_K)
    return (torch.where(driven, found / full, 0.0).to(values.dtype),)


def weight_factors(response: CellResponse, weights: Tensor) -> tuple[Tensor, ...]:
    """A_k of weights of any shape, each of that shape and type; they sum to w / weight_scale. Differentiable."""
    share = (weights / response.weight_scale).clamp(-1, 1)
    if device_law(response.law).rank == 1:
        return (share,)
    sign = torch.where(share < 0, -1.0, 1.0).to(share.dtype)
    place = share * sign * _STEPS
    below = place.detach().floor().clamp(max=_STEPS - 1)
    index, part = below.long(), place - below
    tables = _weight_tables(response.law).to(share.dtype)
    return tuple(sign * (table[index] + part * (table[index + 1] - table[index])) for table in tables)


@lru_cache(maxsize=16)
def _weight_tables(law: CellLaw) -> Tensor:
    """A_k at |w| / s_w = 0 to 1 in equal steps, float64 (terms, steps + 1)."""
    device, volts = device_law(law), law.read_voltage_v
    levels_s = np.linspace(law.g_min_s, law.g_max_s, _STEPS + 1)
    at_full = np.array(device.terms(volts, LAW_K)) / volts
    found = np.stack(device.coefficients(device.slope_from(levels_s, volts, LAW_K))) * at_full[:, None]
    return torch.from_numpy((found - found[:, :1]) / (law.g_max_s - law.g_min_s))
