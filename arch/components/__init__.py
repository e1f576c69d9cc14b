"""What a chip is made of and what it costs: cards -> parts at the chip's operating point -> energies and durations.

cards, library     what a card file says, and where it stands
card_costs         a card at the chip's node, supply and temperature
converter          the converter that the readout names
array_clock        the rhythm of the arrays; array_power: their lines, rails and read energy
peak_rates         how often each part acts at the chip's peak
build              every part of a chip -> Component
timing             every duration that the event model takes -> Timing
"""

from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.component import Component
from pillarsim.arch.components.timing import build_timing

__all__ = ["Component", "build_components", "build_timing"]
