"""What the compiler must know of a chip's circuits, in plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pillarsim.arch.placement import PlacedLayer, Placement, Stage

__all__ = ["Circuits", "LeastPixels", "stage_work_ps"]

# of a placement's stages, arrays aside: (stage, number of its input) -> pixels that it must be able to hold
LeastPixels: TypeAlias = Callable[[Placement], Mapping[tuple[int, int], int]]


@dataclass(frozen=True, eq=False)
class Circuits:
    """Times in picoseconds, widths in bits. The defaults count reads, and take no notice of buffers.

    read_ps           one read of one input chunk
    batch_ps          one converter's conversions behind a read
    sample_hold       the next read runs while the last one is converted
    analog_bits       chunks are summed before one conversion
    partial_sum_bits  of an output on its way to the tile where its row blocks are merged
    router_block      tiles that share a router, across and down
    least_pixels      what tile buffers must hold; None: buffers do not limit what a tile takes
    floor_ps          time of an image that copies of stages do not shorten; None: none
    """

    read_ps: int = 1
    batch_ps: int = 0
    sample_hold: bool = True
    analog_bits: bool = False
    partial_sum_bits: int = 32
    router_block: tuple[int, int] = (1, 1)
    least_pixels: LeastPixels | None = None
    floor_ps: Callable[[Placement], int] | None = None

    def window_ps(self, groups: int, chunks: int) -> int:
        """Steady time of one window of arrays with `groups` row groups and `chunks` chunks an input."""
        phase = self.read_ps * (chunks if self.analog_bits else 1)
        batches = groups * (1 if self.analog_bits else chunks)
        return batches * (max(phase, self.batch_ps) if self.sample_hold else phase + self.batch_ps)


def stage_work_ps(stage: Stage, layers: list[PlacedLayer] | tuple[PlacedLayer, ...], circuits: Circuits) -> int:
    """Time that one copy of a stage's arrays takes for an image; 0 of a digital operator.

    The layers of a grouped convolution work side by side: the slowest counts.
    """
    windows = [circuits.window_ps(layers[number].reads_per_chunk, layers[number].chunks) for number in stage.layers]
    return stage.windows * max(windows, default=0)
