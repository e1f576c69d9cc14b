"""Architectures built by functions, where a topology file would be long: their names and what they are.

Their parameters are neutral; `workloads.drawn` draws random ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pillarsim.workloads.architectures.mobilenet import mobilenet_v2
from pillarsim.workloads.architectures.multi_resbind import multi_resbind
from pillarsim.workloads.architectures.plain import alexnet, vgg16
from pillarsim.workloads.architectures.resnet import resnet18, resnet50
from pillarsim.workloads.architectures.squeezenet import squeezenet1_0
from pillarsim.workloads.architectures.vit import vit_tiny
from pillarsim.workloads.network import Network

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "alexnet",
    "mobilenet_v2",
    "multi_resbind",
    "resnet18",
    "resnet50",
    "squeezenet1_0",
    "vgg16",
    "vit_tiny",
]


@dataclass(frozen=True)
class Architecture:
    """What makes a network, and one line about it."""

    build: Callable[[], Network]
    about: str


ARCHITECTURES: dict[str, Architecture] = {
    "alexnet": Architecture(alexnet, "AlexNet of one tower, ImageNet"),
    "mobilenet_v2": Architecture(mobilenet_v2, "MobileNetV2 of width 1.0, ImageNet"),
    "multi-resbind": Architecture(multi_resbind, "RNA-binding proteins, 27 labels, 8 channels of 150"),
    "resnet18": Architecture(resnet18, "ResNet-18, ImageNet"),
    "resnet50": Architecture(resnet50, "ResNet-50, ImageNet"),
    "squeezenet1_0": Architecture(squeezenet1_0, "SqueezeNet v1.0, ImageNet"),
    "vgg16": Architecture(vgg16, "VGG-16 without batch norm, ImageNet"),
    "vit_tiny": Architecture(vit_tiny, "Vision transformer DeiT-Ti, ImageNet"),
}
