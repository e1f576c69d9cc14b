"""Torch modules and exported programs, against torch itself."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pillarsim.arch.errors import InputError
from pillarsim.workloads.forward import forward
from pillarsim.workloads.importer import import_network
from pillarsim.workloads.network import Activation, Network


class Residual(nn.Module):
    """Two paths that meet, twice; batch norm with drawn statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8),
            nn.BatchNorm2d(8),
            nn.ReLU6(inplace=True),
            nn.Conv2d(8, 12, 1, stride=2),
        )
        self.short = nn.Conv2d(8, 12, 1, stride=2)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Any:
        x = functional.relu(self.norm(self.stem(x)))
        x = functional.relu(self.body(x) + self.short(x))
        x = functional.max_pool2d(functional.pad(x, (1, 0, 0, 1)), 3, 2, ceil_mode=True)
        return self.head(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


class Excite(nn.Module):
    """A gate a channel, the average with its own divisor, a mean over the map."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down, self.up = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x: Tensor) -> Any:
        x = functional.hardswish(self.first(x))
        gate = functional.hardsigmoid(self.up(functional.silu(self.down(x.mean((2, 3), keepdim=True)))))
        x = functional.avg_pool2d(gate * x, 3, 2, 1, ceil_mode=True, divisor_override=7)
        return x.mean((-1, -2))


class Fire(nn.Module):
    """Branches side by side, ceil_mode pools, adaptive pooling to a size that divides."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.squeeze = nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, 3, 1)
        self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 3, padding="same")

    def forward(self, x: Tensor) -> Any:
        x = functional.max_pool2d(functional.relu(self.first(x)), 3, 2, ceil_mode=True)
        x = self.squeeze(x)
        x = torch.cat([functional.elu(self.left(x)), functional.leaky_relu(self.right(x), 0.2)], 1)
        low, high = torch.split(functional.adaptive_avg_pool2d(x, (2, 4)), [4, 5], 1)
        return torch.cat([high.flatten(1), low.reshape(x.shape[0], -1)], 1)


class Vision(nn.Module):
    """Patches, a class token, position embedding, multi-head attention, the token's features."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token, self.place = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 10, 16))
        self.norm, self.attend = nn.LayerNorm(16), nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Linear(16, 7)

    def forward(self, x: Tensor) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        y = self.norm(x)
        return self.head((x + self.attend(y, y, y, need_weights=False)[0])[:, 0])


class Encoder(nn.Module):
    """A transformer's layer, batch norm over tokens, attention with the tokens first, the mean of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu", norm_first=True)
        self.norm, self.attend = nn.BatchNorm1d(5), nn.MultiheadAttention(16, 2)

    def forward(self, x: Tensor) -> Any:
        y = self.norm(self.layer(x)).transpose(0, 1)
        return self.attend(y, y, y)[0].transpose(0, 1).mean(1)


class Causal(nn.Module):
    """Attention where a token sees those before it, heads taken apart by hand."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.packed = nn.Linear(8, 24)
        self.register_buffer("mask", torch.tril(torch.ones(6, 6)) > 0)

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.packed(x).view(-1, 6, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        first = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = (q @ k.transpose(-1, -2)) / 2.0
        second = scores.masked_fill(~self.mask, float("-inf")).softmax(-1) @ v
        return (first * 0.7 + second).transpose(1, 2).flatten(2)


class Binary(nn.Module):
    """Signs between fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(20, 30, bias=False), nn.BatchNorm1d(30), nn.Linear(30, 4)

    def forward(self, x: Tensor) -> Any:
        return self.last(torch.sign(self.norm(self.first(x.flatten(1)))))


class Signals(nn.Module):
    """Conv1d as in sequence networks: dilation, pools, arithmetic with constants."""

    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(4, 8, 11, padding="same"), nn.BatchNorm1d(8)
        self.inner, self.slope = nn.Conv1d(8, 8, 3, padding=8, dilation=8), nn.PReLU(8)
        self.register_buffer("offset", torch.randn(8, 1))

    def forward(self, x: Tensor) -> Any:
        x = functional.relu(self.norm(self.first(2 * x - 1)))
        x = functional.avg_pool1d(self.slope(self.inner(x)) + x, 5, 3, padding=1)
        x = functional.max_pool1d(1.5 - (x - self.offset) / 3, 3, 2)
        return x[:, 1:-1, ::2].clamp(max=1.2).flatten(1)


class Norms(nn.Module):
    """A perceptron on features: layer norm, both forms of GELU, hardtanh, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(6, 10), nn.LayerNorm(10), nn.GELU(), nn.Linear(10, 10), nn.GELU(approximate="tanh"),
            nn.Dropout(), nn.Linear(10, 10), nn.Hardtanh(), nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 4),
            nn.Softmax(1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Any:
        return self.body(x)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual": (Residual, (3, 12, 12)),
    "excite": (Excite, (3, 10, 9)),
    "fire": (Fire, (3, 17, 33)),
    "vision": (Vision, (3, 12, 12)),
    "encoder": (Encoder, (5, 16)),
    "causal": (Causal, (6, 8)),
    "binary": (Binary, (1, 4, 5)),
    "signals": (Signals, (4, 60)),
    "norms": (Norms, (6,)),
}


def build(case: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A model with drawn weights and statistics, in training mode."""
    make, shape = MODELS[case]
    torch.manual_seed(3)
    model = make()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return model, shape


def agrees(network: Network, model: nn.Module) -> None:
    """The float forward pass is that of torch to 1e-5 of the largest output."""
    torch.manual_seed(4)
    images = torch.randn(3, *network.input_shape)
    was = model.training
    model.eval()
    with torch.no_grad():
        expected = model(images)
    model.train(was)
    found = forward(network, images)
    assert found.shape == expected.shape
    assert float(expected.max() - expected.min()) > 0
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("case", MODELS)
def test_module(case: str) -> None:
    """A module becomes a network that computes the same, and stays as it was."""
    model, shape = build(case)
    next(iter(model.children())).eval()
    before = copy.deepcopy(model.state_dict())
    modes = [part.training for part in model.modules()]
    network = import_network(model, input_shape=shape)
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert network.name == MODELS[case][0].__name__
    assert network.input_shape == shape
    agrees(network, model)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch about itself
@pytest.mark.parametrize(
    ("case", "form"),
    [
        ("residual", "fixed"),
        ("vision", "fixed"),
        ("residual", "batch of 4"),
        ("signals", "batch of 4"),
        ("vision", "open batch"),
        ("causal", "open batch"),
        ("residual", "basic operators"),
        ("vision", "basic operators"),
        ("excite", "basic operators"),
        ("norms", "basic operators"),
    ],
)
def test_saved_program(tmp_path: Path, case: str, form: str) -> None:
    """A saved program, also with an open or larger batch, and one that is written out in basic operators."""
    model, shape = build(case)
    model.eval()
    count = {"open batch": 2, "batch of 4": 4}.get(form, 1)
    dynamic = ({0: torch.export.Dim("batch")},) if form == "open batch" else None
    with torch.no_grad():
        program = torch.export.export(model, (torch.zeros(count, *shape),), dynamic_shapes=dynamic)
        if form == "basic operators":
            program = program.run_decompositions()
    torch.export.save(program, tmp_path / "model.pt2")
    network = import_network(tmp_path / "model.pt2")
    assert network.name == "model"
    agrees(network, model)


def test_names_follow_the_module() -> None:
    """Layers are called after the modules that hold their weights."""
    model, shape = build("residual")
    names = [layer.name for layer in import_network(model, input_shape=shape).layers]
    assert {"stem", "norm", "body.0", "body.1", "body.2", "body.3", "short", "head"} <= set(names)


def test_functions_stay_whole() -> None:
    """GELU, SiLU and their kin are one layer each."""
    model, shape = build("norms")
    network = import_network(model, input_shape=shape)
    functions = [layer.function for layer in network.layers if isinstance(layer, Activation)]
    assert functions == ["gelu", "gelu_tanh", "clip", "tanh"]


class Given(nn.Module):
    """A function as a module, behind a fully connected layer."""

    def __init__(self, function: Callable[..., Any], inputs: int = 1) -> None:
        super().__init__()
        self.function, self.inputs, self.layer = function, inputs, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        return self.function(self.layer(x))


BAD: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "operator": (lambda x: torch.cumsum(x, 1), r"node 'cumsum' \(cumsum\): operator 'cumsum' is not supported"),
    "log-softmax": (lambda x: functional.log_softmax(x, 1), "_log_softmax.*leave it out"),
    "largest class": (lambda x: x.argmax(1), "argmax.*leave it out"),
    "choice": (lambda x: torch.where(x > 0, x, -x), "'gt' is not supported.*use sign"),
    "quotient": (lambda x: x / (x * x + 1), "quotient of two activations"),
    "two outputs": (lambda x: (x, x + 1), "expected one output, found 2"),
    "mixed samples": (lambda x: x.softmax(0), "softmax works across the batch"),
    "noise": (lambda x: x + torch.randn(4), "random numbers"),
    "branch": (lambda x: x if x.sum() > 0 else -x, "torch.export cannot trace it"),
    "statistics": (lambda x: functional.instance_norm(x[:, None]), "not supported|statistics"),
    "wrong size": (lambda x: functional.adaptive_avg_pool1d(x[:, None], 3), "sizes that divide"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_modules(case: str) -> None:
    """One clear error, with the node where there is one."""
    function, expected = BAD[case]
    with pytest.raises(InputError, match=expected) as caught:
        import_network(Given(function), input_shape=(4,), name="mine")
    assert str(caught.value).startswith("mine: ")
    assert "\n" not in str(caught.value)


def test_module_without_shape_or_with_bad_weights() -> None:
    """A module needs input_shape; weights must be numbers."""
    model, shape = build("norms")
    with pytest.raises(InputError, match="Norms: a module needs input_shape"):
        import_network(model)
    with pytest.raises(InputError, match=r"Norms: torch.export cannot trace it for an input of \(1, 5\)"):
        import_network(model, input_shape=(5,))
    with torch.no_grad():
        next(model.parameters())[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"Norms: node 'linear' .*1 value\(s\) that are not finite"):
        import_network(model, input_shape=shape)


def test_bad_programs(tmp_path: Path) -> None:
    """Truncated or empty files, open sizes, several inputs, integers, training mode."""
    model, shape = build("residual")
    path = tmp_path / "model.pt2"

    def refused(match: str, **options: Any) -> None:
        with pytest.raises(InputError, match=match) as caught:
            import_network(path, **options)
        assert str(caught.value).startswith(str(path))

    training = torch.export.export(model.train(), (torch.zeros(2, *shape),))
    torch.export.save(training, path)
    refused(r"training mode.*call eval\(\)")
    model.eval()
    width = torch.export.Dim("width", min=8, max=64)
    plain = nn.Conv2d(3, 4, 3)
    opened = torch.export.export(plain, (torch.zeros(1, *shape),), dynamic_shapes=({3: width},))
    torch.export.save(opened, path)
    refused(r"axis 3 \(.*\) is dynamic; only the batch may be")
    refused(r"not \(3, 9, 9\) as asked for", input_shape=(3, 9, 9))
    assert import_network(path, input_shape=(3, 12, 16)).input_shape == (3, 12, 16)
    good = path.read_bytes()
    for length in (0, 1, 100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:length])
        refused("not a readable torch.export program")
    two = torch.export.export(_Sum(), (torch.zeros(1, 4), torch.zeros(1, 4)))
    torch.export.save(two, path)
    refused("expected one input, found 2")
    words = torch.export.export(nn.Embedding(5, 4), (torch.zeros(1, 4, dtype=torch.int64),))
    torch.export.save(words, path)
    refused("expected floating-point numbers, found torch.int64")


class _Sum(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y
