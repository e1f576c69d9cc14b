"""Row `sun2019`: 3D VRRAM synapses with comb word lines learn the alphabet in 7 x 7 characters.

Of the paper and its precursor the abstracts alone were available. The weight-change algorithm is an interpretation:
pulses of one width on all word lines of a letter against one pillar. Array, cells and voltages are assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pillarsim.reproduce.claims import Parameter, Result
from pillarsim.reproduce.rows import Progress
from pillarsim.reproduce.store import Store
from pillarsim.reproduce.sun2019 import claims
from pillarsim.reproduce.sun2019 import plan as plans
from pillarsim.reproduce.sun2019.counts import energy_j, latency_s, neuron_operations
from pillarsim.reproduce.sun2019.footprint import footprint
from pillarsim.reproduce.sun2019.pictures import draw
from pillarsim.reproduce.sun2019.plan import Plan
from pillarsim.reproduce.sun2019.training import Rule, Start, Training, accuracy, train, with_bias
from pillarsim.workloads.letters import letters, noisy_letters

__all__ = ["draw", "simulate"]

REFERENCE = (
    "Sun, Choi, Kim and Park, three-dimensional vertical RRAM synapses for neural networks, Materials 12(20):3451, 2019"
)
# series -> (rule, start, through wires)
_TRAININGS: dict[str, tuple[Rule, Start, bool]] = {
    "rank_one_chosen": ("rank-one", "chosen", False),
    "free_chosen": ("free", "chosen", False),
    "rank_one_lrs": ("rank-one", "lrs", False),
    "rank_one_hrs": ("rank-one", "hrs", False),
    "rank_one_wires": ("rank-one", "chosen", True),
}
_Runs = dict[str, list[dict[str, Any]]]


def simulate(
    quick: bool,
    progress: Progress,
    data_dir: Path | None = None,
    checkpoint: Path | None = None,
    plan: Plan | None = None,
) -> Result:
    """Train and decide claims e1 to e5, d1, c1, c2 and a1.

    checkpoint: a folder that keeps finished trainings, so that an interrupted row goes on. plan: other sizes.
    """
    sizes = plan or (plans.QUICK if quick else plans.FULL)
    store = Store(checkpoint, "sun2019")
    runs: _Runs = {name: [] for name in _TRAININGS}
    asked = list(_asked(sizes))
    # Sums of floats must not depend on the machine's cores.
    with threadpool_limits(1):
        for done, (name, training) in enumerate(asked):
            progress("trainings", done, len(asked))
            runs[name].append(store.result(training.key, partial(train, training)))
        progress("trainings", len(asked), len(asked))
        return _result(sizes, quick, runs)


def _asked(sizes: Plan) -> Iterator[tuple[str, Training]]:
    for name, (rule, start, solved) in _TRAININGS.items():
        epochs = sizes.solved_epochs if solved else sizes.epochs
        for seed in range(sizes.solved_seeds if solved else sizes.seeds):
            yield name, Training(rule, start, seed, epochs, solved)


def _result(sizes: Plan, quick: bool, runs: _Runs) -> Result:
    areas = [footprint(depth) for depth in sizes.depths]
    chosen, free, lrs, solved = (
        runs[name] for name in ("rank_one_chosen", "free_chosen", "rank_one_lrs", "rank_one_wires")
    )
    images, labels = with_bias(letters()), np.arange(plans.LETTERS)
    through = [accuracy(np.array(run["x"]), images, labels, True, seed) for seed, run in enumerate(chosen)]
    same_footprint, staircase = claims.footprint_claims(areas)
    return Result(
        name="sun2019",
        reference=REFERENCE,
        quick=quick,
        parameters=_parameters(sizes),
        claims=(
            claims.kirchhoff_claim(),
            claims.same_claim(chosen, free),
            claims.counts_claim(chosen, free),
            same_footprint,
            claims.start_claim(chosen, lrs, sizes.epochs),
            claims.disturb_claim([*chosen, *lrs, *runs["rank_one_hrs"]], solved),
            *claims.wires_claims(solved, through),
            staircase,
        ),
        series={
            "learning": _learning(runs),
            "costs": {"rank_one": _costs("rank-one", chosen), "free": _costs("free", free)},
            "footprint": {
                "depth": [float(area.depth) for area in areas],
                **{
                    name: [float(getattr(area, name)) for area in areas]
                    for name in ("planar_m2", "pillars_m2", "staircase_m2")
                },
            },
            "noise": {
                "pixels_inverted": [float(flips) for flips in sizes.flips],
                "rank_one": [_noisy(chosen, sizes.copies, flips) for flips in sizes.flips],
                "free": [_noisy(free, sizes.copies, flips) for flips in sizes.flips],
            },
        },
    )


def _learning(runs: _Runs) -> dict[str, list[float]]:
    """Mean accuracy over seeds after each epoch; a training that has ended keeps its last."""
    longest = max(len(run["accuracy"]) for of in runs.values() for run in of)
    epochs = range(1, longest + 1)
    return {
        "epoch": [float(epoch) for epoch in epochs],
        **{
            name: [float(np.mean([claims.at(run, epoch) for run in of])) for epoch in epochs]
            for name, of in runs.items()
        },
    }


def _costs(rule: str, runs: list[dict[str, Any]]) -> list[float]:
    """Means over seeds: write phases, neuron operations, latency (ns), energy (pJ)."""
    counts = [run["counts"] for run in runs]
    return [
        float(np.mean([one["phases"] for one in counts])),
        float(np.mean([sum(neuron_operations(rule, one).values()) for one in counts])),
        float(np.mean([1e9 * latency_s(one) for one in counts])),
        float(np.mean([1e12 * energy_j(one) for one in counts])),
    ]


def _noisy(runs: list[dict[str, Any]], copies: int, flips: int) -> float:
    images, labels = noisy_letters(copies, flips, plans.SEED)
    inputs = with_bias(images)
    return float(np.mean([accuracy(np.array(run["x"]), inputs, labels, False, seed) for seed, run in enumerate(runs)]))


def _parameters(sizes: Plan) -> tuple[Parameter, ...]:
    array, wires, steps, ours = plans.ideal_array(), plans.wired_array(), plans.cell_steps(), "our choice"
    span = steps.window.span_s
    preset = f"preset {plans.PRESET} (assumed there)"
    return (
        Parameter(
            "letters", f"{plans.LETTERS} capital letters, 7 x 7 pixels, drawn here", "the paper's: not available"
        ),
        Parameter(
            "array",
            f"{array.layers} layers x 2 combs (49 pixels and a bias) x {array.pillars} pillars, one a letter",
            "assumed",
        ),
        Parameter("cells", "sinh(V / 0.333 V), 1 to 17 MOhm at 1 V", f"card {plans.CELL_CARD} (assumed there)"),
        Parameter(
            "pulses",
            f"first step {100 * steps.step_up_s / span:g} % of the window, bends {steps.bend_up:g}, "
            f"{100 * steps.sigma:g} % from pulse to pulse, {100 * steps.spread_step:g} % from cell to cell",
            f"card {plans.STEP_CARD} (assumed there)",
        ),
        Parameter(
            "voltages", f"read {plans.READ_V:g} V, write {plans.WRITE_V:g} V, V/2 over half-selected cells", "assumed"
        ),
        Parameter(
            "rate of a pulse",
            f"sinh(V / {plans.RATE_V:g} V): {claims.part(plans.WRITE_V / 2):.2g} of a full pulse at V_w / 2",
            "Stanford-PKU defaults at 500 K",
        ),
        Parameter("pulse, read", f"{1e9 * plans.pulse_s():g} ns, {1e9 * plans.READ_S:g} ns", preset),
        Parameter(
            "wires",
            f"word line {wires.r_wl:g}, pillar {wires.r_pillar:g}, bit line {wires.r_bl:g} Ohm a segment, select "
            f"transistor {wires.r_on / 1e3:g} kOhm, driver and sense {wires.r_driver:g} Ohm",
            preset,
        ),
        Parameter(
            "training",
            f"lead of {100 * plans.MARGIN:g} % of an LRS cell's read current, up to {sizes.epochs} epochs; with wires "
            f"up to {sizes.solved_epochs}",
            ours,
        ),
        Parameter("chosen initial state", f"{plans.CHOSEN:g} of the window, ln-sigma {plans.CHOSEN_SIGMA:g}", ours),
        Parameter("seeds", f"{sizes.seeds}, with wires {sizes.solved_seeds}; seed {plans.SEED}", ours),
    )
