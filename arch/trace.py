"""What the event model returns: times, counts and power states, no joules yet."""

from __future__ import annotations

from dataclasses import dataclass

from pillarsim.arch.ledger import Ledger


@dataclass(frozen=True)
class StateTimes:
    """Time of one power-gating group, summed over its units (arrays or tiles), in unit-picoseconds.

    active_ps + idle_ps + gated_ps = units x span; wakes counts units leaving the gated state.
    """

    group: str
    units: int
    active_ps: int
    idle_ps: int
    gated_ps: int
    wakes: int


@dataclass(frozen=True)
class LayerTrace:
    """One stage over the whole run: windows done, first start, last end, and time summed over its replicas.

    busy_ps: its arrays were held by a window; of a digital stage: units worked at its operator. stalled_ps: a window
    was fetched and its replica free, but no output register was, or others used the arrays.
    """

    name: str
    windows: int
    first_start_ps: int
    last_end_ps: int
    busy_ps: int
    stalled_ps: int


@dataclass(frozen=True)
class Trace:
    """A finished simulation of streaming images (time 0: the first input is offered, after programming).

    finished_ps: when each image's last output left the chip; span_ps: the last activity, which is the last of them
    unless values that no output needs (rows that a pooling drops) are still on their way. skipped: images that were
    not simulated one by one, since the pipeline repeated itself exactly. exact: all but `detail`, `events`, `skipped`,
    `cpu_s` and `wall_s` is what detail `operation` gives; else `contended` names parts (at most some of them) because
    of which it may differ: several wanted one at once, or it slept when it was wanted.
    """

    detail: str
    images: int
    finished_ps: tuple[int, ...]
    span_ps: int
    ledger: Ledger
    states: tuple[StateTimes, ...]
    layers: tuple[LayerTrace, ...]
    events: int
    cpu_s: float
    wall_s: float
    skipped: int = 0
    exact: bool = True
    contended: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProgrammingTrace:
    """A finished simulation of writing every array once."""

    time_ps: int
    pulses: int
    ledger: Ledger
    events: int
    cpu_s: float
    wall_s: float
