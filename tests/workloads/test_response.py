"""Layers that compute with a cell's law: closed forms, limits, gradients, and their way through files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pillarsim.arch.errors import InputError
from pillarsim.devices.current_voltage import Polynomial, PooleFrenkel, Sinh
from pillarsim.workloads.forward import forward, tensors
from pillarsim.workloads.in_loop import Ranges, responds, with_cells, without_cells
from pillarsim.workloads.network import (
    AvgPool2d,
    CellLaw,
    CellResponse,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    Relu,
)
from pillarsim.workloads.topology import load_network, save_network
from tests.near import near

SINH = CellLaw("sinh", (("v0_v", 0.25),), 0.5, 1e-6, 9e-6)
FRENKEL = CellLaw("poole_frenkel", (("permittivity_relative", 22.0), ("thickness_m", 20e-9)), 0.5, 1e-6, 9e-6)
LINEAR = CellLaw("linear", (), 0.2, 1e-6, 9e-6)
SLOPES_S = (60e-6, 210e-6)  # of the polynomial cells at g_min and g_max


def polynomial() -> CellLaw:
    low, high = (float(Polynomial().current_a(slope, 0.5, 300.0)) / 0.5 for slope in SLOPES_S)
    return CellLaw("polynomial", (), 0.5, low, high)


LAWS = (LINEAR, SINH, FRENKEL, polynomial())


def one_cell(law: CellLaw, weight: float) -> Network:
    """One weight, on cells whose input 2.0 is the read voltage and whose weight 0.5 the highest conductance."""
    layer = Linear("fc", np.array([[weight]], np.float32), np.array([0.125], np.float32), CellResponse(law, 2.0, 0.5))
    return Network("one", (1,), (layer,), None)


def pair_current(law: CellLaw, share: float, weight_share: float) -> float:
    """(I(V, G+) - I(V, G-)) / (V_r (g_max - g_min)) of the device law, solved for G by bisection."""
    devices: dict[str, Callable[[float, float], float]] = {
        "linear": lambda g, v: g * v,
        "sinh": lambda g, v: float(Sinh(0.25).current_a(g, v, 300.0)),
        "poole_frenkel": lambda g, v: float(PooleFrenkel(22.0, 20e-9).current_a(g, v, 300.0)),
        "polynomial": lambda g, v: float(Polynomial().current_a(g, v, 300.0)),
    }
    current = devices[law.name]

    def slope(conductance_s: float) -> float:
        low, high = (50e-6, 225e-6) if law.name == "polynomial" else (1e-12, 1e-3)
        for _ in range(200):
            middle = (low + high) / 2
            if current(middle, law.read_voltage_v) < conductance_s * law.read_voltage_v:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    span = law.g_max_s - law.g_min_s
    raised, lowest = slope(law.g_min_s + abs(weight_share) * span), slope(law.g_min_s)
    volts = share * law.read_voltage_v
    difference = float(current(raised, volts) - current(lowest, volts))
    return math.copysign(difference, weight_share) / (law.read_voltage_v * span)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize(("x", "weight"), [(1.0, 0.3), (0.3, -0.45), (2.0, -0.2), (1.7, 0.013)])
def test_one_cell_is_the_closed_form(law: CellLaw, x: float, weight: float) -> None:
    """One pair gives s_w s_x times the difference of its two cells' currents, in shares of the full one."""
    found = forward(one_cell(law, weight), torch.tensor([[x]], dtype=torch.float64)).item()
    share = float(np.float32(weight)) / 0.5  # parameters are float32
    assert found == near(0.5 * 2.0 * pair_current(law, x / 2.0, share) + 0.125, rel=1e-7)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_full_inputs_are_products_and_ranges_clip(law: CellLaw) -> None:
    """At the input scale every law multiplies; beyond the ranges nothing more comes, below 0 nothing at all."""
    images = torch.tensor([[2.0], [5.0], [0.0], [-1.0]], dtype=torch.float64)
    inside = forward(one_cell(law, 0.4), images)[:, 0] - 0.125
    assert inside.tolist() == near([2 * float(np.float32(0.4))] * 2 + [0.0, 0.0], rel=1e-7)
    beyond = forward(one_cell(law, -3.0), images[:1])[0, 0] - 0.125
    assert beyond.item() == near(-1.0, rel=1e-7)


def small(response: CellResponse | None, seed: int = 0) -> Network:
    """A convolution with padding and two matrix layers behind it, of random weights within +-1."""
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float32]:
        return random.uniform(-1, 1, shape).astype(np.float32)

    layers = (
        Conv2d("conv", draw(3, 2, 3, 3), draw(3), (1, 1), (1, 1), response=response),
        Relu("relu1"),
        MaxPool2d("pool", (2, 2), (2, 2)),
        Flatten("flatten"),
        Linear("fc1", draw(5, 12), draw(5), response),
        Relu("relu2"),
        Linear("fc2", draw(4, 5), draw(4), response),
    )
    return Network("small", (2, 4, 4), layers, None)


def test_a_linear_law_is_the_plain_network() -> None:
    """With ranges that clip nothing, linear cells compute the network's products."""
    images = torch.rand(6, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    plain, cells = small(None), small(CellResponse(LINEAR, 1e3, 1.0))
    assert forward(cells, images).flatten().tolist() == near(forward(plain, images).flatten().tolist(), rel=1e-5)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_gradients_are_finite_differences(law: CellLaw) -> None:
    """Autograd through inputs and weights of every law agrees with central differences, float64."""
    network = small(CellResponse(law, 2.0, 1.5))
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 2, 4, 4, generator=generator, dtype=torch.float64).requires_grad_()
    named = {name: tensor.double().requires_grad_() for name, tensor in tensors(network).items()}
    mix = torch.rand(4, generator=generator, dtype=torch.float64)

    def total() -> torch.Tensor:
        return (forward(network, image, named)[0] * mix).sum()

    total().backward()  # type: ignore[no-untyped-call]
    # A step of 1e-5 rarely leaves a piece of the weights' table, and neighbours have nearly the same slope.
    for tensor in (image, *named.values()):
        assert tensor.grad is not None
        flat, slopes = tensor.detach().view(-1), tensor.grad.view(-1)
        for place in range(0, len(flat), max(len(flat) // 4, 1)):
            before = flat[place].item()
            ends = []
            for step in (1e-5, -1e-5):
                flat[place] = before + step
                ends.append(total().item())
            flat[place] = before
            assert slopes[place].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=2e-4, abs=1e-6)


def test_black_inputs_have_finite_gradients() -> None:
    """Poole-Frenkel's square root has no slope at 0 V; inputs of 0 still give numbers."""
    image = torch.zeros(1, 1, requires_grad=True)
    forward(one_cell(FRENKEL, 0.4), image).sum().backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_a_steep_law_overflows_nowhere() -> None:
    """A sinh whose current float32 could not hold gives shares of it all the same."""
    law = CellLaw("sinh", (("v0_v", 0.005),), 1.0, 1e-6, 9e-6)
    values = forward(one_cell(law, 0.5), torch.linspace(0, 2, 11)[:, None])
    assert torch.isfinite(values).all()
    assert values[-1].item() == near(1.125)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (CellLaw("sihn", (), 0.5, 1e-6, 2e-6), "unknown cell law 'sihn'.*sinh"),
        (CellLaw("sinh", (), 0.5, 1e-6, 2e-6), r"expected the parameters \['v0_v'\], found \[\]"),
        (CellLaw("sinh", (("v0_v", -1.0),), 0.5, 1e-6, 2e-6), "v0_v: expected above 0"),
        (CellLaw("sinh", (("v0_v", 1e-4),), 0.5, 1e-6, 2e-6), "cell law 'sinh'"),
        (CellLaw("polynomial", (), 0.7, 60e-6, 200e-6), "voltage of the polynomial law"),
        (CellLaw("polynomial", (), 0.2, 10e-6, 200e-6), "cell law 'polynomial'.*50 to 225 uS"),
    ],
)
def test_laws_that_do_not_exist(law: CellLaw, message: str) -> None:
    """An unknown law, wrong parameters and numbers beyond a fit are refused by name."""
    with pytest.raises(NetworkError, match=message):
        with_cells(small(None), law, np.ones((1, 2, 4, 4), np.float32))


def test_numbers_of_a_law_and_a_response() -> None:
    """Ranges upside down and scales of nothing are refused."""
    with pytest.raises(NetworkError, match="0 < g_min < g_max"):
        CellLaw("linear", (), 0.2, 2e-6, 1e-6)
    with pytest.raises(NetworkError, match="parameters must be finite"):
        CellLaw("sinh", (("v0_v", math.nan),), 0.2, 1e-6, 2e-6)
    with pytest.raises(NetworkError, match="input_scale must be a finite number above 0"):
        CellResponse(LINEAR, 0.0, 1.0)


def test_ranges_come_from_the_network() -> None:
    """The input scale is a percentile of what arrives at a layer, the weight scale one of its weights."""
    network = small(None)
    images = np.random.default_rng(5).uniform(0, 1, (20, 2, 4, 4)).astype(np.float32)
    placed = with_cells(network, SINH, images, Ranges(90.0, 100.0, 2.0))
    assert responds(placed)
    assert not responds(network)
    first = placed.layers[0]
    assert isinstance(first, Conv2d)
    assert first.response is not None
    assert first.response.input_scale == near(float(np.percentile(images, 90)))
    assert first.response.weight_scale == near(2 * float(np.abs(first.weight).max()))
    # The second layer's inputs are those that the first one's cells give.
    head = Network("head", (2, 4, 4), placed.layers[:3], None)
    second = placed.layers[4]
    assert isinstance(second, Linear)
    assert second.response is not None
    arriving = forward(head, torch.from_numpy(images)).numpy()
    assert second.response.input_scale == near(float(np.percentile(arriving, 90)))
    assert without_cells(placed).digest == network.digest != placed.digest


def test_negative_inputs_have_no_voltage() -> None:
    """A layer whose inputs fall below 0 cannot stand on cells with a response."""
    with pytest.raises(NetworkError, match=r"layer 'conv'.*found -0.5"):
        with_cells(small(None), SINH, np.full((1, 2, 4, 4), -0.5, np.float32))
    with pytest.raises(NetworkError, match=r"layer 'conv': its inputs or its weights"):
        with_cells(small(None), SINH, np.zeros((1, 2, 4, 4), np.float32))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_saved_networks_come_back(tmp_path: Path, law: CellLaw) -> None:
    """Topology, parameters and response come back exactly, tiny numbers included."""
    network = small(CellResponse(law, 1e-05, 1 / 3))
    layers = (*network.layers[:3], AvgPool2d("mean", (2, 2), (1, 1)), *network.layers[3:4])
    mixed = replace(
        network,
        name='a "quoted" name',
        layers=(*layers, Linear("out", np.ones((2, 3), np.float32), np.zeros(2, np.float32))),
    )
    for each in (network, mixed):
        save_network(each, tmp_path / "saved.yaml")
        back = load_network(tmp_path / "saved.yaml")
        assert (back.digest, back.name, back.dataset) == (each.digest, each.name, each.dataset)
        assert [getattr(layer, "response", None) for layer in back.layers] == [
            getattr(layer, "response", None) for layer in each.layers
        ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["saved.safetensors", "saved.yaml"]


def test_save_refuses_other_names(tmp_path: Path) -> None:
    """The file is YAML, its dataset one that can be loaded."""
    with pytest.raises(InputError, match=r"ends in \.yaml"):
        save_network(small(None), tmp_path / "saved.txt")
    with pytest.raises(InputError, match="dataset 'cifar'"):
        save_network(replace(small(None), dataset="cifar"), tmp_path / "saved.yaml")
    with pytest.raises(InputError, match="cannot be written"):
        save_network(small(None), tmp_path / "absent" / "saved.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ("{law: sihn}", "response.law: unknown cell law 'sihn'.*sinh"),
        ("sinh", "response: expected a mapping"),
        ("{law: sinh, v0: 0.3}", "response.v0: expected a voltage with its unit"),
        ("{law: sinh, v0: 0.3 V, permittivity: 4}", "response.permittivity: unknown key"),
        ("{law: linear, g_min: 1 uS, g_max: 2 uS, input_scale: 1, weight_scale: 1}", "key 'read_voltage' is missing"),
        (
            "{law: linear, read_voltage: 1 V, g_min: 3 uS, g_max: 2 uS, input_scale: 1, weight_scale: 1}",
            "0 < g_min < g_max",
        ),
        (
            "{law: linear, read_voltage: 1 V, g_min: 1 uS, g_max: 2 uS, input_scale: 0, weight_scale: 1}",
            "response.input_scale: expected a number above 0, got 0",
        ),
        (
            "{law: sinh, v0: -1 V, read_voltage: 1 V, g_min: 1 uS, g_max: 2 uS, input_scale: 1, weight_scale: 1}",
            "v0_v: expected above 0",
        ),
    ],
)
def test_wrong_responses_in_a_file(tmp_path: Path, response: str, message: str) -> None:
    """Each thing that can be wrong names file:line and key."""
    save_network(small(CellResponse(LINEAR, 1.0, 1.0)), tmp_path / "net.yaml")
    lines = (tmp_path / "net.yaml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines) if "fc1" in text)
    lines[line] = f"  - {{name: fc1, kind: linear, features: 5, response: {response}}}"
    (tmp_path / "net.yaml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=rf"net\.yaml:{line + 1}: .*{message}"):
        load_network(tmp_path / "net.yaml")
