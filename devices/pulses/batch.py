"""Batches of pulsed devices: what all pulse models share, and how pulses reach the devices of a batch.

A device is known by its number in the seed's streams and by the pulses it has had; both together count its draws. So a
device behaves alike in every batch, alone or among millions, and a part of a batch may be pulsed on its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

import torch

from pillarsim.devices.pulses.draws import Keys, keys_of, stream

# Devices worked on at once: what they need stays in a core's cache, and from 32768 numbers on torch starts threads,
# which cost more than they save. Changes no result.
CHUNK = 32000
MOST_PULSES = 2**31 - 1  # of one device, counted in int32
Directions = Literal["both", "up", "down"]  # which way the pulses of a model move the conductance; see `interface`


class Parameters(Protocol):
    """What the parameters of every pulse model state; see `interface`."""

    imperfections: ClassVar[tuple[str, ...]]
    directions: ClassVar[Directions]
    restarts: ClassVar[bool]


@dataclass(frozen=True, eq=False)
class Batch(ABC):
    """Some devices of one model, all tensors (count,): number in the streams and pulses so far, int32 each."""

    model: Parameters
    imperfections: frozenset[str]
    seed: int
    number: torch.Tensor
    pulses: torch.Tensor

    @property
    def count(self) -> int:
        """Number of devices."""
        return len(self.pulses)

    @abstractmethod
    def pulse(self, n: int | torch.Tensor) -> Self:
        """Return the devices after n more pulses each: a number, or integers (count,). 0 changes nothing."""

    @abstractmethod
    def conductance_s(self) -> torch.Tensor:
        """Return the conductance of each device in siemens, float64 (count,)."""

    def keys(self, *names: str) -> Keys:
        """Keys of the devices in the stream called `names` of the batch's seed."""
        return keys_of(stream(self.seed, *names), self.number)

    def take(self, index: torch.Tensor | slice) -> Self:
        """Return the devices at `index`: places in the batch (int64), or a slice."""
        taken: dict[str, Any] = {}
        for name, value in _tensors(self):
            taken[name] = value[index] if isinstance(index, slice) else value.index_select(0, index)
        return replace(self, **taken)


Devices = TypeVar("Devices", bound=Batch)


def advanced(
    devices: Devices,
    n: int | torch.Tensor,
    changing: tuple[str, ...],
    step: Callable[[Devices, torch.Tensor], Devices],
    *,
    one_by_one: bool,
) -> Devices:
    """Return the devices after n pulses each; n > 0 SET, n < 0 RESET, 0 changes nothing.

    step(part, n) -> part: the model's update, given devices whose `pulses` count these pulses already and n, int32 and
    nowhere 0; one_by_one: the step is called once a pulse, with n = 1 or -1. changing: names of the tensors it changes.
    Raises ValueError as `checked_pulses`.
    """
    given = checked_pulses(devices.pulses, n, -MOST_PULSES)
    after: dict[str, Any] = {name: getattr(devices, name).clone() for name in ("pulses", *changing)}
    for part in parts(devices.count):
        here = given[part]
        active = here.nonzero().squeeze(1)
        if not len(active):
            continue
        whole = len(active) == len(here)
        work = devices.take(part) if whole else devices.take(active + part.start)
        here = here if whole else here.index_select(0, active)
        for place, done in _stepped(work, here, step, one_by_one):
            for name, tensor in after.items():
                if whole and place is None:
                    tensor[part] = getattr(done, name)
                else:
                    chosen = active if place is None else active.index_select(0, place)
                    tensor[part].index_copy_(0, chosen, getattr(done, name))
    return replace(devices, **after)


def _stepped(
    work: Devices, given: torch.Tensor, step: Callable[[Devices, torch.Tensor], Devices], one_by_one: bool
) -> Iterator[tuple[torch.Tensor | None, Devices]]:
    """Yield devices that had all their pulses, with their places in `work` (None: all)."""
    size = given.abs()
    if not one_by_one:
        yield None, step(replace(work, pulses=work.pulses + size), given)
        return
    n = given.sign()
    most, equal = int(size.max()), int(size.min()) == int(size.max())
    place = torch.arange(len(size))
    for done in range(1, most + 1):
        work = step(replace(work, pulses=work.pulses + 1), n)
        ready = (size == done).nonzero().squeeze(1)
        if not equal and len(ready) and done < most:
            yield place.index_select(0, ready), work.take(ready)
            left = (size > done).nonzero().squeeze(1)
            work, n, size, place = work.take(left), n[left], size[left], place[left]
    yield (None if equal else place), work


def joined(pieces: Sequence[tuple[torch.Tensor, Devices]]) -> Devices:
    """Return one batch of the devices of all pieces; a piece is (places in the new batch, devices), no place twice."""
    places = torch.cat([place for place, _ in pieces])

    def column(name: str) -> torch.Tensor:
        values = torch.cat([getattr(piece, name) for _, piece in pieces])
        return torch.empty_like(values).index_copy_(0, places, values)

    columns: dict[str, Any] = {name: column(name) for name, _ in _tensors(pieces[0][1])}
    return replace(pieces[0][1], **columns)


def parts(count: int) -> Iterator[slice]:
    """Yield the slices of a batch that are worked on one after the other."""
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def by_direction(rising: torch.Tensor, up: float, down: float) -> torch.Tensor:
    """Return `up` where rising, else `down`, float64."""
    # Two Python numbers alone would give float32.
    return torch.where(rising, torch.tensor(up, dtype=torch.float64), down)


def checked_count(count: int) -> int:
    """Return the number of devices; raises ValueError unless it is a whole number of at least 1."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_PULSES:
        raise ValueError(f"count: expected a whole number of devices, at least 1, found {count!r}")
    return count


def checked_pulses(before: torch.Tensor, n: int | torch.Tensor, least: int) -> torch.Tensor:
    """Return the pulses of each device, int32 (count,).

    before: pulses so far; least: the least n allowed. Raises ValueError for a smaller n, fractional pulses, a wrong
    shape, or more than 2^31 - 1 pulses of one device.
    """
    given = torch.as_tensor(n)
    if given.dtype == torch.bool or given.is_floating_point() or given.is_complex():
        raise ValueError(f"pulses: expected whole numbers, found {given.dtype}")
    if given.shape not in ((), before.shape):
        expected = f"a number or {len(before)} of them, one a device"
        raise ValueError(f"pulses: expected {expected}, found shape {tuple(given.shape)}")
    low, high = (int(limit) for limit in given.aminmax())
    if low < least:
        raise ValueError(f"pulses: expected at least {least}, found {low}")
    if max(high, -low) + int(before.max()) > MOST_PULSES:
        raise ValueError(f"pulses: expected at most {MOST_PULSES} in all, found {max(high, -low)} more")
    return given.to(torch.int32).expand(len(before))


def _tensors(batch: Batch) -> Iterator[tuple[str, torch.Tensor]]:
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, torch.Tensor):
            yield field.name, value
