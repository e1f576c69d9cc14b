"""What time does to written cells: drift, relaxation, growing spread, and loss of the state."""

from pillarsim.devices.retention.drift import PowerLawDrift
from pillarsim.devices.retention.growth import SpreadGrowth
from pillarsim.devices.retention.interface import Reach, Retention
from pillarsim.devices.retention.loss import ArrheniusLoss
from pillarsim.devices.retention.relaxation import Relaxation

__all__ = ["ArrheniusLoss", "PowerLawDrift", "Reach", "Relaxation", "Retention", "SpreadGrowth"]
