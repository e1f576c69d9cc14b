"""Multi-resBind: which RNA-binding proteins bind a stretch of RNA (Zhao and Hamada, BMC Bioinformatics 22:554, 2021).

After the authors' published code: a convolution, one residual block of four dilated convolutions, average pooling and
two fully connected layers. One-dimensional convolutions are those over maps (C, 1, L). Dropout, which changes nothing
at inference, is left out. The flat vector runs channel by channel here, position by position in Keras: the weights of
the first fully connected layer are in another order.
"""

from pillarsim.workloads.architectures.graph import Graph
from pillarsim.workloads.network import Activation, AvgPool2d, Flatten, Network

__all__ = ["multi_resbind"]

_FILTERS = 96  # of every convolution
_KERNEL, _RESIDUAL_KERNEL, _DILATIONS = 11, 3, (1, 2, 4, 8)
_POOL = 10
_HIDDEN = 256  # units of the first fully connected layer
_EPSILON = 1e-3  # of batch norm, Keras


def multi_resbind(labels: int = 27, channels: int = 8, length: int = 150) -> Network:
    """The network for `labels` proteins (27, 21 and 11 in the paper) and inputs (channels, 1, length).

    channels: 4 of the sequence, 4 of the region, and 2 or 6 of the structure: 8, 10 or 14 in the paper.
    27 labels and 8 channels: 494 619 weights and biases, 18 231 552 multiply-accumulates.
    """
    graph = Graph("multi-resbind", (channels, 1, length))
    _convolved(graph, "conv1", _KERNEL, 1)
    taken = graph.relu("relu1")
    for index, dilation in enumerate(_DILATIONS):
        if index:
            graph.relu(f"res.relu{index}")
        _convolved(graph, f"res.conv{index + 1}", _RESIDUAL_KERNEL, dilation)
    graph.residual("res.add", taken, graph.at)
    graph.relu("res.relu")
    graph.add(AvgPool2d("pool", (1, _POOL), (1, _POOL)))
    graph.add(Flatten("flatten"))
    graph.linear("dense", _HIDDEN, bias=False)
    graph.batch_norm("dense.norm", _EPSILON)
    graph.relu("dense.relu")
    graph.linear("output", labels)
    graph.add(Activation("sigmoid", "sigmoid"))
    return graph.network(metric="macro ROC-AUC")


def _convolved(graph: Graph, name: str, kernel: int, dilation: int) -> None:
    """A convolution without bias that keeps the length, and its batch norm."""
    padding = (0, dilation * (kernel - 1) // 2)
    graph.conv(name, _FILTERS, (1, kernel), padding=padding, dilation=(1, dilation), bias=False)
    graph.batch_norm(f"{name}.norm", _EPSILON)
