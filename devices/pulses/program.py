"""Programming by pulses: read, compare with the target, pulse towards it, until the read lies within the tolerance.

Each device is verified before each pulse. Below target - tolerance it gets a SET pulse, above target + tolerance a
RESET pulse; what its model cannot do makes it fail, save that a device that can only restart does so and climbs again.
A device's outcome depends on its own state, target and number alone, so it is the same in every batch.
Left out: pulses of growing amplitude or width, noise of the verifying read.
"""

from __future__ import annotations

import torch

from pillarsim.devices.in_series import in_series_s
from pillarsim.devices.pulses.batch import MOST_PULSES, Batch, Devices, joined, parts
from pillarsim.devices.ranges import within


def program(
    devices: Devices,
    targets_s: torch.Tensor,
    tolerance_s: float | torch.Tensor,
    max_pulses: int,
    series_ohm: float = 0.0,
) -> tuple[Devices, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the devices and, for each, conductance (S), pulses given (int32), and whether it stayed off the target.

    targets_s: (count,); tolerance_s: a number or (count,). All conductances are those seen through series_ohm. A device
    fails when it needs more than max_pulses pulses or a direction that it lacks. Raises OutOfRange for a target or a
    tolerance that is negative or not finite, or a pulse limit outside [0, 2^31), and ValueError for targets
    of another shape.
    """
    if targets_s.shape != (devices.count,):
        raise ValueError(f"targets: expected {devices.count}, one a device, found shape {tuple(targets_s.shape)}")
    tolerance = torch.as_tensor(tolerance_s, dtype=torch.float64)
    if tolerance.shape not in ((), targets_s.shape):
        raise ValueError(f"tolerance: expected one or {devices.count}, found shape {tuple(tolerance.shape)}")
    within("target", targets_s, 0.0, 1e3, "S")
    within("tolerance", tolerance, 0.0, 1e3, "S")
    within("max_pulses", max_pulses, 0, MOST_PULSES, "pulses")
    target = targets_s.double()
    low, high = target - tolerance, target + tolerance
    pieces, outcomes = [], []
    for part in parts(devices.count):
        piece, outcome = _programmed(devices.take(part), low[part], high[part], max_pulses, series_ohm)
        pieces.append((torch.arange(part.start, part.stop), piece))
        outcomes.append(outcome)
    conductance, pulses, failed = (torch.cat(column) for column in zip(*outcomes, strict=True))
    return joined(pieces), conductance, pulses, failed


def _programmed(
    devices: Devices, low: torch.Tensor, high: torch.Tensor, max_pulses: int, series_ohm: float
) -> tuple[Devices, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """As `program`, for devices few enough to stay in a core's cache over all their pulses."""
    conductance, pulses = torch.empty_like(low), torch.zeros(devices.count, dtype=torch.int32)
    failed = torch.zeros(devices.count, dtype=torch.bool)
    place, work, done = torch.arange(devices.count), devices, []
    for given in range(max_pulses + 1):
        read = in_series_s(work.conductance_s(), series_ohm)
        wanted = (read < low).to(torch.int32) - (read > high).to(torch.int32)
        step = _allowed(wanted, work)
        end = (step == 0) if given < max_pulses else torch.ones_like(step, dtype=torch.bool)
        index = end.nonzero().squeeze(1)
        if len(index):
            at = place[index]
            conductance[at], failed[at], pulses[at] = read[index], wanted[index] != 0, given
            done.append((at, work.take(index)))
            rest = (~end).nonzero().squeeze(1)
            if not len(rest):
                break
            place, work, step, low, high = place[rest], work.take(rest), step[rest], low[rest], high[rest]
        work = work.pulse(step)
    return joined(done), (conductance, pulses, failed)


def _allowed(wanted: torch.Tensor, devices: Batch) -> torch.Tensor:
    """The pulse to give: SET 1, RESET -1, as the model counts them; 0 where there is none."""
    if devices.model.directions == "down":
        return (wanted < 0).to(torch.int32)
    if devices.model.directions == "up" and not devices.model.restarts:
        return wanted.clamp(min=0)
    return wanted
