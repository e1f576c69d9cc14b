"""The array under study: a circuit `spec` with the array's own voltage, scheme and bits read at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pillarsim.arch.chip import Array
from pillarsim.arch.chip.load import LoadedChip
from pillarsim.arch.chip.located import located
from pillarsim.arch.circuit.spec import array_spec
from pillarsim.arch.errors import InputError
from pillarsim.arch.units import show_quantity
from pillarsim.devices.circuits import CircuitError
from pillarsim.devices.circuits.bias import SCHEMES
from pillarsim.devices.circuits.cells import read_cell
from pillarsim.devices.circuits.layout import cell_shape

ASSUMED_WRITE_V = 2.0  # V, of an array whose write voltage is not known; assumed, as the shipped chips write


@dataclass(frozen=True)
class Source:
    """An array and its own values of the axes.

    spec: geometry, wires, cell and selector of a case; layers is None of a planar array; write_v sets the default
    limit of disturb, `write_source` says where it comes from.
    """

    name: str
    kind: str
    digest: str
    spec: dict[str, Any]
    layers: int | None
    rows: int
    columns: int
    voltage_v: float
    scheme: str
    bits: int
    write_v: float
    write_source: str

    @property
    def operation(self) -> str:
        """What its voltage does: `read`, or `write` of a case with `op: write`."""
        return "write" if self.spec.get("op") == "write" else "read"

    @property
    def vertical(self) -> bool:
        """Whether the array has layers."""
        return self.layers is not None


def chip_source(loaded: LoadedChip) -> Source:
    """Return the array of a chip, wires at the chip's temperature, in the bias scheme of its writes.

    Raises InputError for a 1T1R array, whose cells are never half-selected.
    """
    chip = loaded.chip
    if chip.array.access.device == "transistor":
        raise located(InputError(_isolated(chip.array)), loaded)
    return Source(
        name=loaded.name,
        kind="chip",
        digest=loaded.digest,
        spec=array_spec(chip.array, chip.technology.temperature),
        layers=chip.array.layers if chip.array.geometry == "vertical" else None,
        rows=chip.array.rows,
        columns=chip.array.columns,
        voltage_v=chip.array.read_voltage,
        scheme=chip.write.scheme,
        bits=1,
        write_v=chip.write.voltage,
        write_source="write.voltage of the chip",
    )


def case_source(name: str, spec: dict[str, Any]) -> Source:
    """Return the array of a memory case. Its stored states and its selected cells are not part of the study.

    Raises InputError for a compute case, a negative voltage and what the circuit refuses.
    """
    try:
        shape = cell_shape(spec)
        cell = read_cell(spec)
    except CircuitError as error:
        raise InputError(f"{name}: {error}") from None
    if spec.get("mode") != "memory":
        raise InputError(f"{name}: mode: expected 'memory' (a read or a write), found {spec.get('mode')!r}")
    if cell.g_lrs is None or cell.g_hrs is None:
        raise InputError(f"{name}: cell: expected g_lrs and g_hrs")
    volts, scheme = spec.get("v"), spec.get("scheme")
    if isinstance(volts, bool) or not isinstance(volts, int | float) or not 0 < volts < float("inf"):
        raise InputError(f"{name}: v: expected a voltage above 0, found {volts!r}")
    if scheme not in SCHEMES:
        raise InputError(f"{name}: scheme: expected one of {', '.join(SCHEMES)}, found {scheme!r}")
    chosen = spec.get("sel_cols", [0])
    written = spec.get("op") == "write"
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), default=str)
    return Source(
        name=name,
        kind="case",
        digest=hashlib.sha256(text.encode()).hexdigest(),
        spec=spec,
        layers=shape[0] if len(shape) > 2 else None,
        rows=int(spec["rows"]),
        columns=int(spec["cols"]),
        voltage_v=float(volts),
        scheme=str(scheme),
        bits=len(chosen) if isinstance(chosen, list) and chosen else 1,
        write_v=float(volts) if written else ASSUMED_WRITE_V,
        write_source="v of the case, a write" if written else "assumed",
    )


def _isolated(array: Array) -> str:
    off = array.access.off_current
    cells = array.rows - 1
    return (
        "array.access.device: expected 'none': behind access transistors no cell is half-selected and bias schemes do "
        f"not apply. Such an array leaks its off-current: {cells} off cells a bit line x {show_quantity(off, 'A')} = "
        f"{show_quantity(cells * off, 'A')} a bit read"
    )
