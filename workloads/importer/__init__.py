"""Importing trained models: ONNX files, `torch.export` programs and torch modules become a `Network`.

Every model is read for one sample, a batch of 1, in evaluation; weights become float32. Left out: recurrent layers,
control flow, several inputs or outputs, shapes that depend on the values, quantised models.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from pillarsim.arch.errors import InputError, nearest
from pillarsim.workloads.network import Network

if TYPE_CHECKING:
    import torch

__all__ = ["SUFFIXES", "WEIGHTS_ALONE", "import_network"]

SUFFIXES = (".onnx", ".pt2")
WEIGHTS_ALONE = (".pt", ".pth", ".safetensors", ".bin", ".ckpt")  # what such files often hold


def import_network(
    source: str | Path | torch.nn.Module, *, input_shape: tuple[int, ...] | None = None, name: str | None = None
) -> Network:
    """The network of an ONNX file (.onnx), a saved `torch.export` program (.pt2) or a torch module.

    input_shape: one sample without the batch; needed for a module, and for files whose sizes are open.
    name: of the network; None: the file's stem, or the module's class.
    Its dataset is None; its weights count as trained. Raises InputError, in one line that names file and node, for a
    model that cannot be read or that holds what no operator of the set computes.
    """
    if input_shape is not None and not all(isinstance(size, int) and size > 0 for size in input_shape):
        raise InputError(f"input_shape: expected integers of at least 1, the shape of one sample, found {input_shape}")
    if not isinstance(source, str | Path):
        from pillarsim.workloads.importer.torch_program import from_module

        if input_shape is None:
            raise InputError(f"{type(source).__name__}: a module needs input_shape, the shape of one sample")
        return from_module(source, input_shape, name or type(source).__name__)
    path = Path(source)
    if path.suffix.lower() not in SUFFIXES:
        hint = ""
        if path.suffix.lower() in WEIGHTS_ALONE:
            hint = "; weights alone have no graph: export the model with torch.export or torch.onnx"
        close = nearest(path.suffix, SUFFIXES)
        raise InputError(f"{path}: expected a file that ends in {' or '.join(SUFFIXES)}{close}{hint}")
    if not path.is_file():
        if path.exists():
            raise InputError(f"{path}: not a file")
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file{nearest(path.name, beside)}")
    if path.suffix.lower() == ".pt2":
        from pillarsim.workloads.importer.torch_program import from_file

        return from_file(path, input_shape, name or path.stem)
    if importlib.util.find_spec("onnx") is None:
        raise InputError(f"{path}: reading ONNX files needs the package onnx: pip install 'pillarsim[onnx]'")
    from pillarsim.workloads.importer.onnx_graph import from_onnx

    return from_onnx(path, input_shape, name or path.stem)
