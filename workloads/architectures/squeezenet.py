"""SqueezeNet v1.0 for 227 x 227 images (arXiv 1602.07360, table 1).

Input: channels blue, green, red of 0 to 255 minus 104, 117, 123. The classifier is the last convolution with ReLU,
averaged over its positions; softmax, which keeps the order of the classes, and dropout are left out.
"""

from pillarsim.workloads.architectures.graph import Graph
from pillarsim.workloads.network import Concat, MaxPool2d, Network

__all__ = ["TENSORS", "squeezenet1_0"]

# squeeze channels, and channels of each of the two kinds of expand filters, of fire2 to fire9: table 1
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
_POOLED = ("conv1", "fire4", "fire8")  # max pooling follows, table 1

# name of a layer's part here -> in the file of published weights
TENSORS = {"squeeze": "conv1x1_1", "expand1x1": "conv1x1_2", "expand3x3": "conv3x3_2", "conv10": "conv_final"}


def squeezenet1_0() -> Network:
    """SqueezeNet v1.0: 1 248 424 weights and biases."""
    graph = Graph("squeezenet1_0", (3, 227, 227))
    graph.conv("conv1", 96, 7, stride=2)
    graph.relu("relu1")
    _pooled(graph, "conv1")
    for number, (squeeze, expand) in enumerate(_FIRES, 2):
        _fire(graph, f"fire{number}", squeeze, expand)
        _pooled(graph, f"fire{number}")
    graph.conv("conv10", 1000, 1)
    graph.relu("relu10")
    graph.global_average("pool10")
    return graph.network()


def _fire(graph: Graph, name: str, squeeze: int, expand: int) -> None:
    """1 x 1 to few channels; from there 1 x 1 and 3 x 3 side by side."""
    graph.conv(f"{name}.squeeze", squeeze, 1)
    squeezed = graph.relu(f"{name}.relu")
    graph.conv(f"{name}.expand1x1", expand, 1)
    first = graph.relu(f"{name}.relu1x1")
    graph.conv(f"{name}.expand3x3", expand, 3, padding=1, source=squeezed)
    second = graph.relu(f"{name}.relu3x3")
    graph.add(Concat(f"{name}.concat"), first, second)


def _pooled(graph: Graph, name: str) -> None:
    if name in _POOLED:
        graph.add(MaxPool2d(f"{name}.pool", (3, 3), (2, 2)))
