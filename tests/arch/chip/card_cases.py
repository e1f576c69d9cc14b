"""Cases of test_no_decorative_keys for the sections of a device card: settings that make a key matter, and a change."""

from __future__ import annotations

Sets = tuple[str, ...]

CELL = "array.cell"
HOT = "retention={time: 1 day, temperature: 85 C}"
REACH = "longest: 1 year, coldest: 250 K, hottest: 400 K"


def with_retention(text: str) -> Sets:
    """Settings of a chip one day after programming whose card has the retention `text`."""
    return f"{CELL}.retention={{{text}, {REACH}}}", HOT


DRIFT = with_retention("model: power_law, lrs: 0.01, hrs: 0.05, spread: 0.01, since: 1 s")
KNOTS = "[{conductance: 0.5 uS, after: [0.3 uS, 0.6 uS, 1 uS]}, {conductance: 10 uS, after: [8 uS, 9.5 uS, 10.2 uS]}]"
RELAX = with_retention(
    f"model: relaxation, probabilities: [0, 0.5, 1], knots: {KNOTS}, "
    "time: 30 min, temperature: 80 C, onset: 1 s, activation: 0.5 eV"
)
GROWTH = with_retention(
    "model: spread_growth, times: [1 s, 2 days], coefficients: [[0.1 uS, 0.05 uS], [0.3 uS, 0.1 uS]], scale: 5 uS, "
    "lowest: 0 uS, highest: 20 uS"
)
LOSS = with_retention(
    "model: arrhenius, lrs: 1 year, hrs: 30 days, temperature: 85 C, activation: 1.1 eV, exponent: 0.8, toward: lrs"
)
COOL: Sets = ("retention.temperature=70 C",)
NO_ERROR = f"{CELL}.programming_error={{lrs: 0, hrs: 0}}"
LEVEL: Sets = (
    NO_ERROR,
    f"{CELL}.level_error={{coefficients: [0.2 uS, 0.1 uS], scale: 5 uS, lowest: 0.1 uS, highest: 20 uS}}",
)
TABLE: Sets = (
    NO_ERROR,
    f"{CELL}.quantiles={{probabilities: [0, 0.25, 0.5, 0.75, 1], levels: ["
    "{target: 0.5 uS, conductance: [0.3 uS, 0.4 uS, 0.5 uS, 0.6 uS, 0.8 uS]}, "
    "{target: 20 uS, conductance: [15 uS, 18 uS, 20 uS, 21 uS, 24 uS]}]}",
)
WARM: Sets = (f"{CELL}.activation={{lrs: 0 eV, hrs: 0.1 eV, temperature: 320 K}}",)
NOISY: Sets = (f"{CELL}.telegraph_noise={{occupancy: 30 %, amplitude: 20 %}}",)
WORN: Sets = (f"{CELL}.endurance={{cycles: 1.0e+6, exponent: 0.5}}", "array.cycles=100000")
PULSED: Sets = (
    NO_ERROR,
    f"{CELL}.pulse_update={{model: soft_bounds, step_up: 0.1, step_down: 0.1, bend_up: 1, bend_down: 1, c2c: 0.2}}",
    f"{CELL}.programming=pulses",
)

CARD_CASES: dict[str, tuple[Sets, Sets]] = {
    f"{CELL}.{key}": case
    for key, case in {
        "programming": (PULSED[:2], PULSED[2:]),
        "level_error.coefficients": (LEVEL, (f"{CELL}.level_error.coefficients=[0.3 uS, 0.1 uS]",)),
        "level_error.scale": (LEVEL, (f"{CELL}.level_error.scale=10 uS",)),
        "quantiles.probabilities": (TABLE, (f"{CELL}.quantiles.probabilities=[0, 0.1, 0.5, 0.9, 1]",)),
        "quantiles.levels": (
            TABLE,
            (
                f"{CELL}.quantiles.levels=[{{target: 0.5 uS, conductance: [0.3 uS, 0.4 uS, 0.5 uS, 0.6 uS, 0.8 uS]}}, "
                "{target: 20 uS, conductance: [12 uS, 16 uS, 20 uS, 22 uS, 28 uS]}]",
            ),
        ),
        "telegraph_noise.occupancy": (NOISY, (f"{CELL}.telegraph_noise.occupancy=60 %",)),
        "telegraph_noise.amplitude": (NOISY, (f"{CELL}.telegraph_noise.amplitude=40 %",)),
        "activation.lrs": (WARM, (f"{CELL}.activation.lrs=0.05 eV",)),
        "activation.hrs": (WARM, (f"{CELL}.activation.hrs=0.2 eV",)),
        "activation.temperature": (WARM, (f"{CELL}.activation.temperature=350 K",)),
        "retention.model": ((), RELAX),
        "retention.lrs": (DRIFT, (f"{CELL}.retention.lrs=0.03",)),
        "retention.hrs": (LOSS, (f"{CELL}.retention.hrs=10 days",)),
        "retention.spread": (DRIFT, (f"{CELL}.retention.spread=0.03",)),
        "retention.since": (DRIFT, (f"{CELL}.retention.since=60 s",)),
        "retention.probabilities": (RELAX, (f"{CELL}.retention.probabilities=[0, 0.2, 1]",)),
        "retention.knots": (RELAX, (f"{CELL}.retention.knots={KNOTS.replace('8 uS', '5 uS')}",)),
        "retention.time": (RELAX, (f"{CELL}.retention.time=1 h",)),
        "retention.temperature": (RELAX, (f"{CELL}.retention.temperature=60 C",)),
        "retention.onset": (RELAX, (f"{CELL}.retention.onset=1 min",)),
        "retention.activation": (RELAX, (f"{CELL}.retention.activation=1.2 eV",)),
        "retention.times": (GROWTH, (f"{CELL}.retention.times=[1 s, 30 days]",)),
        "retention.coefficients": (
            GROWTH,
            (f"{CELL}.retention.coefficients=[[0.1 uS, 0.05 uS], [0.5 uS, 0.1 uS]]",),
        ),
        "retention.scale": (GROWTH, (f"{CELL}.retention.scale=2 uS",)),
        "retention.exponent": (LOSS, (f"{CELL}.retention.exponent=0.5",)),
        "retention.toward": (LOSS, (f"{CELL}.retention.toward=middle",)),
        "endurance.cycles": (WORN, (f"{CELL}.endurance.cycles=3.0e+5",)),
        "endurance.exponent": (WORN, (f"{CELL}.endurance.exponent=1",)),
    }.items()
} | {
    "array.cycles": (WORN, ("array.cycles=300000",)),
    "retention.time": (RELAX, ("retention.time=30 days",)),
    "retention.temperature": (RELAX, COOL),
}

# Keys that say how far a model reaches: their effect is a refusal. Key -> (settings, what is refused).
LIMIT_CASES: dict[str, tuple[Sets, str]] = {
    f"{CELL}.verified": ((*LEVEL, f"{CELL}.verified=true"), "write.verify"),
    f"{CELL}.retention.longest": ((*RELAX, f"{CELL}.retention.longest=1 h"), "time"),
    f"{CELL}.retention.coldest": ((*RELAX, f"{CELL}.retention.coldest=390 K"), "temperature"),
    f"{CELL}.retention.hottest": ((*RELAX, f"{CELL}.retention.hottest=300 K"), "temperature"),
    f"{CELL}.retention.lowest": ((*GROWTH, f"{CELL}.retention.lowest=1 uS"), "states"),
    f"{CELL}.retention.highest": ((*GROWTH, f"{CELL}.retention.highest=2 uS"), "states"),
    f"{CELL}.level_error.lowest": ((*LEVEL, f"{CELL}.level_error.lowest=1 uS"), "states"),
    f"{CELL}.level_error.highest": ((*LEVEL, f"{CELL}.level_error.highest=2 uS"), "states"),
}
