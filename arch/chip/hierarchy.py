"""Levels of the chip and the parts they hold: chip > tile > [macro > ...] > array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pillarsim.arch.chip.base import Section
from pillarsim.arch.units import Bandwidth, Size, TimeOrZero

Copies = Annotated[int, Field(ge=1)]


class Part(Section):
    """`count` instances of a component card in each instance of its level, or one shared by several."""

    component: str = Field(description="Name of a card in configs/components")
    count: int = Field(default=1, ge=1, le=1_000_000)
    shared_by: int = Field(default=1, ge=1, le=1_000_000, description="Instances of the level that share one part")

    @model_validator(mode="after")
    def _one_of(self) -> Part:
        if self.count > 1 and self.shared_by > 1:
            raise ValueError("shared_by: expected either count or shared_by, not both")
        return self

    @property
    def per_level(self) -> float:
        """Instances for each instance of the level."""
        return self.count / self.shared_by


class Router(Section):
    """A mesh router that serves 1, 2 or 4 tiles (1x1, 2x1, 2x2)."""

    component: str = Field(description="Name of a card in configs/components")
    shared_by: Literal[1, 2, 4] = Field(default=1, description="Tiles that share one router")

    @property
    def per_level(self) -> float:
        """Routers for each tile."""
        return 1 / self.shared_by


class Buffer(Section):
    """A memory: one port serves one access of `width` bits a cycle."""

    component: str = Field(description="Card: fixed size (ISAAC's eDRAM) or a table over sizes (CACTI SRAM)")
    size: Size
    width: int = Field(ge=1, description="Bits an access")
    ports: int = Field(default=1, ge=1)


class Bus(Section):
    """Wires between a level's buffer and its arrays: `width` bits a clock cycle."""

    component: str
    width: int = Field(ge=1, description="Bits a cycle")


# role -> what it does in a run; each role stands exactly once in the hierarchy, the optional ones at most once
ROLES: dict[str, str] = {
    "shift_add": "adds each conversion into its output, shifted by input bit and slice",
    "input_register": "holds a window's inputs beside the arrays",
    "output_register": "holds a window's outputs on their way to the buffer",
    "adder": "merges partial sums of row blocks and rescales them to output codes",
    "activation": "applies ReLU and its kin to output codes",
    "pooling": "one comparison or addition of a pooling window",
    "lookup": "looks up sigmoid, GELU, exponentials and their kin in a table",
    "multiplier": "multiplies activations with one another or with constants",
}
OPTIONAL_ROLES = ("lookup", "multiplier")  # a chip without them refuses the operators that need them


class Level(Section):
    """A macro (a tile has more): `arrays`, or a nested `macro`, and the parts beside them."""

    count: int = Field(default=1, ge=1)
    arrays: int | None = Field(default=None, ge=1, description="Arrays in this level, where no macro is nested")
    macro: Level | None = None
    bus: Bus | None = None
    shift_add: Part | None = None
    input_register: Part | None = None
    output_register: Part | None = None
    adder: Part | None = None
    activation: Part | None = None
    pooling: Part | None = None
    lookup: Part | None = None
    multiplier: Part | None = None
    extra: dict[str, Part] = Field(default={}, description="Further parts, name -> part; they cost area and leakage")

    @model_validator(mode="after")
    def _content(self) -> Level:
        if (self.arrays is None) == (self.macro is None):
            raise ValueError("arrays: expected either arrays or a nested macro")
        return self

    @property
    def arrays_per_level(self) -> int:
        """Arrays in one instance of this level."""
        return self.arrays if self.macro is None else self.macro.count * self.macro.arrays_per_level  # type: ignore[return-value]

    def chain(self) -> Iterator[Level]:
        """Yield this level and those nested in it, outermost first."""
        yield self
        if self.macro is not None:
            yield from self.macro.chain()


class TileGrid(Section):
    """Tiles of the mesh."""

    x: int = Field(ge=1, le=1024)
    y: int = Field(ge=1, le=1024)

    @property
    def total(self) -> int:
        """Tiles."""
        return self.x * self.y


class Tile(Level):
    """A tile: a node of the mesh with its own buffer."""

    count: TileGrid  # type: ignore[assignment]
    buffer: Buffer

    @model_validator(mode="after")
    def _roles(self) -> Tile:
        levels = list(self.chain())
        for role in (*ROLES, "bus"):
            found = sum(getattr(level, role) is not None for level in levels)
            if found > 1 or (found == 0 and role not in OPTIONAL_ROLES):
                times = "at most" if role in OPTIONAL_ROLES else "exactly"
                raise ValueError(f"{role}: expected in {times} one of tile and its macros, found {found}")
        return self


class Mesh(Section):
    """Mesh of routers, X first then Y; a router serves the tiles that share it.

    1, 2 or 4 tiles share one, as blocks of 1x1, 2x1 or 2x2.
    """

    link_width: int = Field(ge=1, description="Bits a flit; a link moves one flit a clock cycle")
    header_bits: int = Field(default=0, ge=0, description="Bits a packet carries beside its payload")
    router: Router
    router_latency: TimeOrZero = Field(description="Of a flit through one router")
    link: str = Field(description="Card of the wires between routers; energy goes with their length")


class OffChip(Section):
    """The link to the outside, at the mesh's node (0, 0)."""

    component: str
    bandwidth: Bandwidth
    latency: TimeOrZero


class Mapping(Section):
    """Choices of the compiler."""

    replicas: Copies | Literal["balanced"] | dict[str, Copies] = Field(
        default=1,
        description="Copies of each layer, or layer name -> copies; balanced: the least pipeline bottleneck",
    )
    array_budget: int | None = Field(
        default=None, ge=1, description="Arrays that balanced replicas may take; default: all of the chip"
    )
    share_arrays: bool = Field(
        default=False, description="Whether small matrices share arrays, on rows and columns of their own"
    )
    reload: bool = Field(
        default=False, description="Whether a network larger than the chip is cut into parts, programmed in turn"
    )
    calibration_samples: int = Field(default=256, ge=1, description="Training images for scales and ranges")
    placement: Literal["row", "snake", "traffic"] = Field(
        default="snake",
        description="Order in which tiles are filled; traffic: moved to shorten the network's ways",
    )

    @model_validator(mode="after")
    def _budget(self) -> Mapping:
        if self.array_budget is not None and self.replicas != "balanced":
            raise ValueError("array_budget: expected only with replicas 'balanced'")
        return self

    @property
    def balanced(self) -> bool:
        """Whether the compiler chooses the copies."""
        return self.replicas == "balanced"

    def replicas_of(self, layer: str) -> int:
        """Copies of `layer` as asked for; the least, 1, where the compiler chooses."""
        if isinstance(self.replicas, dict):
            return self.replicas.get(layer, 1)
        return 1 if isinstance(self.replicas, str) else self.replicas
