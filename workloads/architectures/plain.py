"""Chains of convolutions and fully connected layers for 224 x 224 images: AlexNet and VGG-16.

Layers are named as in torchvision's state_dict, so that its weights fit. Adaptive pooling changes nothing at 224 x 224
and dropout nothing at inference: both are left out.
"""

from pillarsim.workloads.architectures.graph import Graph
from pillarsim.workloads.network import Flatten, MaxPool2d, Network

__all__ = ["alexnet", "vgg16"]

# channels of the 3 x 3 convolutions, "M" for max pooling: configuration D of arXiv 1409.1556, table 1
_VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
# (channels, kernel, stride, padding) and whether max pooling follows: arXiv 1404.5997, section 5, one tower
_ALEXNET = (
    ((64, 11, 4, 2), True), ((192, 5, 1, 2), True), ((384, 3, 1, 1), False), ((256, 3, 1, 1), False),
    ((256, 3, 1, 1), True),
)  # fmt: skip


def alexnet() -> Network:
    """AlexNet of one tower: 61 100 840 weights and biases."""
    graph = Graph("alexnet", (3, 224, 224))
    index = 0
    for (channels, kernel, stride, padding), pooled in _ALEXNET:
        graph.conv(f"features.{index}", channels, kernel, stride=stride, padding=padding)
        graph.relu(f"features.{index + 1}")
        if pooled:
            graph.add(MaxPool2d(f"features.{index + 2}", (3, 3), (2, 2)))
        index += 3 if pooled else 2
    return _classified(graph, (1, 4, 6), (2, 5))


def vgg16() -> Network:
    """VGG-16 without batch norm: 138 357 544 weights and biases."""
    graph = Graph("vgg16", (3, 224, 224))
    index = 0
    for step in _VGG16:
        if isinstance(step, int):
            graph.conv(f"features.{index}", step, 3, padding=1)
            graph.relu(f"features.{index + 1}")
            index += 2
        else:
            graph.add(MaxPool2d(f"features.{index}", (2, 2), (2, 2)))
            index += 1
    return _classified(graph, (0, 3, 6), (1, 4))


def _classified(graph: Graph, layers: tuple[int, int, int], rectified: tuple[int, int]) -> Network:
    """Three fully connected layers, with ReLU after the first two."""
    graph.add(Flatten("flatten"))
    for index, relu in zip(layers, rectified, strict=False):
        graph.linear(f"classifier.{index}", 4096)
        graph.relu(f"classifier.{relu}")
    graph.linear(f"classifier.{layers[-1]}", 1000)
    return graph.network()
