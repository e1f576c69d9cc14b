"""Architectures: published counts, and values held against modules built from torch's own parts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pillarsim.workloads.architectures import ARCHITECTURES, multi_resbind, resnet18, squeezenet1_0
from pillarsim.workloads.catalogue import layer_parameters
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.drawn import drawn
from pillarsim.workloads.forward import forward, forward_layers, tensors
from pillarsim.workloads.network import BatchNorm, Conv2d, Linear, Network, parameters
from pillarsim.workloads.topology import load_network
from tests.near import near

# Parameters with norms and multiply-accumulates of matrix layers, as published with torchvision and timm. SqueezeNet
# and the transformer's MACs are counted by hand below.
PUBLISHED = {
    "alexnet": (61_100_840, 714_188_480),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet50": (25_557_032, 4_089_184_256),
    "vgg16": (138_357_544, 15_470_264_320),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name: str) -> None:
    """Parameters and MACs are the published ones; 1000 classes come out of 224 x 224 pixels."""
    network = ARCHITECTURES[name].build()
    assert sum(layer_parameters(layer) for layer in network.layers) == PUBLISHED[name][0]
    assert network.macs == PUBLISHED[name][1]
    assert (network.name, network.input_shape, network.shapes[-1]) == (name, (3, 224, 224), (1000,))
    assert not network.trained


def test_vision_transformer_counts() -> None:
    """DeiT-Ti: the published parameters; MACs of its fully connected layers by hand, attention apart."""
    network = ARCHITECTURES["vit_tiny"].build()
    assert sum(layer_parameters(layer) for layer in network.layers) == 5_717_416
    block = 192 * 576 + 192 * 192 + 2 * 192 * 768
    assert network.macs == 12 * 197 * block + 196 * 192 * 768 + 192_000


def test_squeezenet_counts() -> None:
    """SqueezeNet v1.0: 1 248 424 weights and biases; maps of 111, 55, 27 and 13 pixels."""
    network = squeezenet1_0()
    assert network.weights == 1_248_424
    shapes = {layer.name: shape for layer, shape in zip(network.layers, network.shapes, strict=True)}
    assert [shapes[name][1] for name in ("conv1", "fire2.concat", "fire5.concat", "conv10")] == [111, 55, 27, 13]


@pytest.mark.parametrize(
    ("labels", "channels", "keras", "macs"),
    [
        (27, 8, 497_563, 18_231_552),
        (21, 8, 496_021, None),
        (11, 8, 493_451, None),
        (27, 14, 503_899, 19_181_952),
        (27, 10, 499_675, 18_548_352),
    ],
)
def test_multi_resbind_totals(labels: int, channels: int, keras: int, macs: int | None) -> None:
    """The totals of the published models: Keras counts 2 944 numbers of batch norm with the weights and biases."""
    network = multi_resbind(labels, channels)
    norms = sum(a.size for x in network.layers if isinstance(x, BatchNorm) for a in parameters(x).values())
    assert norms == 2_944
    assert network.weights + norms == keras
    assert macs is None or network.macs == macs
    assert network.shapes[-1] == (labels,)


def test_multi_resbind_of_the_first_row() -> None:
    """27 labels, 8 channels: 494 619 weights and biases, 27 of them biases; other lengths make other dense rows."""
    network = multi_resbind()
    assert network.weights == 494_619
    assert sum(x.bias.size for x in network.layers if isinstance(x, Conv2d | Linear) and x.has_bias) == 27
    short = {x.name: x for x in multi_resbind(19, 4, 101).layers}["dense"]
    assert isinstance(short, Linear)
    assert short.weight.shape == (256, 10 * 96)


def state_of(network: Network) -> dict[str, Tensor]:
    """The parameters under the names of a torch state_dict."""
    norms = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
    kinds = {layer.name: layer for layer in network.layers}
    found = {}
    for key, value in tensors(network).items():
        name, _, part = key.rpartition(".")
        layer = kinds[name]
        if part == "bias" and isinstance(layer, Conv2d | Linear) and not layer.has_bias:
            continue
        found[f"{name}.{norms.get(part, part)}"] = value
    return found


def with_statistics(network: Network) -> Network:
    """The network with batch norms that do something."""
    stream = np.random.default_rng(5)
    layers = []
    for layer in network.layers:
        if isinstance(layer, BatchNorm):
            size = layer.gamma.size
            gamma, variance = stream.uniform(0.5, 1.5, (2, size))
            beta, mean = stream.normal(0, 0.3, (2, size))
            layer = replace(layer, gamma=gamma, beta=beta, mean=mean, variance=variance)
        layers.append(layer)
    return Network(network.name, network.input_shape, tuple(layers), None, wires=network.wires, trained=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut, as He et al. draw it."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """See `nn.Module`."""
        inner: Tensor = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(inner + self.downsample(x))


def test_residual_network_against_torch() -> None:
    """ResNet-18 equals the same network of torch modules, its parameters carried over by their published names."""
    module = nn.Sequential()
    module.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
    module.add_module("bn1", nn.BatchNorm2d(64))
    module.add_module("relu", nn.ReLU())
    module.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
    inputs = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        first = BasicBlock(inputs, width, 1 if stage == 1 else 2)
        module.add_module(f"layer{stage}", nn.Sequential(first, BasicBlock(width, width, 1)))
        inputs = width
    module.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
    module.add_module("flatten", nn.Flatten())
    module.add_module("fc", nn.Linear(512, 1000))
    network = with_statistics(drawn(resnet18(), 3))
    missing = module.load_state_dict(state_of(network), strict=False)
    assert not missing.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = module.eval()(image), forward(network, image)
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_inverted_residual_against_torch() -> None:
    """The third block of MobileNetV2 (expanded, stride 1, its input added) equals torch modules."""
    network = with_statistics(drawn(ARCHITECTURES["mobilenet_v2"].build(), 3))
    state = state_of(network)
    block = nn.Sequential(
        nn.Sequential(nn.Conv2d(24, 144, 1, bias=False), nn.BatchNorm2d(144), nn.ReLU6()),
        nn.Sequential(nn.Conv2d(144, 144, 3, 1, 1, groups=144, bias=False), nn.BatchNorm2d(144), nn.ReLU6()),
        nn.Conv2d(144, 24, 1, bias=False),
        nn.BatchNorm2d(24),
    ).eval()
    prefix = "features.3.conv."
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    block.load_state_dict(own, strict=False)
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        outputs = {layer.name: value for layer, value in forward_layers(network, image)}
        taken = outputs["features.2.conv.3"]
        expected = taken + block(taken)
    assert float((outputs["features.3.add"] - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_transformer_block_against_torch() -> None:
    """The first block of DeiT-Ti equals torch's encoder layer, and its input is [class token, patches] + positions."""
    network = drawn(ARCHITECTURES["vit_tiny"].build(), 3)
    named = tensors(network)
    layer = nn.TransformerEncoderLayer(
        192, 3, 768, dropout=0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )
    names = {
        "self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj.": "attn.proj.",
        "linear1.": "mlp.fc1.", "linear2.": "mlp.fc2.",
    }  # fmt: skip
    own = {a + part: named[f"blocks.0.{b}{part}"] for a, b in names.items() for part in ("weight", "bias")}
    layer.load_state_dict(own, strict=False)
    image = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        outputs = {layer.name: value for layer, value in forward_layers(network, image)}
        patches = (
            nn.functional.unfold(image, 16, stride=16).transpose(1, 2)
            @ named["patch_embed.proj.weight"].view(192, -1).T
        )
        token = named["cls_token.value"].expand(2, 1, 192)
        embedded = torch.cat([token, patches], 1) + named["pos_embed.value"]
        expected = layer.train()(outputs["embed"])  # eval would take another, fused path
    assert float((outputs["embed"] - embedded).abs().max()) < 1e-4
    assert float((outputs["blocks.0.add2"] - expected).abs().max()) < 1e-4 * float(expected.abs().max())


def test_fire_against_torch() -> None:
    """fire2 of SqueezeNet is [1 x 1, 3 x 3] of the squeezed channels, side by side."""
    network = drawn(squeezenet1_0(), 3)
    named = tensors(network)
    image = torch.randn(1, 3, 227, 227, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        outputs = {layer.name: value for layer, value in forward_layers(network, image)}
        conv = nn.functional.conv2d
        squeezed = torch.relu(conv(outputs["conv1.pool"], named["fire2.squeeze.weight"]))
        wide = [
            torch.relu(conv(squeezed, named[f"fire2.expand{k}x{k}.weight"], padding=k // 2)) for k in (1, 3)
        ]  # fmt: skip
    torch.testing.assert_close(outputs["fire2.concat"], torch.cat(wide, 1), rtol=1e-5, atol=1e-5)


def test_multi_resbind_against_torch() -> None:
    """The residual block and the pooling equal one-dimensional torch layers with 'same' padding."""
    network = with_statistics(drawn(multi_resbind(), 3))
    named = tensors(network)
    x = torch.rand(2, 8, 1, 150, generator=torch.Generator().manual_seed(1))

    def step(name: str, values: Tensor, dilation: int) -> Tensor:
        weight = named[f"{name}.weight"][:, :, 0]
        values = nn.functional.conv1d(values, weight, padding="same", dilation=dilation)
        mean, variance, gamma, beta = (named[f"{name}.norm.{p}"] for p in ("mean", "variance", "gamma", "beta"))
        return nn.functional.batch_norm(values, mean, variance, gamma, beta, eps=1e-3)

    with torch.inference_mode():
        taken = torch.relu(step("conv1", x[:, :, 0], 1))
        values = step("res.conv1", taken, 1)
        for index, dilation in ((2, 2), (3, 4), (4, 8)):
            values = step(f"res.conv{index}", torch.relu(values), dilation)
        pooled = nn.functional.avg_pool1d(torch.relu(values + taken), 10)
        outputs = {layer.name: value for layer, value in forward_layers(network, x)}
    torch.testing.assert_close(outputs["pool"][:, :, 0], pooled, rtol=1e-4, atol=1e-5)
    assert 0 <= float(outputs["sigmoid"].min()) <= float(outputs["sigmoid"].max()) <= 1


def test_trained_squeezenet_names_photographs(data_dir: Path) -> None:
    """With the published weights at least half of 50 photographs get their class, of 1000 (62.4 % are stated)."""
    network = load_network("squeezenet1_0", data_dir=data_dir)
    photographs = load_dataset("imagenet-samples", "test", data_dir=data_dir)
    assert (network.trained, network.dataset) == (True, "imagenet-samples")
    with torch.inference_mode():
        found = forward(network, torch.from_numpy(photographs.images)).argmax(1).numpy()
    assert 0.5 <= float((found == photographs.labels).mean()) <= 0.8


def test_squeezenet_without_published_weights(tmp_path: Path) -> None:
    """Without the file the weights are drawn, and nobody calls them trained."""
    for folder in (None, tmp_path):
        network = load_network("squeezenet1_0", data_dir=folder)
        assert (network.trained, network.dataset) == (False, None)


def test_drawn_weights_have_the_variance_of_he() -> None:
    """Standard deviation sqrt(2 / fan-in), mean 0; biases zero; norms neutral."""
    network = drawn(resnet18(), 0)
    for layer in network.layers:
        if isinstance(layer, Conv2d | Linear):
            count, fan = layer.weight.size, math.prod(layer.weight.shape[1:])
            sigma = math.sqrt(2 / fan)
            # five standard errors of a mean and of a standard deviation
            assert abs(float(layer.weight.mean())) < 5 * sigma / math.sqrt(count)
            assert float(layer.weight.std()) == near(sigma, rel=5 / math.sqrt(2 * count))
            assert not layer.bias.any()
        if isinstance(layer, BatchNorm):
            assert layer.gamma.all()
            assert not layer.mean.any()


def test_a_draw_depends_on_seed_network_and_layer_alone() -> None:
    """Equal seeds give equal weights; the layer's own stream is untouched by what stands before it."""
    first, again, other = (drawn(multi_resbind(), seed) for seed in (0, 0, 1))
    assert first.digest == again.digest != other.digest
    wider = {layer.name: layer for layer in drawn(multi_resbind(channels=14), 0).layers}
    for layer in first.layers:
        if isinstance(layer, Conv2d) and layer.name != "conv1":
            same = wider[layer.name]
            assert isinstance(same, Conv2d)
            np.testing.assert_array_equal(layer.weight, same.weight)


def test_large_weights_exist_once() -> None:
    """A blank network takes no memory for its weights; a drawn one holds its own array, read-only."""
    blank = ARCHITECTURES["vgg16"].build()
    linears = [layer for layer in blank.layers if isinstance(layer, Linear)]
    assert all(layer.weight.strides == (0, 0) for layer in linears)
    weight = np.ones((3, 4), np.float32)
    weight.flags.writeable = False
    assert Linear("fc", weight, np.zeros(3, np.float32)).weight is weight
