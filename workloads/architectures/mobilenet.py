"""MobileNetV2 for 224 x 224 images (arXiv 1801.04381, table 2, width 1.0).

Layers are named as in torchvision's state_dict, so that its weights fit. Dropout, which changes nothing at inference,
is left out.
"""

from pillarsim.workloads.architectures.graph import Graph
from pillarsim.workloads.network import Activation, Network

__all__ = ["mobilenet_v2"]

# (expansion, channels, blocks, stride of the first): table 2
_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_RELU6 = (("low", 0.0), ("high", 6.0))


def mobilenet_v2() -> Network:
    """MobileNetV2: 3 504 872 parameters with batch norm."""
    graph = Graph("mobilenet_v2", (3, 224, 224))
    _convolved(graph, "features.0", 32, 3, stride=2)
    index = 1
    for expansion, channels, blocks, stride in _BLOCKS:
        for number in range(blocks):
            _inverted(graph, f"features.{index}", expansion, channels, stride if number == 0 else 1)
            index += 1
    _convolved(graph, f"features.{index}", 1280, 1)
    graph.global_average("avgpool")
    graph.linear("classifier.1", 1000)
    return graph.network()


def _inverted(graph: Graph, name: str, expansion: int, outputs: int, stride: int) -> None:
    """An inverted residual block: 1 x 1 to more channels, 3 x 3 of each channel alone, 1 x 1 to fewer, linear."""
    taken, inputs = graph.at, graph.shape[0]
    wide, part = inputs * expansion, 0
    if expansion != 1:
        _convolved(graph, f"{name}.conv.{part}", wide, 1)
        part += 1
    _convolved(graph, f"{name}.conv.{part}", wide, 3, stride=stride, groups=wide)
    graph.conv(f"{name}.conv.{part + 1}", outputs, 1, bias=False)
    found = graph.batch_norm(f"{name}.conv.{part + 2}")
    if stride == 1 and inputs == outputs:
        graph.residual(f"{name}.add", taken, found)


def _convolved(graph: Graph, name: str, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
    """A convolution without bias, its batch norm and ReLU6."""
    graph.conv(f"{name}.0", outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    graph.batch_norm(f"{name}.1")
    graph.add(Activation(f"{name}.2", "clip", _RELU6))
