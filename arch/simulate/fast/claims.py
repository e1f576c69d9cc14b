"""Arrays that stages share are claimed and granted, compiled: the counterpart of `sharing`."""

from __future__ import annotations

import numpy as np

from pillarsim.arch.simulate.fast import columns as at
from pillarsim.arch.simulate.fast.machine import Ints, group_at, replica_at
from pillarsim.arch.simulate.fast.queue import push
from pillarsim.arch.simulate.fast.windows import make_ready
from pillarsim.devices.jit import compiled

__all__ = ["arrays_free", "grant_claims", "wake"]


@compiled
def wake(m: Ints, number: int) -> None:
    """A window is fetched, its replica free: begin, or claim arrays that others use too."""
    replica = replica_at(m, number)
    if m[replica + at.R_RIVAL] < m[replica + at.R_RIVAL_END]:
        m[replica + at.R_CLAIM_PS] = m[at.H_NOW]
        _look(m, m[replica + at.R_GROUP])
    else:
        make_ready(m, number)


@compiled
def arrays_free(m: Ints, number: int) -> None:
    """A replica gives the arrays back that others use too."""
    m[replica_at(m, number) + at.R_RUNNING] = 0
    _look(m, m[replica_at(m, number) + at.R_GROUP])


@compiled
def grant_claims(m: Ints, number: int) -> None:
    """Grant the claims of a group first come first served, ties by replica, past those that a rival holds up."""
    group = group_at(m, number)
    m[group + at.K_ASKED] = 0
    waiting = np.empty(m[group + at.K_MEMBER_END] - m[group + at.K_MEMBER], np.int64)
    count = 0
    for place in range(m[group + at.K_MEMBER], m[group + at.K_MEMBER_END]):
        member = m[place]
        if m[replica_at(m, member) + at.R_CLAIM_PS] < 0:
            continue
        spot = count
        while (
            spot > 0 and m[replica_at(m, waiting[spot - 1]) + at.R_CLAIM_PS] > m[replica_at(m, member) + at.R_CLAIM_PS]
        ):
            waiting[spot] = waiting[spot - 1]
            spot -= 1
        waiting[spot] = member
        count += 1
    for spot in range(count):
        replica = replica_at(m, waiting[spot])
        clear = True
        for place in range(m[replica + at.R_RIVAL], m[replica + at.R_RIVAL_END]):
            rival = replica_at(m, m[place])
            clear = clear and not m[rival + at.R_RUNNING] and not m[rival + at.R_AHEAD]
        m[replica + (at.R_RUNNING if clear else at.R_AHEAD)] = 1
    for spot in range(count):
        replica = replica_at(m, waiting[spot])
        if m[replica + at.R_AHEAD]:
            m[replica + at.R_AHEAD] = 0
        else:
            m[replica + at.R_CLAIM_PS] = -1
            make_ready(m, waiting[spot])


@compiled
def _look(m: Ints, number: int) -> None:
    """Let a group's claims be looked at when all else of this picosecond has happened."""
    group = group_at(m, number)
    if m[group + at.K_ASKED]:
        return
    for place in range(m[group + at.K_MEMBER], m[group + at.K_MEMBER_END]):
        if m[replica_at(m, m[place]) + at.R_CLAIM_PS] >= 0:
            m[group + at.K_ASKED] = 1
            push(m, m[at.H_NOW], at.CLAIM_PHASE | number, 0, at.CLAIMS, number, 0, 0, -1, -1)
            return
