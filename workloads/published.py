"""Published weights of an architecture, read from the data directory where it has them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pillarsim.arch.errors import InputError
from pillarsim.workloads.architectures.squeezenet import TENSORS
from pillarsim.workloads.layer_checks import Floats
from pillarsim.workloads.network import Conv2d, Layer, Network
from pillarsim.workloads.readers.common import data_folder, read_npz

__all__ = ["published_accuracy", "published_network"]


@dataclass(frozen=True)
class _Published:
    """A file of the data directory, the dataset of the same preparation, and the accuracy stated with the file."""

    file: Path
    dataset: str
    accuracy: float


_FILES = {
    # 62.4 % of 1000 sample images, top-1, as stated with the file
    "squeezenet1_0": _Published(Path("weights") / "squeezenet_v1.0_imagenet.npz", "imagenet-samples", 0.624),
}


def published_accuracy(name: str, data_dir: Path | None) -> tuple[str, float] | None:
    """(dataset, stated accuracy) of an architecture whose weights the data directory holds, else None."""
    return None if _path(name, data_dir) is None else (_FILES[name].dataset, _FILES[name].accuracy)


def published_network(network: Network, data_dir: Path | None) -> Network | None:
    """The network with its published weights, or None where there are none in the data directory.

    The file has `<layer>/W` and `<layer>/b` of every convolution. Raises InputError for a file that cannot be read, and
    for missing or misshapen arrays.
    """
    path = _path(network.name, data_dir)
    if path is None:
        return None
    held = read_npz(path)
    layers = tuple(_filled(layer, held, path) for layer in network.layers)
    return replace(network, layers=layers, dataset=_FILES[network.name].dataset, trained=True)


def _path(name: str, data_dir: Path | None) -> Path | None:
    folder = data_folder(data_dir)
    path = None if folder is None or name not in _FILES else folder / _FILES[name].file
    return path if path is not None and path.is_file() else None


def _filled(layer: Layer, held: Mapping[str, Floats], path: Path) -> Layer:
    if not isinstance(layer, Conv2d):
        return layer
    head, _, part = layer.name.rpartition(".")
    name = "/".join(filter(None, (head, TENSORS.get(part, part))))
    arrays = {}
    for key, expected in (("W", layer.weight), ("b", layer.bias)):
        found = held.get(f"{name}/{key}")
        if found is None or found.shape != expected.shape or found.dtype.kind != "f":
            what = "is missing" if found is None else f"is {found.dtype} of {found.shape}"
            raise InputError(f"{path}: array '{name}/{key}' {what}, expected floats of {expected.shape}")
        arrays[key] = found
    return replace(layer, weight=arrays["W"], bias=arrays["b"])
