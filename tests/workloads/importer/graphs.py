"""Small ONNX graphs, node by node, and what ONNX Runtime makes of them."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from pillarsim.workloads.forward import forward
from pillarsim.workloads.importer import import_network
from pillarsim.workloads.network import Network

Floats = npt.NDArray[np.float32]


class GraphMaker:
    """Nodes one after another; the input is "x", weights are drawn from a seed."""

    def __init__(self, shape: tuple[int, ...], opset: int = 17, batch: int | str = "N", seed: int = 0) -> None:
        self.shape = shape
        self.batch = batch
        self.opset = opset
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.draw = np.random.default_rng(seed)

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """One node; the name of its output, or the names of several."""
        number = len(self.nodes)
        names = [f"{kind.lower()}{number}" + (f"_{k}" if outputs > 1 else "") for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind.lower()}{number}", **attributes))
        return names[0] if outputs == 1 else names

    def numbers(self, values: Any, kind: type = np.float32) -> str:
        """A constant with these values."""
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def normal(self, *shape: int) -> str:
        """A weight drawn from a normal distribution whose variance is one over its fan-in."""
        return self.numbers(self.draw.normal(size=shape) / max(1.0, np.sqrt(np.prod(shape[1:]))))

    def integers(self, *values: int) -> str:
        """A constant of integers, as shapes and axes are."""
        return self.numbers(values, np.int64)

    def conv(self, source: str, weight: tuple[int, ...], **attributes: Any) -> Any:
        """A convolution with bias."""
        return self.add("Conv", source, self.normal(*weight), self.normal(weight[0]), **attributes)

    def batch_norm(self, source: str, channels: int) -> Any:
        """Batch norm with drawn statistics."""
        mean, variance = self.draw.normal(size=channels), self.draw.uniform(0.5, 2, size=channels)
        arrays = [self.normal(channels), self.normal(channels), self.numbers(mean), self.numbers(variance)]
        return self.add("BatchNormalization", source, *arrays, epsilon=1e-3)

    def linear(self, source: str, outputs: int, inputs: int) -> Any:
        """A Gemm with the weight as torch keeps it."""
        return self.add("Gemm", source, self.normal(outputs, inputs), self.normal(outputs), transB=1)

    def model(self, output: str | list[str], kind: int = TensorProto.FLOAT) -> Any:
        """The model with one output or several."""
        names = [output] if isinstance(output, str) else output
        graph = helper.make_graph(
            self.nodes,
            "graph",
            [helper.make_tensor_value_info("x", kind, [self.batch, *self.shape])],
            [helper.make_tensor_value_info(name, kind, None) for name in names],
            self.weights,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=3 if self.opset < 9 else 10)

    def save(self, folder: Path, output: str | list[str]) -> Path:
        """The model as a file."""
        path = folder / "model.onnx"
        model = self.model(output)
        if model.ir_version < 4:  # weights are inputs as well
            for weight in model.graph.initializer:
                model.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
        onnx.save(model, path)
        return path


def runtime(path: Path, images: Floats) -> Floats:
    """What ONNX Runtime makes of images."""
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": images})[0])


def agrees(path: Path, samples: int = 3, one_by_one: bool = False, low: float = -2.0) -> Network:
    """Import a file and compare the float forward pass with ONNX Runtime to 1e-5 of the largest output."""
    network = import_network(path)
    drawn = np.random.default_rng(1).uniform(low, 2, size=(samples, *network.input_shape)).astype(np.float32)
    if one_by_one:
        expected = np.concatenate([runtime(path, drawn[k : k + 1]) for k in range(samples)])
    else:
        expected = runtime(path, drawn)
    found = forward(network, torch.tensor(drawn)).numpy()
    assert found.shape == expected.shape
    assert np.ptp(expected) > 0
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    assert difference < 1e-5
    return network
