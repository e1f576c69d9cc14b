"""Looks into a file of torch.export.save before torch reads it: is it whole, and would reading it run code?

torch unpickles parts of such a file and evaluates the expressions of its open sizes. Here Python objects other than
tensors, compiled code and expressions that call anything but sympy's classes are refused. Left out: faults in torch's
own reader, so that a file from a stranger is still best asked for as ONNX.
"""

import json
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pillarsim.arch.errors import InputError

__all__ = ["check_archive", "tensors_alone"]

# parts of names in the archive -> what stands there; torch would load each of them as code
CODE = {"opaque_obj_": "a Python object", "custom_obj_": "a TorchScript object", "aotinductor/": "compiled code"}
# a symbol's name, a class, a keyword, a symbol, a number, punctuation: no attribute, no function of Python
EXPRESSION = re.compile(r"(?:'[a-z]+\d*'|[A-Z][A-Za-z]*|[a-z]+(?==)|[su]\d+|\d+|[\s(),+*/<>=%-])*")
FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torch: every torch.load takes tensors and plain containers alone


def check_archive(path: Path) -> None:
    """Raise InputError for a file that is damaged, or that would run code when torch reads it."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            names = archive.namelist()
            texts = {name: archive.read(name) for name in names if _is_program(name)}
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, str(error)) from error
    if damaged is not None:
        raise _unreadable(path, f"'{damaged}' has another checksum than was written")
    if not texts:
        raise _unreadable(path, "it holds no program")
    # torch finds names without regard to case
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise _unreadable(path, f"'{twice[0]}' is there twice")
    for name in names:
        for part, what in CODE.items():
            if part in name.casefold():
                raise InputError(f"{path}: holds {what} ('{name}'), which reading it would run; export plain tensors")
    for name, text in texts.items():
        try:
            given = list(_expressions(json.loads(text)))
        except (ValueError, RecursionError) as error:
            raise _unreadable(path, f"'{name}': {error}") from error
        for expression in given:
            if not isinstance(expression, str) or not EXPRESSION.fullmatch(expression):
                raise InputError(f"{path}: '{name}': {str(expression)[:80]!r} is no expression of sizes")


@contextmanager
def tensors_alone() -> Iterator[None]:
    """torch.load refuses whatever is no tensor or plain container, even where torch itself asks for all."""
    before = os.environ.get(FORCED)
    os.environ[FORCED] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCED]
        else:
            os.environ[FORCED] = before


def _is_program(name: str) -> bool:
    """Whether torch would read it as a program: `<root>/models/*`, or the one file of older archives."""
    lower = name.casefold()
    return "models/" in lower or lower == "serialized_exported_program.json"


def _expressions(tree: Any) -> Iterator[Any]:
    """What stands under each key `expr_str`."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "expr_str":
                yield value
            else:
                yield from _expressions(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _expressions(value)


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: not a readable torch.export program, perhaps truncated ({why}); write it with torch.export.save"
    )
