"""Weak RESET of HfOx: pulses raise the resistance gradually and noisily (Majumdar et al. 2021), batched over devices.

R(t) = R0 exp(w), t the pulses so far and w = w_mean + w_telegraph + w_pink:
    w_mean = c1 + m1 t up to the knee t*, and c1 + m1 t* + m2 (t - t*) after it
    w_telegraph = u1 u2 amplitude in the high state of a two-state chain (`telegraph`), else 0; u1 and u2 are uniform
    on (0, 1) and new after every call of `pulse` that gives pulses; a fresh device is in the low state
    w_pink: `pink`
Three imperfections, each switchable: `d2d` (R0, m1, t*, c1, m2 and the telegraph amplitude drawn once for each device
from truncated distributions), `rtn` and `pink`. Without `d2d` every device has the medians of the distributions, the
amplitude too. The published program redraws u1 and u2 also where no pulse is given; here no pulse changes nothing.
Left out: SET (the published program has none), read noise, dependence on pulse voltage, width and temperature.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.pulses.draws import Keys, bits, device_keys, stream, uniform
from pillarsim.devices.pulses.pink import Pink, pink_noise
from pillarsim.devices.pulses.telegraph import Telegraph, switch_probability
from pillarsim.devices.pulses.truncated import Exponential, LogNormal, Normal, Truncated
from pillarsim.devices.streams import generator

IMPERFECTIONS = ("d2d", "rtn", "pink")
# Devices worked on at once: what they need stays in a core's cache, and from 32768 numbers on torch starts threads,
# which cost more than they save. Changes no result.
_CHUNK = 32000
_MOST_PULSES = 2**31 - 1  # of one device, counted in int32
# Draws of the telegraph noise after a call of `pulse`: for the state, u1 and u2.
_DRAWS, _SWITCH, _FIRST, _SECOND = 3, 0, 1, 2


@dataclass(frozen=True)
class WeakReset:
    """Parameters of the model; units as in MAJUMDAR2021."""

    r0_ohm: Truncated
    m1: Truncated
    t_star: Truncated
    c1: Truncated
    m2: Truncated
    amplitude_max: float
    telegraph: Telegraph
    pink: Pink


# Source of every number: ConvNet/utils_device.py in github.com/Atreya95/Learning-with-memory-device-imperfections,
# the program of Majumdar et al., IEEE TED 68(10):4925, 2021.
MAJUMDAR2021 = WeakReset(
    r0_ohm=Truncated(Normal(6988.0, 381.7), 6252.0, 7897.0),  # ohm, low-resistance state
    m1=Truncated(Exponential(3.74158e-5, 6.56468e-4), 3.74e-5, 7.6e-3),  # 1/pulse, slope before the knee
    t_star=Truncated(LogNormal(0.803382, 542.539), 41.0, 2000.0),  # pulses, knee
    c1=Truncated(Normal(0.00529314, 0.0532080), -0.15, 0.15),  # of ln R, offset
    m2=Truncated(Exponential(0.0, 2.88905e-5), 0.0, 1.3e-4),  # 1/pulse, slope after the knee
    amplitude_max=0.5,  # of ln R, telegraph noise: amplitude uniform on (0, 0.5) over devices
    telegraph=Telegraph(0.0008, 0.002),  # 1/pulse, low -> high and high -> low
    pink=Pink(0.025, 15),  # of ln R, coupling; taps
)


@dataclass(frozen=True, eq=False)
class Devices:
    """A batch of devices, all tensors (count,): drawn parameters (float64), pulses so far (int32), telegraph state."""

    model: WeakReset
    imperfections: frozenset[str]
    seed: int
    r0_ohm: torch.Tensor
    m1: torch.Tensor
    t_star: torch.Tensor
    c1: torch.Tensor
    m2: torch.Tensor
    amplitude: torch.Tensor
    pulses: torch.Tensor
    high: torch.Tensor

    @property
    def count(self) -> int:
        """Number of devices."""
        return len(self.pulses)


def fresh(count: int, imperfections: Iterable[str], seed: int, model: WeakReset = MAJUMDAR2021) -> Devices:
    """Return `count` devices before their first pulse.

    imperfections: names of IMPERFECTIONS; none of them: equal devices without noise. Device k is the same for every
    count and for every choice of the other imperfections. Raises CircuitError for an unknown name or no device.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_PULSES:
        raise CircuitError(f"count: expected a whole number of devices, at least 1, found {count!r}")
    chosen = _checked(imperfections)

    def parameter(name: str, of: Truncated) -> torch.Tensor:
        if "d2d" in chosen:
            return of.draw(count, generator(seed, "weak reset", name))
        return torch.full((count,), of.median(), dtype=torch.float64)

    spread = generator(seed, "weak reset", "amplitude")
    places = torch.rand(count, generator=spread, dtype=torch.float64) if "d2d" in chosen else torch.full((count,), 0.5)
    return Devices(
        model=model,
        imperfections=chosen,
        seed=seed,
        r0_ohm=parameter("r0", model.r0_ohm),
        m1=parameter("m1", model.m1),
        t_star=parameter("t_star", model.t_star),
        c1=parameter("c1", model.c1),
        m2=parameter("m2", model.m2),
        amplitude=places.double() * model.amplitude_max,
        pulses=torch.zeros(count, dtype=torch.int32),
        high=torch.zeros(count, dtype=torch.bool),
    )


def pulse(devices: Devices, pulses: int | torch.Tensor) -> Devices:
    """Return the devices after `pulses` more pulses each: a number, or integers (count,). 0 changes nothing.

    Raises CircuitError for negative or fractional pulses, a wrong shape, or more than 2^31 - 1 pulses of one device.
    """
    given = _checked_pulses(devices, pulses)
    total = devices.pulses + given
    if "rtn" not in devices.imperfections:
        return replace(devices, pulses=total)
    chance = switch_probability(devices.model.telegraph, devices.high, given)
    high = torch.empty_like(devices.high)
    of = stream(devices.seed, "weak reset", "telegraph")
    for part in _parts(devices.count):
        drawn = _telegraph_draw(device_keys(of, part.start, part.stop), total[part], _SWITCH)
        high[part] = devices.high[part] ^ (drawn < chance[part])
    return replace(devices, pulses=total, high=high)


def log_ratio(devices: Devices) -> torch.Tensor:
    """Return w = ln(R / R0) of each device, float64 (count,)."""
    w = torch.empty_like(devices.r0_ohm)
    telegraph, pink = (stream(devices.seed, "weak reset", name) for name in ("telegraph", "pink"))
    for part in _parts(devices.count):
        pulses = devices.pulses[part]
        early = torch.minimum(pulses.double(), devices.t_star[part])
        w[part] = devices.c1[part] + devices.m1[part] * early + devices.m2[part] * (pulses - early)
        if "rtn" in devices.imperfections:
            w[part] += _telegraph_noise(devices, part, device_keys(telegraph, part.start, part.stop))
        if "pink" in devices.imperfections:
            w[part] += pink_noise(devices.model.pink, device_keys(pink, part.start, part.stop), pulses)
    return w


def resistance_ohm(devices: Devices) -> torch.Tensor:
    """Return the resistance of each device in ohm, float64 (count,)."""
    return log_ratio(devices).exp_().mul_(devices.r0_ohm)


def conductance_s(devices: Devices) -> torch.Tensor:
    """Return the conductance of each device in siemens, float64 (count,)."""
    return resistance_ohm(devices).reciprocal_()


def _telegraph_draw(keys: Keys, pulses: torch.Tensor, which: int) -> torch.Tensor:
    """One of the three uniform draws that belong to the state after `pulses` pulses."""
    return uniform(bits(keys, pulses * _DRAWS + which))


def _telegraph_noise(devices: Devices, part: slice, keys: Keys) -> torch.Tensor:
    """Telegraph noise of some devices, float64."""
    # index_select stays on one thread, as indexing does not.
    high = devices.high[part].nonzero().squeeze(1)
    pulses = devices.pulses[part].index_select(0, high)
    keys = Keys(keys.first.index_select(0, high), keys.second.index_select(0, high))
    share = _telegraph_draw(keys, pulses, _FIRST) * _telegraph_draw(keys, pulses, _SECOND)
    noise = torch.zeros(part.stop - part.start, dtype=torch.float64)
    return noise.index_copy_(0, high, share.mul_(devices.amplitude[part].index_select(0, high)))


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, _CHUNK):
        yield slice(start, min(start + _CHUNK, count))


def _checked(imperfections: Iterable[str]) -> frozenset[str]:
    if isinstance(imperfections, str):
        raise CircuitError(f"imperfections: expected a list of names, found the text {imperfections!r}")
    chosen = frozenset(imperfections)
    for name in sorted(chosen - set(IMPERFECTIONS)):
        close = difflib.get_close_matches(str(name), IMPERFECTIONS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise CircuitError(f"no imperfection {name!r}: expected some of {', '.join(IMPERFECTIONS)}{hint}")
    return chosen


def _checked_pulses(devices: Devices, pulses: int | torch.Tensor) -> torch.Tensor:
    """Pulses of each device, int32 (count,)."""
    given = torch.as_tensor(pulses)
    if given.dtype == torch.bool or given.is_floating_point() or given.is_complex():
        raise CircuitError(f"pulses: expected whole numbers, found {given.dtype}")
    if given.shape not in ((), devices.pulses.shape):
        expected = f"a number or {devices.count} of them, one a device"
        raise CircuitError(f"pulses: expected {expected}, found shape {tuple(given.shape)}")
    if int(given.min()) < 0:
        raise CircuitError(f"pulses: expected at least 0, found {int(given.min())}")
    if int(given.max()) + int(devices.pulses.max()) > _MOST_PULSES:
        raise CircuitError(f"pulses: expected at most {_MOST_PULSES} in all, found {int(given.max())} more")
    return given.to(torch.int32).expand(devices.count)
