"""What updates of a layer's synapses did, as one row of integers and one of conductances; sums over calls add up.

Integers (COUNTS,)
    REQUESTS        requests to the arbitration; a slot of a train is one
    SETS, RESETS    pulses that raised, lowered the conductance of a device
    VERIFIES        reads of single devices
    ROW_PULSES      pulses on word lines, a line's whole length counted as one line
    COLUMN_PULSES   pulses on bit lines, likewise (a synapse has one bit line a device)
    UP_SLOTS, DOWN_SLOTS   update pulses one after another in time: slots of trains towards higher and lower weights
                    (outer products), slots of SET and of RESET pulses (one synapse after another)
    SAMPLES         outer products done (pairs of an input and an error vector)
Conductances (SUMS,) in siemens
    PULSED_S        of pulsed devices, summed over their pulses, before each
    ROW_HALF_S, COLUMN_HALF_S   of the other devices on pulsed word lines and on pulsed bit lines, summed over pulses;
                    off by what devices move within a phase of trains (outer products) or a call (requests)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REQUESTS, SETS, RESETS, VERIFIES, ROW_PULSES, COLUMN_PULSES, UP_SLOTS, DOWN_SLOTS, SAMPLES = range(9)
COUNTS = 9
PULSED_S, ROW_HALF_S, COLUMN_HALF_S = range(3)
SUMS = 3

Counts = NDArray[np.int64]
Sums = NDArray[np.float64]


def no_counts() -> tuple[Counts, Sums]:
    """Counts and sums of nothing, to be added to."""
    return np.zeros(COUNTS, np.int64), np.zeros(SUMS)


def half_selected(
    scheme: str, counts: Counts, sums: Sums, rows: int, columns: int, total_s: float
) -> tuple[int, float]:
    """Return the pulses over half-selected devices of a layer and the conductance summed over them, in siemens.

    rows, columns: word lines and bit lines (all devices of all synapses) that the layer takes; total_s: conductance of
    all its devices. Schemes as in `devices.halfselect`: half pulses the rest of both lines, ground that of the word
    lines, third every device that is not selected, isolated none. No conductance is below 0. Raises ValueError for an
    unknown scheme.
    """
    pulses = int(counts[SETS] + counts[RESETS])
    on_rows = int(counts[ROW_PULSES]) * columns - pulses
    on_columns = int(counts[COLUMN_PULSES]) * rows - pulses
    slots = int(counts[UP_SLOTS] + counts[DOWN_SLOTS])
    match scheme:
        case "isolated":
            return 0, 0.0
        case "half":
            return on_rows + on_columns, max(0.0, float(sums[ROW_HALF_S] + sums[COLUMN_HALF_S]))
        case "ground":
            return on_rows, max(0.0, float(sums[ROW_HALF_S]))
        case "third":
            return slots * rows * columns - pulses, max(0.0, slots * total_s - float(sums[PULSED_S]))
    raise ValueError(f"unknown bias scheme {scheme!r}")
