"""A network under construction: layers are added one after the other, shapes and wires follow.

Parameters are neutral and take no memory: zeros, batch and layer norm with unit scale and variance.
"""

from dataclasses import replace

import numpy as np

from pillarsim.workloads.layer_checks import Floats
from pillarsim.workloads.network import (
    INPUT,
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Relu,
    Shape,
    output_shape,
)

__all__ = ["Graph", "constant"]


def constant(value: float, *shape: int) -> Floats:
    """One number as an array of `shape` that takes no memory, read-only."""
    return np.broadcast_to(np.float32(value), shape)


class Graph:
    """Layers so far. `at`: name of the last one, which the next takes unless it names its sources."""

    def __init__(self, name: str, input_shape: Shape) -> None:
        self.name, self.input_shape, self.at = name, input_shape, INPUT
        self.layers: list[Layer] = []
        self.wires: dict[str, tuple[str, ...]] = {}
        self.shapes: dict[str, Shape] = {INPUT: input_shape}

    @property
    def shape(self) -> Shape:
        """Output shape of the last layer."""
        return self.shapes[self.at]

    def add(self, layer: Layer, *sources: str) -> str:
        """Add a layer that takes `sources`, or the last one; returns its name."""
        taken = sources or (self.at,)
        self.shapes[layer.name] = output_shape(layer, *(self.shapes[name] for name in taken))
        return self._append(layer, sources)

    def source(self, layer: Layer) -> str:
        """Add a layer that takes nothing, a constant; returns its name."""
        self.shapes[layer.name] = output_shape(layer)
        return self._append(layer, ())

    def _append(self, layer: Layer, sources: tuple[str, ...]) -> str:
        if sources and sources != (self.at,):
            self.wires[layer.name] = sources
        self.layers.append(layer)
        self.at = layer.name
        return layer.name

    def conv(
        self,
        name: str,
        outputs: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        bias: bool = True,
        source: str | None = None,
    ) -> str:
        """A convolution of the last layer, or of `source`."""
        taken = source or self.at
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        pads = (padding, padding) if isinstance(padding, int) else padding
        weight = constant(0, outputs, self.shapes[taken][0] // groups, *size)
        layer = Conv2d(
            name, weight, constant(0, outputs), (stride, stride), pads, dilation, groups, None, bias
        )  # fmt: skip
        return self.add(layer, taken)

    def linear(self, name: str, features: int, *, bias: bool = True) -> str:
        """A fully connected layer of the last one."""
        weight = constant(0, features, self.shape[-1])
        return self.add(Linear(name, weight, constant(0, features), None, bias))

    def batch_norm(self, name: str, epsilon: float = 1e-5) -> str:
        """A batch norm that changes nothing (but for epsilon)."""
        ones, zeros = constant(1, self.shape[0]), constant(0, self.shape[0])
        return self.add(BatchNorm(name, ones, zeros, zeros, ones, epsilon))

    def layer_norm(self, name: str, epsilon: float) -> str:
        """A layer norm of unit scale, without shift."""
        return self.add(LayerNorm(name, constant(1, self.shape[-1]), constant(0, self.shape[-1]), epsilon))

    def relu(self, name: str) -> str:
        """max(x, 0)."""
        return self.add(Relu(name))

    def global_average(self, name: str) -> str:
        """The mean of each channel, flat."""
        size = (self.shape[1], self.shape[2])
        self.add(AvgPool2d(name, size, size))
        return self.add(Flatten(f"{name}.flatten"))

    def residual(self, name: str, first: str, second: str) -> str:
        """The sum of two branches."""
        return self.add(Add(name), first, second)

    def network(self, dataset: str | None = None, metric: str = "top-1 accuracy") -> Network:
        """The network, not trained."""
        made = Network(self.name, self.input_shape, tuple(self.layers), dataset, metric, dict(self.wires))
        return replace(made, trained=False)
