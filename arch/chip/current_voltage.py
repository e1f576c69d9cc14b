"""How a cell's current rises with voltage, as a chip file states it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import Length, Voltage, VoltageOrZero
from pillarsim.devices.current_voltage import Law, Linear, Polynomial, PooleFrenkel, Shaped, Sinh

STEEPEST = 200  # largest exponent of a law: beyond, its numbers mean nothing (assumed)
LAW_K = 300.0  # K, temperature of a curve's shape, and of a card's states where it says nothing; assumed


class CurrentVoltage(Section):
    """How a cell's current rises with voltage. The voltage of an amplitude input is linear in its code.

    linear         I = G V
    sinh           I = G V0 sinh(V / V0), V0 = `voltage`
    poole_frenkel  I = G V exp(sqrt(V / Vpf)), Vpf = (k T / q)^2 pi `thickness` `permittivity` eps0 / q at T = 300 K
    polynomial     I = G V + NL2(G) V^2 + NL3(G) V^3 of HfO2, 50 to 225 uS, up to 0.5 V (Milo et al., IRPS 2021)

    Left out: how the law's shape changes with the chip's temperature.
    """

    model: Literal["linear", "sinh", "poole_frenkel", "polynomial"] = "linear"
    voltage: Voltage | None = Field(default=None, description="V0 of the sinh law")
    permittivity: Annotated[float, Field(ge=1, le=1000)] | None = Field(
        default=None, description="poole_frenkel only: dynamic permittivity of the film, relative to vacuum"
    )
    thickness: Length | None = Field(default=None, description="poole_frenkel only: thickness of the film")
    stated_at: VoltageOrZero = Field(
        default=0.0,
        description="sinh and poole_frenkel: the voltage at which lrs and hrs hold; 0: the slope at 0 V",
    )

    @model_validator(mode="after")
    def _consistent(self) -> CurrentVoltage:
        if (self.model == "sinh") != (self.voltage is not None):
            raise ValueError("voltage: expected exactly where model is 'sinh'")
        for name in ("permittivity", "thickness"):
            if (self.model == "poole_frenkel") != (getattr(self, name) is not None):
                raise ValueError(f"{name}: expected exactly where model is 'poole_frenkel'")
        if self.stated_at and self.model not in ("sinh", "poole_frenkel"):
            raise ValueError("stated_at: expected only with model 'sinh' or 'poole_frenkel'")
        if self.stated_at > self.limit_v:
            raise ValueError(f"stated_at: expected {self.limit_text}, found {self.stated_at:g} V")
        return self

    @property
    def law(self) -> Law:
        """The device law."""
        if self.model == "polynomial":
            return Polynomial()
        return self._shaped

    @property
    def _shaped(self) -> Shaped:
        """The law's shape; of the polynomial, which has none for all conductances, the linear one."""
        if self.voltage is not None:
            return Sinh(self.voltage)
        if self.permittivity is not None and self.thickness is not None:
            return PooleFrenkel(self.permittivity, self.thickness)
        return Linear()

    @property
    def limit_v(self) -> float:
        """Voltage beyond which a law's numbers mean nothing; infinite where no exponent limits it."""
        if self.voltage is not None:
            return STEEPEST * self.voltage
        shape = self._shaped
        return STEEPEST**2 * shape.field_v(LAW_K) if isinstance(shape, PooleFrenkel) else math.inf

    @property
    def limit_text(self) -> str:
        """The limit in words, for messages."""
        if self.voltage is not None:
            return f"at most {STEEPEST} times array.cell.iv.voltage ({self.voltage:g} V)"
        return f"at most {self.limit_v:.4g} V, where the law's exponent is {STEEPEST}"

    def rise(self, volts: float) -> float:
        """Conductance I / V at `volts` over the slope at 0 V, of any cell; 1 of polynomial cells, which differ."""
        return 1.0 if volts == 0 else float(self._shaped.rise(volts, LAW_K))
