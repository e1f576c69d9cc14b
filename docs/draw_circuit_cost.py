"""Draw set-up time of effective matrices against array side and against layers, log-log, as an SVG file.

    python docs/draw_circuit_cost.py [picture.svg]

Measured here, on one thread: the smallest CPU time of some calls, ours and that of one sparse factorisation with as
many solves as the array has outputs (scipy's `splu`, the ordering that suits it best, building of its matrix not
counted). Slopes are least-squares fits of log time; they leave out arrays of fewer than 64 lines and 4 layers,
where calls cost more than arithmetic.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import numpy as np  # the back end must be chosen before pyplot
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

from pillarsim.devices import effective_matrix
from pillarsim.devices.circuits.bias import read_compute_bias
from pillarsim.devices.circuits.case import circuit_of
from pillarsim.devices.circuits.layout import cell_shape, row_shape
from pillarsim.report.files import write_text

PICTURE = Path(__file__).parent / "pictures" / "circuit_cost.svg"
SIDES, SPLU_SIDES = (16, 32, 64, 128, 256, 512), (16, 32, 64, 128, 256)
LAYERS = (1, 2, 4, 8, 16, 32, 64)
PILLARS = 32  # rows and columns of the vertical arrays
FITTED_SIDE, FITTED_LAYERS = 64, 4
SIDES_AT_ONCE = 32  # right-hand sides of one sparse solve: the fastest number
LONG_S = 1.0  # calls above this are made once
OURS, SPLU, INK, FAINT = "#2a78d6", "#eb6834", "#1f2430", "#d9dce1"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "pillarsim",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Curve:
    """Times (s) against a size; the fit takes sizes from `fitted_from` on."""

    name: str
    colour: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    fitted_from: int

    def fit(self) -> tuple[float, float]:
        """Slope and offset of log time against log size."""
        points = [(size, time_s) for size, time_s in zip(self.sizes, self.seconds, strict=True)]
        used = np.log([point for point in points if point[0] >= self.fitted_from])
        slope, offset = np.polyfit(used[:, 0], used[:, 1], 1)
        return float(slope), float(offset)


def planar(side: int) -> dict[str, Any]:
    """A square planar compute case."""
    return {"geometry": "2d", "mode": "compute", "rows": side, "cols": side, "r_row": 1.0, "r_col": 1.0,
            "r_driver": 100.0, "r_sense": 50.0, "cell": {"model": "linear"}}  # fmt: skip


def finger(layers: int) -> dict[str, Any]:
    """A vertical compute case with a finger for each pillar row, one row on."""
    return {"geometry": "3d", "mode": "compute", "layers": layers, "rows": PILLARS, "cols": PILLARS,
            "wl": {"type": "finger"}, "r_wl": 4.0, "r_pillar": 11.0, "r_bl": 2.5, "r_driver": 110.0, "r_sense": 45.0,
            "r_on": 2e3, "r_off": 1e9, "cell": {"model": "linear"}, "on_rows": [0]}  # fmt: skip


def conductances(*shape: int) -> Any:
    """Conductances over two decades, 1 to 100 uS."""
    return 10 ** np.random.default_rng(0).uniform(-6, -4, shape)


def ours_s(spec: dict[str, Any]) -> float:
    """Time of an effective matrix."""
    g = conductances(*cell_shape(spec))
    return least(lambda: effective_matrix(spec, g))


def splu_s(spec: dict[str, Any]) -> float:
    """Time of one factorisation of the circuit and a solve for each output."""
    g = conductances(*cell_shape(spec))
    circuit = circuit_of(spec, read_compute_bias(spec, np.zeros(row_shape(spec))))
    one, two = np.concatenate([circuit.wire_a, circuit.cell_a]), np.concatenate([circuit.wire_b, circuit.cell_b])
    siemens = np.concatenate([circuit.wire_s, g.ravel()])
    places = (np.concatenate([one, two, one, two]), np.concatenate([one, two, two, one]))
    values = np.concatenate([siemens, siemens, -siemens, -siemens])
    whole = coo_array((values, places), shape=(circuit.nodes, circuit.nodes)).tocsc()
    matrix, free = whole[: circuit.free, : circuit.free].tocsc(), circuit.free
    right = np.random.default_rng(1).random((free, min(SIDES_AT_ONCE, spec["cols"])))

    def work() -> None:
        lu = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        for _ in range(0, spec["cols"], SIDES_AT_ONCE):
            lu.solve(right)

    return least(work)


def least(work: Callable[[], object]) -> float:
    """The smallest CPU time of up to seven calls: other work on the machine must not count."""
    found = []
    for _ in range(7):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
        if found[-1] > LONG_S:
            break
    return min(found)


def measure() -> tuple[list[Curve], list[Curve]]:
    """The curves against the side of planar arrays, and against the layers of vertical ones."""
    planes = [
        Curve("effective matrix", OURS, SIDES, tuple(ours_s(planar(side)) for side in SIDES), FITTED_SIDE),
        Curve("splu", SPLU, SPLU_SIDES, tuple(splu_s(planar(side)) for side in SPLU_SIDES), FITTED_SIDE),
    ]
    stacks = [
        Curve("effective matrix", OURS, LAYERS, tuple(ours_s(finger(layers)) for layers in LAYERS), FITTED_LAYERS),
        Curve("splu", SPLU, LAYERS, tuple(splu_s(finger(layers)) for layers in LAYERS), FITTED_LAYERS),
    ]
    return planes, stacks


def draw(planes: list[Curve], stacks: list[Curve]) -> str:
    """Return the picture as SVG text; the same for the same times."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, facecolor="white", layout="constrained")
        _panel(axes[0], planes, "planar array", "rows = columns")
        _panel(axes[1], stacks, f"vertical array, {PILLARS}x{PILLARS} pillars, fingers", "layers")
        axes[0].set_ylabel("set-up time on one thread, s")
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": "pillarsim"})
        plt.close(figure)
    return stream.getvalue()


def _panel(axis: Axes, curves: list[Curve], title: str, size: str) -> None:
    """Points joined by thin lines, fits dashed over the sizes that they were made from."""
    for curve in curves:
        slope, offset = curve.fit()
        axis.loglog(
            curve.sizes, curve.seconds, "o-", color=curve.colour, markersize=4, linewidth=0.8,
            label=f"{curve.name}, slope {slope:.1f}",
        )  # fmt: skip
        fitted = np.array([one for one in curve.sizes if one >= curve.fitted_from])
        axis.loglog(fitted, np.exp(offset) * fitted**slope, "--", color=curve.colour, linewidth=1.6, alpha=0.6)
    sizes = curves[0].sizes
    axis.set_xticks(sizes, [str(one) for one in sizes])
    axis.minorticks_off()
    axis.grid(color=FAINT, linewidth=0.6)
    axis.set_title(title, loc="left")
    axis.set_xlabel(size)
    axis.legend(loc="upper left", frameon=False)


def main() -> None:
    """Measure, and write the picture whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("picture", type=Path, nargs="?", default=PICTURE, help="SVG file to write [%(default)s]")
    arguments = parser.parse_args()
    planes, stacks = measure()
    write_text(arguments.picture, draw(planes, stacks))
    for curve in (*planes, *stacks):
        print(f"{curve.name}: slope {curve.fit()[0]:.2f};", *(f"{time_s:.3g}" for time_s in curve.seconds))
    print(f"wrote {arguments.picture}")


if __name__ == "__main__":
    main()
