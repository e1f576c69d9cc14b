"""Sizes of the row, its networks, and the chips that they run on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.workloads.network import Flatten, Linear, Network, Relu

PRESET = "hfox_planar_128"
SINH_CARD, POLYNOMIAL_CARD = "hfox_taox_selfselective", "hfo2_milo_2021"
READ_V = 1.0  # V, read voltage at which b is swept, assumed
CARD_V0 = 0.333  # V, V0 of the card hfox_taox_selfselective
INPUT_BITS = 6  # of the DACs and of activations, assumed
CONVERTER_BITS = 10  # of the ADCs, assumed: finer than the errors of 128 cells
TOLERANCE = 0.1  # of the distance between two levels, write-verify of the sinh cells, assumed
POLYNOMIAL_TOLERANCE = "2 uS"  # the same of the polynomial cells, some 10 % of a level too, assumed
PERMITTIVITY, THICKNESS = 22, "20 nm"  # of the film of Poole-Frenkel cells, assumed: V_pf = 51 mV at 300 K
LENET_BV, LENET_SEEDS, LENET_TEST = 3.0, 3, 4_000  # b V_r, devices and test images of LeNet-5; our choice
SMALL_BV = 0.1  # b V_r that stands for 0


@dataclass(frozen=True)
class Plan:
    """How large the row is. Images: the first of each split, as far as there are so many.

    steepness: b V_r of the sinh cells; read_v: read voltages of that card as it is; poole_frenkel_v, polynomial_v: of
    cells of those laws. convolutional: epochs that the shipped LeNet-5 trains on with sinh cells; 0 leaves it out.
    """

    tasks: tuple[str, ...]
    training: int
    test: int
    hidden: int
    epochs: int
    retraining: int
    seeds: int
    steepness: tuple[float, ...]
    read_v: tuple[float, ...]
    poole_frenkel_v: tuple[float, ...]
    polynomial_v: tuple[float, ...]
    convolutional: int = 0
    threads: int = 1


FULL = Plan(
    ("mnist", "fashion-mnist"), 10_000, 10_000, 128, 6, 12, 8,
    (SMALL_BV, 1.0, 2.0, 3.0, 4.0), (CARD_V0, 2 * CARD_V0, 1.0), (0.1, 0.5), (0.5,), 3, 2,
)  # fmt: skip
QUICK = Plan(
    ("mnist", "fashion-mnist"), 4_000, 4_000, 48, 4, 6, 3, (SMALL_BV, 2.0, 4.0), (CARD_V0, 1.0), (0.5,), (0.5,)
)  # fmt: skip


def perceptron(hidden: int, dataset: str) -> Network:
    """A perceptron 784-hidden-10 with ReLU, all parameters 0."""

    def layer(name: str, outputs: int, inputs: int) -> Linear:
        return Linear(name, np.zeros((outputs, inputs), np.float32), np.zeros(outputs, np.float32))

    layers = (Flatten("flatten"), layer("fc1", hidden, 784), Relu("relu1"), layer("fc2", 10, hidden))
    return Network(f"{dataset}-{hidden}", (1, 28, 28), layers, dataset)


_COMMON = (
    "array.access.on_resistance=0 Ohm",
    "array.access.off_current=0 A",
    "weights.quantization=layer",
    f"readout.bits={CONVERTER_BITS}",
)
_AMPLITUDES = (
    "input.coding=amplitude",
    f"input.bits={INPUT_BITS}",
    f"input.dac_bits={INPUT_BITS}",
    "input.driver.component=dac_multibit",
)
_BITS = ("input.coding=bit_serial", f"input.bits={INPUT_BITS}")


def sinh_chip(v0_v: float | None, read_v: float = READ_V, binary: bool = False) -> Chip:
    """The preset with the card's sinh cells, of this V0 (None: linear cells): two pairs of four levels a weight.

    binary: inputs bit by bit, 0 or the read voltage.
    """
    law: tuple[str, ...] = ("array.cell.iv.model=linear",)
    if v0_v is not None:
        law = ("array.cell.iv.model=sinh", f"array.cell.iv.voltage={v0_v!r} V", f"array.cell.iv.stated_at={READ_V} V")
    return _card_chip(law, read_v, _BITS if binary else _AMPLITUDES)


def poole_frenkel_chip(read_v: float) -> Chip:
    """The same with cells whose current rises by Poole-Frenkel emission; their resistances hold at `read_v`."""
    law = (
        "array.cell.iv.model=poole_frenkel",
        f"array.cell.iv.permittivity={PERMITTIVITY}",
        f"array.cell.iv.thickness={THICKNESS}",
        f"array.cell.iv.stated_at={read_v!r} V",
    )
    return _card_chip(law, read_v, _AMPLITUDES)


def _card_chip(law: tuple[str, ...], read_v: float, inputs: tuple[str, ...]) -> Chip:
    sets = (
        *_COMMON,
        *inputs,
        f"array.cell.extends={SINH_CARD}",
        *law,
        f"array.read_voltage={read_v!r} V",
        "weights.bits=5",
        "weights.bits_per_cell=2",
    )
    low, high = load_chip(PRESET, sets).chip.array.conductance_range
    return load_chip(PRESET, (*sets, f"write.verify.tolerance={TOLERANCE * (high - low) / 3!r} S")).chip


def polynomial_chip(read_v: float) -> Chip:
    """The preset with polynomial HfO2 cells of eight levels, one pair a weight.

    Levels stay where both fits of the card hold at every read voltage, errors included: 77 to 211 uS at 0 V.
    """
    sets = (
        *_COMMON,
        *_AMPLITUDES,
        f"array.cell.extends={POLYNOMIAL_CARD}",
        "array.cell.hrs=13 kOhm",
        "array.cell.lrs=4.75 kOhm",
        f"array.read_voltage={read_v!r} V",
        "weights.bits=4",
        "weights.bits_per_cell=3",
        f"write.verify.tolerance={POLYNOMIAL_TOLERANCE}",
    )
    return load_chip(PRESET, sets).chip
