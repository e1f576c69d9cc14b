"""Physics: cell models, array circuits, converters, wires, technology scaling and component costs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pillarsim.devices.cells import WriteRule
    from pillarsim.devices.circuits.case import solve
    from pillarsim.devices.circuits.effective import effective_matrices, effective_matrix
    from pillarsim.devices.circuits.errors import CircuitError
    from pillarsim.devices.device import Device
    from pillarsim.devices.ranges import OutOfRange

# Public name -> the module that defines it; loaded on first use, since circuits need scipy and devices torch.
_PUBLIC: dict[str, str] = {
    "CircuitError": "pillarsim.devices.circuits.errors",
    "Device": "pillarsim.devices.device",
    "OutOfRange": "pillarsim.devices.ranges",
    "WriteRule": "pillarsim.devices.cells",
    "effective_matrices": "pillarsim.devices.circuits.effective",
    "effective_matrix": "pillarsim.devices.circuits.effective",
    "solve": "pillarsim.devices.circuits.case",
}

__all__ = ["CircuitError", "Device", "OutOfRange", "WriteRule", "effective_matrices", "effective_matrix", "solve"]


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pillarsim.devices' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
