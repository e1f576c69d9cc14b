"""Parts of a chip that learns: arbitration counters, and beside each array what transposed reads and updates need.

    counter          three a chip: selection, potentiation, depression (rule 'binary' counts no requests: none)
    column_driver    one a bit line: it drives an error into the transposed array
    row_sample_hold  one an input, where outputs have a sample-and-hold: it holds what a transposed read gives
    pulse_generator  one a word-line electrode and one a bit line, with rule 'stochastic'
Converters are shared with forward reads. Left out: multiplexers that turn an array's lines round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pillarsim.arch.chip import Hardware
from pillarsim.arch.components.array_power import electrodes

COUNTERS = 3


@dataclass(frozen=True)
class LinePart:
    """A kind of part beside each array: its role, the chip's key that names its card, the card, how many an array."""

    role: str
    key: str
    card: str
    per_array: int


def line_parts(hardware: Hardware) -> Iterator[LinePart]:
    """Parts on the lines of each array; none on a chip that does not learn."""
    learning, array = hardware.learning, hardware.array
    if learning is None:
        return
    own = learning.column_driver
    key, card = ("input.driver.component", hardware.input.driver.component) if own is None else (
        "learning.column_driver", own
    )  # fmt: skip
    yield LinePart("column_driver", key, card, array.columns)
    if hardware.readout.sample_hold is not None:
        yield LinePart("row_sample_hold", "readout.sample_hold", hardware.readout.sample_hold, array.inputs)
    if learning.rule == "stochastic":
        lines = electrodes(array) + array.columns
        yield LinePart("pulse_generator", "learning.pulse_generator", learning.pulse_generator, lines)


def counters(hardware: Hardware) -> int:
    """Arbitration counters of the chip."""
    return 0 if hardware.learning is None or hardware.learning.rule == "binary" else COUNTERS
