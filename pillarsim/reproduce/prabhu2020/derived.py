"""Claims d1 to d3 and a1, a2, f1: the derived table, closed forms, AlexNet's geometry, other widths of the code."""

from __future__ import annotations

from pillarsim.reproduce.claims import Claim
from pillarsim.reproduce.prabhu2020 import study
from pillarsim.reproduce.prabhu2020.cells import closed_error_rates
from pillarsim.reproduce.prabhu2020.claims import FAR_MORE, TYPICAL, assumed
from pillarsim.reproduce.prabhu2020.codes import BFLOAT16, BINARY16, BINARY32
from pillarsim.reproduce.prabhu2020.layer import ALEXNET, Layer, made_layer
from pillarsim.reproduce.prabhu2020.rates import logs_normal
from pillarsim.reproduce.prabhu2020.study import SEED, Axes, Coded
from pillarsim.reproduce.rows import Progress

# (HRS/LRS, spread of both states) -> relative error with a soft mantissa, and with all bits thresholded; derived, with
# weights N(0, 0.05) and windows U(-1, 1) in AlexNet's shape
TABLE = {
    (3.0, 0.05): (0.019, 0.0),
    (3.0, 0.2): (0.080, 1.3),
    (3.0, 0.5): (0.245, 8.0),
    (10.0, 0.05): (0.013, 0.0),
    (10.0, 0.2): (0.054, 0.0),
    (10.0, 0.5): (0.164, 2.3),
    (100.0, 0.05): (0.011, 0.0),
    (100.0, 0.2): (0.048, 0.0),
    (100.0, 0.5): (0.148, 0.0),
}
# (HRS/LRS, spread) -> bit error rate as printed with the table, and a unit of its last digit; closed form
CLOSED = {
    (3.0, 0.2): (3.0e-3, 1e-4),
    (10.0, 0.5): (1.07e-2, 1e-4),
    (3.0, 0.5): (0.136, 1e-3),
    (100.0, 0.5): (2.1e-6, 1e-7),
}
TOLERANCE = 0.05  # of the soft errors: sampling of weights and windows, and half a unit of two printed digits
COUNTS = (34_848, 1_115_136, 105_415_200)  # weights, cells at 32 bits, multiplications an image; from the geometry
_AXES = Axes((0.0, 0.05, 0.2, 0.5), (3.0, 10.0, 100.0))


def table_claim(progress: Progress) -> Claim:
    """Claim d1: read straight from the distributions, as the table was made, without a look-up table."""
    code = study.coded(made_layer(SEED))
    deviates = study.uniform(code.bits.shape, 0, "derived")
    found = {}
    for done, (ratio, spread) in enumerate(TABLE):
        found[ratio, spread] = study.read(code, logs_normal(ratio, (spread, spread)), deviates)
        progress("derived table", done + 1, len(TABLE))
    off = {place: found[place].soft / soft - 1 for place, (soft, _) in TABLE.items()}
    worst = max(off, key=lambda place: abs(off[place]))
    printed = sorted((place for place, (_, hard) in TABLE.items() if hard > 0), key=lambda place: TABLE[place][1])
    heavy = [found[place].hard for place in printed]
    small = max(found[place].hard for place, (_, hard) in TABLE.items() if hard == 0)
    return Claim(
        "d1",
        "derived table: soft errors within 5 %, thresholded errors in the same order",
        f"soft {', '.join(f'{soft:.3f}' for soft, _ in TABLE.values())}; thresholded 0 < "
        f"{' < '.join(f'{TABLE[place][1]:g}' for place in printed)}",
        f"soft {', '.join(f'{found[place].soft:.4f}' for place in TABLE)}, at most {100 * off[worst]:+.1f} % off "
        f"(HRS/LRS {worst[0]:g}, spread {worst[1]:g}); thresholded {small:.2g} or less, then "
        f"{', '.join(f'{one:.3g}' for one in heavy)}",
        "",
        "assumed",
        abs(off[worst]) <= TOLERANCE and small < heavy[0] and heavy == sorted(heavy),
        "The table was derived from the same equations, not printed in the paper: HRS/LRS 3, 10, 100, at each a spread "
        "of 0.05, 0.2, 0.5. Weights N(0, 0.05), 200 windows of U(-1, 1). Thresholded errors hang on few flips of "
        "exponents and are compared by order alone.",
    )


def closed_claim() -> Claim:
    """Claim d2."""
    found = {place: sum(closed_error_rates(place[0], (place[1], place[1]))) / 2 for place in CLOSED}
    return Claim(
        "d2",
        "bit error rates of the derived table, closed form",
        ", ".join(f"{rate:.3g}" for rate, _ in CLOSED.values()),
        ", ".join(f"{rate:.4g}" for rate in found.values()),
        "",
        "assumed",
        all(abs(found[place] - rate) <= 0.5 * unit for place, (rate, unit) in CLOSED.items()),
        "HRS/LRS and spread: " + ", ".join(f"{ratio:g} and {spread:g}" for ratio, spread in CLOSED) + ".",
    )


def counts_claim() -> Claim:
    """Claim a1."""
    found = (ALEXNET.weights, ALEXNET.weights * BINARY32.width, ALEXNET.macs)
    return Claim(
        "a1",
        "AlexNet's first layer: weights, cells at 32 bits a weight, multiplications an image",
        ", ".join(map(str, COUNTS)),
        ", ".join(map(str, found)),
        "",
        "published",
        found == COUNTS,
    )


def alexnet_claim(layer: Layer, draws: int, progress: Progress) -> Claim:
    """Claim a2: zero, trends and bit groups again, in AlexNet's geometry."""
    code = study.coded(layer)
    grid = study.solve(code, assumed, _AXES, draws, "AlexNet's geometry", progress)
    zero = max(float(values[:, :, 0].max()) for values in (grid.soft, grid.hard))
    found = study.trends(grid)
    outer, inner = study.group_errors(code, assumed(0.5, 10.0, 0), 0)
    middle = grid.soft[:, _AXES.ratios.index(TYPICAL[1]), _AXES.spreads.index(TYPICAL[0])].mean()
    return Claim(
        "a2",
        "the same with AlexNet's 11 x 11 x 3 x 96, stride 4: no error without spread, both trends, bit groups",
        "as e3, e4 and e5",
        f"{zero:.2g} without spread; "
        + "; ".join(f"{what}: {one.mean.text()}" for what, one in found.items())
        + f"; sign and exponent {outer:.3g}, mantissa {inner:.3g}",
        "",
        "assumed",
        zero <= 1e-15 and all(one.mean.hold for one in found.values()) and outer >= FAR_MORE * inner,
        "AlexNet's own weights were not available: SqueezeNet's filters, resampled from 7 x 7. Bit groups at spread "
        f"0.5, HRS/LRS 10. Soft error at spread {TYPICAL[0]:g} and HRS/LRS {TYPICAL[1]:g}: {middle:.3g}.",
    )


def formats_claim(code: Coded) -> Claim:
    """Claim f1: no error without spread, and the order of the bit groups, in three widths of the code."""
    found = {}
    for form in (BINARY32, BINARY16, BFLOAT16):
        other = study.coded(code.layer, form)
        exact = study.read(other, assumed(0.0, 10.0, 0), study.uniform(other.bits.shape, 0, "cells"))
        found[form.name] = (max(exact.soft, exact.hard), *study.group_errors(other, assumed(0.5, 10.0, 0), 0))
    return Claim(
        "f1",
        "other widths of the code: no error without spread, sign and exponent before mantissa",
        "as e3 and e5",
        "; ".join(
            f"{name}: {zero:.2g}, {outer:.3g} against {inner:.3g}" for name, (zero, outer, inner) in found.items()
        ),
        "",
        "assumed",
        all(zero <= 1e-15 and outer >= FAR_MORE * inner for zero, outer, inner in found.values()),
        "The abstract says binary floating point and no width. Spread 0.5, HRS/LRS 10, one draw; the reference is what "
        "the format keeps of the weights.",
    )
