"""Residual networks for 224 x 224 images: ResNet-18 and ResNet-50 (arXiv 1512.03385, table 1).

Layers are named as in torchvision's state_dict, so that its weights fit. As there, a bottleneck block takes its stride
in the 3 x 3 convolution ("v1.5"), which the paper has in the first 1 x 1.
"""

from collections.abc import Callable

from pillarsim.workloads.architectures.graph import Graph
from pillarsim.workloads.network import MaxPool2d, Network

__all__ = ["resnet18", "resnet50"]

_WIDTHS = (64, 128, 256, 512)  # channels of the four stages, table 1
# (graph, name of the block, width, stride)
Block = Callable[[Graph, str, int, int], None]


def resnet18() -> Network:
    """ResNet-18: 11 689 512 parameters with batch norm."""
    return _resnet("resnet18", (2, 2, 2, 2), _basic)


def resnet50() -> Network:
    """ResNet-50: 25 557 032 parameters with batch norm."""
    return _resnet("resnet50", (3, 4, 6, 3), _bottleneck)


def _resnet(name: str, depths: tuple[int, ...], block: Block) -> Network:
    graph = Graph(name, (3, 224, 224))
    _convolved(graph, "conv1", "bn1", 64, 7, stride=2, padding=3)
    graph.relu("relu")
    graph.add(MaxPool2d("maxpool", (3, 3), (2, 2), (1, 1)))
    for stage, (width, depth) in enumerate(zip(_WIDTHS, depths, strict=True), 1):
        for index in range(depth):
            block(graph, f"layer{stage}.{index}", width, 2 if stage > 1 and index == 0 else 1)
    graph.global_average("avgpool")
    graph.linear("fc", 1000)
    return graph.network()


def _basic(graph: Graph, name: str, width: int, stride: int) -> None:
    """Two 3 x 3 convolutions."""
    taken = graph.at
    _convolved(graph, f"{name}.conv1", f"{name}.bn1", width, 3, stride=stride, padding=1)
    graph.relu(f"{name}.relu1")
    _convolved(graph, f"{name}.conv2", f"{name}.bn2", width, 3, padding=1)
    _joined(graph, name, taken, stride)


def _bottleneck(graph: Graph, name: str, width: int, stride: int) -> None:
    """1 x 1 to `width`, 3 x 3, 1 x 1 to four times as many channels."""
    taken = graph.at
    _convolved(graph, f"{name}.conv1", f"{name}.bn1", width, 1)
    graph.relu(f"{name}.relu1")
    _convolved(graph, f"{name}.conv2", f"{name}.bn2", width, 3, stride=stride, padding=1)
    graph.relu(f"{name}.relu2")
    _convolved(graph, f"{name}.conv3", f"{name}.bn3", 4 * width, 1)
    _joined(graph, name, taken, stride)


def _joined(graph: Graph, name: str, taken: str, stride: int) -> None:
    """The block's input added, through a 1 x 1 convolution where the shapes differ, and ReLU."""
    found = graph.at
    if graph.shapes[taken] != graph.shapes[found]:
        outputs = graph.shapes[found][0]
        down = f"{name}.downsample"
        taken = _convolved(graph, f"{down}.0", f"{down}.1", outputs, 1, stride=stride, source=taken)
    graph.residual(f"{name}.add", found, taken)
    graph.relu(f"{name}.relu")


def _convolved(
    graph: Graph, name: str, norm: str, outputs: int, kernel: int, *,
    stride: int = 1, padding: int = 0, source: str | None = None,
) -> str:  # fmt: skip
    """A convolution without bias and its batch norm."""
    graph.conv(name, outputs, kernel, stride=stride, padding=padding, bias=False, source=source)
    return graph.batch_norm(norm)
