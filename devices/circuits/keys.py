"""The keys that a case may hold, of whichever geometry and mode; any other is refused with the nearest of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.fields import Spec, did_you_mean

LABELS = frozenset({"id", "op", "reading", "note", "source"})  # words about a case; no part of its circuit
RESISTANCES: dict[str, tuple[str, ...]] = {
    "2d": ("r_row", "r_col", "r_driver", "r_sense"),
    "3d": ("r_wl", "r_pillar", "r_bl", "r_driver", "r_sense", "r_on", "r_off"),
}
SPEC_KEYS = LABELS | {
    *(
        "geometry",
        "mode",
        "layers",
        "rows",
        "cols",
        "wl",
        *RESISTANCES["2d"],
        *RESISTANCES["3d"],
        "cell",
        "selector",
        "pattern",
    ),
    *("v_in", "on_rows", "scheme", "v", "sel_rows", "sel_cols", "sel_layers", "sel_row", "sel_side"),
}
GROUP_KEYS: dict[str, frozenset[str]] = {
    "cell": frozenset({"model", "g_lrs", "g_hrs", "k", "v_pf"}),
    "selector": frozenset({"model", "g0", "ks", "g_on", "g_off", "v_th", "w", "g"}),
    "wl": frozenset({"type", "rows_per_finger", "n_combs"}),
    "pattern": frozenset({"kind", "seed", "p_lrs"}),
}
STORED = ("states", "g")  # stand beside a spec, not in it


def check_keys(spec: object) -> None:
    """Raise CircuitError unless `spec` is a mapping all of whose keys, and those of its groups, are known."""
    if not isinstance(spec, Mapping):
        raise CircuitError(f"spec: expected a mapping of keys, found {spec!r}")
    for key in STORED:
        if key in spec:
            raise CircuitError(f"{key}: expected as an argument beside the spec, found in it")
    refuse_unknown(spec, SPEC_KEYS)
    for name, known in GROUP_KEYS.items():
        if isinstance(spec.get(name), Mapping):
            refuse_unknown(spec[name], known, name)


def refuse_unknown(spec: Spec, known: Collection[str], within: str = "") -> None:
    """Raise CircuitError for the first key that is not among `known`; `within` names the group that it stands in."""
    for key in spec:
        if key not in known:
            place = f"{within}.{key}" if within else f"{key}"
            raise CircuitError(f"{place}: unknown key{did_you_mean(key, known)}")
