"""Element-wise functions that a graph writes out in steps, recognised by their values on a grid of numbers.

An exporter may write GELU as a product with an error function, in any order. Each activation therefore carries what it
is as a function of the activations before it, sampled on GRID; a product or a scaled value whose samples are those of
a function of the set, within TOLERANCE, is that function.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import erf, expit

from pillarsim.workloads.importer.builder import Builder
from pillarsim.workloads.importer.values import Samples, Value
from pillarsim.workloads.operators import Activation

__all__ = ["GRID", "pointwise", "recognised", "sampled", "samples_of", "unknown"]

Doubles: TypeAlias = npt.NDArray[np.float64]
Curve: TypeAlias = Callable[[Doubles], Doubles]

GRID: Doubles = np.concatenate([np.linspace(-8, 8, 1601), [-100.0, -50.0, -20.0, -12.0, 12.0, 20.0, 50.0, 100.0]])
TOLERANCE = 2e-5  # assumed: above constants written with 5 digits, below the 5e-4 between the two forms of GELU
DEPTH = 6  # assumed: how many activations back a function may begin

NAMED: dict[str, Doubles] = {
    "gelu": GRID * (1 + erf(GRID / np.sqrt(2))) / 2,
    "gelu_tanh": GRID * (1 + np.tanh(np.sqrt(2 / np.pi) * (GRID + 0.044715 * GRID**3))) / 2,
    "silu": GRID * expit(GRID),
    "hard_swish": GRID * np.clip(GRID / 6 + 0.5, 0, 1),
}
CURVES: dict[str, Curve] = {
    "erf": erf,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "reciprocal": np.reciprocal,
    "tanh": np.tanh,
    "sigmoid": expit,
}


def samples_of(b: Builder, value: Value) -> dict[tuple[str, tuple[int, ...]], Doubles]:
    """The samples of a value, with those as a function of itself."""
    found = dict(value.samples)
    if value.layer is not None:
        b.roots[value.key] = value
        found[value.key] = GRID
    return found


def sampled(samples: Mapping[tuple[str, tuple[int, ...]], Doubles], curve: Curve) -> Samples:
    """Samples after one more function; those of the DEPTH latest activations are kept."""
    with np.errstate(all="ignore"):
        return {key: curve(values) for key, values in list(samples.items())[-DEPTH:]}


def recognised(b: Builder, samples: Samples, shape: tuple[int, ...]) -> Value | None:
    """The activation function of the set that the samples are, applied; None if they are none of them."""
    for key, values in samples.items():
        for name, expected in NAMED.items():
            if key[1] == shape and np.allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE):
                return _applied(b, name, b.roots[key])
    return None


def _applied(b: Builder, function: str, root: Value) -> Value:
    return b.layer(lambda name: Activation(name, function), [root], root.shape, root.batch)


def unknown(b: Builder, value: Value, what: str, samples: Samples) -> Value:
    """An activation that no operator of the set makes; an error only where something else than a known function
    takes it."""
    missing = value.missing or f"{b.place}: {what} has no counterpart; supported are {SUPPORTED}"
    return Value(None, value.held, value.shape, value.batch, missing, samples)


def pointwise(b: Builder, value: Value, name: str) -> Value:
    """A function of CURVES that is not in the set by itself."""
    return unknown(b, value, f"'{name}' by itself", sampled(samples_of(b, value), CURVES[name]))


SUPPORTED = (
    "ReLU and its kin, sigmoid, tanh, sign, GELU, SiLU, hard sigmoid and hard swish, softmax and layer norm, and "
    "sums and products"
)
