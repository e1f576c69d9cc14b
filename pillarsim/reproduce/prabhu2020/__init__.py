"""Row `prabhu2020`: variability of RRAM states, and the output of a first convolution layer coded in such cells.

The abstract is what was read. The paper's resistances, spreads and stop voltages were not available, so claims e1 to
e6 rest on assumed parameters, chosen once; claims m1 to m6 repeat the study with the statistics of measured arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.prabhu2020 import claims, derived, measured, rates, study
from pillarsim.reproduce.prabhu2020.cells import CYCLES
from pillarsim.reproduce.prabhu2020.codes import BINARY32
from pillarsim.reproduce.prabhu2020.layer import alexnet_layer, load_images, squeezenet_layer
from pillarsim.reproduce.prabhu2020.pictures import draw
from pillarsim.reproduce.rows import Progress

__all__ = ["draw", "simulate"]

REFERENCE = "Prabhu et al., RRAM variability and the first convolution layer of AlexNet, Electronics 9(3):414, 2020"


@dataclass(frozen=True)
class Size:
    """How much is simulated: images, draws of every grid, bits a bit error rate, spreads of ln R and HRS/LRS."""

    images: int
    draws: int
    bits: int
    axes: study.Axes


# our choice
FULL = Size(50, 10, 4_000_000, study.Axes((0.0, 0.05, 0.1, 0.2, 0.3, 0.5), (3.0, 10.0, 30.0, 100.0)))
QUICK = Size(10, 2, 1_000_000, study.Axes((0.0, 0.05, 0.2, 0.5), (3.0, 10.0, 100.0)))
FLIP_RATE = 0.01  # of the bit error at one place in the picture; our choice


def simulate(quick: bool, progress: Progress, data_dir: Path | None = None) -> Result:
    """Read the layer from its cells and decide claims e1 to e6, the derived ones and those of the measured arrays.

    data_dir: photographs are taken from there, else shipped digits stand in; quick: fewer images, draws, points and
    bits.
    """
    size = QUICK if quick else FULL
    draws, bits = size.draws, size.bits
    images, words = load_images(size.images, data_dir)
    code = study.coded(squeezenet_layer(images))
    states = claims.cycled_device()
    table = claims.emitted(states)
    grid = study.solve(code, claims.assumed, size.axes, draws, "SqueezeNet's layer", progress)
    rate_claim, rate_series = rates.rates_claim(bits, progress)
    arrays = measured.shipped()
    return Result(
        name="prabhu2020",
        reference=REFERENCE,
        quick=quick,
        parameters=(*_parameters(words, draws, code), *measured.parameters(arrays)),
        claims=(
            claims.states_claim(states),
            claims.table_claim(code, states),
            claims.zero_claim("e3", code, claims.assumed, size.axes.ratios, "assumed"),
            claims.trend_claim("e4", grid, ("Spread of ln R", "HRS/LRS"), "assumed"),
            claims.group_claim("e5", code, claims.rate_cells(), draws, "assumed"),
            rate_claim,
            derived.table_claim(progress),
            derived.closed_claim(),
            derived.counts_claim(),
            derived.alexnet_claim(alexnet_layer(images), (draws + 1) // 2, progress),
            derived.formats_claim(code),
            *measured.claims(arrays, code, draws, bits, progress),
        ),
        series={
            "look_up_table": {"probability": np.linspace(0, 1, CYCLES).tolist(), **table},
            "relative_error_against_spread": _trends(grid),
            "relative_error_by_filter": _filters(code),
            "relative_error_against_bit": {
                "bit": [float(place) for place in range(BINARY32.width)],
                "relative_error": study.place_errors(code, FLIP_RATE, draws).tolist(),
            },
            "bit_error_rates": rate_series,
        },
    )


def _trends(grid: study.Grid) -> dict[str, list[float]]:
    """Relative errors against spread, mean of draws, a column a ratio and a reading."""
    return {
        "spread": list(grid.axes.spreads),
        **{
            f"{kind}_ratio_{ratio:g}": values[:, place].mean(axis=0).tolist()
            for kind, values in (("soft", grid.soft), ("hard", grid.hard))
            for place, ratio in enumerate(grid.axes.ratios)
        },
    }


def _filters(code: study.Coded) -> dict[str, list[float]]:
    """Relative error of each filter at one point where bits are read wrong, one draw."""
    spread, ratio = claims.RATES[1]
    one = study.read(code, claims.assumed(spread, ratio, 0), study.uniform(code.bits.shape, 0, "cells"))
    return {
        "filter": [float(place) for place in range(len(one.soft_filters))],
        f"soft_spread_{spread:g}_ratio_{ratio:g}": one.soft_filters.tolist(),
        f"hard_spread_{spread:g}_ratio_{ratio:g}": one.hard_filters.tolist(),
    }


def _parameters(images: str, draws: int, code: study.Coded) -> tuple[Parameter, ...]:
    device, assumed = claims.DEVICE, "assumed: the paper's values are not available"
    values = len(np.unique(code.layer.weights))
    return (
        Parameter(
            "stop voltages",
            f"{', '.join(f'{volts:g}' for volts in device.volts)} V; ln R rises by {device.slope:.3g} per V",
            assumed,
        ),
        Parameter(
            "resistance", f"{device.shallowest_ohm / 1e3:g} kOhm (LRS) to {device.deepest_ohm / 1e6:g} MOhm", assumed
        ),
        Parameter(
            "spread of ln R, cycles",
            f"{device.shallowest_sigma:g} (LRS) to {device.deepest_sigma:g}, log-normal",
            assumed,
        ),
        Parameter("cycles", f"{CYCLES} a state", "the paper's abstract"),
        Parameter(
            "code", "32-bit binary floating point, one cell a bit, 1 in the LRS", "assumed: the width is not known"
        ),
        Parameter(
            "filters",
            f"SqueezeNet v1.0 conv1, 96 x 3 x 7 x 7, ImageNet-trained, {values} distinct values",
            "shipped; AlexNet's own are not available",
        ),
        Parameter("images", images, "data directory, else shipped"),
        Parameter(
            "relative error", "||y_read - y_ref|| / ||y_ref|| before bias and ReLU", "assumed: the norm is not known"
        ),
        Parameter("draws", f"{draws}, seed {study.SEED}", "our choice"),
    )
