"""Single operators of torch and small groups of them, against torch itself."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pillarsim.arch.errors import InputError
from pillarsim.workloads.forward import forward
from pillarsim.workloads.importer import import_network

torch.manual_seed(5)
ROW, MATRIX, SQUARE = torch.randn(5), torch.randn(5, 3), torch.randn(6, 6)
MASK = torch.rand(6, 5) > 0.5


class Behind(nn.Module):
    """A function behind a convolution that gives (4, 6, 5)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.function = nn.Conv2d(2, 4, 3, padding=1), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def written_norm(x: Tensor) -> Tensor:
    """Layer norm with the inverse root of the variance."""
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + 1e-5) * ROW


def token_norm(x: Tensor) -> Tensor:
    """Batch norm where tokens of all samples stand in the first axis."""
    flat = x.permute(0, 2, 3, 1).reshape(-1, 4)
    mean, variance = ROW[:4], ROW[:4] ** 2 + 0.5
    return functional.batch_norm(flat, mean, variance, ROW[1:], ROW[:4]).view(x.shape[0], 30, 4)


CASES: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": lambda x: functional.elu(x, 0.6),
    "selu": functional.selu,
    "celu": lambda x: functional.celu(x, 0.7),
    "one slope": lambda x: functional.prelu(x, ROW[:1]),
    "relu6": functional.relu6,
    "sigmoid": torch.sigmoid,
    "largest": lambda x: torch.maximum(x, torch.tensor(0.1)),
    "positive part": lambda x: torch.maximum(torch.tensor(0.0), x),
    "smallest": lambda x: x.clamp(max=0.2),
    "minimum": lambda x: torch.minimum(x, torch.tensor(0.1)),
    "from below": lambda x: x.clamp(min=-0.1),
    "at zero": lambda x: x.clamp(min=0),
    "square": torch.square,
    "cube": lambda x: x**3,
    "negative": lambda x: 1 - 2 * (-x),
    "weighted sum": lambda x: torch.add(x, torch.relu(x), alpha=0.3),
    "weighted difference": lambda x: torch.sub(ROW, x, alpha=2),
    "written norm": written_norm,
    "norm without scale": lambda x: functional.layer_norm(x, (6, 5)),
    "token norm": token_norm,
    "softmax": lambda x: x.softmax(1),
    "product": lambda x: x @ MATRIX,
    "vector": lambda x: x @ ROW,
    "constant first": lambda x: SQUARE @ x,
    "batched product": lambda x: torch.bmm(x[:, 0], x[:, 1].transpose(1, 2)),
    "added product": lambda x: torch.addmm(ROW[:3], x.flatten(1)[:, :5], MATRIX, beta=0.5, alpha=2),
    "picked": lambda x: torch.index_select(x, 2, torch.tensor([4, 0, 1])),
    "stacked": lambda x: torch.stack([x[:, 1], x[:, 3]], 2),
    "chunks": lambda x: x.chunk(2, 1)[0] * x.chunk(2, 1)[1],
    "parts": lambda x: torch.cat(list(reversed(torch.split(x, 2, 3))), 3),
    "unbound": lambda x: x.unbind(2)[3] - x.unbind(2)[0],
    "turned": lambda x: x.movedim(1, 3).unsqueeze(1).squeeze(1),
    "unfolded": lambda x: torch.unflatten(x, 1, (2, 2)).transpose(1, 2).flatten(1, 2),
    "constant beside": lambda x: torch.cat([SQUARE[:, :5].expand(x.shape[0], 1, 6, 5), x], 1),
    "repeated": lambda x: x.mean(2, keepdim=True).expand(-1, -1, 3, -1) + x[:, :, :3],
    "sum of channels": lambda x: x.sum(1),
    "largest of a map": lambda x: x.amax((2, 3)),
    "mean of a sample": lambda x: x.mean((1, 2, 3)).unsqueeze(1),
    "chosen": lambda x: torch.where(MASK, x, torch.relu(-x)),
    "masked": lambda x: x.masked_fill(MASK, -2.0),
    "padded": lambda x: functional.pad(x, (1, 2, 0, 1), value=0.5),
    "mean of what is there": lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "mean of all": lambda x: functional.avg_pool2d(x, (2, 3), (2, 2), (1, 1), ceil_mode=True),
    "largest of a grid": lambda x: functional.adaptive_max_pool2d(x, (3, 1)),
    "masked attention": lambda x: functional.scaled_dot_product_attention(x, x, x, SQUARE, scale=0.4),
    "chosen attention": lambda x: functional.scaled_dot_product_attention(x, x, x, SQUARE > -1),
}


class All(nn.Module):
    """The results of all cases, flat and side by side; one export, which takes torch most of the time, for all."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        return torch.cat([function(x).flatten(1) for function in CASES.values()], 1)


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[Tensor, Tensor]]:
    """What the imported network and torch make of three samples, by case."""
    torch.manual_seed(6)
    model, images = All().eval(), torch.randn(3, 2, 6, 5)
    found = forward(import_network(model, input_shape=(2, 6, 5)), images)
    with torch.no_grad():
        values = model.layer(images)
        expected = [function(values).flatten(1) for function in CASES.values()]
    parts = torch.split(found, [part.shape[1] for part in expected], 1)
    return dict(zip(CASES, zip(parts, expected, strict=True), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_operator(case: str, results: dict[str, tuple[Tensor, Tensor]]) -> None:
    """To 1e-5 of the largest output of that operator."""
    found, expected = results[case]
    assert float(expected.max() - expected.min()) > 0
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5


BAD: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "reflection": (lambda x: functional.pad(x, (1, 1), "reflect"), "not supported"),
    "pool with dilation": (lambda x: functional.max_pool2d(x, 2, dilation=2), "pool with dilation"),
    "transposed": (lambda x: functional.conv_transpose2d(x, torch.ones(4, 2, 2, 2)), "transposed convolution"),
    "weights from values": (lambda x: functional.conv2d(x, x[:1]), "weight depends on the network's input"),
    "rounded": (lambda x: torch.div(x, 2, rounding_mode="floor"), "rounding"),
    "integers": (lambda x: x.to(torch.int32).float(), "activations cannot become torch.int32"),
    "two maxima": (lambda x: torch.maximum(x, -x), "one activation and a single number"),
    "many pieces": (lambda x: x.flatten(1)[:, torch.randperm(120)].flip(1), "not supported|pieces|random"),
    "comparison": (lambda x: (x == 0.5).float(), "no counterpart"),
    "joined samples": (lambda x: torch.cat([x, x], 0), "works across the batch"),
    "flat batch": (lambda x: x.flatten(), "first axis is not the batch"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_operator(case: str) -> None:
    """One error that names the node."""
    function, expected = BAD[case]
    with pytest.raises(InputError, match=expected) as caught:
        import_network(Behind(function), input_shape=(2, 6, 5))
    assert str(caught.value).startswith("Behind: ")
