"""Files of torch.export that are damaged, or that would run code when they are read."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pillarsim.arch.errors import InputError
from pillarsim.workloads.forward import forward
from pillarsim.workloads.importer import import_network
from pillarsim.workloads.importer.pt2_archive import EXPRESSION


class _Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    """The members of a small program with an open batch."""
    stream = io.BytesIO()
    batch = torch.export.Dim("batch", min=1, max=9)
    program = torch.export.export(
        nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), (torch.zeros(2, 2, 3),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(program, stream)
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _written(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _root(members: dict[str, bytes]) -> str:
    return next(iter(members)).split("/")[0]


def _named(members: dict[str, bytes], part: str) -> str:
    (name,) = (name for name in members if part in name)
    return name


def test_written_again_it_is_read(tmp_path: Path, good: dict[str, bytes]) -> None:
    """The archive alone decides: the same members in a new one give the same network, and no setting stays behind."""
    before = dict(os.environ)
    network = import_network(_written(tmp_path / "model.pt2", good))
    assert dict(os.environ) == before
    assert network.input_shape == (2, 3)
    assert forward(network, torch.zeros((4, 2, 3))).shape == (4, 3)


CODE: dict[str, Callable[[dict[str, bytes], bytes], dict[str, bytes]]] = {
    "sample inputs": lambda m, code: {_named(m, "sample_inputs"): code},
    "weights of older archives": lambda m, code: {f"{_root(m)}/data/weights/model.pt": code},
    "constants of older archives": lambda m, code: {f"{_root(m)}/data/constants/model.pt": code},
    "constants": lambda m, code: {
        f"{_root(m)}/data/constants/opaque_obj_0": code,
        _named(m, "constants_config"): json.dumps(
            {"config": {"c": {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}}}
        ).encode(),
    },
}


@pytest.mark.parametrize("form", ["pickle", "torch"])
@pytest.mark.parametrize("case", CODE)
def test_code_is_not_run(tmp_path: Path, good: dict[str, bytes], case: str, form: str) -> None:
    """Wherever torch would unpickle, and in both forms that it knows."""
    made = tmp_path / "made"
    stream = io.BytesIO()
    torch.save(_Code(made), stream)
    code = pickle.dumps(_Code(made), protocol=2) if form == "pickle" else stream.getvalue()
    path = _written(tmp_path / "model.pt2", {**good, **CODE[case](good, code)})
    with pytest.raises(InputError, match=r"model\.pt2: holds .*export plain tensors") as caught:
        import_network(path)
    assert "\n" not in str(caught.value)
    assert not made.exists()
    if form == "torch":  # the code is code: torch by itself runs it
        torch.load(io.BytesIO(code), weights_only=False)
        assert made.exists()


def test_expressions(tmp_path: Path, good: dict[str, bytes]) -> None:
    """Open sizes are expressions, which torch evaluates as Python."""
    name = _named(good, "models/model.json")
    made = tmp_path / "made"
    text = good[name].decode()
    symbol = next(part for part in json.dumps(text).split('expr_str\\": \\"')[1:]).split('\\"')[0]
    assert EXPRESSION.fullmatch(symbol)
    evil = text.replace(json.dumps(symbol), json.dumps(f"__import__('os').mkdir('{made}')"))
    assert evil != text
    path = _written(tmp_path / "model.pt2", {**good, name: evil.encode()})
    with pytest.raises(InputError, match="is no expression of sizes"):
        import_network(path)
    assert not made.exists()


@pytest.mark.parametrize("text", ["Mul(Integer(2), Symbol('s77', integer=True))", "2*s0 + 1", "FloorDiv(s0, 2)", "u0"])
def test_plain_expressions(text: str) -> None:
    """What torch writes."""
    assert EXPRESSION.fullmatch(text)


@pytest.mark.parametrize("text", ["exec(chr(1))", "Symbol.x", "s0.a", "Symbol('a(b)')", "__x__", 'S("a")', "eval(s0)"])
def test_code_is_no_expression(text: str) -> None:
    """No attribute, no function of Python, no text but names."""
    assert not EXPRESSION.fullmatch(text)


def test_damaged(tmp_path: Path, good: dict[str, bytes]) -> None:
    """Any bit within a weight that turns is seen, and a member that stands there twice."""
    path = _written(tmp_path / "model.pt2", good)
    content = path.read_bytes()
    weight = next(good[name] for name in good if "weights/weight_" in name)
    at = content.index(weight)
    for byte in (at, at + len(weight) - 1):
        path.write_bytes(content[:byte] + bytes([content[byte] ^ 1]) + content[byte + 1 :])
        with pytest.raises(InputError, match=r"model\.pt2: not a readable torch\.export program.*checksum"):
            import_network(path)
    _written(path, {**good, _named(good, "models/model.json").upper(): b"{}"})
    with pytest.raises(InputError, match="is there twice"):
        import_network(path)
    _written(path, {"a/b": b""})
    with pytest.raises(InputError, match="it holds no program"):
        import_network(path)
